package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"keepalived-redis/internal/testing/systemdtest"
)

// keepalivedConf has a keepalived hold a VIP for as long as the check is well. Nobody else sends adverts, so it has it after three of its own.
const keepalivedConf = `global_defs {
    script_user root
    enable_script_security
    vrrp_version 3
}
vrrp_script chk_redis {
    script "/usr/libexec/keepalived/chk-redis"
    interval 1
    timeout 5
    fall 1
    rise 1
}
vrrp_instance VI_1 {
    state BACKUP
    interface vip0
    virtual_router_id 51
    priority 100
    advert_int 0.2
    virtual_ipaddress {
        10.9.9.9
    }
    track_script {
        chk_redis
    }
}
`

// interfaceUnit makes the interface of the VIP, at each boot.
const interfaceUnit = `[Unit]
Before=keepalived.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/sbin/ip link add vip0 type veth peer name vip1
ExecStart=/sbin/ip link set vip1 up
ExecStart=/sbin/ip link set vip0 up
ExecStart=/sbin/ip addr add 10.9.9.1/24 dev vip0
[Install]
WantedBy=multi-user.target
`

// TestSystemd is the check where a real systemd runs the instances, with the files that are shipped: it boots a machine,
// and runs itself there.
func TestSystemd(t *testing.T) {
	if !systemdtest.Inside() {
		t.Parallel()
		root := "../.."
		files := systemdtest.Accounts(t)
		maps.Copy(files, map[string]string{
			"/etc/systemd/system/redis@.service":                              systemdtest.Shipped(t, root, "systemd/redis@.service"),
			"/etc/systemd/system/keepalived.service.d/keepalived-redis.conf":  systemdtest.Shipped(t, root, "systemd/keepalived.service.d/keepalived-redis.conf"),
			"/etc/polkit-1/rules.d/50-keepalived-redis.rules":                 systemdtest.Shipped(t, root, "polkit/50-keepalived-redis.rules"),
			"/etc/systemd/system/vip0.service":                                interfaceUnit,
			"/etc/keepalived/keepalived.conf":                                 keepalivedConf,
			"/etc/systemd/system/redis@.service.d/restart-is-left-to-us.conf": "[Service]\nRestart=no\n",
		})
		programs := systemdtest.Self()
		programs["/usr/libexec/keepalived/chk-redis"] = "/proc/self/exe"
		m := systemdtest.Boot(t, files, programs)
		m.Test("^TestSystemd$")
		m.Reboot()
		m.Test("^TestAfterBoot$")
		return
	}
	for _, test := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"restarted as root", func(t *testing.T) { testRestarted(t, 0) }},
		{"restarted as keepalived_script", func(t *testing.T) { testRestarted(t, systemdtest.ScriptUID) }},
		{"not permitted", testNotPermitted}, {"stopped by hand", testStoppedByHand}, {"restarted by systemd", testRestartedBySystemd}, {"hung", testHung}, {"crash loop", testCrashLoop},
		{"keepalived restarts", testKeepalivedRestarts},
	} {
		t.Run(test.name, test.run)
	}
}

// unit is an instance under systemd, which runs and is enabled.
type unit struct {
	*testing.T
	port string
	// environ is the check's.
	environ []string
}

var nextPort = 7300

func newUnit(t *testing.T) *unit {
	t.Helper()
	nextPort++
	u := &unit{T: t, port: strconv.Itoa(nextPort)}
	redis, err := user.Lookup("redis")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(redis.Uid)
	gid, _ := strconv.Atoi(redis.Gid)
	data, state := filepath.Join("/var/lib/redis", u.port), filepath.Join("/run/check", u.port)
	for _, dir := range []string{data, state} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	u.conf("")
	for path, owner := range map[string]int{data: uid, state: systemdtest.ScriptUID} {
		if err := os.Chown(path, owner, gid); err != nil {
			t.Fatal(err)
		}
	}
	u.environ = append(os.Environ(), "KEEPALIVED_REDIS_INSTANCES=127.0.0.1:"+u.port, "KEEPALIVED_REDIS_TIMES_DEADLINE=10s", "KEEPALIVED_REDIS_WITNESS=none",
		"KEEPALIVED_REDIS_RUN_DIR="+state, "KEEPALIVED_REDIS_STATE_DIR="+state)
	u.ctl("enable", "--now", u.name())
	return u
}

func (u *unit) conf(more string) {
	u.Helper()
	text := fmt.Sprintf("port %s\nbind 127.0.0.1\nlogfile redis.log\ndir /var/lib/redis/%s\n%s", u.port, u.port, more)
	if err := os.WriteFile("/etc/redis/"+u.port+".conf", []byte(text), 0o644); err != nil {
		u.Fatal(err)
	}
}

func (u *unit) name() string { return "redis@" + u.port + ".service" }

func (u *unit) ctl(args ...string) string {
	u.Helper()
	out, err := exec.Command("systemctl", args...).CombinedOutput()
	if err != nil {
		u.Fatalf("systemctl %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// pid is the unit's main process, as systemd says.
func (u *unit) pid() int {
	u.Helper()
	n, err := strconv.Atoi(u.ctl("show", "--value", "--property=MainPID", u.name()))
	if err != nil {
		u.Fatal(err)
	}
	return n
}

func (u *unit) signal(sig syscall.Signal) {
	u.Helper()
	if err := syscall.Kill(u.pid(), sig); err != nil {
		u.Fatal(err)
	}
}

// die kills the server, and waits until systemd has seen it.
func (u *unit) die() {
	u.Helper()
	u.signal(syscall.SIGKILL)
	u.await("it is dead", func() bool { return u.pid() == 0 })
}

func (u *unit) await(what string, ok func() bool) {
	u.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			u.Fatalf("not in time: %s", what)
		}
	}
}

// check runs the check as somebody, and gives its exit code, and what it said and logged.
func (u *unit) check(uid int, more ...string) (int, string) {
	u.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/usr/libexec/keepalived/chk-redis", "--act")
	cmd.Env, cmd.Dir = append(u.environ, more...), "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		u.Fatal(err)
	}
	if out, err := exec.Command("journalctl", "--sync").CombinedOutput(); err != nil {
		u.Fatalf("journalctl: %v: %s", err, out)
	}
	logged, err := exec.Command("journalctl", "--quiet", "--output=cat", "_PID="+strconv.Itoa(cmd.Process.Pid)).CombinedOutput()
	if err != nil && len(logged) > 0 {
		u.Fatalf("journalctl: %v: %s", err, logged)
	}
	return cmd.ProcessState.ExitCode(), string(out) + string(logged)
}

func testRestarted(t *testing.T, uid int) {
	u := newUnit(t)
	if code, said := u.check(uid); code != 0 {
		t.Fatalf("a living one: %d: %s", code, said)
	}
	u.die()
	code, said := u.check(uid)
	if code != 0 || !strings.Contains(said, "was dead and has been started") {
		t.Errorf("code %d: %s", code, said)
	}
	if u.pid() == 0 {
		t.Error("systemd does not run it")
	}
}

func testNotPermitted(t *testing.T) {
	u := newUnit(t)
	u.die()
	if err := os.Chown("/run/check/"+u.port, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	code, said := u.check(65534)
	if code != 1 || !strings.Contains(said, "a dead instance is not restarted: start 127.0.0.1:"+u.port+": refused: user 65534 may not start "+u.name()) {
		t.Errorf("code %d: %s", code, said)
	}
	if _, said = u.check(65534); strings.Contains(said, "not restarted") {
		t.Errorf("it is said again: %s", said)
	}
}

func testStoppedByHand(t *testing.T) {
	u := newUnit(t)
	u.ctl("stop", u.name())
	code, said := u.check(0)
	if code != 1 || !strings.Contains(said, "127.0.0.1:"+u.port+" is not restarted: "+u.name()+" was stopped on purpose at 20") {
		t.Errorf("code %d: %s", code, said)
	}
	if code, said = u.check(0); code != 1 || strings.Contains(said, "not restarted") {
		t.Errorf("the second time: code %d: %s", code, said)
	}
	if u.pid() != 0 {
		t.Error("it was restarted")
	}
	if code, said := u.check(0, "KEEPALIVED_REDIS_RESTART_WHEN=always"); code != 0 || u.pid() == 0 {
		t.Errorf("asked to: code %d: %s", code, said)
	}
}

// testRestartedBySystemd: with the unit as it is shipped the check waits for systemd, and starts nothing itself.
func testRestartedBySystemd(t *testing.T) {
	u := newUnit(t)
	dir := "/run/systemd/system/" + u.name() + ".d"
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/zz-as-shipped.conf", []byte("[Service]\nRestart=on-failure\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	u.ctl("daemon-reload")
	first := u.pid()
	u.signal(syscall.SIGKILL)
	if code, said := u.check(0); code != 0 || strings.Contains(said, "has been started") {
		t.Errorf("code %d: %s", code, said)
	}
	u.await("systemd has restarted it", func() bool { return u.ctl("show", "--value", "--property=NRestarts", u.name()) == "1" })
	if now := u.pid(); now == first {
		t.Errorf("it is still %d", now)
	}
}

func testHung(t *testing.T) {
	u := newUnit(t)
	first := u.pid()
	u.signal(syscall.SIGSTOP)
	const hungAfter = "KEEPALIVED_REDIS_RESTART_HUNG_AFTER=200ms"
	// A look waits half of a run's time for the answer. The first one kills nothing, and so needs less.
	u.check(0, hungAfter, "KEEPALIVED_REDIS_TIMES_DEADLINE=1s")
	said := ""
	u.await("it is killed and started", func() bool {
		_, said = u.check(0, hungAfter)
		return u.pid() != first && u.pid() != 0
	})
	// On a busy machine the start may take longer than the check has, and is the check's all the same.
	if !strings.Contains(said, "was killed and has been started") && !strings.Contains(said, "systemd has not started "+u.name()+" yet") {
		t.Errorf("it said: %s", said)
	}
}

func testCrashLoop(t *testing.T) {
	u := newUnit(t)
	defer u.ctl("disable", u.name()) // or it fails at the next boot as well
	u.conf("bogus yes\n")
	u.die()
	code, said := u.check(0)
	if code != 1 || !strings.Contains(said, "systemd could not start "+u.name()+": redis-server ended with exit code 1") {
		t.Errorf("code %d: %s", code, said)
	}
	gaveUp := ""
	u.await("it gives up", func() bool {
		_, gaveUp = u.check(0, "KEEPALIVED_REDIS_RESTART_WINDOW=24h", "KEEPALIVED_REDIS_RESTART_BURST=2")
		return strings.Contains(gaveUp, "and is not started again")
	})
}

// testKeepalivedRestarts: what the check starts is none of keepalived's, and outlives it.
func testKeepalivedRestarts(t *testing.T) {
	u := newUnit(t)
	u.ctl("enable", "--now", "vip0")
	toml := "instances = [\"127.0.0.1:" + u.port + "\"]\nwitness = \"none\"\n[times]\ndeadline = \"4s\"\n"
	if err := os.WriteFile("/etc/keepalived/keepalived-redis.toml", []byte(toml), 0o644); err != nil {
		t.Fatal(err)
	}
	held := func() bool {
		out, _ := exec.Command("ip", "-4", "addr", "show", "vip0").Output()
		return strings.Contains(string(out), "10.9.9.9")
	}
	u.ctl("start", "keepalived")
	u.await("keepalived holds the VIP", held)
	u.die()
	u.await("the check restarts it", func() bool { return u.pid() != 0 })
	pid := u.pid()
	u.ctl("restart", "keepalived")
	u.await("keepalived holds the VIP again", held)
	if now := u.pid(); now != pid {
		t.Errorf("redis-server %d became %d", pid, now)
	}
	u.ctl("stop", "keepalived")
	if now := u.pid(); now != pid {
		t.Errorf("redis-server %d became %d", pid, now)
	}
	// For the reboot: keepalived checks until it is stopped.
	u.ctl("enable", "--now", "keepalived")
	u.await("keepalived holds the VIP again", held)
	if err := os.WriteFile("/etc/port-of-the-last", []byte(u.port), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestAfterBoot is run by TestSystemd once its machine has been booted again: what went down with the machine was not
// restarted on the way, and Redis is there before keepalived.
func TestAfterBoot(t *testing.T) {
	if !systemdtest.Inside() {
		return // there is nothing to see here
	}
	port, err := os.ReadFile("/etc/port-of-the-last")
	if err != nil {
		t.Fatal(err)
	}
	u := &unit{T: t, port: string(port)}
	log, err := os.ReadFile("/var/lib/redis/" + u.port + "/redis.log")
	if err != nil {
		t.Fatal(err)
	}
	starts := strings.Split(string(log), "Redis is starting")
	// Made, restarted, and booted.
	if len(starts) != 1+3 || !strings.Contains(starts[2], "Redis is now ready to exit") {
		t.Errorf("%d starts:\n%s", len(starts)-1, log)
	}
	started := func(unit string) int {
		n, err := strconv.Atoi(u.ctl("show", "--value", "--property=ActiveEnterTimestampMonotonic", unit))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if redis, keepalived := started(u.name()), started("keepalived"); redis == 0 || keepalived == 0 || redis > keepalived {
		status, _ := exec.Command("systemctl", "status", "--no-pager", "keepalived").CombinedOutput()
		t.Errorf("Redis was started %d µs after the boot, keepalived %d: %s", redis, keepalived, status)
	}
}
