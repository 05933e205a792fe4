package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"keepalived-redis/internal/testing/systemdtest"
)

// The worlds of the table.
const (
	asRoot    = "systemd, as root"
	asScript  = "systemd, as keepalived_script"
	asNobody  = "systemd, as nobody"
	noSystemd = "no systemd"
)

var worlds = []string{asRoot, asScript, asNobody, noSystemd}

// lsbTable are the exit codes of redis-initd: what is done to an instance in a state, in each of the worlds. -1: that state
// cannot be had there.
var lsbTable = []struct {
	state, action string
	code          [4]int
}{
	{"stopped", "status", [4]int{3, 3, 3, 3}},
	{"stopped", "start", [4]int{0, 0, 4, 0}},
	{"stopped", "stop", [4]int{0, 0, 0, 0}},
	{"stopped", "restart", [4]int{0, 0, 4, 0}},
	{"stopped", "try-restart", [4]int{0, 0, 0, 0}},
	{"stopped", "condrestart", [4]int{0, 0, 0, 0}},
	{"stopped", "force-reload", [4]int{0, 0, 0, 0}},
	{"stopped", "reload", [4]int{7, 7, 7, 7}},
	{"running", "status", [4]int{0, 0, 0, 0}},
	{"running", "start", [4]int{0, 0, 0, 0}},
	{"running", "stop", [4]int{0, 0, 4, 0}},
	{"running", "restart", [4]int{0, 0, 4, 0}},
	{"running", "try-restart", [4]int{0, 0, 4, 0}},
	{"running", "condrestart", [4]int{0, 0, 4, 0}},
	{"running", "force-reload", [4]int{0, 0, 4, 0}},
	{"running", "reload", [4]int{3, 3, 3, 3}},
	{"running", "frobnicate", [4]int{2, 2, 2, 2}},
	{"running", "", [4]int{2, 2, 2, 2}},
	{"died", "status", [4]int{1, 3, 3, 1}}, // who cannot read the configuration knows of no pid file
	{"died", "start", [4]int{0, 0, 4, 0}},
	{"died", "stop", [4]int{0, 0, 4, 0}},
	{"died", "try-restart", [4]int{0, 0, 0, 0}},
	{"refused by redis-server", "start", [4]int{1, 1, 4, 1}},
	{"without a configuration", "start", [4]int{6, 6, 4, 6}},
	{"without a configuration", "status", [4]int{3, 3, 3, 3}},
	{"without a unit", "start", [4]int{5, 5, 5, -1}},
	{"without a unit", "status", [4]int{3, 3, 3, -1}},
	{"without a program", "start", [4]int{-1, -1, -1, 5}},
	{"masked", "start", [4]int{6, 6, 6, -1}},
	{"masked", "status", [4]int{3, 3, 3, -1}},
	{"of another host", "start", [4]int{6, 6, 6, 6}},
	{"of another host", "status", [4]int{4, 4, 4, 4}},
}

// TestLSB prints the table and compares it.
func TestLSB(t *testing.T) {
	if only := os.Getenv("LSB_WORLDS"); only != "" {
		for _, w := range strings.Split(only, ";") {
			testWorld(t, w)
		}
		return
	}
	t.Parallel()
	testWorld(t, noSystemd)
	root := "../.."
	files := map[string]string{
		"/etc/systemd/system/redis@.service":              systemdtest.Shipped(t, root, "systemd/redis@.service"),
		"/etc/systemd/system/redis@.service.d/test.conf":  "[Service]\nRestart=no\n", // what died stays dead
		"/etc/polkit-1/rules.d/50-keepalived-redis.rules": systemdtest.Shipped(t, root, "polkit/50-keepalived-redis.rules"),
		"/etc/systemd/system/keepalived-redis.target":     systemdtest.Shipped(t, root, "systemd/keepalived-redis.target"),
	}
	maps.Copy(files, systemdtest.Accounts(t))
	programs := systemdtest.Self()
	programs["/usr/sbin/redis-initd"] = "/proc/self/exe"
	systemdtest.Boot(t, files, programs).Test("^TestLSB$", "LSB_WORLDS="+strings.Join(worlds[:3], ";"))
}

// testWorld is one column: a few instances at a time, each with a port of its own.
func testWorld(t *testing.T, name string) {
	column := slices.Index(worlds, name)
	base := newWorld(t, name)
	got := make([]int, len(lsbTable))
	t.Run(name, func(t *testing.T) {
		for n, row := range lsbTable {
			want := row.code[column]
			if want < 0 {
				continue
			}
			t.Run(row.state+" "+row.action, func(t *testing.T) {
				t.Parallel()
				w := *base
				w.number = base.number + n
				w.prepare(t, row.state)
				code, said := w.do(w.user, w.port, row.action)
				if got[n] = code; code != want {
					t.Errorf("exit code %d, want %d\n%s", code, want, said)
				}
				w.end(t)
			})
		}
	})
	fmt.Printf("%s:\n", name)
	for n, row := range lsbTable {
		if row.code[column] >= 0 {
			fmt.Printf("  %-24s %-12s %d\n", row.state, row.action, got[n])
		}
	}
}

// world is one in which the program runs.
type world struct {
	systemd bool
	// dir has the instances' configurations.
	dir, port string
	user      *syscall.Credential
	number    int // of the port
	environ   []string
	owner     *user.User
}

func newWorld(t *testing.T, name string) *world {
	t.Helper()
	w := &world{systemd: name != noSystemd, dir: "/etc/redis", number: 7100 + 100*slices.Index(worlds, name)}
	switch name {
	case asScript:
		w.user = &syscall.Credential{Uid: systemdtest.ScriptUID, Gid: systemdtest.ScriptUID}
	case asNobody:
		w.user = &syscall.Credential{Uid: 65534, Gid: 65534}
	}
	if !w.systemd {
		w.dir = t.TempDir()
		return w
	}
	var err error
	if w.owner, err = user.Lookup("redis"); err != nil {
		t.Fatal(err)
	}
	return w
}

// prepare makes an instance in the state.
func (w *world) prepare(t *testing.T, state string) {
	t.Helper()
	w.port = strconv.Itoa(w.number)
	data := filepath.Join(w.dir, w.port)
	if w.systemd {
		data = filepath.Join("/var/lib/redis", w.port)
	}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(os.MkdirAll(data, 0o755))
	conf := filepath.Join(w.dir, w.port+".conf")
	lines := fmt.Sprintf("port %s\nbind 127.0.0.1\ndir %s\nlogfile %s/redis.log\npidfile %s/redis.pid\ndaemonize yes\n", w.port, data, data, data)
	if state == "refused by redis-server" {
		lines += "bogus yes\n"
	}
	if state != "without a configuration" {
		check(os.WriteFile(conf, []byte(lines), 0o640))
	}
	if w.systemd {
		uid, _ := strconv.Atoi(w.owner.Uid)
		gid, _ := strconv.Atoi(w.owner.Gid)
		check(os.Chown(data, uid, gid))
		if state != "without a configuration" {
			check(os.Chown(conf, 0, gid))
		}
		if state == "without a configuration" {
			w.ctl(t, "enable", "redis@"+w.port)
		}
	}
	w.environ = append(os.Environ(), "KEEPALIVED_REDIS_INSTANCES=127.0.0.1:"+w.port, "KEEPALIVED_REDIS_SERVICE_CONF="+w.dir+"/%p.conf", "KEEPALIVED_REDIS_SERVICE_ACCOUNT=root",
		"KEEPALIVED_REDIS_RUN_DIR="+data+"/run", "KEEPALIVED_REDIS_STATE_DIR="+data+"/lib")
	switch state {
	case "running", "died":
		if code, said := w.do(nil, w.port, "start"); code != success {
			t.Fatalf("start: %d: %s", code, said)
		}
		if state == "died" {
			check(syscall.Kill(w.pid(t), syscall.SIGKILL))
			w.await(t, "it is dead", func() bool { code, _ := w.do(nil, w.port, "status"); return code == deadWithPID || code == notRunning })
		}
	case "without a unit":
		w.environ = append(w.environ, "KEEPALIVED_REDIS_SERVICE_UNIT=cache-%p.service")
	case "without a program":
		w.environ = append(w.environ, "KEEPALIVED_REDIS_SERVICE_SERVER=/none/redis-server")
	case "masked":
		w.ctl(t, "mask", "redis@"+w.port)
	case "of another host":
		w.port = "6999"
	}
}

// end leaves nothing of the row behind.
func (w *world) end(t *testing.T) {
	t.Helper()
	w.port = strconv.Itoa(w.number)
	if code, said := w.do(nil, w.port, "stop"); code != success {
		t.Errorf("stop: %d: %s", code, said)
	}
}

// do runs the program as somebody; nil is root.
func (w *world) do(as *syscall.Credential, words ...string) (int, string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if words[len(words)-1] == "" {
		words = words[:len(words)-1]
	}
	program := "redis-initd"
	if w.systemd {
		program = "/usr/sbin/redis-initd" // the one in PATH is in a directory that only root can enter
	}
	cmd := exec.CommandContext(ctx, program, words...)
	cmd.Env, cmd.Dir = w.environ, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return exit.ExitCode(), string(out)
	} else if err != nil {
		return -1, err.Error()
	}
	return 0, string(out)
}

func (w *world) pid(t *testing.T) int {
	t.Helper()
	_, said := w.do(nil, "--json", w.port, "status")
	var d struct{ Instances []told }
	if err := json.Unmarshal([]byte(said), &d); err != nil || len(d.Instances) != 1 || d.Instances[0].PID == nil {
		t.Fatalf("no pid in %s (%v)", said, err)
	}
	return *d.Instances[0].PID
}

func (w *world) await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

func (w *world) ctl(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("systemctl", args...).CombinedOutput(); err != nil {
		t.Fatalf("systemctl %v: %v: %s", args, err, out)
	}
}
