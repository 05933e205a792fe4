package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"keepalived-redis/internal/testing/disktest"
	"keepalived-redis/internal/testing/redistest"
)

// hangers are instances that hang, each in its own way. They give their port.
var hangers = []struct {
	name string
	hang func(t *testing.T) (port uint16)
}{
	{"stands still", stopServer},
	{"a byte every 100 ms", trickle},
	{"answers no SYN", dropSYN},
}

// TestStormHung: whatever an instance does, the check says unhealthy, and is out at its deadline.
func TestStormHung(t *testing.T) {
	for _, h := range hangers {
		t.Run(h.name, func(t *testing.T) { newHost(t, 0, h.hang(t)).runHung(t) })
	}
	t.Run("all at once", func(t *testing.T) {
		var ports []uint16
		for _, h := range hangers {
			ports = append(ports, h.hang(t))
		}
		newHost(t, 0, ports...).runHung(t)
	})
	// The looks at an instance end before the deadline does. A disk that hangs is what only the deadline itself ends.
	t.Run("and the disk", func(t *testing.T) {
		b := newHost(t, 0, stopServer(t))
		lib := filepath.Join(b.dir, "lib")
		if err := os.Mkdir(lib, 0o755); err != nil {
			t.Fatal(err)
		}
		release, err := disktest.Hang(lib)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := release(); err != nil {
				t.Error(err)
			}
		}()
		b.runHung(t)
	})
}

// runHung makes the runs, few side by side: most with a short deadline, so that they are done sooner, and the rest with
// the usual one.
func (b *host) runHung(t *testing.T) {
	var allChecks, allControls []*execution
	for _, c := range []struct {
		deadline time.Duration
		runs     int
	}{{200 * time.Millisecond, size(9, 150)}, {900 * time.Millisecond, size(3, 50)}} {
		b.deadline = c.deadline
		checks, controls := b.sideBySide(t, c.runs, 3, 2, 2)
		for _, r := range checks {
			if r.code != 1 {
				t.Errorf("exit code %d, after %s: %s", r.code, r.took, r.out.String())
			}
		}
		ours := overruns(checks)
		t.Logf("deadline %s: %s to %s after it", b.deadline, ours[0], ours[len(ours)-1])
		allChecks, allControls = append(allChecks, checks...), append(allControls, controls...)
	}
	compare(t, allChecks, allControls)
}

// stopServer starts a real server and stops it with SIGSTOP.
func stopServer(t *testing.T) uint16 {
	t.Helper()
	s := redistest.Start(t)
	if err := syscall.Kill(s.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	redistest.Await(t, "the server stands still", func() bool {
		_, state := readServer(s.PID())
		return state == 'T'
	})
	return s.Addr.Port()
}

// trickle takes connections and answers with the beginning of a long text, a byte every 100 ms.
func trickle(t *testing.T) uint16 {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	stop := make(chan struct{})
	t.Cleanup(func() {
		close(stop)
		l.Close()
		all.Wait()
	})
	all.Add(1)
	go func() {
		defer all.Done()
		for {
			c, err := l.Accept()
			if err != nil {
				return // it is closed
			}
			all.Add(1)
			go func() {
				defer all.Done()
				defer c.Close()
				tick := time.NewTicker(100 * time.Millisecond)
				defer tick.Stop()
				for text := []byte("$9999\r\n# Server\r\nredis_version:7.0.15\r\n"); len(text) > 0; text = text[1:] {
					if _, err := c.Write(text[:1]); err != nil {
						return
					}
					select {
					case <-stop:
						return
					case <-tick.C:
					}
				}
			}()
		}
	}()
	return uint16(l.Addr().(*net.TCPAddr).Port)
}

// dropSYN listens with a queue that is full: Linux throws away every further SYN. The end of the test asks again whether
// it has done so all the time.
func dropSYN(t *testing.T) uint16 {
	t.Helper()
	port := redistest.FreePort(t)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: int(port), Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	connects := func() bool {
		c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), 500*time.Millisecond)
		if err != nil {
			return false
		}
		t.Cleanup(func() { c.Close() })
		return true
	}
	redistest.Await(t, "a SYN is not answered", func() bool { return !connects() })
	t.Cleanup(func() {
		if connects() {
			t.Error("in the end a SYN was answered")
		}
	})
	return port
}
