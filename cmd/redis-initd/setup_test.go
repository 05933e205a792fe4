package main

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/testing/systemdtest"
)

// noRights has polkit allow nobody anything, as where it cannot tell one unit from another. This machine may have our rule from a
// package.
const noRights = `polkit.addRule(function (action) {
    if (action.id === "org.freedesktop.systemd1.manage-units") return polkit.Result.NO;
});
`

// TestSetup makes instances, installs them and starts them in every way there is, on a machine with systemd and the files
// that are shipped.
func TestSetup(t *testing.T) {
	if !systemdtest.Inside() {
		t.Parallel()
		root := "../.."
		programs := systemdtest.Self()
		programs["/usr/sbin/redis-initd"] = "/proc/self/exe"
		files := systemdtest.Accounts(t)
		maps.Copy(files, map[string]string{
			"/etc/systemd/system/redis@.service":             systemdtest.Shipped(t, root, "systemd/redis@.service"),
			"/etc/systemd/system/redis@.service.d/test.conf": "[Service]\nRestart=no\n", // what died stays dead
			dropIn: systemdtest.Shipped(t, root, "systemd/redis-server@.service.d/keepalived-redis.conf"),
			"/etc/systemd/system/keepalived-redis.target": systemdtest.Shipped(t, root, "systemd/keepalived-redis.target"),
			"/etc/sudoers.d/keepalived-redis":             systemdtest.Shipped(t, root, "sudoers/keepalived-redis"),
			"/etc/polkit-1/rules.d/00-nobody.rules":       noRights,
		})
		m := systemdtest.Boot(t, files, programs)
		m.Test("^TestSetup$")
		m.Reboot()
		m.Test("^TestAfterBoot$")
		return
	}
	ok(t, "", "ip", "addr", "add", "10.9.9.1/24", "dev", "lo")
	for _, test := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"password", testPassword}, {"create", testCreate}, {"create for a unit", testCreateForUnit}, {"install", testInstall}, {"foreign", testForeign}, {"target", testTarget}, {"lost its data", testLostItsData},
		{"sudo", testSudo}, {"script under systemd", testScriptUnderSystemd}, {"script", testScript},
	} {
		t.Run(test.name, test.run)
	}
}

// dropIn is the one for Debian's template.
const dropIn = "/etc/systemd/system/redis-server@.service.d/keepalived-redis.conf"

// testLostItsData: no unit starts a master whose data is gone while its replica has them, whoever asks systemd to, ours or Debian's; nor does
// one of an older systemd, without ExecCondition.
func testLostItsData(t *testing.T) {
	const toml = "/etc/keepalived/keepalived-redis.toml"
	unit, err := os.ReadFile("/etc/systemd/system/redis@.service")
	if err != nil {
		t.Fatal(err)
	}
	drop, err := os.ReadFile(dropIn)
	if err != nil {
		t.Fatal(err)
	}
	older := func(text []byte) string {
		return strings.NewReplacer("ExecCondition=", "#", "SYSTEMD_EXEC_PID", "NOT_YET").Replace(string(text))
	}
	for _, c := range []struct{ name, port, replica, unit, conf, file, text, state string }{
		{"ours", "7531", "7532", "redis@7531", "/etc/redis/7531.conf", "", "", "exec-condition"},
		{"ours before 243", "7533", "7534", "redis@7533", "/etc/redis/7533.conf", "/etc/systemd/system/redis@7533.service", older(unit), "exit-code"},
		{"Debian's", "7535", "7536", "redis-server@7535", "/etc/redis/redis-7535.conf", "", "", "exec-condition"},
		{"Debian's before 243", "7537", "7538", "redis-server@7537", "/etc/redis/redis-7537.conf", dropIn, older(drop), "exit-code"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.file != "" {
				if err := os.WriteFile(c.file, []byte(c.text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			for _, port := range []string{c.port, c.replica} {
				conf, more := "/var/lib/redis/"+port+".conf", "replicaof 127.0.0.1 "+c.port
				if port == c.port {
					conf, more = c.conf, "repl-diskless-sync-delay 0"
				}
				ok(t, "", "install", "-d", "-o", "redis", "-g", "redis", "/var/lib/redis/"+port)
				text := "port " + port + "\nbind 127.0.0.1\nsave \"\"\ndir /var/lib/redis/" + port + "\n" + more + "\n"
				if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			text := "instances = [\"127.0.0.1:" + c.port + "\"]\npeers = [\"127.0.0.1:" + c.replica + "\"]\n[service]\nconf = \"" + c.conf + "\"\n"
			if err := errors.Join(os.MkdirAll("/var/lib/keepalived-redis", 0o755), os.WriteFile(toml, []byte(text), 0o644)); err != nil {
				t.Fatal(err)
			}
			defer os.Remove(toml)
			ok(t, "", "systemctl", "daemon-reload")
			ok(t, "", "systemctl", "enable", "--now", c.unit)
			defer sh(t, "systemctl", "disable", c.unit)
			ok(t, "", "redis-server", "/var/lib/redis/"+c.replica+".conf", "--daemonize", "yes")
			defer sh(t, "redis-cli", "-p", c.replica, "shutdown", "nosave")
			ok(t, "OK", "redis-cli", "-p", c.port, "set", "k", "v")
			ok(t, "", "timeout", "20", "sh", "-c", `until [ "$(redis-cli -p "$0" dbsize)" = 1 ]; do sleep 0.02; done`, c.replica)
			text = `{"127.0.0.1:` + c.port + `":{"master":true,"count":1}}`
			if err := os.WriteFile("/var/lib/keepalived-redis/roles.json", []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			ok(t, "", "systemctl", "kill", "--signal=KILL", c.unit)
			result := func() string {
				_, out := sh(t, "systemctl", "show", "--value", "--property=Result", c.unit)
				return strings.TrimSpace(out)
			}
			if c.unit == "redis-server@"+c.port { // with Restart=always
				await(t, "systemd gives up", func() bool {
					_, active := sh(t, "systemctl", "is-active", c.unit)
					return result() == c.state && strings.TrimSpace(active) == "failed" || result() == "exec-condition"
				})
			} else {
				await(t, "it is dead", func() bool { return result() == "signal" })
				if code, out := sh(t, "systemctl", "start", c.unit); (code == 0) != (c.state == "exec-condition") || result() != c.state {
					t.Errorf("systemd's start: %d, %s: %s", code, result(), out)
				}
			}
			ok(t, "1", "redis-cli", "-p", c.replica, "dbsize")
			_, out := sh(t, "journalctl", "--quiet", "--output=cat", "--unit", c.unit)
			if !strings.Contains(out, "was a master and is not started, because it has no longer") {
				t.Errorf("the journal has: %s", out)
			}
			says := "failed: "
			if c.state == "exec-condition" {
				says = "was kept from its start by its own ExecCondition"
			}
			fails(t, notRunning, says, "redis-initd", c.port, "status")
			fails(t, failed, "was a master and is not started", "redis-initd", c.port, "start")
			ok(t, "started", "redis-initd", c.port, "start", "--force")
			ok(t, "0", "redis-cli", "-p", c.port, "dbsize")
			ok(t, "stopped", "redis-initd", c.port, "stop")
			// Without the program it is started.
			ok(t, "", "chmod", "-x", "/usr/sbin/redis-initd")
			defer os.Chmod("/usr/sbin/redis-initd", 0o755)
			ok(t, "", "systemctl", "start", c.unit)
			ok(t, "", "systemctl", "stop", c.unit)
		})
	}
	if err := errors.Join(os.WriteFile(dropIn, drop, 0o644), os.Remove("/etc/systemd/system/redis@7533.service")); err != nil {
		t.Error(err)
	}
	ok(t, "", "systemctl", "daemon-reload")
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// TestAfterBoot is run by TestSetup once its machine has been booted again: what is installed runs, under both names, and
// nothing else does.
func TestAfterBoot(t *testing.T) {
	if !systemdtest.Inside() {
		return // there is nothing to see here
	}
	ok(t, "", "systemctl", "is-system-running", "--wait")
	for _, port := range []string{"7501", "7502"} {
		bothAre(t, true, port)
		ok(t, "is running", "redis-initd", port, "status")
		log, err := os.ReadFile("/var/log/redis/redis-" + port + ".log")
		if err != nil {
			t.Fatal(err)
		}
		starts := strings.Split(string(log), "Redis is starting")
		if before := starts[len(starts)-2]; !strings.Contains(before, "Redis is now ready to exit") {
			t.Errorf("%s was not shut down in good order:\n%s", port, before)
		}
	}
	fails(t, notRunning, "is not enabled", "redis-initd", "7505", "status")
}

// sh runs a command within 30 s, and gives its exit code and what it said.
func sh(t *testing.T, words ...string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // its exit code tells
	if ctx.Err() != nil {
		t.Fatalf("%v hangs: %s", words, out.String())
	}
	return cmd.ProcessState.ExitCode(), out.String()
}

// ok runs a command that must succeed, and say this.
func ok(t *testing.T, says string, words ...string) {
	t.Helper()
	if code, out := sh(t, words...); code != 0 || !strings.Contains(out, says) {
		t.Fatalf("%v: %d: %s", words, code, out)
	}
}

// fails runs a command that must end with the code, and say this.
func fails(t *testing.T, want int, says string, words ...string) {
	t.Helper()
	if code, out := sh(t, words...); code != want || !strings.Contains(out, says) {
		t.Fatalf("%v: %d, want %d: %s", words, code, want, out)
	}
}

// A new instance has its configuration where its unit reads it, as Debian's template does with redis-7520.conf.
func testCreateForUnit(t *testing.T) {
	for port, conf := range map[string]string{"7520": "/etc/redis/redis-7520.conf", "7521": "/etc/redis/own/7521.conf"} {
		unit := "redis_" + port + ".service"
		text := "[Service]\nExecStart=/usr/bin/redis-server " + conf + " --daemonize no\n[Install]\nWantedBy=multi-user.target\n"
		if err := os.WriteFile("/etc/systemd/system/"+unit, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		ok(t, "", "systemctl", "enable", unit)
		code, out := sh(t, "redis-initd", "create", port, "--bind", "10.9.9.1")
		if code != 0 || !strings.Contains(out, "made "+conf+" ") {
			t.Errorf("create %s: %d: %s", port, code, out)
		}
		if _, err := os.Stat(conf); err != nil {
			t.Error(err)
		}
		if told := strings.Contains(out, "conf below [service]"); told != (port == "7521") {
			t.Errorf("create %s: told to set service.conf: %v: %s", port, told, out)
		}
		ok(t, "", "systemctl", "disable", unit)
		if err := errors.Join(os.Remove(conf), os.Remove("/etc/systemd/system/"+unit)); err != nil {
			t.Error(err)
		}
	}
	ok(t, "", "systemctl", "daemon-reload")
}

// A new instance has a password that nobody else knows, one for all of both hosts, and it is said nowhere.
func testPassword(t *testing.T) {
	const file = "/etc/keepalived/redis.password"
	create := func(port string, more ...string) (string, string) {
		t.Helper()
		code, out := sh(t, append([]string{"redis-initd", "create", port, "--bind", "10.9.9.1"}, more...)...)
		text, err := os.ReadFile("/etc/redis/" + port + ".conf")
		if err != nil {
			text, err = os.ReadFile("/etc/redis/redis-" + port + ".conf")
		}
		if code != 0 || err != nil {
			t.Fatalf("create %s: %d, %v: %s", port, code, err, out)
		}
		return out, string(text)
	}
	out, conf := create("7541")
	secret, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	password := strings.TrimSpace(string(secret))
	if fi, err := os.Stat(file); err != nil || fi.Mode() != 0o600 || fi.Sys().(*syscall.Stat_t).Uid != 0 {
		t.Errorf("%s: %v, %v", file, fi.Mode(), err)
	}
	if len(password) != 64 || strings.Contains(out, password) || !strings.Contains(out, file+": copy that file to the other host") {
		t.Errorf("a password of %d bytes, said: %s", len(password), out)
	}
	has := func(conf, password string) bool {
		return strings.Contains(conf, "\nrequirepass \""+password+"\"\nmasterauth \""+password+"\"\n") && !strings.Contains(conf, "protected-mode")
	}
	if !has(conf, password) {
		t.Errorf("in the configuration: %s", conf)
	}
	if out, conf = create("7542"); !has(conf, password) || !strings.Contains(out, "its password is that of "+file) {
		t.Errorf("the second one has another: %s: %s", out, conf)
	}
	if err := os.WriteFile("/root/copied", []byte("from the other host\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, conf = create("7543", "--password-file", "/root/copied"); !has(conf, "from the other host") || strings.Contains(out, "from the other host") {
		t.Errorf("with a copied one: %s: %s", out, conf)
	}
	fails(t, 1, "password file /root/none is not there", "redis-initd", "create", "7544", "--bind", "10.9.9.1", "--password-file", "/root/none")
	if err := os.Chmod("/root/copied", 0o644); err != nil {
		t.Fatal(err)
	}
	fails(t, 1, "password file /root/copied ", "redis-initd", "create", "7544", "--bind", "10.9.9.1", "--password-file", "/root/copied")
	// Those that have one already have the same, or it is said.
	toml := "/etc/keepalived/keepalived-redis.toml"
	if err := os.WriteFile(toml, []byte("instances = [\"10.9.9.1:7543-7545\"]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(toml)
	if out, _ = create("7544"); !strings.Contains(out, "10.9.9.1:7543 has another password") || strings.Contains(out, "7545") {
		t.Errorf("two passwords: %s", out)
	}
	// Its own programs get in, and nobody without it.
	ok(t, "started", "redis-initd", "7544", "start")
	ok(t, "master with 0 linked replicas", "redis-initd", "7544", "status")
	ok(t, "NOAUTH", "redis-cli", "-p", "7544", "ping")
	ok(t, "PONG", "sh", "-c", "REDISCLI_AUTH=$(cat "+file+") redis-cli -p 7544 ping")
	ok(t, "stopped", "redis-initd", "7544", "stop")
}

func testCreate(t *testing.T) {
	ok(t, "it listens on every address", "redis-initd", "create", "7501", "7502", "--bind", "10.9.9.1", "--vip", "10.9.9.9", "--cluster", "--no-password")
	text, err := os.ReadFile("/etc/redis/7501.conf")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"port 7501", "bind 0.0.0.0", "protected-mode no", "dir /var/lib/redis/7501", "appendonly yes",
		"cluster-enabled yes", "cluster-node-timeout 15000", "cluster-require-full-coverage no", "cluster-announce-ip 10.9.9.1"} {
		if !strings.Contains(string(text), line+"\n") {
			t.Errorf("%s is missing in\n%s", line, text)
		}
	}
	for path, mode := range map[string]os.FileMode{"/etc/redis/7501.conf": 0o640, "/var/lib/redis/7501": 0o750 | os.ModeDir} {
		if fi, err := os.Stat(path); err != nil || fi.Mode() != mode || fi.Sys().(*syscall.Stat_t).Uid == 0 {
			t.Errorf("%s: %v, %v", path, fi.Mode(), err)
		}
	}
	fails(t, 1, "/etc/redis/7501.conf is there already", "redis-initd", "create", "7501", "--bind", "10.9.9.1")
	if err := os.MkdirAll("/var/lib/redis/7510/appendonlydir", 0o755); err != nil {
		t.Fatal(err)
	}
	fails(t, 1, "/var/lib/redis/7510 is there already, and not empty", "redis-initd", "create", "7510", "--bind", "10.9.9.1")
	ok(t, "NO password", "redis-initd", "create", "7503", "--bind", "10.9.9.1", "--no-password")
	for _, words := range [][]string{{"create", "7504"}, {"create"}, {"create", "6379", "--bind", "10.9.9.1"}, {"create", "x", "--bind", "10.9.9.1"},
		{"create", "7504", "--bind", "127.0.0.1"}, {"create", "60000", "--bind", "10.9.9.1", "--cluster"}, {"install", "7501", "--cluster"}, {"install"},
		{"install", "7501", "--no-password"}, {"create", "7504", "--bind", "10.9.9.1", "--no-password", "--password-file", "/etc/hostname"}} {
		fails(t, badArguments, "redis-initd: ", append([]string{"redis-initd"}, words...)...)
	}
}

// active: the unit is active; inactive or failed is not, and what is under way is neither.
func active(t *testing.T, unit string) (active, settled bool) {
	t.Helper()
	_, out := sh(t, "systemctl", "is-active", unit)
	word := strings.TrimSpace(out)
	return word == "active", word == "active" || word == "inactive" || word == "failed"
}

// bothAre: the instance and its other name are active, or are not.
func bothAre(t *testing.T, want bool, port string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; {
		a, settledA := active(t, "redis@"+port)
		b, settledB := active(t, "redis"+port)
		if settledA && settledB && a == want && b == want {
			return
		}
		if time.Now().After(end) {
			_, out := sh(t, "systemctl", "status", "--no-pager", "redis@"+port, "redis"+port)
			t.Fatalf("want active %t: %s", want, out)
		}
	}
}

func testInstall(t *testing.T) {
	fails(t, notConfigured, "7599.conf is missing", "redis-initd", "install", "7599")
	// Debian's redis-server@ reads another configuration, so ours is written where it is not yet.
	if err := os.Remove("/etc/systemd/system/redis@.service"); err != nil {
		t.Fatal(err)
	}
	ok(t, "", "systemctl", "daemon-reload")
	ok(t, "wrote /etc/systemd/system/redis@.service", "redis-initd", "install", "7501", "7502")
	ok(t, "redis 7501 is started at boot, by redis@7501.service and redis7501.service", "redis-initd", "install", "7501", "7502")
	ok(t, "", "redis-initd", "install", "7501") // again
	bothAre(t, false, "7501")
	ok(t, "", "systemctl", "start", "redis7501")
	bothAre(t, true, "7501")
	ok(t, "is running", "redis-initd", "7501", "status")
	ok(t, "", "systemctl", "restart", "redis7501")
	bothAre(t, true, "7501")
	ok(t, "", "systemctl", "stop", "redis7501")
	bothAre(t, false, "7501")
	fails(t, notRunning, "was stopped on purpose", "redis-initd", "7501", "status")
	ok(t, "started", "redis-initd", "7501", "start")
	bothAre(t, true, "7501")
	ok(t, "", "systemctl", "kill", "--signal=KILL", "redis@7501")
	bothAre(t, false, "7501")
	ok(t, "", "service", "redis7501", "start") // by systemctl, which says nothing
	bothAre(t, true, "7501")
}

func testForeign(t *testing.T) {
	ok(t, "", "redis-initd", "create", "7505", "--bind", "10.9.9.1")
	file := "/etc/systemd/system/redis7505.service"
	if err := os.WriteFile(file, []byte("[Service]\nType=oneshot\nExecStart=/bin/true\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	fails(t, 1, file+" is not ours", "redis-initd", "install", "7505")
	fails(t, 1, file+" is not ours", "redis-initd", "uninstall", "7505")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	ok(t, "", "redis-initd", "install", "7505")
	ok(t, "", "redis-initd", "uninstall", "7505")
	for path, want := range map[string]bool{file: false, "/etc/redis/7505.conf": true, "/var/lib/redis/7505": true} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
	if code, out := sh(t, "systemctl", "is-enabled", "redis@7505"); code == 0 {
		t.Errorf("it is enabled: %s", out)
	}
	if got := ownerOf(context.Background(), "/usr/bin/redis-cli"); got != "redis-tools" {
		t.Errorf("redis-cli belongs to %q", got)
	}
}

func testTarget(t *testing.T) {
	ok(t, "", "redis-initd", "all", "stop")
	ok(t, "", "systemctl", "start", "keepalived-redis.target")
	bothAre(t, true, "7501")
	bothAre(t, true, "7502")
	ok(t, "", "systemctl", "stop", "keepalived-redis.target")
	bothAre(t, false, "7501")
	bothAre(t, false, "7502")
	ok(t, "", "redis-initd", "7501", "start")
	ok(t, "", "redis-initd", "7502", "start") // so that a shutdown has something to stop
}

// What keepalived_script may not do, it may through sudo: exactly that, and only if the configuration says so.
func testSudo(t *testing.T) {
	as := []string{"setpriv", "--reuid", systemdtest.ScriptUser, "--regid", systemdtest.ScriptUser, "--clear-groups", "/usr/sbin/redis-initd", "7502"}
	fails(t, noPrivilege, "may not stop redis@7502.service", append(as, "stop")...)
	t.Setenv("KEEPALIVED_REDIS_SERVICE_RIGHTS", "sudo")
	ok(t, "stopped", append(as, "stop")...)
	bothAre(t, false, "7502")
	ok(t, "started", append(as, "start")...)
	bothAre(t, true, "7502")
	// sudo's lines are for these words alone.
	words := append(as[:6:6], "sudo", "-n", "/usr/sbin/redis-initd")
	ok(t, "", append(words, "7502", "status")...)
	fails(t, 1, "sudo:", append(words, "7502 x", "start")...)
	fails(t, 1, "sudo:", append(words, "all", "stop")...)
	as[7] = "10002"
	fails(t, notConfigured, "no such instance", append(as, "start")...)
	// Another account is refused as before, with both reasons.
	as[2], as[4], as[7] = "nobody", "nogroup", "7502"
	fails(t, noPrivilege, "may not stop redis@7502.service", append(as, "stop")...)
	bothAre(t, true, "7502")
}

// An init script of ours on a machine with systemd: systemd wraps it into a unit, and what it starts is the instance's own.
func testScriptUnderSystemd(t *testing.T) {
	text := strings.NewReplacer("PORT", "7503", "PROGRAM", "/usr/sbin/redis-initd").Replace(script)
	if err := os.WriteFile("/etc/init.d/redis7503", []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	ok(t, "", "systemctl", "daemon-reload")
	for _, way := range [][]string{{"/etc/init.d/redis7503"}, {"service", "redis7503"}} {
		ok(t, "", append(way, "start")...)
		ok(t, "is running", "redis-initd", "7503", "status")
		if is, _ := active(t, "redis@7503"); !is {
			t.Errorf("%v: the instance is not systemd's", way)
		}
		ok(t, "", append(way, "restart")...)
		ok(t, "", append(way, "stop")...)
		fails(t, notRunning, "", "redis-initd", "7503", "status")
	}
}

// A machine without systemd, as far as the program can tell.
func testScript(t *testing.T) {
	t.Setenv("KEEPALIVED_REDIS_SERVICE_BACKEND", "process")
	ok(t, "", "redis-initd", "create", "7506", "--bind", "10.9.9.1")
	ok(t, "/etc/init.d/redis7506", "redis-initd", "install", "7506")
	links, err := filepath.Glob("/etc/rc2.d/S*redis7506")
	if err != nil || len(links) != 1 {
		t.Fatalf("links %v, %v", links, err)
	}
	ok(t, "started", links[0], "start")
	ok(t, "is running", "/etc/init.d/redis7506", "status")
	ok(t, "stopped", "/etc/init.d/redis7506", "stop")
	ok(t, "", "redis-initd", "uninstall", "7506")
	if links, _ := filepath.Glob("/etc/rc?.d/*redis7506"); len(links) != 0 {
		t.Errorf("left: %v", links)
	}
	if _, err := os.Stat("/etc/init.d/redis7506"); err == nil {
		t.Error("the script is left")
	}
}

// What create writes is read by Redis and by ourselves as it was meant.
func TestQuote(t *testing.T) {
	for _, password := range []string{`simple`, `with "quotes" and \ more`, "ümläut", "tab\tand\nline", `'#{`} {
		s := setup{Bind: netip.MustParseAddr("10.9.9.1"), cfg: &config.Config{Password: config.Secret(password)}}
		given, _, err := s.password()
		if err != nil {
			t.Fatal(err)
		}
		text, _ := s.template(7000, "/data", "/log", given)
		file := filepath.Join(t.TempDir(), "redis.conf")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		conf, err := config.ReadRedisConf(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"requirepass", "masterauth"} {
			if got, _ := conf.Get(key); got != password {
				t.Errorf("%s is %q, want %q", key, got, password)
			}
		}
	}
}
