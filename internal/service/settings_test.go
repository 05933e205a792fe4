package service

import (
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/state"
)

func stateDir(dir, name string) state.Dir { return state.Dir(filepath.Join(dir, name)) }

func TestReadSettings(t *testing.T) {
	dir := t.TempDir()
	conf := filepath.Join(dir, "redis.conf")
	writeFile(t, filepath.Join(dir, "common.conf"), "pidfile '/run/one.pid'\nlogfile /var/log/one.log\n")
	writeFile(t, conf, "# dir /comment\n\tDIR\t\"/var/lib/redis/7000\"  \nlogfile first.log\ninclude "+dir+"/comm*.conf\ninclude "+dir+"/none\npidfile two.pid\n")
	s, err := readSettings(conf)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ got, want string }{
		{s.file("pidfile", "/"), "/var/lib/redis/7000/two.pid"},
		{s.file("logfile", "/"), "/var/log/one.log"},
		{s.dataDir("/"), "/var/lib/redis/7000"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}

	writeFile(t, conf, "include "+conf+"\n")
	if _, err := readSettings(conf); err != nil {
		t.Errorf("a file that includes itself: %v", err)
	}
}

// TestBase: a wrong guess here starts a former master empty, and its replicas throw their data away.
func TestBase(t *testing.T) {
	dir := t.TempDir()
	conf := filepath.Join(dir, "redis.conf")
	writeFile(t, conf, "port 7000\nappendonly yes\nappendfilename aof-of-this-test\ncluster-config-file nodes-of-this-test.conf\ndbfilename none-of-this-test.rdb\nappenddirname none-of-this-test\n")
	s, err := readSettings(conf)
	if err != nil {
		t.Fatal(err)
	}
	if base, err := s.base(); err == nil || !strings.Contains(err.Error(), "sets no absolute dir") || !strings.Contains(err.Error(), "; hint: add the line") {
		t.Errorf("base = %q, %v", base, err)
	}
	writeFile(t, filepath.Join(dir, "nodes-of-this-test.conf"), "")
	if base, err := s.base(); err != nil || base != dir {
		t.Errorf("base = %q, %v, want %s", base, err, dir)
	}
	writeFile(t, conf, "dir /var/lib/redis\n")
	if s, err = readSettings(conf); err != nil {
		t.Fatal(err)
	}
	if base, err := s.base(); err != nil || base != "/" {
		t.Errorf("base = %q, %v, want /", base, err)
	}
}

func TestTitled(t *testing.T) {
	tgt := target{titles: []string{"redis-server", "valkey-server"}, settings: settings{path: "/etc/redis/7000.conf"}}
	tgt.Instance = config.Instance{Addr: netip.MustParseAddrPort("192.168.9.70:7000"), Port: 7000}
	for _, c := range []struct {
		line string
		want bool
	}{
		{"redis-server 0.0.0.0:7000 [cluster]", true},
		{"/usr/local/bin/redis-server *:7000 [cluster]", true},
		{"valkey-server -::*:7000", true},
		{"redis-server :::7000", true},
		{"redis-server box1:7000", true},
		{"redis-server 192.168.9.70:7000", true},
		{"redis-server 127.0.0.1:7000", false},
		{"redis-server *:17000", false},
		{"redis-server *:700", false},
		{"redis-server *:7000 [sentinel]", false},
		{"redis-server /etc/redis/7000.conf", true},
		{"redis-server /etc/redis/7001.conf", false},
		{"redis-rdb-bgsave 0.0.0.0:7000 [cluster]", false},
		{"redis-benchmark -p :7000", false},
		{"vi /etc/redis/7000.conf", false},
		{"redis-server", false},
		{"redis-server unixsocket:/run/redis.sock", false},
		{"", false},
	} {
		if got := tgt.titled(strings.Fields(c.line)); got != c.want {
			t.Errorf("%q: %t, want %t", c.line, got, c.want)
		}
	}
}

func TestSummary(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"\n*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***\nReading the configuration file, at line 6\n>>> 'bogus yes'\nBad directive\n",
			"FATAL CONFIG FILE ERROR (Redis 7.0.15) / Reading the configuration file, at line 6 / >>> 'bogus yes' / Bad directive"},
		{"11:C 23 Nov 2025 18:50:40.123 # oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo\n11:M 23 Nov 2025 18:50:40.123 * Running mode=standalone\n" +
			"11:M 23 Nov 2025 18:50:40.124 # WARNING: The TCP backlog\n11:M 23 Nov 2025 18:50:40.124 # Could not create server TCP listening socket 192.0.2.1:7000: bind: Cannot assign requested address\n",
			"Could not create server TCP listening socket 192.0.2.1:7000: bind: Cannot assign requested address"},
		{"11:M 23 Nov 18:50:40.124 # Creating Server TCP listening socket 192.0.2.1:7000: bind: Cannot assign requested address\n",
			"Creating Server TCP listening socket 192.0.2.1:7000: bind: Cannot assign requested address"},
	} {
		if got := summary(c.text); got != c.want {
			t.Errorf("got  %q\nwant %q", got, c.want)
		}
	}
}
