package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"keepalived-redis/internal/testing/redistest"
)

// server is a redis-server as /proc shows it.
type server struct {
	pid, parent int
	start       string
	port        uint16
}

// watch looks at the process table all the time: an instance has one server at most.
type watch struct {
	dir   string
	ports []uint16

	mu     sync.Mutex
	looks  int
	double map[string]bool
}

func newWatch(t *testing.T, dir string, ports []uint16) *watch {
	w := &watch{dir: dir, ports: ports, double: map[string]bool{}}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				w.look()
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-stopped
		// A run that has ended may have left a server that is just starting, so it looks again.
		redistest.Await(t, "the servers are gone", func() bool {
			all := w.servers()
			for _, s := range all {
				s.kill(syscall.SIGKILL)
			}
			return len(all) == 0
		})
		for what := range w.double {
			t.Error(what)
		}
		t.Logf("%d looks at the process table", w.looks)
		if w.looks == 0 {
			t.Error("nobody has looked at the process table")
		}
	})
	return w
}

// look notes the instances that have two servers. The table is not read in one instant: the first must still live once the
// second has been seen.
func (w *watch) look() {
	all := w.servers()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looks++
	for i, s := range all {
		for _, other := range all[i+1:] {
			// A child of the server saves its data, or is about to be the server, as its parent ends.
			if s.port == other.port && other.parent != s.pid && s.parent != other.pid && s.lives() {
				w.double[fmt.Sprintf("port %d has two servers: %d and %d", s.port, s.pid, other.pid)] = true
			}
		}
	}
}

// servers are those of the host. Those that have ended are collected on the way: their parent has ended, and here that
// makes them ours.
func (w *watch) servers() []server {
	var all []server
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		s, state := readServer(pid)
		if state == 'Z' && s.parent == os.Getpid() {
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
		}
		if state == 0 || state == 'Z' || state == 'X' {
			continue
		}
		line, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		args := strings.FieldsFunc(string(line), func(r rune) bool { return r == 0 || r == ' ' })
		if len(args) < 2 || filepath.Base(args[0]) != "redis-server" {
			continue
		}
		for _, port := range w.ports {
			if slices.Contains(args[1:], filepath.Join(w.dir, fmt.Sprintf("%d.conf", port))) || strings.HasSuffix(args[1], fmt.Sprintf(":%d", port)) {
				s.port = port
				all = append(all, s)
			}
		}
	}
	return all
}

// of is the server of the port.
func (w *watch) of(port uint16) (server, bool) {
	for _, s := range w.servers() {
		if s.port == port {
			return s, true
		}
	}
	return server{}, false
}

// readServer reads a process that calls itself redis-something; a state of 0 is any other.
func readServer(pid int) (s server, state byte) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if err != nil || open < 0 || end < 0 || !bytes.HasPrefix(stat[open+1:], []byte("redis-")) {
		return server{}, 0
	}
	// proc(5): after the name the state, the parent and, as the 20th, the start.
	f := strings.Fields(string(stat[end+1:]))
	parent, _ := strconv.Atoi(f[1])
	return server{pid: pid, parent: parent, start: f[19]}, f[0][0]
}

func (s server) lives() bool {
	now, state := readServer(s.pid)
	return state != 0 && state != 'Z' && state != 'X' && now.start == s.start
}

// kill sends the signal; a server that is gone needs none.
func (s server) kill(sig syscall.Signal) {
	if s.lives() {
		_ = syscall.Kill(s.pid, sig)
	}
}

// killAndWait ends the server of the port with SIGKILL and returns when it is gone.
func (w *watch) killAndWait(t *testing.T, port uint16) {
	t.Helper()
	redistest.Await(t, fmt.Sprintf("the server of port %d is gone", port), func() bool {
		s, lives := w.of(port)
		if lives {
			s.kill(syscall.SIGKILL)
		}
		return !lives
	})
}
