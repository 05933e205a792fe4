package files

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestRead(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for name, size := range map[string]int{"empty": 0, "small": 3, "most": 1000, "more": 1001, "much": 100000} {
		if err := os.WriteFile(path(name), bytes.Repeat([]byte("x"), size), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(syscall.Mkfifo(path("fifo"), 0o644), os.Symlink("small", path("link")), os.Symlink("link2", path("link2"))); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]error{
		"empty": nil, "small": nil, "most": nil, "more": ErrTooLarge, "much": ErrTooLarge, "fifo": ErrNotRegular, ".": ErrDirectory,
		"none": fs.ErrNotExist, "link": nil, "link2": syscall.ELOOP, "/dev/zero": ErrNotRegular, "/dev/null": ErrNotRegular,
	} {
		file := path(name)
		if strings.HasPrefix(name, "/") {
			file = name
		}
		b, err := Read(file, 1000)
		if !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
		f, opened := Open(file)
		if err == nil && opened != nil || err != nil && !errors.Is(err, ErrTooLarge) && !errors.Is(opened, want) {
			t.Errorf("open %s: %v, want %v", name, opened, want)
		}
		f.Close() // nil has nothing to close
		if err == nil {
			if whole, err := os.ReadFile(file); err != nil || !bytes.Equal(b, whole) {
				t.Errorf("%s: %d bytes, want %d", name, len(b), len(whole))
			}
		}
		var named *fs.PathError
		if err != nil && (!errors.As(err, &named) || named.Path != file) {
			t.Errorf("%s: the error %v does not say which file", name, err)
		}
	}
	us := func(uid int) bool { return uid == os.Geteuid() }
	if _, err := ReadOwn(path("link"), 1000, us); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("a link that is not wanted: %v", err)
	}
	// A file of /proc has no size, and more in it than fits at once.
	b, err := Read("/proc/self/smaps", 1<<20)
	if err != nil || len(b) < 1000 || b[len(b)-1] != '\n' {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	if _, err := Read("/proc/self/smaps", 600); !errors.Is(err, ErrTooLarge) {
		t.Errorf("more than is wanted: %v", err)
	}
}
