package config

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzFile: whatever stands in the file, there is a configuration that a program can work with, or errors of one line
// each, with a hint.
func FuzzFile(f *testing.F) {
	for _, pattern := range []string{"../../keepalived/*.toml", "../../testdata/config/*.toml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(text))
		}
	}
	for _, seed := range []string{reference(f), uncomment(reference(f)), everyKey, "", "\ufeff" + one, "times.dial = '''1ms'''", "[[instances]]", "a.b.c = {d = [1, {e = 2}]}"} {
		f.Add(seed)
	}
	root := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		d := newDraft(Options{Root: root, Environ: []string{}})
		d.file = "FILE"
		// Files of the machine that a fuzzed text names would make the outcome depend on the machine.
		d.build(strings.ReplaceAll(text, "password_file", "passwordfile"), true)
		err := d.result()
		if err != nil {
			checkErrors(t, err, text)
			return
		}
		c := &d.c
		if len(c.Instances) == 0 || len(c.Instances) > maxInstances {
			t.Errorf("%d instances", len(c.Instances))
		}
		seen := map[string]bool{}
		for _, i := range c.Instances {
			if seen[i.Name()] || i.Socket == "" && (!i.Addr.IsValid() || i.Addr.Port() == 0 || i.Addr.Port() != i.Port) {
				t.Errorf("instance %+v", i)
			}
			seen[i.Name()] = true
		}
		if c.Times.Deadline <= 0 || c.Times.Dial >= c.Times.Deadline || c.Restart.Burst < 1 || c.MaxLag < 0 {
			t.Errorf("got %+v", c)
		}
		for _, path := range []string{c.StateDir, c.RunDir, c.KeepalivedConf, c.Service.Conf, c.Service.PidFile} {
			if !filepath.IsAbs(path) {
				t.Errorf("path %q", path)
			}
		}
	})
}

func checkErrors(t *testing.T, err error, text string) {
	t.Helper()
	var all Errors
	if !errors.As(err, &all) || len(all) == 0 {
		t.Fatalf("got %T: %v", err, err)
	}
	last := 0
	for _, err := range all {
		var e *Error
		if !errors.As(err, &e) {
			t.Fatalf("got %T: %v", err, err)
		}
		line := e.Error()
		if strings.Contains(line, "\n") || e.Text == "" || e.Hint == "" {
			t.Errorf("got %q", line)
		}
		if e.Line < 0 || e.Line > strings.Count(text, "\n")+1 || e.Line > 0 && e.Line < last {
			t.Errorf("line %d after %d of %d: %q", e.Line, last, strings.Count(text, "\n")+1, line)
		}
		if e.Line == 0 && !errors.Is(e, ErrNothingConfigured) {
			t.Errorf("no line: %q", line)
		}
		last = e.Line
	}
}

// FuzzSpan: an entry that is accepted means the same when it is written out again.
func FuzzSpan(f *testing.F) {
	for _, seed := range []string{"192.168.9.70:7000-7002", "[::1]:7000", "unix:/run/redis.sock", "[fe80::1%eth0]:1-65535", "7000", "localhost:1", "1.2.3.4:2-1", ":", "[]:1", "unix:x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		sp, text, hint := parseSpan(s)
		if text != "" {
			if hint == "" || strings.ContainsAny(text+hint, "\n\r") {
				t.Errorf("%q: %q, %q", s, text, hint)
			}
			return
		}
		if sp.count() < 1 || sp.count() > 65535 {
			t.Errorf("%q names %d", s, sp.count())
		}
		again := "unix:" + sp.socket
		if sp.socket == "" {
			from, to := netip.AddrPortFrom(sp.addr, sp.first), netip.AddrPortFrom(sp.addr, sp.last)
			again = from.String() + "-" + to.String()[strings.LastIndexByte(to.String(), ':')+1:]
		}
		twice, text, _ := parseSpan(again)
		if text != "" || !twice.meets(sp) || twice.first != sp.first || twice.last != sp.last {
			t.Errorf("%q is written %q, which is %+v %s", s, again, twice, text)
		}
	})
}

// FuzzRedisConf: a redis.conf never hangs or crashes us, and what is quoted is read back.
func FuzzRedisConf(f *testing.F) {
	for _, seed := range []string{"port 7000\nbind * -::*\n", "requirepass \"a\\x41\\\"b\"\n", "requirepass 'it\\'s'\n", "include *.conf\n",
		"include redis.conf\n", "\"port\" 7000", "a\"b", "rename-command CONFIG \"\"", "dir ./x\ninclude y\n", "port\x007000\n", "\t\v\f PORT\v1\r\n"} {
		f.Add(seed)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		// Files of the machine that a fuzzed text names would make the outcome depend on the machine.
		text = strings.ReplaceAll(text, "/", "_")
		file := filepath.Join(dir, "redis.conf")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		conf, _ := ReadRedisConf(file)
		for _, l := range conf.lines {
			args, ok := splitArgs(l.rest)
			if !ok {
				t.Fatalf("%q: the arguments %q cannot be read", l.name, l.rest)
			}
			quoted := make([]string, len(args))
			for i, a := range args {
				quoted[i] = Quote(a)
			}
			again, ok := splitArgs(strings.Join(quoted, " "))
			if d := diff(args, again); !ok || d != "" {
				t.Errorf("%q: %s", l.rest, d)
			}
		}
		instanceOf(conf, tlsAuto)
		conf.Renamed("CONFIG")
	})
}
