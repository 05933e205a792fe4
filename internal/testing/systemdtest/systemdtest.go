// Package systemdtest boots a machine with a real systemd for tests, or with another init: a container over the root of this
// machine, with nothing of it enabled, or over a small Debian of its own. What is written in there stays in there, and all of it is gone
// when the test ends.
package systemdtest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// insideVar tells a test program that it runs in the machine.
const insideVar = "REDIS_SYSTEMDTEST"

// bootTime bounds how long a machine may take to come up, on a busy one; alone it takes half a second.
const bootTime = 60 * time.Second

// Inside says whether this process runs in a machine that Boot has made.
func Inside() bool { return os.Getenv(insideVar) != "" }

// Machine is one that runs.
type Machine struct {
	t      testing.TB
	spec   Spec
	init   int // its first process
	cmd    *exec.Cmd
	power  io.WriteCloser // a line switches a machine on that is off
	log    bytes.Buffer
	groups []string // its control groups
}

// Spec says what a machine is made of.
type Spec struct {
	// Files are those that it has beside this machine's own: their contents by their paths. Programs are copied from this
	// machine: where from, by where to.
	Files, Programs map[string]string
	// Root is what lies below it, as Debian makes it: with all that is installed and enabled in there. It is not changed. This machine's
	// own root if it is empty, without what is enabled or kept on this machine.
	Root string
	// Name is its host name; one is made up if it is empty.
	Name string
	// Network is the network namespace that it is in, which outlives a boot; nil is one of its own, with nothing but a loopback.
	Network *os.File
	// Init is its first process, by its path in there, and Up says whether that has done its work; systemd's if it is empty.
	Init string
	Up   func(*Machine) bool
}

// target is what the machine boots: D-Bus and what every service waits for, and nothing else.
const target = `[Unit]
Description=Machine of a test
Requires=basic.target
After=basic.target
Wants=dbus.socket
AllowIsolate=yes
`

// needless are services that only cost time, or that reach for hardware.
var needless = []string{
	"systemd-udevd.service", "systemd-udev-trigger.service", "systemd-networkd.service", "systemd-resolved.service", "systemd-logind.service",
	"systemd-journal-flush.service", "systemd-random-seed.service", "systemd-update-utmp.service", "systemd-sysusers.service",
	"systemd-hwdb-update.service", "systemd-timesyncd.service", "systemd-firstboot.service", "systemd-machine-id-commit.service", "timers.target",
	"getty.target", "console-getty.service", "systemd-update-utmp-runlevel.service", "systemd-ask-password-wall.path", "plymouth-quit.service",
}

// start makes the machine's file system and runs its container manager. All of it ends with the namespaces that it runs in. Over this
// machine's root, /etc/systemd is its own, so nothing that is enabled on this machine starts in there, and neither do its init scripts.
const start = `set -e
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs -o mode=0755 none /run # nspawn leaves things there
mount -t tmpfs -o mode=0755 none "$1/over"
mkdir -p "$1/over/up/etc/systemd" "$1/over/work"
mount -t overlay -o lowerdir="$6",upperdir="$1/over/up",workdir="$1/over/work" overlay "$1/root"
if [ "$6" = / ]; then
	for dir in /etc/systemd/system /etc/init.d /etc/redis /etc/keepalived /var/lib/redis /var/lib/keepalived-redis /var/log/redis; do
		mkdir -p "$1/root$dir"
		mount -t tmpfs -o mode=0755 none "$1/root$dir"
	done
	if id redis >/dev/null 2>&1; then chown redis: "$1/root/var/lib/redis" "$1/root/var/log/redis"; fi
	rm -f "$1"/root/etc/rc?.d/*
fi
cp -R --remove-destination "$1/files/." "$1/root/" # what is a link to a part of systemd becomes a file
while :; do
	code=0
	systemd-nspawn --quiet --directory="$1/root" --machine="$2" --hostname="$3" --register=no --keep-unit --console=pipe \
		$4 --link-journal=no --setenv=` + insideVar + `=1 $5 </dev/null || code=$?
	[ $code = 133 ] || read -r again || exit $code # 133 is a reboot; else it is off until somebody switches it on
done`

// Where the shell has the network that a machine is given; it is the first process of its namespace.
const sharedNetwork = "--network-namespace-path=/proc/1/fd/3 --capability=CAP_NET_ADMIN,CAP_NET_RAW"

// Boot starts a machine with systemd that has these files and programs. It needs root.
func Boot(t testing.TB, files, programs map[string]string) *Machine {
	t.Helper()
	return Spec{Files: files, Programs: programs}.Boot(t)
}

// Boot starts the machine. It needs root.
func (s Spec) Boot(t testing.TB) *Machine {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("a container with systemd needs root; hint: run the tests as root")
	}
	if _, err := exec.LookPath("systemd-nspawn"); err != nil {
		t.Fatalf("%v; hint: build/redis-lab install", err)
	}
	dir, err := os.MkdirTemp("", "systemdtest-")
	if err != nil {
		t.Fatal(err)
	}
	m := &Machine{t: t, spec: s}
	t.Cleanup(func() {
		m.end()
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("leave nothing behind: %v", err)
		}
	})
	m.spec.Name = cmp.Or(s.Name, filepath.Base(dir))
	if err := m.furnish(dir, s.Files, s.Programs); err != nil {
		t.Fatalf("make a machine: %v", err)
	}
	if err := m.boot(dir); err != nil {
		t.Fatalf("boot a machine: %v\n%s", err, m.log.String())
	}
	return m
}

// furnish writes what the machine gets of its own.
func (m *Machine) furnish(dir string, files, programs map[string]string) error {
	for _, d := range []string{"over", "root", "files/etc/systemd/system"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return err
		}
	}
	// The test's own directory is closed to others, and the machine's root must not be.
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	units := filepath.Join(dir, "files/etc/systemd/system")
	for _, name := range needless {
		if err := os.Symlink("/dev/null", filepath.Join(units, name)); err != nil {
			return err
		}
	}
	if err := os.Symlink("multi-user.target", filepath.Join(units, "default.target")); err != nil {
		return err
	}
	all := map[string][]byte{}
	if m.spec.Root != "" {
		// With it empty systemd does not take this for the first boot, at which it enables whatever is there.
		all["/etc/machine-id"] = nil
		all["/etc/hostname"] = []byte(m.spec.Name + "\n")
	} else {
		all["/etc/systemd/system/multi-user.target"] = []byte(target)
	}
	for path, text := range files {
		all[path] = []byte(text)
	}
	for to, from := range programs {
		data, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		all[to] = data
	}
	for path, data := range all {
		file := filepath.Join(dir, "files", path)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if bytes.HasPrefix(data, []byte("\x7fELF")) || bytes.HasPrefix(data, []byte("#!")) {
			mode = 0o755
		}
		if err := os.WriteFile(file, data, mode); err != nil {
			return err
		}
	}
	return nil
}

func (m *Machine) boot(dir string) error {
	name := filepath.Base(dir)
	group, err := m.makeGroups(name)
	if err != nil {
		return err
	}
	network := "--private-network"
	if m.spec.Network != nil {
		network = sharedNetwork
	}
	m.cmd = exec.Command("/bin/sh", "-c", group+start, "sh", dir, name, m.spec.Name, network, cmp.Or(m.spec.Init, "--boot"), cmp.Or(m.spec.Root, "/"))
	m.cmd.Stdout, m.cmd.Stderr = &m.log, &m.log
	if m.power, err = m.cmd.StdinPipe(); err != nil {
		return err
	}
	if m.spec.Network != nil {
		m.cmd.ExtraFiles = []*os.File{m.spec.Network}
	}
	m.cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "SYSTEMD_LOG_LEVEL=warning"}
	// As the first process of its namespace it takes everything with it, and it does not outlive the test.
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	if err := m.cmd.Start(); err != nil {
		return err
	}
	return m.await(0)
}

// Reboot shuts the machine down in good order, and boots it again.
func (m *Machine) Reboot() {
	m.t.Helper()
	old := m.init
	if out, err := m.Command(context.Background(), "reboot").CombinedOutput(); err != nil && !m.gone() {
		m.t.Fatalf("reboot: %v: %s", err, out)
	}
	m.init = 0
	if err := m.await(old); err != nil {
		m.t.Fatalf("reboot: %v\n%s", err, m.log.String())
	}
}

// PowerOff shuts the machine down in good order, and returns once it is off. Its network and its files are still there.
func (m *Machine) PowerOff() {
	m.t.Helper()
	if out, err := m.Command(context.Background(), "poweroff").CombinedOutput(); err != nil && !m.gone() {
		m.t.Fatalf("power off: %v: %s", err, out)
	}
	m.awaitOff()
}

// PowerCut ends everything that runs in the machine at once, and returns when it is gone.
func (m *Machine) PowerCut() {
	m.t.Helper()
	if err := unix.Kill(m.init, unix.SIGKILL); err != nil {
		m.t.Fatalf("cut the power: %v", err)
	}
	m.awaitOff()
}

func (m *Machine) awaitOff() {
	m.t.Helper()
	for end := time.Now().Add(bootTime); !m.gone(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			m.t.Fatalf("still on after %s\n%s", bootTime, m.log.String())
		}
	}
}

// PowerOn boots a machine that is off.
func (m *Machine) PowerOn() {
	m.t.Helper()
	old := m.init
	_, err := io.WriteString(m.power, "again\n")
	m.init = 0
	if err == nil {
		err = m.await(old)
	}
	if err != nil {
		m.t.Fatalf("power on: %v\n%s", err, m.log.String())
	}
}

// await waits until the machine is up, with another first process than old.
func (m *Machine) await(old int) error {
	for end := time.Now().Add(bootTime); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if m.init == 0 {
			if m.init = firstProcess(m.cmd.Process.Pid); m.init == old {
				m.init = 0
			}
			continue
		}
		up, err := m.up()
		switch {
		case err != nil:
			return err
		case up:
			return nil
		case m.gone():
			return errors.New("it ended")
		}
	}
	return fmt.Errorf("not up after %s", bootTime)
}

// up: the machine's init has done its work; or the error that it will not.
func (m *Machine) up() (bool, error) {
	if m.spec.Up != nil {
		return m.spec.Up(m), nil
	}
	// Before its first process has its root, nothing of it can be entered: that is not up either.
	out, _ := m.Command(context.Background(), "systemctl", "is-system-running").CombinedOutput()
	switch strings.TrimSpace(string(out)) {
	case "running":
		return true, nil
	case "degraded":
		list, _ := m.Command(context.Background(), "systemctl", "--no-pager", "list-units", "--failed").CombinedOutput()
		return false, fmt.Errorf("something failed:\n%s", list)
	}
	return false, nil
}

func (m *Machine) gone() bool {
	return unix.Kill(m.init, 0) != nil
}

// firstProcess is the first process of the machine, 0 while there is none: below the shell and nspawn, in a namespace of
// its own once more.
func firstProcess(shell int) int {
	for _, nspawn := range children(shell) {
		for _, pid := range children(nspawn) {
			if mine, its := numbers(nspawn), numbers(pid); len(its) > len(mine) && its[len(its)-1] == "1" {
				return pid
			}
		}
	}
	return 0
}

func children(pid int) []int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return nil
	}
	var all []int
	for _, word := range strings.Fields(string(text)) {
		if n, err := strconv.Atoi(word); err == nil {
			all = append(all, n)
		}
	}
	return all
}

// numbers are those that a process has in the namespaces that it is in, from ours inwards.
func numbers(pid int) []string {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return nil
	}
	for _, line := range strings.Split(string(status), "\n") {
		if list, ok := strings.CutPrefix(line, "NSpid:"); ok {
			return strings.Fields(list)
		}
	}
	return nil
}

// Command prepares a command in the machine, as its root.
func (m *Machine) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "nsenter", append([]string{"--target", strconv.Itoa(m.init), "--all", "--"}, args...)...)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", insideVar + "=1", "HOME=/root", "LC_ALL=C.UTF-8"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// PID is the machine's first process, as this one sees it: for its namespaces, and for a power cut.
func (m *Machine) PID() int { return m.init }

// Test runs tests of this very test program in the machine, and fails unless they pass. There, Inside is true.
func (m *Machine) Test(pattern string, environ ...string) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	args := []string{Program, "-test.run", pattern, "-test.v", "-test.timeout", "4m"}
	cmd := m.Command(ctx, args...)
	cmd.Env = append(cmd.Env, environ...)
	out, err := cmd.CombinedOutput()
	m.t.Logf("%s", out)
	if err != nil {
		m.t.Fatalf("in the machine: %v", err)
	}
	if !bytes.Contains(out, []byte("--- PASS")) {
		m.t.Fatalf("in the machine: no test ran")
	}
}

// Program is where the machine has this test program, once it is given as in Self.
const Program = "/usr/local/bin/systemdtest"

// Self is the programs argument of Boot for a machine in which Test is called.
func Self() map[string]string { return map[string]string{Program: "/proc/self/exe"} }

// end cuts the power, and removes what the kernel keeps of the machine.
func (m *Machine) end() {
	if m.cmd != nil && m.cmd.Process != nil {
		m.power.Close()
		// One that has ended already needs no signal.
		_ = m.cmd.Process.Kill()
		// The end of a machine without power is no clean one.
		_ = m.cmd.Wait()
	}
	for _, g := range m.groups {
		if err := removeGroup(g); err != nil {
			m.t.Errorf("leave nothing behind: %v", err)
		}
	}
}

// Shipped reads a file of packaging/, for Boot's files. from is where in the checkout the test runs.
func Shipped(t testing.TB, from, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(from, "packaging", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// ScriptUser is the account under which keepalived runs its scripts, and its number in a machine that has Accounts.
const (
	ScriptUser = "keepalived_script"
	ScriptUID  = 980
)

// Accounts are this machine's accounts with ScriptUser beside them, for Boot's files.
func Accounts(t testing.TB) map[string]string {
	t.Helper()
	files := map[string]string{}
	for path, line := range map[string]string{
		"/etc/passwd": fmt.Sprintf("%s:x:%d:%d::/:/bin/false\n", ScriptUser, ScriptUID, ScriptUID),
		"/etc/group":  fmt.Sprintf("%s:x:%d:\n", ScriptUser, ScriptUID),
	} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[path] = string(text) + line
	}
	// Without it sudo finds the account not valid. This machine's own is nobody's business.
	files["/etc/shadow"] = fmt.Sprintf("root:*:20000::::::\n%s:*:20000::::::\n", ScriptUser)
	return files
}
