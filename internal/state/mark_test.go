package state

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestMark(t *testing.T) {
	d := Dir(t.TempDir())
	if _, ok := d.Marked("m"); ok {
		t.Error("nobody has marked anything")
	}
	for _, at := range []Stamp{{Boot: "4be7e5f6-5b0b-4a2b-9d1c-000000000001", Mono: 1<<62 + 1}, {Boot: "unknown", Mono: time.Second}} {
		if err := d.Mark("m", at); err != nil {
			t.Fatal(err)
		}
		if got, ok := d.Marked("m"); !ok || got != at {
			t.Errorf("%+v, %v", got, ok)
		}
	}
	if fi, err := os.Stat(d.Path("m")); err != nil || fi.Size() != markSize || fi.Mode() != 0o644 {
		t.Errorf("%+v, %v", fi, err)
	}
}

// Whatever lies in the place of a mark is not believed, and not written into. The second mark is good.
func TestMarkThatIsNone(t *testing.T) {
	at := Stamp{Boot: "boot", Mono: time.Hour}
	for name, put := range map[string]func(path string) error{
		"half a mark":    func(path string) error { return os.WriteFile(path, []byte("boot 36"), 0o644) },
		"too much":       func(path string) error { return os.WriteFile(path, []byte(strings.Repeat("1 ", 500)), 0o644) },
		"a link":         func(path string) error { return os.Symlink(path+".other", path) },
		"a directory":    func(path string) error { return os.Mkdir(path, 0o755) },
		"a fifo":         func(path string) error { return unix.Mkfifo(path, 0o644) },
		"everybody's":    func(path string) error { return errors.Join(os.WriteFile(path, nil, 0o644), os.Chmod(path, 0o666)) },
		"another's name": func(path string) error { return os.Link(path+".other", path) },
	} {
		d := Dir(t.TempDir())
		other := d.Path("m") + ".other"
		if err := os.WriteFile(other, []byte("mine"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := put(d.Path("m")); err != nil {
			t.Fatal(err)
		}
		if got, ok := d.Marked("m"); ok {
			t.Errorf("%s: believed as %+v", name, got)
		}
		if err := d.Mark("m", at); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
		if err := d.Mark("m", at); err != nil {
			t.Errorf("%s, the second time: %v", name, err)
		}
		if got, ok := d.Marked("m"); !ok || got != at {
			t.Errorf("%s, then: %+v, %v", name, got, ok)
		}
		if text, _ := os.ReadFile(other); string(text) != "mine" {
			t.Errorf("%s: another file is %q", name, text)
		}
	}
}

func BenchmarkMark(b *testing.B) {
	d := Dir(b.TempDir())
	for range b.N {
		_, _ = d.Marked("m")
		if err := d.Mark("m", Stamp{Boot: "4be7e5f6-5b0b-4a2b-9d1c-000000000001", Mono: time.Hour}); err != nil {
			b.Fatal(err)
		}
	}
}
