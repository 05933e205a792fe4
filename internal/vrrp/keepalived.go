package vrrp

import (
	"os"
	"time"

	"keepalived-redis/internal/procfs"
)

// Process is a process that cannot be mistaken for a later one with the same number.
type Process struct {
	PID int `json:"pid"`
	// Start is the kernel's start time in clock ticks since boot (field 22 of /proc/PID/stat).
	Start uint64 `json:"start"`
}

// Started is when it was started, on the monotonic clock since boot; on a machine that was suspended it may be given too late. The ticks are
// hundredths of a second on every architecture (proc(5), USER_HZ).
func (p Process) Started() time.Duration { return time.Duration(p.Start) * procfs.Tick }

// Zero: no process.
func (p Process) Zero() bool { return p.PID == 0 }

// pidFiles are where keepalived's parent process writes its number (keepalived/core/pidfile.c): Debian and newer, EL 6.
var pidFiles = []string{"/run/keepalived.pid", "/var/run/keepalived.pid", "/run/keepalived/keepalived.pid"}

// stat reads name, parent and start time of a process. One that has ended is os.ErrProcessDone.
func stat(pid int) (name string, parent int, start uint64, err error) {
	p, err := procfs.Read(pid)
	if err == nil && (p.State == 'Z' || p.State == 'X' || p.State == 'x') {
		err = os.ErrProcessDone
	}
	return p.Comm, p.Parent, p.Start, err
}

// Caller is the keepalived that runs this program: our parent, or the parent of the shell that is our parent (1.x runs
// scripts by sh -c). ok is false when a person or another program runs us.
func Caller() (caller Process, ok bool) {
	pid := os.Getppid()
	for range 2 {
		name, parent, start, err := stat(pid)
		switch {
		case err != nil:
			return Process{}, false
		case name == "keepalived":
			return Process{pid, start}, true
		case name != "sh" && name != "bash" && name != "dash":
			return Process{}, false
		}
		pid = parent
	}
	return Process{}, false
}

// Parent is keepalived's first process. It is what identifies one keepalived: its VRRP child, which runs the hooks, is
// restarted by it. hint is a process of it that we know already, such as our caller; zero asks the pid file.
func Parent(hint Process) (p Process, alive bool) {
	if !hint.Zero() {
		if name, parent, start, err := stat(hint.PID); err == nil && name == "keepalived" && start == hint.Start {
			if pname, _, pstart, err := stat(parent); err == nil && pname == "keepalived" {
				return Process{parent, pstart}, true
			}
			return hint, true
		}
	}
	for _, f := range pidFiles {
		pid := procfs.ReadPIDFile(f)
		if pid == 0 {
			continue
		}
		if name, _, start, err := stat(pid); err == nil && name == "keepalived" {
			return Process{pid, start}, true
		}
	}
	return Process{}, false
}
