package service

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"keepalived-redis/internal/procfs"
)

// run starts a process that ends with the test.
func run(t *testing.T, name string, args ...string) int {
	t.Helper()
	c := exec.Command(name, args...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill() // it may have ended
		_ = c.Wait()
	})
	return c.Process.Pid
}

// awaitState waits until the process is in that state of proc(5).
func awaitState(t *testing.T, pid int, state byte) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if p, err := procfs.Read(pid); err == nil && p.State == state {
			return
		}
	}
	t.Fatalf("process %d did not come to state %c", pid, state)
}

func sampled(t *testing.T, pid int, young time.Duration) Sample {
	t.Helper()
	s, err := TakeSample(pid, young)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestActivityOfRealProcesses: what the kernel shows of one that runs, one that sleeps, one that is stopped, and one with a child.
func TestActivityOfRealProcesses(t *testing.T) {
	busy := run(t, "sh", "-c", "while :; do :; done")
	awaitState(t, busy, 'R')
	if a := sampled(t, busy, 0).Activity(); a != Works {
		t.Errorf("a loop: %d", a)
	}
	asleep := run(t, "sleep", "60")
	awaitState(t, asleep, 'S')
	first := sampled(t, asleep, 0)
	if a := first.Activity(); a != Unclear {
		t.Errorf("asleep, one sample: %d", a)
	}
	if a := sampled(t, asleep, 0).Since(first); a != Hangs {
		t.Errorf("asleep, two samples: %d", a)
	}
	if err := syscall.Kill(busy, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	awaitState(t, busy, 'T')
	if a := sampled(t, busy, time.Minute).Activity(); a != Hangs {
		t.Errorf("stopped: %d", a)
	}
	parent := run(t, "sh", "-c", "sleep 60 & wait")
	awaitState(t, parent, 'S')
	for end := time.Now().Add(10 * time.Second); len(children(parent)) == 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if a := sampled(t, parent, time.Minute).Activity(); a != Works {
		t.Errorf("with a young child: %d", a)
	}
	if a := sampled(t, parent, -time.Second).Activity(); a != Unclear {
		t.Errorf("its child is older than that: %d", a)
	}
	if child, err := procfs.Read(children(parent)[0]); err != nil || child.Parent != parent {
		t.Errorf("its child says that its parent is %d, not %d (%v)", child.Parent, parent, err)
	}
}

// TestSince: a number that was used again, and CPU time that grows.
func TestSince(t *testing.T) {
	at := func(start uint64, state byte, cpu time.Duration) Sample {
		return Sample{process: procfs.Process{PID: 7, Start: start, State: state}, cpu: cpu}
	}
	for name, c := range map[string]struct {
		first, second Sample
		want          Activity
	}{
		"used CPU time":              {at(1, 'S', 5), at(1, 'S', 6), Works},
		"used none":                  {at(1, 'S', 5), at(1, 'S', 5), Hangs},
		"runs now":                   {at(1, 'S', 5), at(1, 'R', 5), Works},
		"waits for the disk now":     {at(1, 'S', 5), at(1, 'D', 5), Works},
		"is stopped now":             {at(1, 'S', 5), at(1, 'T', 9), Hangs},
		"the number was used again":  {at(1, 'S', 5), at(2, 'S', 9), Unclear},
		"the frozen group shows S":   {at(1, 'S', 5), Sample{process: procfs.Process{PID: 7, Start: 1, State: 'S'}, cpu: 9, frozen: true}, Hangs},
		"a debugger stands in there": {at(1, 'S', 5), at(1, 't', 9), Hangs},
	} {
		if got := c.second.Since(c.first); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// TestFrozenGroup: both versions say it in a file of their own.
func TestFrozenGroup(t *testing.T) {
	pid := run(t, "sleep", "60")
	awaitState(t, pid, 'S')
	text, err := os.ReadFile(procfs.Path(pid, "cgroup"))
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	unified, freezer := unifiedRoots, freezerRoots
	unifiedRoots, freezerRoots = []string{root}, []string{root}
	t.Cleanup(func() { unifiedRoots, freezerRoots = unified, freezer })
	if frozen(pid) {
		t.Error("frozen without a word")
	}
	wrote := 0
	for _, line := range strings.Split(string(text), "\n") {
		f := strings.SplitN(line, ":", 3)
		if len(f) < 3 || f[1] != "" && f[1] != "freezer" {
			continue
		}
		name, says := "cgroup.events", "populated 1\nfrozen 1\n"
		if f[1] == "freezer" {
			name, says = "freezer.state", "FROZEN\n"
		}
		dir := filepath.Join(root, f[2])
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(says), 0o644); err != nil {
			t.Fatal(err)
		}
		wrote++
	}
	if wrote == 0 {
		t.Fatalf("no group that can be frozen in %q", text)
	}
	if !frozen(pid) {
		t.Error("not frozen")
	}
	if a := sampled(t, pid, time.Minute).Activity(); a != Hangs {
		t.Errorf("frozen: %d", a)
	}
}

// TestNoSample: a process that is not there, or that /proc hides, tells nothing.
func TestNoSample(t *testing.T) {
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range []int{0, -1, ended.Process.Pid, 1 << 30} {
		if s, err := TakeSample(pid, time.Minute); err == nil {
			t.Errorf("process %d: %s", pid, fmt.Sprint(s))
		}
	}
}

// TestTurn: what is known of the event loop, and what cannot be.
func TestTurn(t *testing.T) {
	turn := Turn{PID: 7, Start: 1, Reads: 5}
	for name, c := range map[string]struct {
		earlier, later Turn
		want           bool
	}{
		"it has read":               {turn, Turn{7, 1, 6}, true},
		"it has read nothing":       {turn, turn, false},
		"the first look":            {Turn{}, turn, false},
		"the calls are not shown":   {Turn{7, 1, 0}, Turn{7, 1, 0}, false},
		"they were not shown":       {Turn{7, 1, 0}, turn, false},
		"the number was used again": {turn, Turn{7, 2, 9}, false},
	} {
		if got := c.later.After(c.earlier); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if got := sampled(t, os.Getpid(), 0).Turn(); got.Reads == 0 || got.PID != os.Getpid() {
		t.Errorf("of this process: %+v", got)
	}
}
