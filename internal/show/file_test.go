package show

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return strings.Join(out, " ")
}

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "chk.prom")
	defer syscall.Umask(syscall.Umask(0o177)) // keepalived's
	for _, text := range []string{"one\n", "two\n"} {
		if err := Replace(file, text); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != text {
			t.Errorf("got %q, %v", got, err)
		}
	}
	if fi, err := os.Stat(file); err != nil || fi.Mode() != 0o644 {
		t.Errorf("%v, %v", fi.Mode(), err)
	}
	if got := names(t, dir); got != "chk.prom" {
		t.Errorf("the directory holds %s", got)
	}
}

// Whoever reads while it is written finds a whole file.
func TestReadersSeeWholeFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "chk.prom")
	texts := []string{strings.Repeat("a", 1<<16), strings.Repeat("b", 1<<15)}
	if err := Replace(file, texts[0]); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		for i := range 300 {
			if err := Replace(file, texts[i%2]); err != nil {
				t.Error(err)
			}
		}
	}()
	for range 300 {
		if got, err := os.ReadFile(file); err != nil || string(got) != texts[0] && string(got) != texts[1] {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
	}
	wg.Wait()
}

func TestReplaceLeavesAloneWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	fifo, link, sub := filepath.Join(dir, "fifo"), filepath.Join(dir, "link"), filepath.Join(dir, "sub")
	if err := syscall.Mkfifo(fifo, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/null", link); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(sub, 0o755); err != nil {
		t.Fatal(err)
	}
	before := names(t, dir)
	for _, file := range []string{fifo, link, sub, "/dev/null"} {
		if err := Replace(file, "x"); err == nil || !strings.Contains(err.Error(), "is not a regular file; hint: ") {
			t.Errorf("%s: %v", file, err)
		}
	}
	for _, file := range []string{filepath.Join(dir, "none", "chk.prom"), filepath.Join(dir, "fifo", "chk.prom"), "/proc/chk.prom", ""} {
		err := Replace(file, "x")
		if err == nil || !strings.Contains(err.Error(), "; hint: ") || strings.Contains(err.Error(), strconv.Itoa(os.Getpid())) {
			t.Errorf("%s: %v", file, err)
		}
	}
	if got := names(t, dir); got != before {
		t.Errorf("the directory holds %s, before %s", got, before)
	}
}

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	old := time.Now().Add(-time.Hour)
	for _, name := range []string{".chk.prom.1", ".chk.prom.2", ".chk.prom.x", ".other.prom.1", ".chk.prom." + strconv.Itoa(os.Getpid())} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if name == ".chk.prom.2" || strings.HasSuffix(name, strconv.Itoa(os.Getpid())) {
			continue // just written, by a run beside this one; or by one that had our number
		}
		if err := os.Chtimes(file, old, old); err != nil {
			t.Fatal(err)
		}
	}
	if err := Replace(filepath.Join(dir, "chk.prom"), "x"); err != nil {
		t.Fatal(err)
	}
	if got, want := names(t, dir), ".chk.prom.2 .chk.prom.x .other.prom.1 chk.prom"; got != want {
		t.Errorf("the directory holds %s, want %s", got, want)
	}
}
