package procfs

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// rest is a line of the process table behind the name.
const rest = " S 7 1 1 0 -1 4194560 1 0 0 0 3 4 0 0 20 0 5 0 4711 1 1\n"

func TestParse(t *testing.T) {
	for line, want := range map[string]string{
		"5 (keepalived)" + rest:        "keepalived 7 4711 70ms",
		"5 (a) b (c)" + rest:           "a) b (c 7 4711 70ms",
		"5 ()" + rest:                  " 7 4711 70ms",
		"5 (keepalived) S 1 ()" + rest: "keepalived) S 1 ( 7 4711 70ms",
		"5 (two\nlines)" + rest:        "two\nlines 7 4711 70ms",
	} {
		p, err := Parse([]byte(line))
		if got := fmt.Sprint(p.Comm, " ", p.Parent, " ", p.Start, " ", p.CPU); got != want || err != nil || p.State != 'S' || p.threads != 5 || p.PID != 5 {
			t.Errorf("%q: got %+v, %v", line, p, err)
		}
	}
	for _, line := range []string{"", "5", "5 (", "5 )(", "5 (x)", "5 (x) S", "5 (x) S 7 1 1 0", "x (x)" + rest, ")(", "(x)" + rest, strings.Replace("5 (x)"+rest, " 7 ", " x ", 1),
		strings.Replace("5 (x)"+rest, " 4711 ", " -1 ", 1), strings.Replace("5 (x)"+rest, " 7 ", " -7 ", 1)} {
		if p, err := Parse([]byte(line)); !errors.Is(err, errStat) {
			t.Errorf("%q: got %+v, %v", line, p, err)
		}
	}
	for state, alive := range map[string]bool{"R": true, "Z": true, "X": false, "x": false} { // Z with other threads
		if p, err := Parse([]byte(strings.Replace("5 (x)"+rest, " S ", " "+state+" ", 1))); err != nil || p.Alive() != alive {
			t.Errorf("a process in state %s: alive %v, %v", state, p.Alive(), err)
		}
	}
	self, err := Read(os.Getpid())
	if err != nil || self.PID != os.Getpid() || self.Parent != os.Getppid() || !self.Alive() || !self.Lives() {
		t.Errorf("ourselves: %+v, %v", self, err)
	}
	if main, err := ReadMainThread(os.Getpid()); err != nil || main.Start != self.Start {
		t.Errorf("our main thread: %+v, %v", main, err)
	}
}

// FuzzParse: whatever a process calls itself, it is not taken for another.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"keepalived", "a) b (c", "keepalived) S 1 (", "\n", ""} {
		f.Add(name, []byte("1 (x) S 1"))
	}
	f.Fuzz(func(t *testing.T, name string, line []byte) {
		if p, err := Parse(line); err == nil && (p.Parent < 0 || p.PID <= 0) {
			t.Errorf("%q: %+v", line, p)
		}
		if p, err := Parse([]byte("5 (" + name + ")" + rest)); p.Comm != name || p.Parent != 7 || p.Start != 4711 || err != nil {
			t.Errorf("%q: got %+v, %v", name, p, err)
		}
	})
}
