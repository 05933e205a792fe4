package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"keepalived-redis/internal/config"
)

func testRestarts(t *testing.T) {
	s := newSD(t)
	s.write("/etc/systemd/system/redis"+s.port+".service", strings.ReplaceAll(template, "%i", s.port)+"[Service]\nRestart=always\nRestartSec=30\n")
	s.ctl("daemon-reload")
	s.m.pattern = "redis%p.service"
	s.start()
	s.kill(s.status(Running, "").PID, syscall.SIGKILL)
	s.await("systemd is at it", func() bool { return s.m.Status(context.Background(), s.instance).Status == Busy })
	s.status(Busy, "systemd starts redis"+s.port+".service again in a moment")
	s.start() // need not wait for it
	s.status(Running, "")
	if err := s.m.Stop(context.Background(), s.instance, true); err != nil {
		t.Fatal(err)
	}
	s.status(Stopped, "")
}

func testLoading(t *testing.T) {
	s := newSD(t)
	s.start()
	if out, err := exec.Command("redis-cli", "-p", s.port, "debug", "populate", "2000").CombinedOutput(); err != nil || !strings.Contains(string(out), "OK") {
		// The command is off by default since 7.0.
		for n := range 200 {
			if out, err := exec.Command("redis-cli", "-p", s.port, "set", "key"+strconv.Itoa(n), "x").CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
		}
	}
	if out, err := exec.Command("redis-cli", "-p", s.port, "save").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := s.m.Stop(context.Background(), s.instance, true); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(s.instance.Conf)
	if err != nil {
		t.Fatal(err)
	}
	s.write(s.instance.Conf, string(text)+"key-load-delay 100000\nloading-process-events-interval-bytes 1024\n")
	begun := time.Now()
	if err := s.m.Start(context.Background(), s.instance); err != nil {
		t.Fatal(err)
	}
	// Systemd still waits for its data: 200 keys of 100 ms each.
	got := s.status(Busy, "systemd is starting "+s.unit)
	if got.PID == 0 || time.Since(begun) > 10*time.Second {
		t.Errorf("start returned after %s, status %+v", time.Since(begun), got)
	}
	s.kill(got.PID, syscall.SIGKILL)
}

func testHung(t *testing.T) {
	s := newSD(t)
	s.start()
	pid := s.status(Running, "").PID
	script := exec.Command("redis-cli", "-p", s.port, "eval", "while true do end", "0")
	if err := script.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = script.Wait() }() // it ends with the server, and then with an error
	s.await("it is busy", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		defer cancel()
		out, _ := exec.CommandContext(ctx, "redis-cli", "-p", s.port, "ping").Output()
		return !strings.Contains(string(out), "PONG")
	})
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	s.refuses(s.m.Stop(ctx, s.instance, true), ErrStillRuns, "redis-server (pid "+strconv.Itoa(pid)+") still runs")
	s.status(Busy, "systemd is stopping")
	if err := s.m.Kill(context.Background(), s.instance); err != nil {
		t.Fatal(err)
	}
	s.await("it is gone", func() bool { return s.m.Status(context.Background(), s.instance).PID == 0 })
}

func testHollow(t *testing.T) {
	s := newSD(t, "daemonize yes", "pidfile /run/redis.pid")
	s.write("/etc/systemd/system/redis"+s.port+".service", "[Service]\nType=forking\nRemainAfterExit=yes\nGuessMainPID=no\nExecStart=/usr/bin/redis-server "+s.instance.Conf+"\n")
	s.ctl("daemon-reload")
	s.m.pattern = "redis%p.service"
	s.start()
	s.await("it is seen", func() bool { return s.m.Status(context.Background(), s.instance).Status == Running })
	s.kill(s.status(Running, "").PID, syscall.SIGKILL)
	s.await("it is dead", func() bool { return s.m.Status(context.Background(), s.instance).Status == Dead })
	s.status(Dead, "counts redis"+s.port+".service as active, but no redis-server runs")
	s.start() // a plain start would do nothing
	s.await("it is seen", func() bool { return s.m.Status(context.Background(), s.instance).Status == Running })
}

func testStartedByHand(t *testing.T) {
	s := newSD(t)
	cmd := exec.Command("redis-server", s.instance.Conf)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	s.await("it is seen", func() bool { return s.m.Status(context.Background(), s.instance).Status == Running })
	s.status(Running, "but systemd did not start it")
	s.await("it listens", s.m.local.target(s.instance).reached)
	s.refuses(s.m.Start(context.Background(), s.instance), ErrInUse, fmt.Sprintf("redis-server (pid %d) runs, and systemd did not start it", cmd.Process.Pid))
	s.refuses(s.m.Stop(context.Background(), s.instance, true), ErrStillRuns)
}

func testFindsTheUnit(t *testing.T) {
	s := newSD(t)
	find := func() string {
		t.Helper()
		b, err := dialSystemd(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		u, err := b.find(context.Background(), "", s.instance)
		if err != nil {
			t.Fatal(err)
		}
		return u.name
	}
	if got := find(); got != s.unit {
		t.Errorf("found %s", got)
	}
	// What is in use wins over what only could be used.
	s.write("/etc/systemd/system/redis_"+s.port+".service", strings.ReplaceAll(template, "%i", s.port))
	s.ctl("daemon-reload")
	s.ctl("enable", "redis_"+s.port)
	if got := find(); got != "redis_"+s.port+".service" {
		t.Errorf("found %s", got)
	}
	// The small unit that stands for the instance is not it, and neither is an init script that runs us.
	s.write("/etc/systemd/system/redis"+s.port+".service", "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n")
	s.write("/etc/init.d/redis-"+s.port, "#!/usr/sbin/redis-initd\n### BEGIN INIT INFO\n# Provides: redis\n# Default-Start: 2 3\n# Default-Stop: 0\n### END INIT INFO\n")
	if err := os.Chmod("/etc/init.d/redis-"+s.port, 0o755); err != nil {
		t.Fatal(err)
	}
	s.ctl("disable", "redis_"+s.port)
	s.ctl("enable", "redis"+s.port)
	s.ctl("daemon-reload")
	if got := find(); got != s.unit {
		t.Errorf("found %s", got)
	}
}

// testNotPermitted runs itself again as somebody who may do nothing.
func testNotPermitted(t *testing.T) {
	if port := os.Getenv("REDIS_AS_NOBODY"); port != "" {
		n, err := strconv.Atoi(port)
		if err != nil {
			t.Fatal(err)
		}
		s := &sd{T: t, m: sdManager(), port: port, unit: "redis@" + port + ".service"}
		s.instance = config.Instance{Addr: netip.MustParseAddrPort("127.0.0.1:" + port), Port: uint16(n), Conf: "/etc/redis/" + port + ".conf"}
		s.status(Dead, "has not been started since boot")
		err = s.m.Start(context.Background(), s.instance)
		s.refuses(err, ErrRefused, "refused: user 65534 may not start "+s.unit)
		s.refuses(err, fs.ErrPermission)
		return
	}
	s := newSD(t)
	s.ctl("enable", s.unit)
	cmd := exec.Command("/proc/self/exe", "-test.run", "^TestSystemd$/^not_permitted$", "-test.v")
	cmd.Env = append(os.Environ(), "REDIS_AS_NOBODY="+s.port)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestSystemd/not_permitted") {
		t.Errorf("%v: %s", err, out)
	}
	s.status(Dead, "")
}

func testManyAtOnce(t *testing.T) {
	s := newSD(t)
	s.ctl("enable", s.unit)
	var wg sync.WaitGroup
	for n := range 20 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			// Some are called off by others: how they end is not the point.
			if n%2 == 0 {
				_ = s.m.Start(context.Background(), s.instance)
			} else {
				_ = s.m.Stop(context.Background(), s.instance, true)
			}
		}()
	}
	wg.Wait()
	s.await("it settles", func() bool {
		st := s.m.Status(context.Background(), s.instance).Status
		return st == Running || st == Stopped
	})
	count := 0
	all, err := pids()
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range all {
		if _, ok := s.m.local.target(s.instance).match(pid); ok {
			count++
		}
	}
	if got := s.m.Status(context.Background(), s.instance); count > 1 || (count == 1) != (got.Status == Running) {
		t.Errorf("%d servers, status %+v", count, got)
	}
}

func testNoAnswer(t *testing.T) {
	s := newSD(t)
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("no time left"))
	s.refuses(s.m.Start(ctx, s.instance), ErrNoSystemd)
	if got := s.m.Status(ctx, s.instance); got.Status != Unknown || !strings.Contains(got.Reason, "systemd cannot be asked") {
		t.Errorf("status %+v", got)
	}
}

func testGoingDown(t *testing.T) {
	s := newSD(t)
	s.ctl("enable", s.unit)
	s.write("/etc/systemd/system/holds.service", "[Service]\nExecStart=/bin/sleep infinity\nExecStop=/bin/sleep infinity\nTimeoutStopSec=60\n")
	s.ctl("daemon-reload")
	s.ctl("start", "holds.service")
	if GoesDown(context.Background()) {
		t.Error("it goes down before anybody said so")
	}
	s.ctl("--no-block", "poweroff")
	s.await("it goes down", func() bool { return s.m.Status(context.Background(), s.instance).Status == Busy })
	s.status(Busy, "this machine is going down")
	if !GoesDown(context.Background()) {
		t.Error("it goes down, and is not known to")
	}
	if err := s.m.Start(context.Background(), s.instance); !errors.Is(err, ErrGoingDown) || !errors.Is(err, ErrRefused) {
		t.Errorf("start: %v", err)
	}
}
