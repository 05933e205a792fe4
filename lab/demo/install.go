// Package demo shows one scenario to a person as it happens.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// installLimit bounds an installation; a slow mirror may need minutes.
const installLimit = 10 * time.Minute

// manager is a package manager, with the package of each program that the lab needs.
type manager struct {
	program  string
	packages map[string]string
	args     []string
	// refresh fetches the lists of packages, where that is a step of its own.
	refresh []string
}

var managers = []manager{
	{program: "apt-get", args: []string{"install", "--yes", "--no-install-recommends"}, refresh: []string{"update", "--quiet"},
		packages: map[string]string{"keepalived": "keepalived", "redis-server": "redis-server", "redis-cli": "redis-tools", "ip": "iproute2", "ps": "procps", "systemd-nspawn": "systemd-container", "dbus-daemon": "dbus", "pkaction": "polkitd", "visudo": "sudo", "groff": "groff-base", "rpm": "rpm", "rpmlint": "rpmlint", "lintian": "lintian", "mmdebstrap": "mmdebstrap", "qemu-aarch64-static": "qemu-user-static", "gcc": "gcc"}},
	{program: "dnf", args: []string{"install", "--assumeyes"},
		packages: map[string]string{"keepalived": "keepalived", "redis-server": "redis", "redis-cli": "redis", "ip": "iproute", "ps": "procps-ng", "systemd-nspawn": "systemd-container", "dbus-daemon": "dbus-daemon", "pkaction": "polkit", "visudo": "sudo", "groff": "groff-base", "rpm": "rpm", "rpmlint": "rpmlint", "gcc": "gcc"}},
}

// needed are the programs that the lab runs.
var needed = []string{"keepalived", "redis-server", "redis-cli", "ip", "ps"}

// ForTests are the programs that tests run beside those of the lab: machines with systemd, which only root can make, and what
// checks our packaging.
func ForTests() []string {
	if os.Geteuid() != 0 {
		return nil
	}
	return []string{"systemd-nspawn", "dbus-daemon", "pkaction", "visudo", "groff", "rpm", "rpmlint", "lintian", "mmdebstrap", "qemu-aarch64-static"}
}

// missing are those of the programs that this machine does not have.
func missing(programs []string) []string {
	// keepalived and ip live in sbin, which is not in the PATH of every user.
	os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin:/usr/local/sbin")
	var names []string
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			names = append(names, p)
		}
	}
	return names
}

// Install installs the programs of the lab, and more, where they are missing, after saying what it does; their services are not started. Without root it says
// which one command to run, as an error.
func Install(ctx context.Context, out io.Writer, more ...string) error {
	programs := append(slices.Clone(needed), more...)
	lacks := missing(programs)
	if len(lacks) == 0 {
		return nil
	}
	i := slices.IndexFunc(managers, func(m manager) bool { _, err := exec.LookPath(m.program); return err == nil })
	if i < 0 {
		return fmt.Errorf("find %s: not installed; hint: install keepalived, Redis and iproute2 with this system's package manager",
			strings.Join(lacks, ", "))
	}
	m := managers[i]
	var packages []string
	for _, p := range lacks {
		packages = append(packages, m.packages[p])
	}
	slices.Sort(packages)
	packages = slices.Compact(packages)
	command := m.program + " " + strings.Join(m.args, " ") + " " + strings.Join(packages, " ")
	if os.Geteuid() != 0 {
		return fmt.Errorf("find %s: not installed; hint: run this once: sudo %s", strings.Join(lacks, ", "), command)
	}
	fmt.Fprintf(out, "installing %s (their services are not started): %s\n", strings.Join(packages, ", "), command)
	ctx, cancel := context.WithTimeout(ctx, installLimit)
	defer cancel()
	// The lists are fetched only if need be: mostly they are there, and fetching takes long.
	err := m.run(ctx, append(slices.Clone(m.args), packages...))
	if err != nil && m.refresh != nil {
		if err = m.run(ctx, m.refresh); err == nil {
			err = m.run(ctx, append(slices.Clone(m.args), packages...))
		}
	}
	if err != nil {
		return fmt.Errorf("install %s: %w; hint: run it by hand: %s", strings.Join(packages, ", "), err, command)
	}
	if lacks := missing(programs); len(lacks) > 0 {
		return fmt.Errorf("find %s: still missing after %s", strings.Join(lacks, ", "), command)
	}
	return nil
}

// noServices lets the package scripts start nothing: in a mount namespace of its own, the two programs through which Debian's scripts
// start services are covered by one that does nothing. So nothing on the machine itself is changed, or needs to be put back.
const noServices = `mount --make-rprivate / || exit 1
for p in /usr/sbin/invoke-rc.d /usr/bin/deb-systemd-invoke; do
	if [ -e $p ]; then mount --bind /bin/true $p || exit 1; fi
done
exec "$@"`

// run runs the package manager; its output is shown only if it fails.
func (m manager) run(ctx context.Context, args []string) error {
	cmd := exec.CommandContext(ctx, "/bin/sh", append([]string{"-c", noServices, "sh", m.program}, args...)...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	text, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", m.program, context.Cause(ctx))
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return fmt.Errorf("%s: %w", m.program, err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return fmt.Errorf("%s %s: %w: %s", m.program, args[0], err, strings.Join(lines[max(0, len(lines)-3):], "; "))
}
