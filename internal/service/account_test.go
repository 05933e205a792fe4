package service

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestAccount: whoever owns the data owns the server. It needs root, as CI has; without it nobody can give files away.
func TestAccount(t *testing.T) {
	if os.Geteuid() != 0 {
		b := newHost(t)
		if a := b.manager.target(b.instance).account("/"); a != nil {
			t.Errorf("without root: %+v", a)
		}
		return
	}
	const nobody = 65534
	own := func(b *host, name string, uid int) {
		t.Helper()
		path := filepath.Join(b.dir, name)
		if name != "" {
			writeFile(t, path, "x")
		}
		if err := os.Chown(path, uid, uid); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		prepare func(*host)
		lines   []string
		want    uint32
	}{
		"the directory's owner": {func(b *host) { own(b, "", nobody) }, nil, nobody},
		"root's":                {func(*host) {}, nil, 0},
		"the data's owner":      {func(b *host) { own(b, "dump.rdb", nobody) }, nil, nobody},
		"root's data in another's directory": {func(b *host) {
			own(b, "", nobody)
			own(b, "dump.rdb", 0)
		}, nil, 0},
		"a cluster's own file":        {func(b *host) { own(b, "nodes.conf", nobody) }, []string{"cluster-enabled yes"}, nobody},
		"which it does not keep":      {func(b *host) { own(b, "nodes.conf", nobody) }, nil, 0},
		"an owner without an account": {func(b *host) { own(b, "dump.rdb", 64321) }, nil, 64321},
	} {
		b := newHost(t, c.lines...)
		c.prepare(b)
		a := b.manager.target(b.instance).account("/")
		if got := uid(a); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
		if a != nil && a.Gid == 0 {
			t.Errorf("%s: with the group of root: %+v", name, a)
		}
	}
}

func uid(c *syscall.Credential) uint32 {
	if c == nil {
		return 0
	}
	return c.Uid
}
