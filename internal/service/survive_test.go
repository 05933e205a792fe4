package service

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/procfs"
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
	m := newProcess(&config.Config{Service: config.Service{Server: "redis-server", Account: "root"}}, stateDir(dir, "run"), stateDir(dir, "lib"))
	err := m.Start(context.Background(), config.Instance{Addr: addr, Port: addr.Port(), Conf: conf})
	fmt.Println("started", err)
	time.Sleep(time.Minute)
}

func TestServerSurvivesTheProcessGroupOfTheCheck(t *testing.T) {
	bothWays(t, func(t *testing.T, b *host) {
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
		if cwd, err := os.Readlink(procfs.Path(pid, "cwd")); err != nil || cwd != b.dir {
			t.Errorf("cwd %s, %v", cwd, err)
		}
	})
}

func TestForegroundServerWithoutLogSurvivesItsStarter(t *testing.T) {
	// Its log goes to a pipe whose reader is dead.
	b := newHost(t, "daemonize no", `logfile ""`, "loglevel debug")
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
