package act

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/files"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/testing/fixture"
	"keepalived-redis/internal/testing/redistest"
	"keepalived-redis/internal/testing/sessiontest"
)

func fileOf(t *testing.T, dir, text string) string {
	t.Helper()
	f, err := os.CreateTemp(dir, "temp-")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

func TestDivergentDataSetsArePruned(t *testing.T) {
	r := actor(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "dump.rdb")
	var last string
	for range divergentKept + 3 {
		// Redis writes a new file each time, and renames it.
		if err := os.Rename(fileOf(t, dir, "REDIS"), file); err != nil {
			t.Fatal(err)
		}
		kept, err := r.linkAside(sessiontest.Within(t, time.Second), file, fixture.Addr("10.0.0.1:7000"))
		if err != nil {
			t.Fatal(err)
		}
		if again, err := r.linkAside(sessiontest.Within(t, time.Second), file, fixture.Addr("10.0.0.1:7000")); err != nil || again != kept {
			t.Errorf("kept twice: %s and %s, %v", kept, again, err)
		}
		last = kept
		time.Sleep(2 * time.Millisecond) // names are times
	}
	files, _ := filepath.Glob(filepath.Join(r.Config.StateDir, DivergentDir, "7000-*.rdb"))
	if len(files) != divergentKept || files[len(files)-1] != last {
		t.Errorf("kept %q, the last was %s", files, last)
	}
	if err := copyFile(sessiontest.Within(t, time.Second), file, file+".copy"); err != nil {
		t.Error(err)
	}
	over, cancel := context.WithCancel(context.Background())
	cancel()
	if err := copyFile(over, file, file+".late"); err == nil {
		t.Error("copied without time")
	}
	if _, err := os.Stat(file + ".late"); err == nil {
		t.Error("half a copy is left")
	}
}

// What a configuration names as data may be anything; only a regular file is opened.
func TestAFifoIsNotCopied(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "dump.rdb")
	if err := syscall.Mkfifo(fifo, 0o644); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- copyFile(sessiontest.Within(t, time.Second), fifo, fifo+".copy") }()
	select {
	case err := <-done:
		if !errors.Is(err, files.ErrNotRegular) {
			t.Errorf("%v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it hangs")
	}
}

// What a fence stopped is kept before it is started, once.
func TestTheFileOfWhatAFenceStoppedIsKept(t *testing.T) {
	r := actor(t)
	dir := t.TempDir()
	conf := fileOf(t, dir, "dir "+dir+"\ndbfilename data.rdb\n")
	in := config.Instance{Addr: fixture.Addr("10.0.0.1:7000"), Conf: conf, Peer: fixture.Addr("10.0.0.2:7000")}
	glob := filepath.Join(r.Config.StateDir, DivergentDir, "7000-*.rdb")
	r.keepFile(sessiontest.Within(t, time.Second), in)
	if files, _ := filepath.Glob(glob); len(files) != 0 {
		t.Errorf("kept what is not there: %q", files)
	}
	if err := os.Rename(fileOf(t, dir, "REDIS"), filepath.Join(dir, "data.rdb")); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		r.keepFile(sessiontest.Within(t, time.Second), in)
	}
	if files, _ := filepath.Glob(glob); len(files) != 1 {
		t.Errorf("kept %q", files)
	}
}

// Data that is in append only files alone is kept as well, of both forms, and can be put back as it is.
func TestTheAppendOnlyFilesOfWhatAFenceStoppedAreKept(t *testing.T) {
	master := redistest.Start(t, "appendonly yes", "appendfsync always")
	master.Do(t, "set", "k", "only here")
	master.Kill()
	r := actor(t)
	old := filepath.Join(master.Dir, "appendonly.aof") // as before 7.0
	if err := os.Rename(fileOf(t, master.Dir, "*1"), old); err != nil {
		t.Fatal(err)
	}
	in := config.Instance{Addr: master.Addr, Conf: master.Conf, Peer: fixture.Addr("10.0.0.2:7000")}
	for range 2 {
		r.keepFile(sessiontest.Within(t, 5*time.Second), in)
	}
	kept, _ := filepath.Glob(filepath.Join(r.Config.StateDir, DivergentDir, "*.aof"))
	if len(kept) != 1 {
		t.Fatalf("kept %q", kept)
	}
	if !sameFile(filepath.Join(kept[0], "appendonly.aof"), old) {
		t.Error("the one file of an older version is not kept")
	}
	// The server goes on and loses what it had; another one is given what was kept.
	if err := os.Remove(old); err != nil {
		t.Fatal(err)
	}
	master.Run(t)
	redistest.Await(t, "it has loaded", func() bool { return master.Look().State == model.Up })
	master.Do(t, "flushall")
	master.Kill()
	second := redistest.Start(t)
	second.Kill()
	if err := os.Rename(filepath.Join(kept[0], "appendonlydir"), filepath.Join(second.Dir, "appendonlydir")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(second.Conf, fmt.Appendf(nil, "port %d\nbind 127.0.0.1\ndir %s\nappendonly yes\n", second.Addr.Port(), second.Dir), 0o600); err != nil {
		t.Fatal(err)
	}
	second.Run(t)
	redistest.Await(t, "it has loaded", func() bool { return second.Look().State == model.Up })
	if v := second.Do(t, "get", "k"); v != "only here" {
		t.Errorf("what came back is %q", v)
	}
}

// Where there is no time for copies there are links, and the next run does not try again.
func TestAppendOnlyFilesAreLinkedWhereThereIsNoTime(t *testing.T) {
	r := actor(t)
	dir := t.TempDir()
	names := []string{filepath.Base(fileOf(t, dir, "a"))}
	over, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	defer cancel()
	kept, err := r.keepLog(over, dir, names, fixture.Addr("10.0.0.1:7000"))
	if err != nil || filepath.Dir(kept) != dir {
		t.Fatalf("kept in %s, %v", kept, err)
	}
	if again, err := r.keepLog(sessiontest.Within(t, time.Second), dir, names, fixture.Addr("10.0.0.1:7000")); err != nil || again != kept {
		t.Errorf("kept again in %s, %v", again, err)
	}
}

// Half a directory is never left, and what cannot be read is said.
func TestAppendOnlyFilesAreKeptWholeOrNotAtAll(t *testing.T) {
	dir, to := t.TempDir(), t.TempDir()
	a := filepath.Base(fileOf(t, dir, "a"))
	if err := keepAll(dir, []string{a, "gone"}, filepath.Join(to, "kept"), os.Link); err == nil {
		t.Error("a file that is not there was kept")
	}
	if left, _ := os.ReadDir(to); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
