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

// keepalived is the process of that number, and its parent, if it is a keepalived that lives.
func keepalived(pid int) (p Process, parent int, ok bool) {
	k, err := procfs.Read(pid)
	return Process{k.PID, k.Start}, k.Parent, err == nil && k.Alive() && k.Comm == "keepalived"
}

// Caller is the keepalived that runs this program: our parent, or the parent of the shell that is our parent (1.x runs
// scripts by sh -c). ok is false when a person or another program runs us.
func Caller() (caller Process, ok bool) {
	pid := os.Getppid()
	for range 2 {
		p, err := procfs.Read(pid)
		switch {
		case err != nil || !p.Alive():
			return Process{}, false
		case p.Comm == "keepalived":
			return Process{pid, p.Start}, true
		case p.Comm != "sh" && p.Comm != "bash" && p.Comm != "dash":
			return Process{}, false
		}
		pid = p.Parent
	}
	return Process{}, false
}

// Parent is keepalived's first process. It is what identifies one keepalived: its VRRP child, which runs the hooks, is
// restarted by it. hint is a process of it that we know already, such as our caller; zero asks the pid file.
func Parent(hint Process) (p Process, alive bool) {
	if !hint.Zero() {
		if p, parent, ok := keepalived(hint.PID); ok && p == hint {
			if first, _, ok := keepalived(parent); ok {
				return first, true
			}
			return hint, true
		}
	}
	for _, f := range pidFiles {
		if p, _, ok := keepalived(procfs.ReadPIDFile(f)); ok {
			return p, true
		}
	}
	return Process{}, false
}
