// Package host makes the machines of the lab: one process a machine, in namespaces of its own, driven over a socket.
//
// Everything that a machine owns hangs on its first process: the kernel ends all its processes, its network and its
// mounts with it. So killing that process is a power cut, and nothing can be left behind, however the lab ends.
package host

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// stageVar tells a copy of this program what it is; agents read their Spec from specVar.
const (
	stageVar = "REDISLAB_STAGE"
	specVar  = "REDISLAB_SPEC"
	userVar  = "REDISLAB_USERNS"
	// insideVar stays set inside, for programs that the lab starts there themselves.
	insideVar = "REDISLAB_INSIDE"

	stageInner = "lab"
	stageAgent = "host"
)

// ErrNeeds says what the lab needs where this machine forbids namespaces.
var ErrNeeds = errors.New("the lab needs root, or user namespaces for everybody")

// Init must be the first call of a program that makes hosts: in the first process of a host, which is a copy of the program, it never
// returns.
func Init() {
	if os.Getenv(stageVar) == stageAgent {
		agentMain()
	}
}

// Main runs a program that may make hosts. The first call re-executes the program inside namespaces of its own (processes,
// mounts, network, and users when it is not root) and hands on its exit code; run is called in there only, with work, an empty
// directory that vanishes with the lab, mounted on workDir.
func Main(workDir string, run func(work string) int) int {
	if os.Getenv(stageVar) != stageInner {
		return enter()
	}
	os.Unsetenv(stageVar)
	os.Setenv(insideVar, "1")
	work, err := setUpInner(workDir)
	if err != nil {
		fmt.Fprintf(os.Stderr, "lab: %v\n", err)
		return 1
	}
	return run(work)
}

// Outside says whether this is the first process, before Main has made the namespaces.
func Outside() bool { return os.Getenv(stageVar) == "" && os.Getenv(insideVar) == "" }

// Rootless says whether the lab's root is an ordinary user outside.
func Rootless() bool { return os.Getenv(userVar) == "1" }

// enter starts this program again as the first process of new namespaces and waits for it.
func enter() int {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), stageVar+"="+stageInner)
	attr := &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
		Pdeathsig:  syscall.SIGKILL,
	}
	if os.Geteuid() != 0 || !mayMount() {
		attr.Cloneflags |= unix.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
		cmd.Env = append(cmd.Env, userVar+"=1")
	}
	cmd.SysProcAttr = attr

	// The signals go on to the copy, which tidies up and ends; this process only waits.
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	if err := cmd.Start(); err != nil {
		fmt.Fprintf(os.Stderr, "lab: %v\n", needs(fmt.Errorf("make namespaces: %w", err)))
		return 1
	}
	go func() {
		for s := range signals {
			// A process that has ended already needs no signal.
			_ = cmd.Process.Signal(s)
		}
	}()
	err := cmd.Wait()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
			return 128 + int(ws.Signal())
		}
		return exit.ExitCode()
	default:
		fmt.Fprintf(os.Stderr, "lab: wait for the lab: %v\n", err)
		return 1
	}
}

// mayMount: root in a container often has no CAP_SYS_ADMIN; then a user namespace is the way, as for anybody else.
func mayMount() bool {
	var hdr unix.CapUserHeader
	var data [2]unix.CapUserData
	hdr.Version = unix.LINUX_CAPABILITY_VERSION_3
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return true
	}
	return data[0].Effective&(1<<unix.CAP_SYS_ADMIN) != 0 && data[0].Effective&(1<<unix.CAP_NET_ADMIN) != 0
}

// needs wraps an error that means "not allowed" into the one sentence of what would help.
func needs(err error) error {
	if !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EACCES) && !errors.Is(err, unix.ENOSPC) {
		return err
	}
	return fmt.Errorf("%w: %w; hint: run it as root, or allow them (sysctl kernel.unprivileged_userns_clone=1, "+
		"user.max_user_namespaces=10000, and on Ubuntu kernel.apparmor_restrict_unprivileged_userns=0)", ErrNeeds, err)
}

// setUpInner makes the new namespaces usable: a /proc of their own, a loopback, and a work directory in memory.
func setUpInner(workDir string) (string, error) {
	if err := os.MkdirAll(workDir, 0o755); err != nil {
		return "", fmt.Errorf("make the lab's mount point: %w", err)
	}
	workDir, err := filepath.Abs(workDir)
	if err != nil {
		return "", fmt.Errorf("find the lab's mount point: %w", err)
	}
	type step struct {
		what string
		do   func() error
	}
	steps := []step{
		{"detach the mounts", func() error { return unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") }},
		{"mount /proc", func() error {
			return unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
		}},
		{"mount the work directory", func() error { return unix.Mount("redislab", workDir, "tmpfs", 0, "mode=0755,size=2g") }},
		{"bring up the loopback", func() error { return linkUp("lo", true) }},
	}
	if Rootless() {
		steps = append(steps, step{"pretend setgroups", pretendSetgroups})
	}
	for _, s := range steps {
		if err := s.do(); err != nil {
			return "", needs(fmt.Errorf("%s: %w", s.what, err))
		}
	}
	return workDir, nil
}

// Module is the root of the checkout: the closest directory above dir, or above this program, that holds go.mod.
func Module(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find the checkout: %w", err)
	}
	starts := []string{abs}
	if exe, err := os.Executable(); err == nil {
		starts = append(starts, filepath.Dir(exe))
	}
	for _, start := range starts {
		for d := start; ; d = filepath.Dir(d) {
			if b, err := os.ReadFile(filepath.Join(d, "go.mod")); err == nil && strings.Contains(string(b), "module keepalived-redis\n") {
				return d, nil
			}
			if d == filepath.Dir(d) {
				break
			}
		}
	}
	return "", fmt.Errorf("find the checkout: no go.mod of keepalived-redis above %s; hint: run it from the checkout", abs)
}
