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
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"keepalived-redis/internal/config"
)

var (
	portMu   sync.Mutex
	lastPort = os.Getpid() * 37
)

// helperVariable makes the test binary a program that starts an instance as a check does, and then stays.
const helperVariable = "SERVICE_TEST_START"

func TestMain(m *testing.M) {
	if conf := os.Getenv(helperVariable); conf != "" {
		helper(conf)
		return
	}
	os.Exit(m.Run())
}

func helper(conf string) {
	syscall.Umask(0o177)
	addr := netip.MustParseAddrPort(os.Args[1])
	dir := filepath.Dir(conf)
	m := newProcess(config.Service{Server: "redis-server"}, stateDir(dir, "run"), stateDir(dir, "lib"))
	err := m.Start(context.Background(), config.Instance{Addr: addr, Port: addr.Port(), Conf: conf})
	fmt.Println("started", err)
	time.Sleep(time.Minute)
}

// bothWays runs a test for a server that goes into the background and for one that does not.
func bothWays(t *testing.T, test func(t *testing.T, b *box)) {
	for _, daemonize := range []string{"yes", "no"} {
		t.Run("daemonize "+daemonize, func(t *testing.T) {
			t.Parallel()
			test(t, newBox(t, "daemonize "+daemonize))
		})
	}
}

func TestStartStop(t *testing.T) {
	bothWays(t, func(t *testing.T, b *box) {
		if s := b.status(Dead); s.StalePIDFile != "" {
			t.Errorf("a stale pid file %q before the first start", s.StalePIDFile)
		}
		b.start()
		if got := b.ping(); got != "+PONG\r\n" {
			t.Errorf("PING: %q", got)
		}
		first := b.status(Running).PID
		b.start()
		if again := b.status(Running).PID; again != first {
			t.Errorf("a second start made pid %d of %d", again, first)
		}
		if err := b.manager.Stop(context.Background(), b.instance, false); err != nil {
			t.Fatal(err)
		}
		b.status(Dead)
		if left := b.servers(); len(left) != 0 {
			t.Errorf("left after stop: %v", left)
		}
		if err := b.manager.Stop(context.Background(), b.instance, false); err != nil {
			t.Errorf("stop of a stopped instance: %v", err)
		}
	})
}

func TestStopByHand(t *testing.T) {
	b := newBox(t)
	b.start()
	if err := b.manager.Stop(context.Background(), b.instance, true); err != nil {
		t.Fatal(err)
	}
	if s := b.status(Stopped); !strings.HasPrefix(s.Reason, "stopped by hand at 20") {
		t.Errorf("reason = %q", s.Reason)
	}
	// A stop by a program leaves what a person said.
	if err := b.manager.Stop(context.Background(), b.instance, false); err != nil {
		t.Fatal(err)
	}
	b.status(Stopped)
	b.start()
	b.status(Running)
	if err := b.manager.Kill(context.Background(), b.instance); err != nil {
		t.Fatal(err)
	}
	b.status(Dead)
	// Stopping what has died is deliberate as well.
	if err := b.manager.Stop(context.Background(), b.instance, true); err != nil {
		t.Fatal(err)
	}
	if s := b.status(Stopped); s.StalePIDFile != "" {
		t.Errorf("stop left the stale pid file %s", s.StalePIDFile)
	}
}

func TestKill(t *testing.T) {
	bothWays(t, func(t *testing.T, b *box) {
		if err := b.manager.Kill(context.Background(), b.instance); err != nil {
			t.Errorf("kill of an instance that does not run: %v", err)
		}
		b.start()
		// A stopped process takes no SIGTERM: this is the hung server.
		pid := b.status(Running).PID
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		defer cancel()
		err := b.manager.Stop(ctx, b.instance, false)
		if !errors.Is(err, ErrStillRuns) || !strings.Contains(fmt.Sprint(err), strconv.Itoa(pid)) {
			t.Errorf("stop of a hung server: %v", err)
		}
		b.status(Running)
		if err := b.manager.Kill(context.Background(), b.instance); err != nil {
			t.Fatal(err)
		}
		if s := b.status(Dead); s.StalePIDFile != b.pidFile() {
			t.Errorf("stale pid file = %q after a kill, want %s", s.StalePIDFile, b.pidFile())
		}
		b.start()
		b.status(Running)
	})
}

func TestConcurrentStartsMakeOneServer(t *testing.T) {
	bothWays(t, func(t *testing.T, b *box) {
		var wg sync.WaitGroup
		errs := make(chan error, 20)
		for range 20 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				errs <- b.manager.Start(context.Background(), b.instance)
			}()
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			if err != nil {
				t.Error(err)
			}
		}
		if got := b.servers(); len(got) != 1 {
			t.Errorf("servers: %v", got)
		}
		if log, err := os.ReadFile(filepath.Join(b.dir, "redis.log")); err != nil || strings.Count(string(log), "Server initialized") != 1 {
			t.Errorf("the server did not start exactly once: %v\n%s", err, log)
		}
		b.status(Running)
	})
}

func TestConcurrentStartsAndStops(t *testing.T) {
	b := newBox(t)
	var wg sync.WaitGroup
	for n := range 20 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			var err error
			if n%2 == 0 {
				err = b.manager.Start(context.Background(), b.instance)
			} else {
				err = b.manager.Stop(context.Background(), b.instance, true)
			}
			if err != nil {
				t.Error(err)
			}
		}()
	}
	wg.Wait()
	s := b.manager.Status(context.Background(), b.instance)
	left := b.servers()
	switch {
	case s.Status == Running && len(left) == 1 && left[0] == s.PID && readPIDFile(b.pidFile()) == s.PID:
	case s.Status == Stopped && len(left) == 0 && readPIDFile(b.pidFile()) == 0:
	default:
		t.Errorf("status %d %q, pid %d, servers %v, pid file %d", s.Status, s.Reason, s.PID, left, readPIDFile(b.pidFile()))
	}
}

func TestForeignPIDFileIsNeverSignalled(t *testing.T) {
	for _, name := range []string{"", "redis-server"} {
		t.Run("called "+name, func(t *testing.T) {
			b := newBox(t)
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
				if p, err := readProcess(other.Process.Pid); err != nil || !p.alive() {
					t.Fatal("another program was ended")
				}
			}
			if readPIDFile(b.pidFile()) != 0 {
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
	one, other := newBox(t), newBox(t)
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
	b := newBox(t)
	b.start()
	p, err := readProcess(b.status(Running).PID)
	if err != nil {
		t.Fatal(err)
	}
	if !p.lives() {
		t.Fatal("the server does not live")
	}
	recycled := p
	recycled.start--
	if recycled.lives() {
		t.Error("a process that started at another time passes as the same")
	}
	if err := b.manager.target(b.instance).signal(recycled, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	if !p.lives() {
		t.Error("a recycled pid was signalled")
	}
}

func TestServerWithoutPIDFileIsFound(t *testing.T) {
	b := newBox(t)
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

func TestRefusedConfigurationIsQuoted(t *testing.T) {
	for _, c := range []struct {
		name string
		line func(b *box) string
		want string
	}{
		{"unknown directive", func(*box) string { return "bogus yes" }, ">>> 'bogus yes' / Bad directive or wrong number of arguments"},
		{"no directory", func(b *box) string { return "dir " + b.dir + "/none" }, "No such file or directory"},
		{"foreign address", func(*box) string { return "bind 192.0.2.1" }, "Failed listening on port"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bothWays(t, func(t *testing.T, b *box) {
				text, err := os.ReadFile(b.instance.Conf)
				if err != nil {
					t.Fatal(err)
				}
				b.write(string(text), c.line(b))
				err = b.manager.Start(context.Background(), b.instance)
				if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
					t.Errorf("error = %v\nwant …%s…", err, c.want)
				}
				b.status(Dead)
			})
		})
	}
}

func TestServerWithoutWords(t *testing.T) {
	// With no log file a server in the background has no way to say why it ended.
	b := newBox(t, `logfile ""`, "bind 192.0.2.1")
	err := b.manager.Start(context.Background(), b.instance)
	if err == nil || !strings.Contains(err.Error(), "without a word; hint: run it by hand") {
		t.Errorf("error = %v", err)
	}
	// In the foreground it says it on its output.
	b = newBox(t, `logfile ""`, "daemonize no", "bind 192.0.2.1")
	err = b.manager.Start(context.Background(), b.instance)
	if err == nil || !strings.Contains(err.Error(), "Failed listening on port") {
		t.Errorf("error = %v", err)
	}
}

func TestNotConfigured(t *testing.T) {
	b := newBox(t)
	if err := os.Remove(b.instance.Conf); err != nil {
		t.Fatal(err)
	}
	err := b.manager.Start(context.Background(), b.instance)
	if !errors.Is(err, ErrNotConfigured) || !strings.Contains(err.Error(), b.instance.Conf) {
		t.Errorf("error = %v", err)
	}
	if s := b.status(Dead); !strings.Contains(s.Reason, "its configuration is missing: "+b.instance.Conf) {
		t.Errorf("reason = %q", s.Reason)
	}
	b.write("port 1", "dir /tmp")
	for _, server := range []string{"no-such-server", "/none/redis-server", b.instance.Conf} {
		b.manager.server = server
		err := b.manager.Start(context.Background(), b.instance)
		if !errors.Is(err, ErrNotInstalled) || !strings.Contains(err.Error(), server+" is not installed") || !strings.Contains(err.Error(), "; hint: ") {
			t.Errorf("error = %v", err)
		}
	}
}

func TestAddressInUse(t *testing.T) {
	b := newBox(t)
	l, err := net.Listen("tcp", b.instance.Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	err = b.manager.Start(context.Background(), b.instance)
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), fmt.Sprintf("(pid %d)", os.Getpid())) {
		t.Errorf("error = %v", err)
	}
	if s := b.status(Dead); !strings.Contains(s.Reason, "holds its address") {
		t.Errorf("reason = %q", s.Reason)
	}
}

func TestSamePortOnAnotherAddress(t *testing.T) {
	one := newBox(t)
	one.start()
	other := newBox(t)
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
	b := newBox(t, "bind 127.0.0.2 127.0.0.1")
	b.start()
	b.status(Running)
	if err := b.manager.Stop(context.Background(), b.instance, false); err != nil {
		t.Fatal(err)
	}
	b.status(Dead)
}

func TestUnixSocket(t *testing.T) {
	b := newBox(t)
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

func TestServerSurvivesTheProcessGroupOfTheCheck(t *testing.T) {
	bothWays(t, func(t *testing.T, b *box) {
		cmd := exec.Command(os.Args[0], b.instance.Addr.String())
		cmd.Env = append(os.Environ(), helperVariable+"="+b.instance.Conf)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line := make([]byte, 200)
		n, err := out.Read(line)
		if got := string(line[:n]); err != nil || got != "started <nil>\n" {
			t.Errorf("the helper says %q, %v", got, err)
		}
		// This is what keepalived does with a check that is late.
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()

		pid := b.status(Running).PID
		// The log goes on, and a save makes a file: neither may be stopped by a broken pipe or a foreign umask.
		if got := b.ask("SAVE"); got != "+OK\r\n" {
			t.Errorf("SAVE: %q", got)
		}
		if got := b.status(Running).PID; got != pid {
			t.Errorf("pid %d, had %d", got, pid)
		}
		fi, err := os.Stat(filepath.Join(b.dir, "dump.rdb"))
		if err != nil {
			t.Fatal(err)
		}
		if fi.Mode().Perm() != 0o644 {
			t.Errorf("the server makes files with mode %v: a foreign umask", fi.Mode().Perm())
		}
		if session, err := unix.Getsid(pid); err != nil || session == cmd.Process.Pid {
			t.Errorf("session %d, %v", session, err)
		}
		if cwd, err := os.Readlink(procPath(pid, "cwd")); err != nil || cwd != b.dir {
			t.Errorf("cwd %s, %v", cwd, err)
		}
	})
}

func TestForegroundServerWithoutLogSurvivesItsStarter(t *testing.T) {
	// Its log goes to a pipe whose reader is dead.
	b := newBox(t, "daemonize no", `logfile ""`, "loglevel debug")
	cmd := exec.Command(os.Args[0], b.instance.Addr.String())
	cmd.Env = append(os.Environ(), helperVariable+"="+b.instance.Conf)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	// The check is killed as early as can be: the server is just there.
	if !await(ctx, func() bool { return len(b.servers()) > 0 }) {
		t.Error("no server")
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if !await(ctx, func() bool { return b.ping() == "+PONG\r\n" }) {
		t.Fatal("the server did not survive")
	}
	for range 10 {
		if got := b.ask("SAVE"); got != "+OK\r\n" {
			t.Fatalf("SAVE: %q", got)
		}
	}
}

func TestStartLeavesWithItsContext(t *testing.T) {
	b := newBox(t)
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("ended by a signal"))
	if err := b.manager.Start(ctx, b.instance); err == nil || !strings.Contains(err.Error(), "ended by a signal") {
		t.Errorf("error = %v", err)
	}
	b.status(Dead)

	// Another program is at it and does not come to an end.
	if err := b.run().Make(); err != nil {
		t.Fatal(err)
	}
	unlock, err := b.run().TryLock(b.manager.target(b.instance).lockName())
	if err != nil {
		t.Fatal(err)
	}
	b.status(Busy)
	short, stop := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer stop()
	if err := b.manager.Start(short, b.instance); err == nil || !strings.Contains(err.Error(), "another program is starting or stopping it") {
		t.Errorf("error = %v", err)
	}
	unlock()
	b.status(Dead)
}

func TestWithoutStateDirectories(t *testing.T) {
	b := newBox(t)
	writeFile(t, string(b.run()), "in the way")
	writeFile(t, string(b.durable()), "in the way")
	if err := b.manager.Start(context.Background(), b.instance); err != nil && !strings.Contains(err.Error(), "was started") {
		t.Fatal(err)
	}
	b.status(Running)
	err := b.manager.Stop(context.Background(), b.instance, true)
	if err == nil || !strings.Contains(err.Error(), "is stopped, but does not count as stopped by hand") {
		t.Errorf("error = %v", err)
	}
	b.status(Dead)
}

func TestZombieIsNotRunning(t *testing.T) {
	b := newBox(t, "daemonize no")
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
	if p, err := readProcess(cmd.Process.Pid); err != nil || p.state != 'Z' {
		t.Errorf("the server is no zombie: %+v, %v", p, err)
	}
	_ = cmd.Wait()
}
