package service

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"keepalived-redis/internal/procfs"
)

func TestLimits(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("only root raises limits; hint: run the tests as root")
	}
	const ownScore = "/proc/self/oom_score_adj"
	read := func(path string) string {
		t.Helper()
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(text))
	}
	var before, low, after syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	low = syscall.Rlimit{Cur: 1024, Max: before.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before) }()
	// What root may do depends on where it is root.
	score, wantScore, most := read(ownScore), oomScore, 1<<20
	if os.WriteFile(ownScore, []byte(oomScore), 0o644) != nil {
		wantScore = score
	} else if err := os.WriteFile(ownScore, []byte(score), 0o644); err != nil {
		t.Fatal(err)
	}
	if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 1024, Max: before.Max + 1}) != nil {
		most = int(before.Max)
	} else if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]int{"daemonize yes": leastFiles, "daemonize no": leastFiles, "maxclients 70000": 71024} {
		b := newHost(t, line)
		b.start()
		pid := b.status(Running).PID
		for _, l := range strings.Split(read(procfs.Path(pid, "limits")), "\n") {
			if f := strings.Fields(l); strings.HasPrefix(l, "Max open files") {
				if n, err := strconv.Atoi(f[3]); err != nil || n < min(want, most) {
					t.Errorf("%s: %s", line, l)
				}
			}
		}
		if got := read(procfs.Path(pid, "oom_score_adj")); got != wantScore {
			t.Errorf("%s: oom_score_adj is %s, want %s", line, got, wantScore)
		}
	}
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &after); err != nil || after != low || read(ownScore) != score {
		t.Errorf("our own limits are %v, were %v; oom_score_adj %s, was %s", after, low, read(ownScore), score)
	}
}

func TestSubsys(t *testing.T) {
	b := newHost(t)
	b.manager.instances = append(b.manager.instances, b.instance)
	b.manager.subsys, b.manager.scripts = filepath.Join(b.dir, "subsys"), filepath.Join(b.dir, "init.d")
	port := strconv.Itoa(int(b.instance.Port))
	own, all := filepath.Join(b.manager.subsys, "redis"+port), filepath.Join(b.manager.subsys, "redis")
	b.start() // where there is no such directory, there are no locks
	if exists(b.manager.subsys) {
		t.Fatal("the directory was made")
	}
	for _, dir := range []string{b.manager.subsys, b.manager.scripts} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"redis", "redis" + port} {
		if err := os.WriteFile(filepath.Join(b.manager.scripts, name), []byte("#!/usr/sbin/redis-initd\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	stop := func() {
		t.Helper()
		if err := b.manager.Stop(context.Background(), b.instance, true); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	b.start()
	if !exists(own) || !exists(all) {
		t.Error("no locks after a start")
	}
	stop()
	if exists(own) || exists(all) {
		t.Error("locks are left after a stop")
	}
	b.start()
	b.clear()
	if got := b.status(Dead); got.StaleLock != own {
		t.Errorf("stale lock %q", got.StaleLock)
	}
}
