package lab_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"keepalived-redis/lab"
)

// labCommand is the lab's own program, as a person starts it.
func labCommand(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(build, "redis-lab"), args...)
	cmd.Dir = root
	return cmd
}

// state is what a lab could leave behind, as this process sees it: processes, namespaces, mounts, and files outside of the build directory.
func state(t *testing.T) []string {
	t.Helper()
	var all []string
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.Trim(e.Name(), "0123456789") != "" {
			continue
		}
		// A process that ends while we look is not there, and one that has ended and that nobody has asked for holds nothing.
		stat, err := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
		if _, after, ok := strings.Cut(string(stat), ") "); err != nil || !ok || after[0] == 'Z' || after[0] == 'X' {
			continue
		}
		if line, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline")); err == nil && len(line) > 0 {
			all = append(all, fmt.Sprintf("process %s %s", e.Name(), bytes.ReplaceAll(line, []byte{0}, []byte(" "))))
		}
		for _, ns := range []string{"net", "mnt", "pid", "user", "uts", "ipc"} {
			if id, err := os.Readlink(filepath.Join("/proc", e.Name(), "ns", ns)); err == nil {
				all = append(all, id)
			}
		}
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	all = append(all, strings.Split(strings.TrimSpace(string(mounts)), "\n")...)
	for _, dir := range []string{root, os.TempDir(), "/run", "/etc/keepalived", "/var/lib/keepalived-redis", "/run/netns", "/dev/shm"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			// What vanishes while we look, or is not ours to see, is nothing that a lab left.
			if err != nil || path == filepath.Join(root, "build") || d.Name() == ".git" || strings.Contains(path, "go-build") {
				return fs.SkipDir
			}
			if dir == root || strings.Contains(path, "redis") || strings.Contains(path, "lab") {
				all = append(all, "file "+path)
			}
			return nil
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// added is what is in after and not in before. Files of the checkout itself may come and go while a person works on it.
func added(before, after []string) []string {
	return slices.DeleteFunc(slices.Clone(after), func(s string) bool {
		return slices.Contains(before, s) || strings.HasPrefix(s, "file "+root)
	})
}

// However a lab ends, nothing of it stays.
func TestNothingIsLeft(t *testing.T) {
	for _, end := range []syscall.Signal{syscall.SIGKILL, syscall.SIGINT} {
		t.Run(end.String(), func(t *testing.T) {
			before := state(t)
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			out, in, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer out.Close()
			cmd := labCommand(ctx, "up")
			cmd.Stdout, cmd.Stderr = in, in
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			in.Close()
			text := awaitText(t, out, "the pair holds still")
			if grown := added(before, state(t)); len(grown) < 10 {
				t.Fatalf("the lab is up, and only this is new, so this test sees nothing: %v\n%s", grown, text)
			}
			if err := cmd.Process.Signal(end); err != nil {
				t.Fatal(err)
			}
			// It was killed, so how it ended says nothing.
			_ = cmd.Wait()
			deadline := time.Now().Add(10 * time.Second)
			for {
				left := added(before, state(t))
				if len(left) == 0 {
					return
				}
				if time.Now().After(deadline) {
					t.Fatalf("10s after %s of the lab there still is:\n%s", end, strings.Join(left, "\n"))
				}
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
}

// awaitText reads until text comes. The deadline is that of the process that writes.
func awaitText(t *testing.T, r *os.File, text string) string {
	t.Helper()
	var all []byte
	buf := make([]byte, 4096)
	for !bytes.Contains(all, []byte(text)) {
		n, err := r.Read(buf)
		all = append(all, buf[:n]...)
		if err != nil {
			t.Fatalf("the lab ended before it said %q: %v\n%s", text, err, all)
		}
	}
	return string(all)
}

// A host that is gone must not answer for its addresses any more, however long the kernel needs to take its network down: the next run
// has hosts with the same addresses on the same switch.
func TestAnEndedLabAnswersNoMore(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	l, err := lab.New(ctx, options(t))
	if err == nil {
		// An open file keeps the network of the host alive.
		network, openErr := os.Open(fmt.Sprintf("/proc/%d/ns/net", l.Pids()["redis2"]))
		if openErr != nil {
			t.Error(openErr)
		} else {
			defer network.Close()
		}
	}
	if _, closing := l.Close(nil); err != nil || closing != nil {
		t.Fatal(err, closing)
	}
	conn, err := net.DialTimeout("tcp", "192.168.9.71:7003", 300*time.Millisecond)
	if err == nil {
		conn.Close()
	}
	if err == nil || errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("192.168.9.71 still answers: %v", err)
	}
}

// Two labs on one machine do not see each other, although their addresses are the same: a power cut in one is none in the other.
func TestSideBySide(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	for i := range 2 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			cmd := labCommand(ctx, "run", "--slack", "5", "--results", t.TempDir(), "host-dies")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("lab %d: %v\n%s", i, err, out)
			}
		}()
	}
	wg.Wait()
}

// An ordinary user runs the lab, too, where the machine lets everybody make user namespaces.
func TestWithoutRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		// Then all the other tests of this package are that test.
		t.Log("the whole test runs without root")
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	dir := t.TempDir()
	// The parent of a test's directory is closed to everybody else.
	if err := errors.Join(os.Chown(dir, 65534, 65534), os.Chmod(filepath.Dir(dir), 0o755)); err != nil {
		t.Fatal(err)
	}
	cmd := labCommand(ctx, "run", "--results", dir, "host-dies")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("as nobody: %v\n%s", err, out)
	}
}

// An unknown scenario is one clear sentence.
func TestUnknownScenario(t *testing.T) {
	if _, err := lab.Find("host-flies"); err == nil || !strings.Contains(err.Error(), "redis-lab list") {
		t.Errorf("got %v", err)
	}
}
