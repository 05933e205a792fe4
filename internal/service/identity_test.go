package service

import (
	"context"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/procfs"
)

func TestForeignPIDFileIsNeverSignalled(t *testing.T) {
	for _, name := range []string{"", "redis-server"} {
		t.Run("called "+name, func(t *testing.T) {
			b := newHost(t)
			other := sleeper(t, name)
			writeFile(t, b.pidFile(), strconv.Itoa(other.Process.Pid)+"\n")
			if s := b.status(Dead); s.StalePIDFile != b.pidFile() {
				t.Errorf("stale pid file = %q", s.StalePIDFile)
			}
			for _, end := range []func() error{
				func() error { return b.manager.Kill(context.Background(), b.instance) },
				func() error { return b.manager.Stop(context.Background(), b.instance, false) },
			} {
				writeFile(t, b.pidFile(), strconv.Itoa(other.Process.Pid)+"\n")
				if err := end(); err != nil {
					t.Error(err)
				}
				if p, err := procfs.Read(other.Process.Pid); err != nil || !p.Alive() {
					t.Fatal("another program was ended")
				}
			}
			if procfs.ReadPIDFile(b.pidFile()) != 0 {
				t.Error("stop left the stale pid file")
			}
			writeFile(t, b.pidFile(), strconv.Itoa(other.Process.Pid)+"\n")
			b.start()
			if pid := b.status(Running).PID; pid == other.Process.Pid {
				t.Error("another program passes as the server")
			}
		})
	}
}

func TestPIDFileOfAnotherInstance(t *testing.T) {
	one, other := newHost(t), newHost(t)
	other.start()
	pid := other.status(Running).PID
	writeFile(t, one.pidFile(), strconv.Itoa(pid)+"\n")
	one.status(Dead)
	if err := one.manager.Kill(context.Background(), one.instance); err != nil {
		t.Fatal(err)
	}
	if got := other.status(Running).PID; got != pid {
		t.Errorf("the other instance has pid %d, had %d", got, pid)
	}
}

func TestRecycledPIDIsAnotherProcess(t *testing.T) {
	b := newHost(t)
	b.start()
	p, err := procfs.Read(b.status(Running).PID)
	if err != nil {
		t.Fatal(err)
	}
	if !p.Lives() {
		t.Fatal("the server does not live")
	}
	recycled := p
	recycled.Start--
	if recycled.Lives() {
		t.Error("a process that started at another time passes as the same")
	}
	if err := b.manager.target(b.instance).signal(recycled, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	if !p.Lives() {
		t.Error("a recycled pid was signalled")
	}
}

func TestServerWithoutPIDFileIsFound(t *testing.T) {
	b := newHost(t)
	b.start()
	pid := b.status(Running).PID
	for _, text := range []string{"", "garbage", "-1", "0", "1", "99999999999999999999", strconv.Itoa(os.Getpid()), "4194000"} {
		writeFile(t, b.pidFile(), text)
		if got := b.status(Running).PID; got != pid {
			t.Errorf("pid file %q: pid %d, want %d", text, got, pid)
		}
	}
	if err := os.Remove(b.pidFile()); err != nil {
		t.Fatal(err)
	}
	if got := b.status(Running).PID; got != pid {
		t.Errorf("without a pid file: pid %d, want %d", got, pid)
	}
	if err := unix.Mkfifo(b.pidFile(), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := b.status(Running).PID; got != pid {
		t.Errorf("with a fifo: pid %d, want %d", got, pid)
	}
	if err := b.manager.Stop(context.Background(), b.instance, false); err != nil {
		t.Fatal(err)
	}
	b.status(Dead)
}

func TestSamePortOnAnotherAddress(t *testing.T) {
	one := newHost(t)
	one.start()
	other := newHost(t)
	other.instance.Addr = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), one.instance.Port)
	other.instance.Port = one.instance.Port
	other.write("port "+strconv.Itoa(int(one.instance.Port)), "bind 127.0.0.2", "daemonize yes", "dir "+other.dir, "pidfile "+other.pidFile())
	other.status(Dead)
	other.write("port "+strconv.Itoa(int(one.instance.Port)), "bind 127.0.0.2 192.0.2.1", "daemonize yes", "dir "+other.dir)
	if err := other.manager.Start(context.Background(), other.instance); err == nil {
		t.Error("a server on another address passes as the one that could not start")
	}
	other.write("port "+strconv.Itoa(int(one.instance.Port)), "bind 127.0.0.2", "daemonize yes", "dir "+other.dir, "pidfile "+other.pidFile())
	other.start()
	if a, b := one.status(Running).PID, other.status(Running).PID; a == b {
		t.Errorf("both have pid %d", a)
	}
	if err := other.manager.Stop(context.Background(), other.instance, false); err != nil {
		t.Fatal(err)
	}
	other.status(Dead)
	one.status(Running)
}

func TestSecondBindAddress(t *testing.T) {
	// The title shows 127.0.0.2, we know the instance by 127.0.0.1.
	b := newHost(t, "bind 127.0.0.2 127.0.0.1")
	b.start()
	b.status(Running)
	if err := b.manager.Stop(context.Background(), b.instance, false); err != nil {
		t.Fatal(err)
	}
	b.status(Dead)
}

func TestUnixSocket(t *testing.T) {
	b := newHost(t)
	port := b.instance.Port
	b.instance = config.Instance{Socket: filepath.Join(b.dir, "redis.sock"), Conf: b.instance.Conf, Port: port}
	b.write("port 0", "unixsocket "+b.instance.Socket, "daemonize yes", "dir "+b.dir)
	t.Cleanup(func() {
		if err := b.manager.Kill(context.Background(), b.instance); err != nil {
			t.Error(err)
		}
	})
	b.start()
	b.status(Running)
	if err := b.manager.Stop(context.Background(), b.instance, true); err != nil {
		t.Fatal(err)
	}
	b.status(Stopped)
}

func TestZombieIsNotRunning(t *testing.T) {
	b := newHost(t, "daemonize no")
	cmd := exec.Command("redis-server", b.instance.Conf)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if !await(ctx, func() bool { return b.ping() == "+PONG\r\n" }) {
		t.Fatal("no server")
	}
	b.status(Running)
	// The test is its parent and does not wait for it yet.
	if err := b.manager.Kill(context.Background(), b.instance); err != nil {
		t.Fatal(err)
	}
	b.status(Dead)
	if p, err := procfs.Read(cmd.Process.Pid); err != nil || p.State != 'Z' {
		t.Errorf("the server is no zombie: %+v, %v", p, err)
	}
	_ = cmd.Wait()
}

// TestServerInAnotherNetwork: the same port in a container, or on the other host of the lab, is not this host's instance.
func TestServerInAnotherNetwork(t *testing.T) {
	b := newHost(t)
	cmd := exec.Command("redis-server", "--port", strconv.Itoa(int(b.instance.Port)), "--dir", t.TempDir(), "--save", "")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("a network of its own needs root or user namespaces, as the lab does: %v", err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	title := "redis-server *:" + strconv.Itoa(int(b.instance.Port))
	if !await(ctx, func() bool { return strings.Join(arguments(cmd.Process.Pid), " ") == title }) {
		t.Fatalf("the other server is not up: %q", arguments(cmd.Process.Pid))
	}
	writeFile(t, b.pidFile(), strconv.Itoa(cmd.Process.Pid))
	b.status(Dead)
	if err := b.manager.Kill(context.Background(), b.instance); err != nil {
		t.Error(err)
	}
	b.start()
	if pid := b.status(Running).PID; pid == cmd.Process.Pid {
		t.Error("the server of another network passes as ours")
	}
	if p, err := procfs.Read(cmd.Process.Pid); err != nil || !p.Alive() {
		t.Error("the server of another network was ended")
	}
}
