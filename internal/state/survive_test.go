package state

import (
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"keepalived-redis/internal/testing/disktest"
)

// TestKilledWriter kills a writer at random instants: the file is the old one or the new one, whole. What the writer had
// begun is swept away, but not while it might still be at it.
func TestKilledWriter(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	d := Dir(t.TempDir())
	left := 0
	for range 40 {
		c, said := helper(t, os.Geteuid(), writes, d)
		if said != "ready" {
			t.Fatal(said)
		}
		timer := time.NewTimer(time.Duration(random.Int64N(int64(3 * time.Millisecond))))
		<-timer.C
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		c.Wait()
		var text string
		if found, err := d.Load("f.json", &text); !found || err != nil {
			t.Fatalf("found %v, %v", found, err)
		}
		if len(text) != len(page(0)) || strings.Trim(text, text[:1]) != "" {
			t.Fatalf("half a file: %d bytes, begins with %.20q", len(text), text)
		}
		left += len(begun(t, d))
	}
	if left == 0 {
		t.Log("no kill hit a writer between two steps")
	}
	// One more, so that there is always one to sweep.
	last := d.Path(".f.json1234567890123456789")
	if err := os.WriteFile(last, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.StoreBytes("f.json", []byte(page(0))); err != nil {
		t.Fatal(err)
	}
	if len(begun(t, d)) == 0 {
		t.Error("a file that may still be written is gone")
	}
	old := time.Now().Add(-2 * sweepAge)
	for _, name := range begun(t, d) {
		if err := os.Chtimes(d.Path(name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.StoreBytes("f.json", []byte(page(0))); err != nil {
		t.Fatal(err)
	}
	if names := begun(t, d); len(names) > 0 {
		t.Errorf("left behind: %q", names)
	}
}

// begun are the files that a writer has not renamed into place.
func begun(t *testing.T, d Dir) []string {
	t.Helper()
	entries, err := os.ReadDir(string(d))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.Name() != "f.json" {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestUnfinished(t *testing.T) {
	for name, want := range map[string]bool{".event.json1234567890123456789": true, ".stopped-70001234567890123456789": true, "event.json1234567890123456789": false,
		".event.json": false, ".backup-20260101": false, "": false, ".": false} {
		if unfinished(name) != want {
			t.Errorf("%q: want %v", name, want)
		}
	}
}

func TestLockOfTwoProcesses(t *testing.T) {
	d := Dir(t.TempDir())
	holder, said := helper(t, os.Geteuid(), locks, d)
	if said != "<nil>" {
		t.Fatal(said)
	}
	// It never waits: a check run has other things to do.
	begun := time.Now()
	for range 100 {
		if _, err := d.TryLock("lock"); err != ErrBusy {
			t.Fatalf("the lock is held: %v", err)
		}
	}
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("100 tries took %s", took)
	}
	if other, err := d.TryLock("other"); err != nil {
		t.Errorf("another lock: %v", err)
	} else {
		other()
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	holder.Wait() // the kernel has dropped the lock by then
	unlock, err := d.TryLock("lock")
	if err != nil {
		t.Fatalf("the holder was killed: %v", err)
	}
	if _, said := helper(t, os.Geteuid(), locks, d); said != ErrBusy.Error() {
		t.Errorf("the other process got %q", said)
	}
	unlock()
	unlock() // once more does nothing
	if _, said := helper(t, os.Geteuid(), locks, d); said != "<nil>" {
		t.Errorf("the lock was given back: %q", said)
	}
}

// The lock is ours alone: a server that we start must not keep it.
func TestLockIsNotInherited(t *testing.T) {
	d := Dir(t.TempDir())
	unlock, err := d.TryLock("lock")
	if err != nil {
		t.Fatal(err)
	}
	if _, said := helper(t, os.Geteuid(), locks, Dir(t.TempDir())); said != "<nil>" { // a child that stays
		t.Fatal(said)
	}
	unlock()
	again, err := d.TryLock("lock")
	if err != nil {
		t.Fatalf("a child keeps the lock: %v", err)
	}
	again()
}

func TestFullDisk(t *testing.T) {
	disktest.Run(t, "256k", func(t *testing.T, dir string) {
		d := Dir(dir)
		if err := d.Store("f.json", "old"); err != nil {
			t.Fatal(err)
		}
		disktest.Fill(t, dir)
		if err := d.Store("f.json", page(1)); !errors.Is(err, unix.ENOSPC) || !strings.HasPrefix(err.Error(), "write state file "+d.Path("f.json")) {
			t.Errorf("got %v", err)
		}
		var text string
		if found, err := d.Load("f.json", &text); !found || err != nil || text != "old" {
			t.Errorf("%q, %v", text, err)
		}
		if unlock, err := d.TryLock("lock"); err != nil {
			t.Errorf("a lock needs no room: %v", err)
		} else {
			unlock()
		}
		if err := d.Make(); err != nil {
			t.Error(err)
		}
		disktest.Free(t, dir)
		for _, name := range begun(t, d) {
			if name != "lock" {
				t.Errorf("left behind: %s", name)
			}
		}
		if err := d.Store("f.json", page(1)); err != nil {
			t.Error(err)
		}
	})
}

func TestReadOnlyDisk(t *testing.T) {
	disktest.Run(t, "256k", func(t *testing.T, dir string) {
		d := Dir(dir)
		if err := d.Store("f.json", "old"); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(d.Path("bad.json"), []byte("{"), 0o644); err != nil {
			t.Fatal(err)
		}
		disktest.ReadOnly(t, dir)
		for what, err := range map[string]error{"store": d.Store("f.json", "new"), "remove": d.Remove("f.json"), "make": Dir(d.Path("sub")).Make()} {
			if !errors.Is(err, syscall.EROFS) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if _, err := d.TryLock("lock"); !errors.Is(err, syscall.EROFS) || errors.Is(err, ErrBusy) {
			t.Errorf("lock: %v", err)
		}
		if err := d.Make(); err != nil {
			t.Errorf("the directory is there: %v", err)
		}
		var text string
		if found, err := d.Load("f.json", &text); !found || err != nil || text != "old" {
			t.Errorf("%q, %v", text, err)
		}
		found, err := d.Load("bad.json", &text)
		if found || !errors.Is(err, ErrDamaged) || !errors.Is(err, syscall.EROFS) || text != "old" {
			t.Errorf("a damaged file that cannot be set aside: found %v, %v", found, err)
		}
	})
}
