// Package procfs reads what the kernel says of processes and sockets, each form in one place.
package procfs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"syscall"
	"time"

	"keepalived-redis/internal/files"
)

// Tick is the unit of times in /proc/PID/stat: USER_HZ is 100 on every platform that we build for (proc(5)).
const Tick = time.Second / 100

// Process is one line of the kernel's process table.
type Process struct {
	PID, Parent int
	// Start is the time it started, in clock ticks since boot: with the pid it names one process for good.
	Start uint64
	// Comm is the name of its program, cut to 15 bytes.
	Comm    string
	State   byte
	threads int
	// cpu is the time that it has run, in whole ticks.
	CPU time.Duration
}

// Read reads /proc/PID/stat (proc(5)). An error that is fs.ErrNotExist: there is no such process.
func Read(pid int) (Process, error) { return readLine(pid, Path(pid, "stat")) }

// ReadMainThread is Read for the main thread alone.
func ReadMainThread(pid int) (Process, error) {
	return readLine(pid, Path(pid, "task/")+strconv.Itoa(pid)+"/stat")
}

func readLine(pid int, file string) (Process, error) {
	text, err := files.Read(file, 4<<10)
	if errors.Is(err, syscall.ESRCH) {
		err = fs.ErrNotExist
	}
	if err != nil {
		return Process{}, fmt.Errorf("look at process %d: %w", pid, err)
	}
	p, err := Parse(text)
	if err != nil {
		return Process{}, fmt.Errorf("look at process %d: %w", pid, err)
	}
	return p, nil
}

// errStat: the kernel has another form of /proc/PID/stat than any we know.
var errStat = errors.New("its line in the process table cannot be read")

// Parse reads one line of /proc/PID/stat. An error is errStat.
func Parse(text []byte) (Process, error) {
	// The name stands in parentheses and may itself hold any byte, also ") ".
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if open < 1 || end < open {
		return Process{}, errStat
	}
	// Field 3 (state) is the first after the name; 4 is the parent, 14 and 15 are the times, 20 the threads, 22 is the start time. Nobody needs
	// what stands behind it.
	f := strings.SplitN(strings.TrimPrefix(string(text[end+1:]), " "), " ", 21)
	if len(f) < 20 || f[0] == "" {
		return Process{}, errStat
	}
	pid, err1 := strconv.Atoi(strings.TrimSpace(string(text[:open])))
	parent, err2 := strconv.Atoi(f[1])
	user, err3 := strconv.ParseInt(f[11], 10, 64)
	system, err4 := strconv.ParseInt(f[12], 10, 64)
	threads, err5 := strconv.Atoi(f[17])
	start, err6 := strconv.ParseUint(strings.TrimSpace(f[19]), 10, 64)
	if errors.Join(err1, err2, err3, err4, err5, err6) != nil || pid <= 0 || parent < 0 || user < 0 || system < 0 {
		return Process{}, errStat
	}
	return Process{PID: pid, Parent: parent, Start: start, Comm: string(text[open+1 : end]), State: f[0][0], threads: threads, CPU: time.Duration(user+system) * Tick}, nil
}

// Age is how long it has been running, at a time since boot.
func (p Process) Age(sinceBoot time.Duration) time.Duration {
	return sinceBoot - time.Duration(p.Start)*Tick
}

// Alive: it still runs. A zombie with other threads left still holds its sockets.
func (p Process) Alive() bool {
	switch p.State {
	case 'Z':
		return p.threads > 1
	case 'X', 'x':
		return false
	default:
		return true
	}
}

// Lives looks again: the same process is still there. A recycled pid is another process.
func (p Process) Lives() bool {
	now, err := Read(p.PID)
	if err != nil {
		// Only a process that is not there is gone; what cannot be read is still there.
		return !errors.Is(err, fs.ErrNotExist)
	}
	return now.Start == p.Start && now.Alive()
}

// Path is the path of a file about a process.
func Path(pid int, name string) string { return "/proc/" + strconv.Itoa(pid) + "/" + name }

// ReadPIDFile gives the pid that a file claims, 0 if it claims none. It may be anything: a fifo, a link, garbage.
func ReadPIDFile(path string) int {
	text, err := files.Read(path, 32)
	if err != nil {
		return 0
	}
	pid, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 31)
	if err != nil || pid < 2 {
		return 0
	}
	return int(pid)
}

// SinceBoot is the time since boot, by the clock of a process' start time.
func SinceBoot() (time.Duration, error) {
	text, err := files.Read("/proc/uptime", 4<<10)
	if err != nil {
		return 0, fmt.Errorf("read the time since boot: %w", err)
	}
	word, _, _ := strings.Cut(string(text), " ")
	seconds, err := strconv.ParseFloat(word, 64)
	if err != nil {
		return 0, fmt.Errorf("read the time since boot: %w", err)
	}
	return time.Duration(seconds * float64(time.Second)), nil
}
