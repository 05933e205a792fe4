package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestReadRedisConf(t *testing.T) {
	b := newHost(t)
	b.write("/etc/redis/common/b.conf", "maxmemory 2mb\n")
	b.write("/etc/redis/common/a.conf", "maxmemory 1mb\ninclude more.conf\n")
	b.write("/srv/data/more.conf", "min-slaves-to-write 1\n")
	file := b.write("/etc/redis/7000.conf", strings.ReplaceAll(`# port 1
   # port 2
	PORT 7000
bind 192.168.9.70 127.0.0.1
requirepass "a \"b\" \x41\n"
requirepass 'it''s'
masterauth 'it\'s'
"dir" ROOT/srv/data
include ROOT/etc/redis/common/*.conf
include ROOT/etc/redis/nothing-*.conf
min-replicas-to-write 2
save ""
pidfile /run/redis_7000.pid
rename-command CONFIG hidden
rename-command "FLUSHALL" ""
`, "ROOT", b.root))
	conf, err := ReadRedisConf(file)
	want := fmt.Sprintf("read redis configuration %s:6: the quotes do not match: redis-server cannot read this line; hint: close them, and put a blank behind", file)
	if err == nil || err.Error() != want || !errors.Is(err, ErrConfSyntax) {
		t.Errorf("got %v", err)
	}
	for _, test := range []struct {
		names string
		value string
		ok    bool
	}{
		{"port", "7000", true},
		{"bind", "192.168.9.70 127.0.0.1", true},
		{"requirepass", "a \"b\" A\n", true},
		{"masterauth", "it's", true},
		{"dir", b.root + "/srv/data", true},
		{"maxmemory", "2mb", true},
		{"min-slaves-to-write", "1", true},
		{"min-slaves-to-write min-replicas-to-write", "2", true},
		{"save", "", true},
		{"logfile", "", false},
	} {
		if value, ok := conf.Get(strings.Fields(test.names)...); value != test.value || ok != test.ok {
			t.Errorf("%s: got %q, %v", test.names, value, ok)
		}
	}
	if args := conf.Args("bind"); len(args) != 2 {
		t.Errorf("bind has %q", args)
	}
	if to, renamed := conf.Renamed("config"); to != "hidden" || !renamed {
		t.Errorf("config: %q, %v", to, renamed)
	}
	if to, renamed := conf.Renamed("FLUSHALL"); to != "" || !renamed {
		t.Errorf("flushall: %q, %v", to, renamed)
	}
	if _, renamed := conf.Renamed("INFO"); renamed {
		t.Error("info is not renamed")
	}
}

func TestReadRedisConfThatIsBroken(t *testing.T) {
	b := newHost(t)
	_, err := ReadRedisConf(b.root + "/nowhere.conf")
	want := "read redis configuration: open /nowhere.conf: no such file or directory; hint: check the path, and that " + userName() + " may read it"
	if err == nil || b.plain(err.Error()) != want || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	file := b.write("/7000.conf", "port 7000\ninclude "+b.root+"/gone.conf\ninclude "+b.root+"/7000.conf\nport 7001\n")
	conf, err := ReadRedisConf(file)
	if port, _ := conf.Get("port"); port != "7001" {
		t.Errorf("got port %s", port)
	}
	if !errors.Is(err, fs.ErrNotExist) || !errors.Is(err, ErrConfSyntax) || !strings.Contains(err.Error(), "more than 63 includes; hint: a file may include itself") {
		t.Errorf("got %v", err)
	}
}

// The real server is the judge of what a line means.
func TestReadRedisConfAgreesWithRedisServer(t *testing.T) {
	for _, line := range []string{
		`requirepass plain`, `requirepass "two words"`, `requirepass 'two words'`, `requirepass "\x41\x42\"\\"`,
		`requirepass 'it\'s'`, `requirepass a'b'`, `requirepass a"b c"`, `REQUIREPASS "tab\there"`, "\t requirepass   x\t",
		`requirepass "open`, `requirepass "a"b`, `requirepass 'a'b`, `requirepass 'a\\'`, `"requirepass" quoted`, `requirepass \n`, `requirepass "\q\x4"`,
	} {
		b := newHost(t)
		file := b.write("/redis.conf", "port 0\nunixsocket "+b.root+"/s\ndir "+b.root+"\nsave \"\"\n"+line+"\n")
		conf, err := ReadRedisConf(file)
		got, _ := conf.Get("requirepass")
		want, starts := askServer(t, file, b.root+"/s", got)
		switch {
		case starts != (err == nil):
			t.Errorf("%s: redis-server starts: %v, we say %v", line, starts, err)
		case starts && want != got:
			t.Errorf("%s: redis-server reads %q, we read %q", line, want, got)
		}
	}
}

// The same for what comes from other files: which line is the last one.
func TestReadRedisConfIncludesAsRedisServerDoes(t *testing.T) {
	for name, lines := range map[string]string{
		"a line behind an include":     "include ROOT/more/a.conf\nrequirepass main\n",
		"an include behind a line":     "requirepass main\ninclude ROOT/more/a.conf\n",
		"the last file of a pattern":   "requirepass main\ninclude ROOT/more/*.conf\n",
		"a pattern with a set":         "include ROOT/more/[ab].conf\n",
		"a pattern with one letter":    "include ROOT/more/?.conf\nrequirepass main\n",
		"a pattern that names nothing": "requirepass main\ninclude ROOT/more/none-*.conf\n",
		"a name in quotes":             "include \"ROOT/more/with \\x62lank.txt\"\n",
		"in capitals":                  "INCLUDE ROOT/more/a.conf\n",
		"from its directory":           "dir ROOT/more\ninclude b.conf\n",
		"a pattern from its directory": "dir ROOT/more\ninclude *.conf\n",
		"an include in an include":     "include ROOT/more/deep.txt\n",
		"a file that is missing":       "requirepass main\ninclude ROOT/more/none.conf\n",
		"a file with a broken line":    "requirepass main\ninclude ROOT/more/broken.txt\n",
	} {
		b := newHost(t)
		b.write("/more/a.conf", "requirepass \"of a\"\n")
		b.write("/more/b.conf", "requirepass 'of b'\n")
		b.write("/more/c.conf", "# requirepass none\n")
		b.write("/more/with blank.txt", "requirepass blank\n")
		b.write("/more/deep.txt", "include "+b.root+"/more/[b-c].conf\n")
		b.write("/more/broken.txt", "requirepass \"open\n")
		file := b.write("/redis.conf", "port 0\nunixsocket "+b.root+"/s\ndir "+b.root+"\nsave \"\"\n"+strings.ReplaceAll(lines, "ROOT", b.root))
		conf, err := ReadRedisConf(file)
		got, _ := conf.Get("requirepass")
		want, starts := askServer(t, file, b.root+"/s", got)
		switch {
		case starts != (err == nil):
			t.Errorf("%s: redis-server starts: %v, we say %v", name, starts, err)
		case starts && (want != got || got == ""):
			t.Errorf("%s: redis-server reads %q, we read %q", name, want, got)
		}
	}
}

// askServer starts redis-server with a configuration and asks for the password with that password: what comes back is
// the server's, if it was right.
func askServer(t *testing.T, file, socket, password string) (value string, starts bool) {
	t.Helper()
	server := exec.Command("redis-server", file)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		// It is killed below, or refuses its configuration: both are no surprise.
		_ = server.Wait()
	}()
	defer func() {
		// Already gone is fine.
		_ = server.Process.Kill()
		<-done
	}()
	deadline := time.After(10 * time.Second)
	for {
		// The socket is there before anybody listens on it.
		if c, err := net.Dial("unix", socket); err == nil {
			c.Close()
			break
		}
		select {
		case <-done:
			return "", false
		case <-deadline:
			t.Fatal("redis-server neither started nor stopped")
		case <-time.After(5 * time.Millisecond):
		}
	}
	cli := exec.Command("redis-cli", "-s", socket, "--no-auth-warning", "--raw", "config", "get", "requirepass")
	cli.Env = append(os.Environ(), "REDISCLI_AUTH="+password)
	out, err := cli.Output()
	if err != nil {
		t.Fatal(err)
	}
	_, value, _ = strings.Cut(string(out), "\n")
	return strings.TrimSuffix(value, "\n"), true
}
