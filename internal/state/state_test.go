package state

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestMake(t *testing.T) {
	root := t.TempDir()
	path := func(name string) string { return filepath.Join(root, name) }
	must := func(errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(path("file"), nil, 0o644), os.Mkdir(path("good"), 0o755), os.Symlink("good", path("link")), os.Symlink("none", path("dangling")),
		os.Mkdir(path("open"), 0o755), os.Chmod(path("open"), 0o775), os.Mkdir(path("private"), 0o700))
	for name, want := range map[string]string{
		"new/deep": "", "good": "", "private": "",
		"file":      "is not a directory; hint: remove it, it is made again",
		"link":      "is not a directory; hint: remove it, it is made again",
		"dangling":  "is not a directory; hint: remove it, it is made again",
		"open":      "can be written by others; hint: chmod go-w ROOT/open",
		"file/deep": "make state directory: mkdir ROOT/file: not a directory; hint: check that ROOT/file is a directory that this user can write into",
	} {
		err := Dir(path(name)).Make()
		if want == "" {
			if fi, statErr := os.Stat(path(name)); err != nil || statErr != nil || !fi.IsDir() {
				t.Errorf("%s: %v, %v", name, err, statErr)
			}
		} else if err == nil || !strings.HasSuffix(strings.ReplaceAll(err.Error(), root, "ROOT"), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
	if fi, err := os.Stat(path("new/deep")); err != nil || fi.Mode().Perm() != 0o755 {
		t.Errorf("a new directory: %v, %v", fi.Mode(), err)
	}
}

func TestMakeAsSomebodyElse(t *testing.T) {
	uid := os.Geteuid()
	if uid == 0 {
		uid = 65534
	}
	const want = "state directory /usr belongs to user 0; hint: chown it to the user that runs keepalived's scripts"
	if _, said := helper(t, uid, makes, "/usr"); said != want {
		t.Errorf("got %q, want %q", said, want)
	}
}

// content is a state as the programs keep them.
type content struct {
	Name  string         `json:"name"`
	Count int            `json:"count"`
	Seen  map[string]int `json:"seen,omitempty"`
}

func TestLoadDamaged(t *testing.T) {
	put := func(text string) func(string) error {
		return func(path string) error { return os.WriteFile(path, []byte(text), 0o644) }
	}
	for name, c := range map[string]struct {
		make func(path string) error
		says string
	}{
		"empty":              {put(""), "unexpected end of JSON input"},
		"half":               {put(`{"name": "x", "count": 1`), "unexpected end of JSON input"},
		"garbage":            {put("\x7fELF\x02\x01"), "invalid character"},
		"zeros":              {put(strings.Repeat("\x00", 4096)), "invalid character"},
		"a second value":     {put(`{"name": "x"}{"name": "y"}`), "after top-level value"},
		"nothing":            {put(" null\n"), "it holds nothing"},
		"another form":       {put(`[1, 2]`), "cannot unmarshal"},
		"half of it is good": {put(`{"name": "x", "seen": {"a": 1}, "count": "many"}`), "cannot unmarshal"},
		"too large":          {put(`"` + strings.Repeat("x", maxFile) + `"`), "it is too large"},
		"a fifo":             {func(p string) error { return syscall.Mkfifo(p, 0o600) }, "not a regular file"},
		"a directory":        {func(p string) error { return os.Mkdir(p, 0o755) }, "it is a directory"},
		"a device":           {func(p string) error { return os.Symlink("/dev/zero", p) }, "it is a link"},
		"a link":             {func(p string) error { return os.Symlink("other.json", p) }, "it is a link"},
		"a link to nothing":  {func(p string) error { return os.Symlink("none", p) }, "it is a link"},
	} {
		t.Run(name, func(t *testing.T) {
			d := Dir(t.TempDir())
			if err := d.Store("other.json", content{Name: "other"}); err != nil {
				t.Fatal(err)
			}
			if err := c.make(d.Path("f.json")); err != nil {
				t.Fatal(err)
			}
			before, err := os.Lstat(d.Path("f.json"))
			if err != nil {
				t.Fatal(err)
			}
			v := content{Count: 7, Seen: map[string]int{"b": 2}}
			want := content{Count: 7, Seen: map[string]int{"b": 2}}
			for _, read := range []func(string, any) (bool, error){d.Peek, d.Load} {
				found, err := read("f.json", &v)
				if found || !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), c.says) {
					t.Fatalf("found %v, %v", found, err)
				}
				if d := cmp.Diff(want, v); d != "" {
					t.Errorf("a damaged file has left something:\n%s", d)
				}
			}
			after, err := os.Lstat(d.Path("f.json.damaged"))
			if err != nil || !os.SameFile(before, after) {
				t.Errorf("it was not set aside: %v", err)
			}
			if found, err := d.Load("f.json", &v); found || err != nil {
				t.Errorf("afterwards: found %v, %v", found, err)
			}
			if err := d.Store("f.json", content{Name: "new"}); err != nil {
				t.Error(err)
			}
			if found, err := d.Load("other.json", &v); !found || err != nil || v.Name != "other" {
				t.Errorf("another file: %+v, %v", v, err)
			}
		})
	}
}

func TestLoadWhatIsNotThere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, d := range []Dir{Dir(t.TempDir()), "/none/at/all", Dir(file)} {
		v := content{Count: 7}
		if found, err := d.Load("f.json", &v); found || err != nil || v.Count != 7 {
			t.Errorf("%s: found %v, %v, %+v", d, found, err, v)
		}
		if err := d.Remove("f.json"); d != Dir(file) && err != nil {
			t.Error(err)
		}
	}
	for _, d := range []Dir{"/none/at/all", Dir(file)} {
		if err := d.Store("f.json", 1); err == nil || !strings.HasPrefix(err.Error(), "write state file "+d.Path("f.json")) {
			t.Errorf("%s: %v", d, err)
		}
		if _, err := d.TryLock("lock"); err == nil || errors.Is(err, ErrBusy) {
			t.Errorf("%s: %v", d, err)
		}
	}
	if err := Dir(t.TempDir()).Store("f.json", func() {}); err == nil || !strings.HasPrefix(err.Error(), "encode state file") {
		t.Errorf("what cannot be written as JSON: %v", err)
	}
}

// TestStoreBesideForeignFiles: a link is replaced and what it points to stays as it is, and the files of others stay.
func TestStoreBesideForeignFiles(t *testing.T) {
	d := Dir(t.TempDir())
	target := filepath.Join(t.TempDir(), "target")
	for path, text := range map[string]string{target: "theirs", d.Path("notes.txt"): "mine", d.Path(".hidden"): "hidden"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(target, d.Path("f.json")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(d.Path("f.json")); err != nil {
		t.Fatal(err)
	}
	if err := d.Store("f.json", 1); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, d.Path("lock")); err != nil {
		t.Fatal(err)
	}
	if _, err := d.TryLock("lock"); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("a lock that is a link: %v", err)
	}
	if err := d.Make(); err != nil {
		t.Error(err)
	}
	for path, want := range map[string]string{target: "theirs", d.Path("notes.txt"): "mine", d.Path(".hidden"): "hidden", d.Path("f.json"): "1\n"} {
		if text, err := os.ReadFile(path); string(text) != want || err != nil {
			t.Errorf("%s: %q, %v", path, text, err)
		}
	}
}

// keepalived starts its scripts with umask 0177, and root and an account without rights take turns.
func TestOwnerAndMode(t *testing.T) {
	d := Dir(t.TempDir())
	owner := os.Geteuid()
	if owner == 0 {
		owner = 65534
		if err := os.Chown(string(d), owner, owner); err != nil {
			t.Fatal(err)
		}
	}
	old := unix.Umask(0o177)
	err := d.Store("f.json", 1)
	unlock, lockErr := d.TryLock("lock")
	unix.Umask(old)
	if err := errors.Join(err, lockErr); err != nil {
		t.Fatal(err)
	}
	unlock()
	for name, mode := range map[string]os.FileMode{"f.json": 0o644, "lock": 0o600} {
		fi, err := os.Stat(d.Path(name))
		if err != nil {
			t.Fatal(err)
		}
		if st := fi.Sys().(*syscall.Stat_t); int(st.Uid) != owner || fi.Mode() != mode {
			t.Errorf("%s: user %d, mode %s", name, st.Uid, fi.Mode())
		}
	}
}

// Where other users can write, what they have written is not believed, and their locks hold nobody back.
func TestForeign(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("giving files away needs root; hint: run the tests as root")
	}
	const other, script = 12345, 12346
	for name, test := range map[string]struct {
		uid, dir int
		mode     os.FileMode
		want     string
	}{
		"ours":                        {uid: 0, mode: 0o644},
		"the directory's owner's":     {uid: script, dir: script, mode: 0o644},
		"root's in another's":         {uid: 0, dir: script, mode: 0o644},
		"another user's":              {uid: other, mode: 0o644, want: "it belongs to user 12345"},
		"another user's in another's": {uid: other, dir: script, mode: 0o600, want: "it belongs to user 12345"},
		"everybody's":                 {uid: 0, mode: 0o666, want: "everybody may write it"},
	} {
		t.Run(name, func(t *testing.T) {
			d := Dir(t.TempDir())
			for _, file := range []string{"f.json", "text", "lock"} {
				if err := errors.Join(os.WriteFile(d.Path(file), []byte(`{"name":"x"}`), 0o600), os.Chmod(d.Path(file), test.mode), os.Chown(d.Path(file), test.uid, test.uid)); err != nil {
					t.Fatal(err)
				}
			}
			if err := errors.Join(os.Chmod(string(d), 0o777), os.Chown(string(d), test.dir, test.dir)); err != nil {
				t.Fatal(err)
			}
			var c content
			found, err := d.Load("f.json", &c)
			text, there, textErr := d.Text("text")
			unlock, lockErr := d.TryLock("lock")
			if test.want == "" {
				if err := errors.Join(err, textErr, lockErr); err != nil || !found || c.Name != "x" || !there || text == "" {
					t.Fatalf("%v, found %v, content %+v, text %q", err, found, c, text)
				}
				unlock()
				if fi, err := os.Stat(d.Path("lock")); err != nil || fi.Mode().Perm() != 0o600 {
					t.Errorf("an open lock stays open to other users: %v, %v", fi.Mode(), err)
				}
				return
			}
			if found || c.Name != "" || text != "" {
				t.Errorf("believed: %+v, %q", c, text)
			}
			for _, err := range []error{err, textErr, lockErr} {
				if !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), test.want) {
					t.Errorf("got %v, want %q", err, test.want)
				}
			}
			if _, err := os.Lstat(d.Path("f.json.damaged")); err != nil {
				t.Errorf("it is not set aside: %v", err)
			}
		})
	}
}

// A user who may write into the directory must not be given a file of root by a second name of it, as kernels without protected_hardlinks let
// him make one.
func TestLockThatHasAnotherName(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("giving files away needs root; hint: run the tests as root")
	}
	const script = 12346
	root := t.TempDir()
	secret, d := filepath.Join(root, "secret"), Dir(filepath.Join(root, "state"))
	if err := errors.Join(os.WriteFile(secret, nil, 0o640), os.Mkdir(string(d), 0o755), os.Chown(string(d), script, script), os.Link(secret, d.Path("lock"))); err != nil {
		t.Fatal(err)
	}
	untouched := func() {
		t.Helper()
		if fi, err := os.Stat(secret); err != nil || fi.Sys().(*syscall.Stat_t).Uid != 0 || fi.Mode().Perm() != 0o640 {
			t.Errorf("%v, %v", fi, err)
		}
	}
	if _, err := d.TryLock("lock"); !errors.Is(err, ErrForeign) || !strings.HasSuffix(err.Error(), "it has another name; hint: remove it") {
		t.Errorf("got %v", err)
	}
	untouched()
	// One that has lost its other name meanwhile is used as it is.
	kept := filepath.Join(root, "kept")
	if err := errors.Join(os.Rename(secret, kept), os.Remove(d.Path("lock")), os.Rename(kept, d.Path("lock"))); err != nil {
		t.Fatal(err)
	}
	unlock, err := d.TryLock("lock")
	if err != nil {
		t.Fatal(err)
	}
	unlock()
	if fi, err := os.Stat(d.Path("lock")); err != nil || fi.Sys().(*syscall.Stat_t).Uid != 0 {
		t.Errorf("a lock that was there is given away: %v, %v", fi, err)
	}
}

func TestStamps(t *testing.T) {
	now := Now()
	if now.Zero() || now.Boot == "" || now.Mono <= 0 || !(Stamp{}).Zero() {
		t.Errorf("now is %+v", now)
	}
	if later := Now(); later.Since(now) < 0 || later.Since(now) > time.Minute {
		t.Errorf("%s have passed", later.Since(now))
	}
	for name, c := range map[string]struct {
		earlier Stamp
		want    time.Duration
	}{
		"this boot":                                {Stamp{now.Boot, now.Mono - time.Second, now.Wall}, time.Second},
		"this boot, the clock went on":             {Stamp{now.Boot, now.Mono - time.Second, now.Wall.Add(-time.Hour)}, time.Second},
		"this boot, to come":                       {Stamp{now.Boot, now.Mono + time.Second, now.Wall}, 0},
		"another boot":                             {Stamp{"other", now.Mono + time.Hour, now.Wall.Add(-now.Mono - time.Minute)}, now.Mono + time.Minute},
		"another boot, and the clock was put back": {Stamp{"other", 0, now.Wall.Add(time.Minute)}, now.Mono},
	} {
		// A stamp that went through a file is as good as one that did not.
		d := Dir(t.TempDir())
		var read Stamp
		if err := d.Store("stamp.json", c.earlier); err != nil {
			t.Fatal(err)
		}
		if found, err := d.Load("stamp.json", &read); name == "this boot, to come" {
			if !errors.Is(err, ErrFuture) || !errors.Is(err, ErrDamaged) {
				t.Errorf("%s: %v", name, err)
			}
			read = c.earlier
		} else if !found || err != nil {
			t.Fatal(err)
		}
		for _, s := range []Stamp{c.earlier, read} {
			if got := now.Since(s); got != c.want {
				t.Errorf("%s: %s, want %s", name, got, c.want)
			}
		}
	}
}

// page is a large value that is whole only when all of it is the same.
func page(i int) string { return strings.Repeat(fmt.Sprint(i%10), 32<<10) }
