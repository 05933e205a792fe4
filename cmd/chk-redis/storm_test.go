package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"keepalived-redis/internal/testing/buildtest"
	"keepalived-redis/internal/testing/redistest"
)

// The storm tests run the program as it is installed, on real servers, many times. They are small in go test; make
// storm-check runs them in the sizes that are promised.
var full = os.Getenv("REDIS_STORM") == "full"

// size is how often something is done.
func size(small, big int) int {
	if full {
		return big
	}
	return small
}

// host is a configuration with its instances, and a watch over their servers.
type host struct {
	dir, program, control string
	deadline              time.Duration
	ports                 []uint16
	watch                 *watch
}

// newHost makes a host whose instances listen on the ports; they do not run yet. Nothing that belongs to it outlives the
// test.
func newHost(t *testing.T, deadline time.Duration, ports ...uint16) *host {
	t.Helper()
	bin, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	b := &host{dir: dir, program: filepath.Join(bin, "chk-redis"), control: filepath.Join(bin, "control"), deadline: deadline, ports: ports}
	var instances []string
	for n, port := range ports {
		instances = append(instances, fmt.Sprintf("%q", fmt.Sprintf("127.0.0.1:%d", port)))
		data := filepath.Join(dir, fmt.Sprint("data", port))
		if err := os.Mkdir(data, 0o755); err != nil {
			t.Fatal(err)
		}
		// Both ways a server can start, and both ways it can have something to load.
		b.write(t, fmt.Sprintf("%d.conf", port), fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\nlogfile redis.log\npidfile %s/redis.pid\ndaemonize %s\nappendonly %s\n",
			port, data, data, []string{"no", "yes"}[n%2], []string{"no", "yes"}[n/2%2]))
	}
	// The shortest window there is keeps the back-off below a third of a second and gives nothing up.
	b.write(t, "chk.toml", fmt.Sprintf("instances = [%s]\nwitness = \"none\"\nstate_dir = %q\nrun_dir = %q\n[service]\nbackend = \"process\"\naccount = \"root\"\nconf = %q\n[restart]\nburst = 1000\nwindow = \"1s\"\n",
		strings.Join(instances, ", "), filepath.Join(dir, "lib"), filepath.Join(dir, "run"), filepath.Join(dir, "%p.conf")))
	b.watch = newWatch(t, dir, ports)
	return b
}

// programs builds the check, as it is installed, and its control: once, into a directory that vanishes with this process'
// namespaces.
var programs = sync.OnceValues(func() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "storm"); err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", dir+"/", "./testdata/control")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the control: %w: %s", err, out)
	}
	return dir, buildtest.Programs("../..", dir, []string{"chk-redis"})
})

func (b *host) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// freePorts gives n ports that differ.
func freePorts(t *testing.T, n int) []uint16 {
	var ports []uint16
	for len(ports) < n {
		if p := redistest.FreePort(t); !slices.Contains(ports, p) {
			ports = append(ports, p)
		}
	}
	return ports
}

// hangs is when a run is ended that never would end.
const hangs = 30 * time.Second

// execution is a program that was started, and then how it ended.
type execution struct {
	cmd            *exec.Cmd
	out            bytes.Buffer
	begun          time.Time
	deadline, took time.Duration
	code           int
	ended          chan struct{}
}

// begin starts a program and returns while it runs.
func (b *host) begin(t *testing.T, program string, args ...string) *execution {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), hangs)
	r := &execution{cmd: exec.CommandContext(ctx, program, args...), deadline: b.deadline, ended: make(chan struct{})}
	r.cmd.Stdout, r.cmd.Stderr, r.cmd.WaitDelay = &r.out, &r.out, time.Second
	r.begun = time.Now()
	if err := r.cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	go func() {
		defer cancel()
		err := r.cmd.Wait()
		r.took, r.code = time.Since(r.begun), r.cmd.ProcessState.ExitCode()
		if err != nil && r.code == 0 {
			fmt.Fprintln(&r.out, err) // its output is still open: something that it started has it
			r.code = -2
		}
		close(r.ended)
	}()
	t.Cleanup(func() { <-r.ended })
	return r
}

func (b *host) beginCheck(t *testing.T) *execution {
	t.Helper()
	return b.begin(t, b.program, "--config", filepath.Join(b.dir, "chk.toml"), "--deadline", b.deadline.String(), "--act")
}

func (b *host) beginControl(t *testing.T) *execution {
	t.Helper()
	return b.begin(t, b.control, b.deadline.String())
}

// check is one whole run.
func (b *host) check(t *testing.T) *execution {
	t.Helper()
	r := b.beginCheck(t)
	<-r.ended
	return r
}

// allUp: the run has found every instance up. Its exit code would be the same with one of several.
func (r *execution) allUp() bool {
	return r.code == 0 && allAnswer.Match(r.out.Bytes())
}

var allAnswer = regexp.MustCompile(`(?m)^healthy: (all \d+ instances answer|the instance answers)$`)

// bringUp runs the check until all instances are up.
func (b *host) bringUp(t *testing.T) {
	t.Helper()
	var last *execution
	for end := time.Now().Add(hangs); time.Now().Before(end); {
		if last = b.check(t); last.allUp() {
			return
		}
	}
	t.Fatalf("the instances do not come up: %d, %s", last.code, last.out.String())
}

// plain are state files, and what all of their text looks like.
var plain = map[string]*regexp.Regexp{
	"verdict.json": regexp.MustCompile(`^\{"verdict":"(healthy|degraded|unhealthy)","because":\[".+"\].*\}\n?$`),
	"looked":       regexp.MustCompile(`^[0-9a-f-]{36} \d+ +\n$`),
	"roles.json":   regexp.MustCompile(`^\{("[^"]+":\{.*\},?)*\}\n$`),
}

// leftovers looks at all that the runs have written: every file is whole, nothing was set aside. It returns the files
// that were begun and not renamed, which only a run that was ended in the middle may leave.
func (b *host) leftovers(t *testing.T) (begun []string) {
	t.Helper()
	for _, name := range []string{"run", "lib"} {
		entries, err := os.ReadDir(filepath.Join(b.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			path := filepath.Join(b.dir, name, e.Name())
			switch {
			case strings.HasSuffix(e.Name(), ".damaged"):
				text, err := os.ReadFile(path)
				t.Errorf("set aside: %s: %q, %v", path, text, err)
			case strings.HasPrefix(e.Name(), "."):
				begun = append(begun, path)
			case filepath.Ext(path) == ".json":
				text, err := os.ReadFile(path)
				if like := plain[e.Name()]; err != nil || !json.Valid(text) || like != nil && !like.Match(text) {
					t.Errorf("damaged: %s: %q, %v", path, text, err)
				}
			case filepath.Ext(path) == ".toml":
				want, err := os.ReadFile(filepath.Join(b.dir, "chk.toml"))
				text, err2 := os.ReadFile(path)
				if err := errors.Join(err, err2); err != nil || !bytes.HasPrefix(text, want) || !bytes.HasSuffix(text, []byte("\n")) {
					t.Errorf("damaged: %s: %q, %v", path, text, err)
				}
			case plain[e.Name()] != nil:
				text, err := os.ReadFile(path)
				if err != nil || !plain[e.Name()].Match(text) {
					t.Errorf("damaged: %s: %q, %v", path, text, err)
				}
			case filepath.Ext(path) != ".lock":
				t.Errorf("what is this? %s", path)
			}
		}
	}
	return begun
}

// sweeps: what was begun and left is gone with the next run, once it is old.
func (b *host) sweeps(t *testing.T) {
	t.Helper()
	left := b.leftovers(t)
	// One more, so that there is always one to sweep.
	planted := filepath.Join(b.dir, "run", ".verdict.json1234567890123456789")
	if err := os.WriteFile(planted, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	left = append(left, planted)
	old := time.Now().Add(-time.Hour)
	for _, path := range left {
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
	}
	// A run sweeps where it writes.
	for _, name := range []string{"run/verdict.json", "lib/roles.json"} {
		if err := os.Remove(filepath.Join(b.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if r := b.check(t); !r.allUp() {
		t.Errorf("the last run: %d, %s", r.code, r.out.String())
	}
	if now := b.leftovers(t); len(now) > 0 {
		t.Errorf("left behind: %q", now)
	}
	t.Logf("%d files were begun and left, and swept by the next run", len(left)-1)
}

// locksAreFree: nobody holds a lock. A child between fork and exec has those of its parent for a moment more.
func (b *host) locksAreFree(t *testing.T) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(b.dir, "run", "*.lock"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		redistest.Await(t, path+" is free", func() bool { return unix.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil })
		f.Close()
	}
}
