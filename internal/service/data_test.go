package service

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMissingData asks a real server to write its files, and then takes them away.
func TestMissingData(t *testing.T) {
	remove := func(names ...string) func(*host) {
		return func(b *host) {
			for _, name := range names {
				if err := os.RemoveAll(filepath.Join(b.dir, name)); err != nil {
					b.t.Fatal(err)
				}
			}
		}
	}
	set := func(b *host) { b.ask("SET k v") }
	for _, c := range []struct {
		name  string
		lines []string
		// run happens while the server lives, spoil when it has been killed.
		run, spoil func(*host)
		want       string
	}{
		{name: "a new instance", want: "a data set in "},
		{name: "an RDB file", run: func(b *host) { set(b); b.ask("SAVE") }},
		{name: "an RDB file by another name", lines: []string{"dbfilename other.rdb"}, run: func(b *host) { set(b); b.ask("SAVE") }},
		{name: "an RDB file without keys", run: func(b *host) { b.ask("SAVE") }, want: "a data set in "},
		{name: "an RDB file cut short", run: func(b *host) { set(b); b.ask("SAVE") },
			spoil: func(b *host) { writeFile(b.t, filepath.Join(b.dir, "dump.rdb"), "REDIS") }, want: "/dump.rdb"},
		{name: "an append only file", lines: []string{"appendonly yes"}, run: set},
		{name: "an append only file by another name", lines: []string{"appendonly yes", "appendfilename a.aof", "appenddirname d"}, run: set},
		{name: "an append only file without keys", lines: []string{"appendonly yes"}, want: "an append only file with data in "},
		{name: "an append only file that is gone beside an RDB file", lines: []string{"appendonly yes"}, run: func(b *host) { set(b); b.ask("SAVE") },
			spoil: remove("appendonlydir", "appendonly.aof"), want: "an append only file with data in "},
		{name: "a manifest that lists nothing which is there", lines: []string{"appendonly yes"}, run: set,
			spoil: func(b *host) {
				files, _ := filepath.Glob(filepath.Join(b.dir, "appendonlydir", "*[bf]"))
				for _, f := range files {
					remove("appendonlydir/" + filepath.Base(f))(b)
				}
				remove("appendonly.aof")(b)
			}, want: "an append only file with data in "},
		{name: "a replica by its configuration", spoil: func(b *host) {
			text, _ := os.ReadFile(b.instance.Conf)
			b.write(string(text), "slaveof 192.0.2.1 7000")
		}},
		{name: "a fifo for an RDB file", spoil: func(b *host) { fifo(b, "dump.rdb") }, want: "/dump.rdb"},
		{name: "a fifo for an append only file", lines: []string{"appendonly yes"}, run: set, spoil: func(b *host) {
			remove("appendonlydir", "appendonly.aof")(b)
			fifo(b, "appendonly.aof")
		}, want: "an append only file with data in "},
		{name: "a fifo for a manifest", lines: []string{"appendonly yes"}, run: set, spoil: func(b *host) {
			remove("appendonlydir", "appendonly.aof")(b)
			fifo(b, "appendonlydir/appendonly.aof.manifest")
		}, want: "an append only file with data in "},
		{name: "no directory", spoil: func(b *host) { b.write("port 1", "dir "+b.dir+"/none") }, want: "/none/dump.rdb"},
		{name: "no configuration: Start says so", spoil: remove("redis.conf")},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newHost(t, append([]string{`save ""`}, c.lines...)...)
			b.start()
			if c.run != nil {
				c.run(b)
			}
			if err := b.manager.Kill(context.Background(), b.instance); err != nil {
				t.Fatal(err)
			}
			if c.spoil != nil {
				c.spoil(b)
			}
			got, err := unhung(t, func() (string, error) { return MissingData(b.instance) })
			if err != nil || (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("missing is %q, %v, want …%s…", got, err, c.want)
			}
			if c.spoil != nil {
				return
			}
			// The server itself is the judge.
			b.start()
			keys := b.ask("DBSIZE")
			for end := time.Now().Add(20 * time.Second); strings.HasPrefix(keys, "-LOADING") && time.Now().Before(end); keys = b.ask("DBSIZE") {
				time.Sleep(5 * time.Millisecond)
			}
			if strings.HasPrefix(keys, ":0") != (got != "") {
				t.Errorf("missing is %q, and the server has %s keys", got, keys)
			}
		})
	}
}

// fifo makes a file that keeps whoever opens it waiting for a writer.
func fifo(b *host, name string) {
	b.t.Helper()
	path := filepath.Join(b.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), syscall.Mkfifo(path, 0o644)); err != nil {
		b.t.Fatal(err)
	}
}

// unhung fails the test if f does not return.
func unhung(t *testing.T, f func() (string, error)) (got string, err error) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		got, err = f()
	}()
	select {
	case <-done:
		return got, err
	case <-time.After(10 * time.Second):
		t.Fatal("it hangs")
		return "", nil
	}
}

// A log that is a fifo has no last words, and keeps nobody waiting.
func TestLastWordsOfAFifo(t *testing.T) {
	b := newHost(t)
	fifo(b, "redis.log")
	if said, _ := unhung(t, func() (string, error) { return LastWords(b.instance, 0), nil }); said != "" {
		t.Errorf("said %q", said)
	}
}

// TestMissingDataWithoutPermission runs itself as nobody.
func TestMissingDataWithoutPermission(t *testing.T) {
	if dir := os.Getenv("LOOK_INTO"); dir != "" {
		conf := filepath.Join(filepath.Dir(dir), "redis.conf")
		b := host{t: t}
		b.instance.Conf = conf
		if missing, err := MissingData(b.instance); missing != "" || !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), dir) {
			t.Errorf("missing is %q, %v", missing, err)
		}
		return
	}
	if os.Getuid() != 0 {
		t.Fatal("only root can become nobody; hint: run the tests as root")
	}
	top, err := os.MkdirTemp("/tmp", "data")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(top) })
	dir := filepath.Join(top, "data")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.Chmod(top, 0o755)); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(top, "redis.conf"), "port 1\ndir "+dir+"\n")
	self := filepath.Join(top, "self")
	text, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(self, text, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^TestMissingDataWithoutPermission$", "-test.timeout=20s")
	cmd.Env = append(os.Environ(), "LOOK_INTO="+dir)
	cmd.Dir = top
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
