package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"keepalived-redis/internal/procfs"
)

// TestAccount: who owns redis.conf, else the data directory, is whom the server runs as, and it is never root unasked. It needs root, as CI
// has; without it nobody can give files away.
func TestAccount(t *testing.T) {
	if os.Geteuid() != 0 {
		b := newHost(t)
		if a, err := b.manager.target(b.instance).account("/"); a != nil || err != nil {
			t.Errorf("without root: %+v, %v", a, err)
		}
		return
	}
	const nobody = 65534
	uid, _, err := ServerAccount()
	if err != nil {
		t.Fatalf("%v; hint: the tests want the account of redis-server", err)
	}
	own := func(b *host, name string, uid int) {
		t.Helper()
		path := filepath.Join(b.dir, name)
		if _, err := os.Stat(path); err != nil {
			writeFile(t, path, "x")
		}
		if err := os.Chown(path, uid, uid); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		prepare func(*host)
		runAs   string
		want    int // 0 is ourselves, -1 is refused
	}{
		"the directory's owner":               {func(b *host) { own(b, "", nobody) }, "", nobody},
		"root's":                              {func(*host) {}, "", -1},
		"root's, that its account may write":  {func(b *host) { own(b, "", 0); chmod(t, b.dir, 0o777) }, "", uid},
		"root's, where that is asked for":     {func(*host) {}, "root", 0},
		"the configuration's owner":           {func(b *host) { own(b, "", nobody); own(b, "redis.conf", nobody) }, "", nobody},
		"the configuration's owner elsewhere": {func(b *host) { own(b, "", 0); own(b, "redis.conf", nobody) }, "", -1},
		"the data's owner":                    {func(b *host) { own(b, "dump.rdb", nobody) }, "", -1},
		"root's data in another's directory":  {func(b *host) { own(b, "", nobody); own(b, "dump.rdb", 0) }, "", nobody},
		"an owner without an account":         {func(b *host) { own(b, "", 64321) }, "", 64321},
		"another than its owner":              {func(b *host) { own(b, "", nobody) }, "redis", -1},
		"nobody that there is":                {func(*host) {}, "no-such-account", -1},
	} {
		b := newHost(t)
		b.manager.Account = c.runAs
		c.prepare(b)
		a, err := b.manager.target(b.instance).account("/")
		got := 0
		if a != nil {
			got = int(a.Uid)
		}
		if err != nil {
			got = -1
		}
		if got != c.want || err != nil && (!errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "; hint: ")) {
			t.Errorf("%s: %d, want %d, %v", name, got, c.want, err)
		}
		if a != nil && a.Gid == 0 {
			t.Errorf("%s: with the group of root: %+v", name, a)
		}
	}
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// TestRootStartsNoServerAsRoot: what root has started by hand, from a directory of its own, is refused with the way out, and the way out works.
func TestRootStartsNoServerAsRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("only root can become another user; hint: run the tests as root")
	}
	b := newHost(t)
	b.manager.Account = ""
	chmod(t, b.dir, 0o755)
	chmod(t, filepath.Dir(b.dir), 0o755)
	uid, gid, err := ServerAccount()
	if err != nil {
		t.Fatal(err)
	}
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		t.Fatal(err)
	}
	start := func() error { return b.manager.Start(context.Background(), b.instance) }
	want := fmt.Sprintf("redis-server would run as %s, and not as root, and cannot write into %s; hint: chown -R %s: %s %s, or account = \"root\" below [service]", u.Username, b.dir, u.Username, b.dir, b.instance.Conf)
	if err := start(); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), want) {
		t.Fatalf("%v, want %s", err, want)
	}
	// Not everything is given away: the server says what it lacks, and the hint is the same.
	if err := os.Chown(b.dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	if err := start(); err == nil || !strings.Contains(err.Error(), "ermission denied; hint: it runs as user "+u.Uid) {
		t.Errorf("its configuration is root's alone: %v", err)
	}
	if err := os.Chown(b.instance.Conf, uid, gid); err != nil {
		t.Fatal(err)
	}
	b.start()
	pid := b.status(Running).PID
	if got := ownerOf(procfs.Path(pid, "")); got != uid {
		t.Errorf("it runs as %d, want %d", got, uid)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
}
