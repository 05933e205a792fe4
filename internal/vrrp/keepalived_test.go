package vrrp

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"keepalived-redis/internal/procfs"
)

// The test program plays keepalived and its scripts: it is started under the names of other programs.
const (
	runs    = "helper-runs"    // runs the words behind it as a command
	answers = "helper-answers" // says who runs it
	waits   = "helper-waits"   // until its standard input ends
)

func TestMain(m *testing.M) {
	if len(os.Args) < 2 {
		os.Exit(m.Run())
	}
	switch os.Args[1] {
	case runs:
		c := exec.Command(os.Args[2], os.Args[3:]...)
		c.Stdout, c.Stderr = os.Stdout, os.Stderr
		fmt.Println("pid", os.Getpid())
		if err := c.Run(); err != nil {
			os.Exit(1)
		}
	case answers:
		caller, ok := Caller()
		first, alive := Parent(caller)
		fmt.Println("caller", caller.PID, ok, "first", first.PID, alive)
	case waits:
		fmt.Println("pid", os.Getpid())
		io.Copy(io.Discard, os.Stdin)
	default:
		os.Exit(m.Run())
	}
}

// named gives the test program another name, which is what the kernel calls the process.
func named(t *testing.T, name string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestCaller runs us as keepalived does, and as others do.
func TestCaller(t *testing.T) {
	me, keepalived := named(t, "chk-redis"), named(t, "keepalived")
	// The shell waits for what it runs, as the shells of CentOS 6 do.
	const script = `"$0" "$@"; exit $?`
	shell := func(words ...string) []string { return append([]string{"/bin/sh", "-c", script}, words...) }
	under := func(name string, words ...string) []string { return append([]string{name, runs}, words...) }
	look := []string{me, answers}
	for name, c := range map[string]struct {
		command []string
		// caller and first are which of the printed pids, counted from 1, 0 for none.
		caller, first int
	}{
		"keepalived":                 {under(keepalived, look...), 1, 1},
		"keepalived by a shell":      {under(keepalived, shell(look...)...), 1, 1},
		"its VRRP child":             {under(keepalived, under(keepalived, look...)...), 2, 1},
		"its VRRP child, by a shell": {under(keepalived, under(keepalived, shell(look...)...)...), 2, 1},
		"two shells":                 {under(keepalived, shell(shell(look...)...)...), 0, 0},
		"a person":                   {shell(look...), 0, 0},
		"a name with brackets":       {under(named(t, "a) b (c"), look...), 0, 0},
		"a name that plays a line":   {under(named(t, "keepalived) S 1"), look...), 0, 0},
		"a name that begins alike":   {under(named(t, "keepalived2"), look...), 0, 0},
		"another program of its":     {under(keepalived, under(named(t, "wrapper"), look...)...), 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := exec.Command(c.command[0], c.command[1:]...).CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			pids := []int{0}
			var got string
			for _, line := range strings.Split(string(out), "\n") {
				if n, ok := strings.CutPrefix(line, "pid "); ok {
					pid, err := strconv.Atoi(n)
					if err != nil {
						t.Fatal(err)
					}
					pids = append(pids, pid)
				} else if line != "" {
					got = line
				}
			}
			if want := fmt.Sprint("caller ", pids[c.caller], " ", c.caller > 0, " first ", pids[c.first], " ", c.first > 0); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// waiting starts a process of that name that lives until the test ends.
func waiting(t *testing.T, name string) int {
	t.Helper()
	c := exec.Command(named(t, name), waits)
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); c.Wait() })
	var pid int
	if _, err := fmt.Fscanf(out, "pid %d\n", &pid); err != nil {
		t.Fatal(err)
	}
	return pid
}

func TestParentByPIDFile(t *testing.T) {
	before := pidFiles
	t.Cleanup(func() { pidFiles = before })
	keepalived, other := waiting(t, "keepalived"), waiting(t, "a) b (c")
	file := filepath.Join(t.TempDir(), "keepalived.pid")
	pidFiles = []string{file + ".none", file}
	for text, want := range map[string]int{
		fmt.Sprintf("%d\n", keepalived): keepalived, fmt.Sprintf(" %d", keepalived): keepalived,
		fmt.Sprintf("%d\n", other): 0, "": 0, "\n": 0, "0\n": 0, "1\n": 0, "-1\n": 0, "garbage": 0, "99999999999999999999": 0, fmt.Sprintf("%d %d", keepalived, other): 0,
	} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		p, alive := Parent(Process{})
		if p.PID != want || alive != (want != 0) || alive == p.Zero() {
			t.Errorf("%q: got %+v, %v", text, p, alive)
		}
	}
	// A process that has taken the number of our keepalived is not our keepalived. No pid file tells otherwise.
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	p, err := procfs.Read(keepalived)
	start := p.Start
	if err != nil {
		t.Fatal(err)
	}
	if p, alive := Parent(Process{keepalived, start}); !alive || p != (Process{keepalived, start}) {
		t.Errorf("got %+v, %v", p, alive)
	}
	if p, alive := Parent(Process{keepalived, start + 1}); alive {
		t.Errorf("a later process with the same number is taken for it: %+v", p)
	}
}

func TestStatKnowsARecycledNumber(t *testing.T) {
	c := exec.Command("sleep", "30")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	p, err := procfs.Read(c.Process.Pid)
	start := p.Start
	if err != nil || p.Parent != os.Getpid() || start == 0 {
		t.Fatalf("parent %d, start %d, %v", p.Parent, start, err)
	}
	if _, alive := Parent(Process{c.Process.Pid, start}); alive {
		t.Error("a sleep is taken for keepalived")
	}
	if _, ok := Caller(); ok {
		t.Error("go test is taken for keepalived")
	}
}
