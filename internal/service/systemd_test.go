package service

import (
	"context"
	"errors"
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
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/testing/systemdtest"
)

// template is the unit of the tests' instances. Restart=no: what died stays dead until the backend starts it.
const template = `[Unit]
Description=Redis %i
StartLimitIntervalSec=60
StartLimitBurst=5
[Service]
Type=notify
ExecStart=/usr/bin/redis-server /etc/redis/%i.conf --supervised systemd --daemonize no
TimeoutStopSec=20
[Install]
WantedBy=multi-user.target
`

// nobody is an account that systemd lets do nothing.
const nobody = 65534

// TestSystemd is the backend on a real systemd: it boots a machine, and runs itself there.
func TestSystemd(t *testing.T) {
	if !systemdtest.Inside() {
		t.Parallel()
		m := systemdtest.Boot(t, map[string]string{"/etc/systemd/system/redis@.service": template}, systemdtest.Self())
		m.Test("^TestSystemd$")
		return
	}
	for _, test := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"start and stop", testStartAndStop}, {"died", testDied}, {"stopped on purpose", testStoppedOnPurpose},
		{"never started", testNeverStarted}, {"refused configuration", testRefusedConfiguration}, {"start limit", testStartLimit},
		{"masked", testMasked}, {"no unit", testNoUnit}, {"bad unit", testBadUnit}, {"program missing", testProgramMissing},
		{"another command fails", testAnotherCommandFails},
		{"systemd restarts it", testRestarts}, {"loading", testLoading}, {"hung", testHung}, {"hollow", testHollow},
		{"started by hand", testStartedByHand}, {"finds the unit", testFindsTheUnit}, {"not permitted", testNotPermitted},
		{"many at once", testManyAtOnce}, {"stop under write load", testStopUnderWriteLoad}, {"no answer", testNoAnswer}, {"going down", testGoingDown}, // the last
	} {
		t.Run(test.name, test.run)
	}
}

// sd is one instance under systemd.
type sd struct {
	*testing.T
	m        *systemd
	instance config.Instance
	port     string
	unit     string
}

var nextSD = 7000

func newSD(t *testing.T, lines ...string) *sd {
	t.Helper()
	nextSD++
	s := &sd{T: t, port: strconv.Itoa(nextSD)}
	s.unit = "redis@" + s.port + ".service"
	s.instance = config.Instance{Addr: netip.MustParseAddrPort("127.0.0.1:" + s.port), Port: uint16(nextSD), Conf: "/etc/redis/" + s.port + ".conf"}
	dir := filepath.Join("/var/lib/redis", s.port)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s.write(s.instance.Conf, strings.Join(append([]string{"port " + s.port, "bind 127.0.0.1", "dir " + dir, "logfile redis.log"}, lines...), "\n")+"\n")
	s.m = sdManager()
	return s
}

func sdManager() *systemd {
	c := config.Service{Backend: config.BackendSystemd, Server: "redis-server", StartTimeout: 20 * time.Second, StopTimeout: 20 * time.Second}
	return newSystemd(&config.Config{Service: c}, state.Dir("/run/keepalived-redis"), state.Dir("/var/lib/keepalived-redis"))
}

func (s *sd) write(path, text string) {
	s.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		s.Fatal(err)
	}
}

// ctl is systemctl, as a person uses it.
func (s *sd) ctl(args ...string) string {
	s.Helper()
	out, err := exec.Command("systemctl", args...).CombinedOutput()
	if err != nil {
		s.Fatalf("systemctl %v: %v: %s", args, err, out)
	}
	return string(out)
}

func (s *sd) start() {
	s.Helper()
	if err := s.m.Start(context.Background(), s.instance); err != nil {
		s.Fatal(err)
	}
	// It is back as soon as the server listens, which is before systemd is told that it is ready.
	s.await("systemd is told", func() bool { return s.m.Status(context.Background(), s.instance).Status != Busy })
}

func (s *sd) refuses(err error, want error, words ...string) {
	s.Helper()
	if err == nil {
		s.Fatal("it went well")
	}
	if want != nil && !errors.Is(err, want) {
		s.Errorf("%q is not %q", err, want)
	}
	for _, w := range append(words, "; hint: ") {
		if !strings.Contains(err.Error(), w) {
			s.Errorf("%q does not say %q", err, w)
		}
	}
}

func (s *sd) status(want Status, words string) State {
	s.Helper()
	got := s.m.Status(context.Background(), s.instance)
	if got.Status != want || !strings.Contains(got.Reason, words) {
		s.Fatalf("status = %d %q (pid %d), want %d %q", got.Status, got.Reason, got.PID, want, words)
	}
	return got
}

func (s *sd) await(what string, ok func() bool) {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if !await(ctx, ok) {
		s.Fatalf("not in time: %s", what)
	}
}

func (s *sd) kill(pid int, sig syscall.Signal) {
	s.Helper()
	if err := syscall.Kill(pid, sig); err != nil {
		s.Fatal(err)
	}
}

func testStartAndStop(t *testing.T) {
	s := newSD(t)
	s.start()
	first := s.status(Running, "redis-server runs").PID
	if name, err := executable(first); err != nil || !strings.HasPrefix(name, "redis-") {
		t.Errorf("pid %d is %s, %v", first, name, err)
	}
	s.start() // of a running one
	if again := s.status(Running, "").PID; again != first {
		t.Errorf("pid %d became %d", first, again)
	}
	for range 2 {
		if err := s.m.Stop(context.Background(), s.instance, true); err != nil {
			t.Fatal(err)
		}
	}
	s.status(Stopped, "")
}

func testDied(t *testing.T) {
	s := newSD(t)
	s.start()
	s.kill(s.status(Running, "").PID, syscall.SIGKILL)
	s.await("it is dead", func() bool { return s.m.Status(context.Background(), s.instance).Status == Dead })
	s.status(Dead, s.unit+" failed: redis-server was ended by a signal: killed")
	s.start()
	s.status(Running, "")
	// A stop of what has failed is a stop all the same.
	s.kill(s.status(Running, "").PID, syscall.SIGKILL)
	s.await("it is dead", func() bool { return s.m.Status(context.Background(), s.instance).Status == Dead })
	if err := s.m.Stop(context.Background(), s.instance, true); err != nil {
		t.Fatal(err)
	}
	s.status(Stopped, "")
}

func testStoppedOnPurpose(t *testing.T) {
	s := newSD(t)
	s.ctl("enable", s.unit)
	s.start()
	s.ctl("stop", s.unit)
	s.status(Stopped, s.unit+" was stopped on purpose at 20")
	// One that nothing wants is forgotten by systemd.
	s = newSD(t)
	s.start()
	s.ctl("stop", s.unit)
	s.status(Stopped, s.unit+" is not enabled, and was stopped or never started")
	// Redis' own way to be stopped.
	s = newSD(t)
	s.ctl("enable", s.unit)
	s.start()
	if out, err := exec.Command("redis-cli", "-p", s.port, "shutdown").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s.await("it is gone", func() bool { return s.m.Status(context.Background(), s.instance).Status == Stopped })
}

func testNeverStarted(t *testing.T) {
	s := newSD(t)
	s.status(Stopped, "is not enabled")
	s.ctl("enable", s.unit)
	s.status(Dead, s.unit+" has not been started since boot")
}

func testRefusedConfiguration(t *testing.T) {
	s := newSD(t, "bogus yes")
	err := s.m.Start(context.Background(), s.instance)
	s.refuses(err, nil, "start 127.0.0.1:"+s.port+": systemd could not start "+s.unit+": redis-server ended with exit code 1", "journalctl -u "+s.unit)
	s.status(Dead, "failed: redis-server ended with exit code 1")

	s = newSD(t, "dbfilename ../x")
	s.refuses(s.m.Start(context.Background(), s.instance), nil, "exit code 1")
}

func testStartLimit(t *testing.T) {
	s := newSD(t, "bogus yes")
	for range 5 {
		s.refuses(s.m.Start(context.Background(), s.instance), nil, "exit code 1")
	}
	if out, err := exec.Command("systemctl", "start", s.unit).CombinedOutput(); err == nil {
		t.Fatalf("no start limit: %s", out)
	}
	// A caller that counts its starts itself gets one more.
	s.refuses(s.m.Start(context.Background(), s.instance), nil, "exit code 1")
	s.write(s.instance.Conf, "port "+s.port+"\nbind 127.0.0.1\ndir /var/lib/redis/"+s.port+"\n")
	s.start()
	s.status(Running, "")
}

func testMasked(t *testing.T) {
	s := newSD(t)
	s.ctl("mask", s.unit)
	s.refuses(s.m.Start(context.Background(), s.instance), ErrMasked, "refused: "+s.unit+" is masked; hint: systemctl unmask "+s.unit)
	s.status(Stopped, s.unit+" is masked")
	if err := s.m.Stop(context.Background(), s.instance, true); err != nil {
		t.Error(err)
	}
}

func testNoUnit(t *testing.T) {
	s := newSD(t)
	s.m.pattern = "cache-%p.service"
	err := s.m.Start(context.Background(), s.instance)
	s.refuses(err, ErrNoUnit, "systemd knows no cache-"+s.port+".service; hint: ")
	s.refuses(err, ErrRefused)
	s.status(Dead, "systemd knows no cache-")
	if err := s.m.Stop(context.Background(), s.instance, true); err != nil {
		t.Error(err)
	}
	if err := s.m.Kill(context.Background(), s.instance); err != nil {
		t.Error(err)
	}
}

func testBadUnit(t *testing.T) {
	s := newSD(t)
	s.write("/etc/systemd/system/redis"+s.port+".service", "[Service]\nType=simple\n")
	s.ctl("daemon-reload")
	s.m.pattern = "redis%p.service"
	s.refuses(s.m.Start(context.Background(), s.instance), ErrNotConfigured, "redis"+s.port+".service cannot be used: ")
}

func testAnotherCommandFails(t *testing.T) {
	s := newSD(t)
	s.write("/etc/systemd/system/redis"+s.port+".service", "[Service]\nExecStartPre=/bin/false\nExecStart=/usr/bin/redis-server\n[Install]\nWantedBy=multi-user.target\n")
	s.ctl("daemon-reload")
	s.m.pattern = "redis%p.service"
	s.refuses(s.m.Start(context.Background(), s.instance), nil, "could not start redis"+s.port+".service: a command of the unit beside redis-server failed")
}

func testProgramMissing(t *testing.T) {
	s := newSD(t)
	s.write("/etc/systemd/system/redis"+s.port+".service", "[Service]\nType=notify\nExecStart=/usr/bin/no-redis\n[Install]\nWantedBy=multi-user.target\n")
	s.ctl("daemon-reload")
	s.m.pattern = "redis%p.service"
	s.refuses(s.m.Start(context.Background(), s.instance), nil, "the program cannot be run (EXEC)")
}
