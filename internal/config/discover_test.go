package config

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// names lists instances as ADDRESS=PORT.
func names(c *Config) string {
	var all []string
	for _, i := range c.Instances {
		all = append(all, fmt.Sprintf("%s=%d", i.Name(), i.Port))
	}
	return strings.Join(all, " ")
}

func (b host) mustDiscover() *Config {
	b.t.Helper()
	c, err := Load(b.options())
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

func TestDiscoverByConfiguration(t *testing.T) {
	for _, test := range []struct{ conf, want string }{
		{"port 7000", "127.0.0.1:7000=7000"},
		{"# nothing but the default port", "127.0.0.1:6379=6379"},
		{"port 7000\nbind 192.168.9.70 127.0.0.1", "192.168.9.70:7000=7000"},
		{"port 7000\nbind 0.0.0.0", "127.0.0.1:7000=7000"},
		{"port 7000\nbind * -::*", "127.0.0.1:7000=7000"},
		{"port 7000\nbind -::1", "[::1]:7000=7000"},
		{"port 7000\nbind ::", "[::1]:7000=7000"},
		{"port 7000\nbind localhost", "127.0.0.1:7000=7000"},
		{"port 7000\nbind redis1.example.com 10.0.0.1", "10.0.0.1:7000=7000"},
		{"port 7000\nport 7005", "127.0.0.1:7005=7005"},
		{"port 0\nunixsocket /run/redis/7000.sock", "/run/redis/7000.sock=7000"},
	} {
		b := newHost(t)
		file := b.write("/etc/redis/redis-7000.conf", test.conf+"\nrequirepass swordfish\n")
		c := b.mustDiscover()
		if got := names(c); got != test.want {
			t.Errorf("%q: got %s, want %s", test.conf, got, test.want)
		}
		if c.Source != "defaults" || c.Instances[0].Conf != file || c.Instances[0].Password != "swordfish" {
			t.Errorf("%q: got %s, %+v", test.conf, c.Source, c.Instances[0])
		}
		if want := b.root + "/etc/redis/redis-%p.conf"; c.Service.Conf != want {
			t.Errorf("got pattern %s", c.Service.Conf)
		}
		if len(c.Warnings) > 0 {
			t.Errorf("%q: warnings %q", test.conf, c.Warnings)
		}
	}
}

func TestDiscoverSeveral(t *testing.T) {
	b := newHost(t)
	b.write("/etc/redis/common.conf", "bind 192.168.9.70\nrequirepass swordfish\n")
	for _, port := range []string{"7000", "7001", "10000"} {
		b.write("/etc/redis/"+port+".conf", "include "+b.root+"/etc/redis/common.conf\nport "+port+"\n")
	}
	b.write("/etc/redis/redis.conf", "port 1\n")
	b.write("/etc/redis/sentinel.conf", "port 2\n")
	b.write("/etc/redis/7000.conf.bak", "port 3\n")
	c := b.mustDiscover()
	if got, want := names(c), "192.168.9.70:7000=7000 192.168.9.70:7001=7001 192.168.9.70:10000=10000"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if c.Instances[2].Password != "swordfish" {
		t.Error("the password of the included file is not taken")
	}
	if c.Service.Conf != b.root+"/etc/redis/%p.conf" {
		t.Errorf("got pattern %s", c.Service.Conf)
	}
}

// What the included files say counts as what the file itself says, and the last line wins wherever it stands.
func TestDiscoverByIncludedFiles(t *testing.T) {
	b := newHost(t)
	b.write("/etc/redis/common/10-net.conf", "bind \"192.168.9.70\" 127.0.0.1\nport 1\nrequirepass 'a b'\n")
	b.write("/etc/redis/common/20-tls.conf", "tls-port 7443\n")
	b.write("/etc/redis/7000.conf", "include "+b.root+"/etc/redis/common/*.conf\nport 7000\n")
	b.write("/etc/redis/7001.conf", "port 7001\nrequirepass mine\ninclude "+b.root+"/etc/redis/common/*.conf\nport 0\n")
	c := b.mustDiscover()
	if got, want := names(c), "192.168.9.70:7000=7000 192.168.9.70:7443=7443"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for i, secure := range []bool{false, true} {
		if in := c.Instances[i]; in.Password != "a b" || (in.TLS != nil) != secure {
			t.Errorf("%s: password %q, TLS %v", in.Name(), in.Password.Reveal(), in.TLS != nil)
		}
	}
}

func TestDiscoverByAPatternOfOurs(t *testing.T) {
	b := newHost(t)
	b.write("/srv/[x]/7000/redis.conf", "port 7000\n")
	b.write("/srv/[x]/7001/redis.conf", "port 7001\n")
	b.write("/etc/redis/7002.conf", "port 7002\n")
	c := b.mustLoad("[service]\nconf = \"" + b.root + "/srv/[x]/%p/redis.conf\"\n")
	if got, want := names(c), "127.0.0.1:7000=7000 127.0.0.1:7001=7001"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	c = b.mustLoad("[service]\nconf = \"" + b.root + "/etc/redis/7002.conf\"\n")
	if got, want := names(c), "127.0.0.1:7002=7002"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestDiscoverWarns(t *testing.T) {
	b := newHost(t)
	b.write("/etc/redis/7000.conf", "port 7000\n")
	b.write("/etc/redis/7001.conf", "port 7000\n")
	b.write("/etc/redis/7003.conf", "port seven\n")
	b.write("/etc/redis/7004.conf", "port 0\n")
	b.write("/etc/redis/7005.conf", "port 7005\nbind redis1.example.com\n")
	b.write("/etc/redis/7006.conf", "port 7006\ninclude /nowhere.conf\n")
	b.mkdir("/etc/redis/7007.conf")
	c := b.mustDiscover()
	want := []string{
		`/etc/redis/7000.conf and /etc/redis/7001.conf both name 127.0.0.1:7000; the first counts; hint: remove one of the two files`,
		`/etc/redis/7003.conf: its port cannot be read, so this instance is left out; hint: name the instances in FILE`,
		`/etc/redis/7004.conf: it has neither a port nor a socket, so this instance is left out; hint: name the instances in FILE`,
		`/etc/redis/7005.conf: bind names no address, so this instance is left out; hint: name the instances in FILE`,
		`read redis configuration: open /nowhere.conf: no such file or directory; hint: check the path, and that ` + userName() + ` may read it`,
		`read redis configuration: read /etc/redis/7007.conf: it is a directory; hint: check the path, and that ` + userName() + ` may read it`,
	}
	if d := diff(want, b.lines(Errors{fmt.Errorf("%s", strings.Join(c.Warnings, "\n"))})); d != "" {
		t.Error(d)
	}
	if got, want := names(c), "127.0.0.1:7000=7000 127.0.0.1:7006=7006 127.0.0.1:7007=7007"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

const tcpHead = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"

func TestDiscoverTheUsualPorts(t *testing.T) {
	const three = "127.0.0.1:7000=7000 127.0.0.1:7001=7001 127.0.0.1:7002=7002"
	for _, test := range []struct{ name, tcp, tcp6, pid, want string }{
		{"listener on loopback", "0100007F:1B58 00000000:0000 0A", "", "", three},
		{"listener on all addresses", "00000000:1B5A 00000000:0000 0A", "", "", three},
		{"listener on the host's address", "4609A8C0:1B59 00000000:0000 0A", "", "",
			"192.168.9.70:7000=7000 192.168.9.70:7001=7001 192.168.9.70:7002=7002"},
		{"both", "4609A8C0:1B59 00000000:0000 0A\n   1: 0100007F:1B59 00000000:0000 0A", "", "", three},
		{"IPv6 only", "", "00000000000000000000000000000000:1B58 00000000000000000000000000000000:0000 0A", "",
			"[::1]:7000=7000 [::1]:7001=7001 [::1]:7002=7002"},
		{"pid file", "", "", "/var/run/redis_7001.pid", three},
		{"a connection is no listener", "0100007F:1B58 0100007F:C350 01", "", "", ""},
		{"another port", "0100007F:18EB 00000000:0000 0A", "", "", ""},
		{"garbage", "xyz\n0:\n: :\n 0: 01:1B58 0 0A\n 0: 0100007F:99999 0 0A", "", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newHost(t)
			b.write("/proc/net/tcp", tcpHead+"   0: "+test.tcp+" 00000000:00000000 00:00000000 00000000     0        0 1 1\n")
			b.write("/proc/net/tcp6", tcpHead+"   0: "+test.tcp6+" 00000000:00000000 00:00000000 00000000     0        0 1 1\n")
			if test.pid != "" {
				b.write(test.pid, "1\n")
			}
			c, err := Load(b.options())
			if err != nil {
				c = &Config{}
			}
			if got := names(c); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestUsualPortsTakeThePassword(t *testing.T) {
	b := newHost(t)
	b.write("/var/run/redis_7000.pid", "1\n")
	secret := b.write("/secret", "swordfish\n")
	if err := os.Chmod(secret, 0o600); err != nil {
		t.Fatal(err)
	}
	c := b.mustLoad("user = \"watcher\"\npassword_file = \"" + secret + "\"\n")
	for _, i := range c.Instances {
		if i.Username != "watcher" || i.Password != "swordfish" {
			t.Errorf("got %+v", i)
		}
	}
}

func TestListenersOfThisHost(t *testing.T) {
	port := listen(t)
	found := listeners("", port, port)
	if len(found) != 1 || found[0].Addr() != loopback() {
		t.Errorf("got %v", found)
	}
}

func TestNothingConfigured(t *testing.T) {
	want := []string{`FILE: no instance is configured, and none was found on this host; hint: name them in FILE, as in instances = ["127.0.0.1:7000-7002"]`}
	b := newHost(t)
	_, err := Load(b.options())
	if d := diff(want, b.lines(err)); d != "" {
		t.Error(d)
	}
	// A file in which every key is commented out equals no file.
	for _, text := range []string{"", "# instances = 1\n#policy = \"stay\"\n", "\n[times]\n#dial = \"1ms\"\n"} {
		_, err := b.load(text)
		if d := diff(want, b.lines(err)); d != "" {
			t.Error(d)
		}
	}
	// What is broken must not hide behind it.
	_, err = b.load("instances = [\"x\"]\n")
	if lines := b.lines(err); len(lines) != 1 || !strings.HasPrefix(lines[0], "FILE:1: ") {
		t.Errorf("got %q", lines)
	}
}

// reference is the file that the packages bring: every key is commented out, with its default or an example and what it does.
func reference(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("../../packaging/keepalived-redis.toml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestReference: the file of the packages says nothing, and has every key: in the order of the schema, below its table, with what it
// does above it.
func TestReference(t *testing.T) {
	text := reference(t)
	_, rest, _ := strings.Cut(text, "\n\n") // what stands there of the file itself
	table := ""
	for _, k := range keys {
		if k.table != table {
			table = k.table
			head, below, _ := strings.Cut(rest, "\n\n")
			if rest = below; head != "["+table+"]" {
				t.Fatalf("want the table %s, and not: %s", table, head)
			}
		}
		entry, below, _ := strings.Cut(strings.TrimSuffix(rest, "\n"), "\n\n")
		if doc, line, _ := strings.Cut(entry, "\n"); !strings.HasPrefix(doc, "# ") || line != "#"+k.sample() {
			t.Fatalf("want the key %s, its explanation above, and not: %s", k.full(), entry)
		}
		rest = below
	}
	if rest != "" {
		t.Fatalf("more than every key: %s", rest)
	}
	b := newHost(t)
	b.write("/etc/redis/7000.conf", "port 7000\n")
	none := b.mustDiscover()
	all := b.mustLoad(text)
	if all.Source = none.Source; diff(none, all) != "" {
		t.Error(diff(none, all))
	}
	// Uncommented, every default is what stands there; the examples are taken out first.
	var kept []string
	for _, line := range strings.Split(uncomment(text), "\n") {
		isExample := false
		for i := range keys {
			isExample = isExample || keys[i].def == "" && strings.HasPrefix(line, keys[i].name+" =")
		}
		if !isExample {
			kept = append(kept, line)
		}
	}
	o := Options{Environ: []string{}, File: b.write("/all.toml", one+strings.Join(kept, "\n"))}
	written, err := Load(o)
	if err != nil {
		t.Fatal(err)
	}
	o.File = b.write("/one.toml", one)
	short, err := Load(o)
	if err != nil {
		t.Fatal(err)
	}
	written.Source = short.Source
	if _, err := os.Stat("/run"); err != nil {
		t.Fatal(err)
	}
	if d := diff(short, written); d != "" {
		t.Error(d)
	}
	for i := range keys {
		k := &keys[i]
		if strings.Count(text, "\n#"+k.name+" = ") != 1 {
			t.Errorf("key %s does not stand in the reference once", k.full())
		}
		if (k.def == "") == (k.example == "") {
			t.Errorf("key %s needs a default or an example", k.full())
		}
	}
	// The examples are right as well.
	if _, err := b.load(strings.Replace(uncomment(text), "password_file", "#password_file", 1)); err == nil ||
		strings.Contains(err.Error(), "example") || len(b.lines(err)) != 1 {
		t.Errorf("want the one error that user has no password_file, got %v", err)
	}
}
