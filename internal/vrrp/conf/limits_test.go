package conf

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"keepalived-redis/internal/files"
)

// TestHostileFiles: whatever is written, reading ends soon, says why, and what stands before counts.
func TestHostileFiles(t *testing.T) {
	const first = "vrrp_instance FIRST {\nvirtual_ipaddress {\n192.0.2.91\n}\n}\n"
	const turns = "~SEQ(A, 1, 9999) ~SEQ(B, 1, 9999) ~SEQ(C, 1, 9999) x ${A}\n"
	for name, c := range map[string]struct{ conf, says string }{
		"a file that includes itself":           {first + "include keepalived.conf", "it includes itself"},
		"a pattern that includes itself":        {first + "include *.conf\n== a.conf\ninclude *.conf", "it includes itself"},
		"files that include each other":         {first + "include a.conf\n== a.conf\ninclude b.conf\ninclude b.conf\n== b.conf\ninclude a.conf", "it includes itself"},
		"a definition that names itself":        {first + "$A=$A\n$A", "names itself"},
		"a definition that grows":               {first + "$A=x $A\n$A", "too long"},
		"definitions that name each other":      {first + "$A=${B} \\\n${B}\n$B=${A} \\\n${A}\n$A", "in each other"},
		"a sequence of many turns":              {first + "~SEQ(A, 1, 2000000000) x", "more than 100000 lines"},
		"sequences in sequences":                {first + turns, "lines"},
		"a sequence that begins itself":         {first + "$S=~SEQ(A, 1, 3) ${S}\n$S", "each other"},
		"sequences that begin themselves":       {first + "$S=~SEQ(A, 1, 9999) ${S} \\\n${S}\n~SEQ(B, 1, 9999) $S", "each other"},
		"a line that is too long":               {first + strings.Repeat("x", 5000), "more than 1023 bytes"},
		"many lines":                            {first + strings.Repeat("x y z\n", 90_000), "more to say"},
		"more lines than are read":              {first + strings.Repeat("x\n", 250_000), "more than 100000 lines"},
		"many addresses":                        {first + "vrrp_instance A {\nvirtual_ipaddress {\n~SEQ(A, 250) ~SEQ(B, 250) 10.0.${A}.${B}\n}\nvirtual_ipaddress {\n192.0.2.1\n}\n}", "more than 1000 of a kind"},
		"many instances":                        {first + "$I=vrrp_instance V${A} { \\\n}\n~SEQ(A, 30000) $I", "more than 1000 of a kind"},
		"NUL bytes":                             {first + "router\x00\n\x00\n", "NUL"},
		"braces without an end":                 {first + strings.Repeat("{", 50_000), "are missing"},
		"ends without a brace":                  {first + strings.Repeat("}", 100_000), "too many"},
		"braces of an include":                  {first + "include " + strings.Repeat("{a,b}", 100), "there is no such file"},
		"an include of everything, many a time": {first + "include /**/../*/../*/../*/../etc/keepalived/a*\n== a\nx", "x here"},
		"a name of several lines":               {first + "vrrp_instance \"a\rb\" {\nfoo\rbar\n}", "foo"},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			got := parse(t, c.conf)
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("took %s", took)
			}
			if len(got.Instances) == 0 || got.Instances[0].Name != "FIRST" || len(got.Instances[0].Addresses) != 1 {
				t.Errorf("what stands before is lost: %+v", got.Instances)
			}
			if text := complaints(got); !strings.Contains(text, c.says) {
				t.Errorf("%q is not in\n%.2000s", c.says, text)
			}
		})
	}
}

// TestManyFiles: the files and bytes of all includes are bounded.
func TestManyFiles(t *testing.T) {
	big := strings.Repeat("#"+strings.Repeat("x", 999)+"\n", 1000)
	f := tree{mainFile: "vrrp_instance FIRST {\n}\ninclude d/*\ninclude e/*"}
	for i := range 1000 {
		f[fmt.Sprintf("/etc/keepalived/e/%d", i)] = "# nothing"
	}
	for i := range 8 {
		f[fmt.Sprintf("/etc/keepalived/d/%d", i)] = big
	}
	c, err := Parse(mainFile, Options{Files: f})
	if err != nil || len(c.Instances) != 1 || len(c.Files) > maxFiles {
		t.Fatalf("%v, %+v", err, c)
	}
	if text := complaints(c); !strings.Contains(text, "more bytes than are read") {
		t.Errorf("%.2000s", text)
	}
}

// TestDeepPatterns: a pattern does not walk over the whole disk.
func TestDeepPatterns(t *testing.T) {
	f := tree{mainFile: "vrrp_instance FIRST {\n}\ninclude /d/*/*/*/*/x\nfoo"}
	for i := range 2000 {
		f[fmt.Sprintf("/d/%d/a/b/c", i)] = "x"
	}
	c, err := Parse(mainFile, Options{Files: f})
	if err != nil || len(c.Instances) != 1 || !strings.Contains(complaints(c), "more than 1000 directories") {
		t.Errorf("%v, %s", err, complaints(c))
	}
}

// TestDisk: on a disk there are also directories, fifos, devices, links and programs where files are expected.
func TestDisk(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string, mode fs.FileMode) {
		t.Helper()
		if err := os.WriteFile(path(name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("main.conf", "include *.conf\ninclude fifo.conf/*\ninclude link\ninclude loop\ninclude missing\n", 0o644)
	write("b.conf", "vrrp_instance B {\n}", 0o644)
	write("run.conf", "vrrp_instance RUN {\n}", 0o755)
	write("large.conf", strings.Repeat("#\n", maxFileBytes), 0o644)
	write(".hidden.conf", "vrrp_instance HIDDEN {\n}", 0o644)
	for name, make := range map[string]func(string) error{
		"a directory.conf": func(p string) error { return os.Mkdir(p, 0o755) },
		"fifo.conf":        func(p string) error { return unix.Mkfifo(p, 0o644) },
		"zero.conf":        func(p string) error { return os.Symlink("/dev/zero", p) },
		"dangling.conf":    func(p string) error { return os.Symlink("nowhere", p) },
		"link":             func(p string) error { return os.Symlink("b.conf", p) },
		"loop":             func(p string) error { return os.Symlink("loop", p) },
	} {
		if err := make(path(name)); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Parse("main.conf", Options{Files: Disk{}, Dir: dir})
	if err != nil || len(c.Instances) != 1 || c.Instances[0].At.File != path("b.conf") {
		t.Fatalf("%v, %+v", err, c)
	}
	text := complaints(c)
	for _, want := range []string{"a directory.conf: it is a directory", "fifo.conf: it is not a regular file", "zero.conf: it is not a regular file", "dangling.conf: no such file",
		"run.conf: it can be executed", "large.conf: it is too large", "loop: too many levels", "missing: there is no such file", "main.conf: it includes itself", "vrrp_instance B is there already"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	for name, want := range map[string]error{"none": ErrNoConfiguration, "none*": ErrNoConfiguration, "a directory.conf": files.ErrDirectory, "fifo.conf": files.ErrNotRegular, "run.conf": ErrExecutable} {
		if _, err := Parse(name, Options{Files: Disk{}, Dir: dir}); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", name, err, want)
		}
	}
}
