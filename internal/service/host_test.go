package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/procfs"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/testing/redistest"
)

// host is one instance of a test with directories of its own.
type host struct {
	t        *testing.T
	dir      string
	instance config.Instance
	manager  *processes
}

// newHost writes a configuration with the lines given on top of a working one.
func newHost(t *testing.T, lines ...string) *host {
	t.Helper()
	b := &host{t: t, dir: t.TempDir()}
	addr := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), redistest.FreePort(t))
	b.instance = config.Instance{Addr: addr, Port: addr.Port(), Conf: filepath.Join(b.dir, "redis.conf")}
	b.write(append([]string{
		"port " + strconv.Itoa(int(addr.Port())), "bind 127.0.0.1", "dir " + b.dir, "daemonize yes", "logfile redis.log",
		"pidfile " + filepath.Join(b.dir, "redis.pid"),
	}, lines...)...)
	m, err := New(&config.Config{Service: config.Service{
		Backend: config.BackendProcess, Server: "redis-server", Account: "root", StartTimeout: 20 * time.Second, StopTimeout: 20 * time.Second,
	}}, b.run(), b.durable())
	if err != nil {
		t.Fatal(err)
	}
	b.manager = m.(*processes)
	t.Cleanup(b.clear)
	return b
}

func (b *host) run() state.Dir     { return state.Dir(filepath.Join(b.dir, "run")) }
func (b *host) durable() state.Dir { return state.Dir(filepath.Join(b.dir, "lib")) }
func (b *host) pidFile() string    { return filepath.Join(b.dir, "redis.pid") }

func (b *host) write(lines ...string) {
	b.t.Helper()
	if err := os.WriteFile(b.instance.Conf, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// clear ends what the test has started, whatever became of it.
func (b *host) clear() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for _, pid := range b.servers() {
		p, err := procfs.Read(pid)
		if err != nil {
			continue
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			b.t.Errorf("end redis-server %d: %v", pid, err)
		}
		if !await(ctx, func() bool { return !p.Lives() }) {
			b.t.Errorf("redis-server %d does not end", pid)
		}
	}
}

// servers are the processes that listen on the port or name the configuration: independent of what is tested, as far as
// it can be.
func (b *host) servers() []int {
	b.t.Helper()
	all, err := pids()
	if err != nil {
		b.t.Fatal(err)
	}
	var found []int
	for _, pid := range all {
		line := strings.Join(arguments(pid), " ")
		if strings.Contains(line, "redis-server") && (strings.Contains(line, b.instance.Conf) || strings.Contains(line, ":"+strconv.Itoa(int(b.instance.Port)))) {
			if p, err := procfs.Read(pid); err == nil && p.Alive() {
				found = append(found, pid)
			}
		}
	}
	return found
}

func (b *host) start() {
	b.t.Helper()
	if err := b.manager.Start(context.Background(), b.instance); err != nil {
		b.t.Fatal(err)
	}
}

// status fails the test unless the instance has the status.
func (b *host) status(want Status) State {
	b.t.Helper()
	got := b.manager.Status(context.Background(), b.instance)
	// A process that another test forks in this instant holds our locks until it runs its program.
	for end := time.Now().Add(5 * time.Second); got.Status == Busy && want != Busy && time.Now().Before(end); time.Sleep(time.Millisecond) {
		got = b.manager.Status(context.Background(), b.instance)
	}
	if got.Status != want {
		b.t.Fatalf("status = %d %q (pid %d), want %d", got.Status, got.Reason, got.PID, want)
	}
	if (got.PID != 0) != (want == Running) && want != Busy {
		b.t.Fatalf("status %d with pid %d", got.Status, got.PID)
	}
	return got
}

// ping asks the server itself.
func (b *host) ping() string {
	b.t.Helper()
	return b.ask("PING")
}

func (b *host) ask(command string) string {
	b.t.Helper()
	conn, err := net.DialTimeout("tcp", b.instance.Addr.String(), 5*time.Second)
	if err != nil {
		return err.Error()
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		b.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "%s\r\n", command); err != nil {
		return err.Error()
	}
	answer := make([]byte, 4096)
	n, err := conn.Read(answer)
	if err != nil {
		return err.Error()
	}
	return string(answer[:n])
}

// sleeper is a process that is no redis-server.
func sleeper(t *testing.T, argv0 string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "600")
	if argv0 != "" {
		cmd.Args[0] = argv0
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// It may have been ended by what is tested; the test itself says so then.
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
