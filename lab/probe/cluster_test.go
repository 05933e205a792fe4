package probe

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"keepalived-redis/lab/host"
)

// server is a redis-server of the test, on loopback.
type server struct {
	t    *testing.T
	port uint16
	addr string
	dir  string
	args []string
	cmd  *exec.Cmd
}

// freePort finds a port that is free, and the port 10000 above it, which a cluster's bus takes.
func freePort(t *testing.T) uint16 {
	t.Helper()
	for range 200 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		l.Close()
		// Ports that the kernel hands out to clients could be taken by one of the writers' own connections.
		port = 11000 + port%10000
		if usedPorts[port] {
			continue
		}
		a, err1 := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		b, err2 := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+10000))
		for _, l := range []net.Listener{a, b} {
			if l != nil {
				l.Close()
			}
		}
		if err1 == nil && err2 == nil {
			usedPorts[port] = true
			return uint16(port)
		}
	}
	t.Fatal("no free port")
	return 0
}

var usedPorts = map[int]bool{}

// newServer makes a server that is not started yet.
func newServer(t *testing.T, args ...string) *server {
	t.Helper()
	port := freePort(t)
	s := &server{t: t, port: port, addr: fmt.Sprintf("127.0.0.1:%d", port), dir: t.TempDir()}
	s.args = append([]string{"--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--dir", s.dir, "--save", "", "--daemonize", "no",
		"--repl-diskless-sync-delay", "0", "--enable-debug-command", "yes"}, args...)
	t.Cleanup(s.kill)
	return s
}

func (s *server) start() {
	s.t.Helper()
	out, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		s.t.Fatal(err)
	}
	defer out.Close()
	s.cmd = exec.Command("redis-server", s.args...)
	s.cmd.Stdout, s.cmd.Stderr = out, out
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	await(s.t, s.addr+" to answer", 5*time.Second, func() bool {
		_, err := s.try("PING")
		return err == nil
	})
}

func (s *server) signal(sig syscall.Signal) {
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Errorf("signal %s: %v", s.addr, err)
	}
}

// kill ends the server and waits until it is gone.
func (s *server) kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	s.cmd = nil
}

func (s *server) try(args ...string) (reply, error) {
	conn, err := net.DialTimeout("tcp", s.addr, time.Second)
	if err != nil {
		return reply{}, err
	}
	defer conn.Close()
	l := link{conn: conn, in: bufio.NewReader(conn)}
	r, err := l.ask(2*time.Second, appendCommand(nil, args...))
	if err == nil && r.err != "" {
		err = r.err
	}
	return r, err
}

// do sends a command that must succeed, and returns the instant of its answer.
func (s *server) do(args ...string) (reply, host.Mono) {
	s.t.Helper()
	r, err := s.try(args...)
	at := host.Now()
	if err != nil {
		s.t.Fatalf("%s: %v: %v", s.addr, args, err)
	}
	return r, at
}

// awaitStream waits until a write to the master arrives at the replica. That the replica says its link is up is not enough: after a full
// sync the master holds the stream back until the replica has acknowledged, up to 1 s.
func awaitStream(t *testing.T, master, replica *server, key string) {
	t.Helper()
	await(t, replica.addr+" to be linked", 5*time.Second, func() bool {
		r, err := replica.try("INFO", "replication")
		return err == nil && strings.Contains(r.text, "master_link_status:up")
	})
	master.do("SET", key, "x")
	await(t, "the write to arrive at "+replica.addr, 5*time.Second, func() bool {
		r, err := replica.try("DBSIZE")
		return err == nil && r.text == "1"
	})
}

func await(t *testing.T, what string, within time.Duration, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !cond(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s for %s", within, what)
		}
	}
}

// newCluster starts three masters and a replica of each: servers 0 to 2 and 3 to 5. Their nodes.conf are written ready, so that nobody
// needs to meet first.
func newCluster(t *testing.T) []*server {
	t.Helper()
	var all []*server
	for range 6 {
		all = append(all, newServer(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "15000", "--appendonly", "yes"))
	}
	slots := []string{" 0-5460", " 5461-10922", " 10923-16383"}
	id := func(i int) string { return strings.Repeat(fmt.Sprint(i), 40) }
	for me, s := range all {
		var b strings.Builder
		for i, o := range all {
			flags, master, own := "master", "-", ""
			if i < 3 {
				own = slots[i]
			} else {
				flags, master = "slave", id(i-3)
			}
			if i == me {
				flags = "myself," + flags
			}
			fmt.Fprintf(&b, "%s %s@%d %s %s 0 0 %d connected%s\n", id(i), o.addr, o.port+10000, flags, master, i%3+1, own)
		}
		b.WriteString("vars currentEpoch 6 lastVoteEpoch 0\n")
		if err := os.WriteFile(filepath.Join(s.dir, "nodes.conf"), []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		s.start()
	}
	await(t, "a whole cluster", 10*time.Second, func() bool {
		for _, s := range all {
			info, err := s.try("CLUSTER", "INFO")
			if err != nil || !strings.Contains(info.text, "cluster_state:ok") {
				return false
			}
		}
		return true
	})
	for i := range 3 {
		awaitStream(t, all[i], all[i+3], "warm:{"+tags[i*tagCount/3+1].text+"}")
	}
	return all
}

// recorder runs a writer and keeps its events.
type recorder struct {
	t     *testing.T
	stop  context.CancelFunc
	done  chan error
	pulse *pulse

	mu     sync.Mutex
	events []Event
}

func record1(t *testing.T, opts Options) *recorder {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &recorder{t: t, stop: cancel, done: make(chan error, 1), pulse: newPulse(t)}
	go func() {
		r.done <- Run(ctx, opts, func(e Event) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.events = append(r.events, e)
		})
	}()
	t.Cleanup(cancel)
	r.await("the first acknowledgements", func(e Event) bool { return e.Kind == Acks && len(e.Acks) > 5 })
	return r
}

func (r *recorder) all() []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Event(nil), r.events...)
}

// await waits for an event.
func (r *recorder) await(what string, match func(Event) bool) (found Event) {
	r.t.Helper()
	await(r.t, what, 10*time.Second, func() bool {
		for _, e := range r.all() {
			if match(e) {
				found = e
				return true
			}
		}
		return false
	})
	return found
}

// end stops the writing and returns the last event.
func (r *recorder) end() Event {
	r.t.Helper()
	r.stop()
	select {
	case err := <-r.done:
		if err != nil {
			r.t.Fatal(err)
		}
	case <-time.After(15 * time.Second):
		r.t.Fatal("the writer does not end")
	}
	all := r.all()
	last := all[len(all)-1]
	if last.Kind != Ended {
		r.t.Fatalf("the last event is %+v", last)
	}
	return last
}

// acksOf are all acknowledgements of a range.
func (r *recorder) acksOf(name string) (all []host.Mono) {
	for _, e := range r.all() {
		if e.Kind == Acks && e.Range == name {
			all = append(all, e.Acks...)
		}
	}
	return all
}

// around are the acknowledgements of a range on both sides of its longest gap.
func (r *recorder) around(name string) (last, first host.Mono) {
	acks := r.acksOf(name)
	for i := 1; i < len(acks); i++ {
		if acks[i].Sub(acks[i-1]) > first.Sub(last) {
			last, first = acks[i-1], acks[i]
		}
	}
	return last, first
}

func clusterOptions(all []*server) Options {
	o := Options{Source: "client", Mode: Cluster, VIP: netip.MustParseAddr("127.0.0.1"), VerifyWithin: 5 * time.Second}
	for _, s := range all {
		o.Ports = append(o.Ports, s.port)
	}
	return o
}
