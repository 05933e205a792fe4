package service

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"keepalived-redis/internal/procfs"
)

// Activity is what the kernel says of a server that gives no answer. Several seconds of CPU time for one command, a fork of much
// memory and a disk that stalls all look the same from outside as a server that hangs.
type Activity int

const (
	// Unclear: it sleeps. Whether it works shows only in the CPU time that it uses until a later sample.
	Unclear Activity = iota
	// Works: it runs, or waits for the disk, or has just made a child, as BGSAVE does.
	Works
	// Hangs: it is stopped by a signal or a debugger, or its control group is frozen.
	Hangs
)

// Sample is one look at the main thread of a server, which is the one that answers.
type Sample struct {
	process procfs.Process
	// cpu is the time that the thread has run, in nanoseconds or in whole clock ticks, whichever the kernel tells.
	cpu time.Duration
	// frozen: its control group is. youngChild: it has made a child within the time that was asked for.
	frozen, youngChild bool
	// reads are the read calls of the thread so far, 0 where they cannot be read.
	reads uint64
}

// Turn is how far the event loop of a server has come.
type Turn struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"`
	Reads uint64 `json:"reads"`
}

// Turn is where the event loop was. The main thread reads from its clients there and nowhere else: no command reads, be it a script, a save
// or a wait for the disk (networking.c and serverCron in server.c, Redis 3.2 to 8).
func (s Sample) Turn() Turn { return Turn{PID: s.process.PID, Start: s.process.Start, Reads: s.reads} }

// After: the event loop of the same server has turned between an earlier turn and this one. Where the kernel does not show the calls
// (CONFIG_TASK_IO_ACCOUNTING, or another user's process), that is never seen.
func (t Turn) After(earlier Turn) bool {
	return t.PID == earlier.PID && t.Start == earlier.Start && earlier.Reads > 0 && t.Reads > earlier.Reads
}

// TakeSample looks at the process once. An error means that nothing is known of it: there is none, or /proc does not show it
// (hidepid, proc(5)). young is the age up to which a child counts.
func TakeSample(pid int, young time.Duration) (Sample, error) {
	if pid <= 0 {
		return Sample{}, errors.New("look at a process: its number is not known")
	}
	p, err := procfs.Read(pid)
	if err != nil {
		return Sample{}, err
	}
	s := Sample{process: p, frozen: frozen(pid)}
	if s.cpu, err = cpuTime(pid); err != nil {
		return Sample{}, err
	}
	s.youngChild = hasYoungChild(pid, young)
	s.reads = readCalls(pid)
	return s, nil
}

// Activity is what one sample says.
func (s Sample) Activity() Activity {
	switch {
	// A frozen group shows as D or as S (kernel/cgroup/freezer.c, kernel/freezer.c), so it is asked first. T is a stop, t a debugger.
	case s.frozen, s.process.State == 'T', s.process.State == 't':
		return Hangs
	case s.process.State == 'R', s.process.State == 'D', s.youngChild:
		return Works
	}
	return Unclear
}

// Since is what a later sample of the same server says beside an earlier one: what sleeps and has used CPU time in between works
// in small pieces, and what has used none hangs. A number that another process has by now says nothing.
func (s Sample) Since(earlier Sample) Activity {
	switch {
	case s.process.PID != earlier.process.PID || s.process.Start != earlier.process.Start:
		return Unclear
	case s.Activity() != Unclear:
		return s.Activity()
	case s.cpu > earlier.cpu:
		return Works
	}
	return Hangs
}

// cpuTime is the time that the main thread has run: from schedstat (Documentation/scheduler/sched-stats.rst), where the kernel
// keeps it, else from stat.
func cpuTime(pid int) (time.Duration, error) {
	dir := procfs.Path(pid, "task/") + strconv.Itoa(pid) + "/"
	if text, err := os.ReadFile(dir + "schedstat"); err == nil {
		run, _, _ := strings.Cut(string(text), " ")
		if ns, err := strconv.ParseInt(run, 10, 64); err == nil && ns > 0 {
			return time.Duration(ns), nil
		}
	}
	p, err := procfs.ReadMainThread(pid)
	return p.CPU, err
}

// readCalls is syscr of the main thread (proc(5), /proc/PID/io).
func readCalls(pid int) uint64 {
	text, err := os.ReadFile(procfs.Path(pid, "task/") + strconv.Itoa(pid) + "/io")
	if err != nil {
		return 0
	}
	for _, line := range strings.Split(string(text), "\n") {
		if word, ok := strings.CutPrefix(line, "syscr: "); ok {
			n, _ := strconv.ParseUint(word, 10, 64) // what is no number is not known
			return n
		}
	}
	return 0
}

// hasYoungChild: the process has a child that is not older than that.
func hasYoungChild(pid int, young time.Duration) bool {
	up, err := procfs.SinceBoot()
	if err != nil {
		return false
	}
	for _, child := range children(pid) {
		p, err := procfs.Read(child)
		// Where a container is shown an uptime of its own, an age is below 0 and says nothing.
		if age := p.Age(up); err == nil && p.Alive() && age > -time.Second && age <= young {
			return true
		}
	}
	return false
}

// children are those of the main thread, which is the one that forks. Linux 3.5 and newer list them; before, the whole process
// table does.
func children(pid int) []int {
	if text, err := os.ReadFile(procfs.Path(pid, "task/") + strconv.Itoa(pid) + "/children"); err == nil {
		return numbers(strings.Fields(string(text)))
	}
	all, err := pids()
	if err != nil {
		return nil
	}
	var own []int
	for _, p := range all {
		if child, err := procfs.Read(p); err == nil && child.Parent == pid {
			own = append(own, p)
		}
	}
	return own
}

func numbers(words []string) (all []int) {
	for _, w := range words {
		if n, err := strconv.Atoi(w); err == nil && n > 0 {
			all = append(all, n)
		}
	}
	return all
}

// Where control groups of version 2 and the freezer of version 1 are mounted: by systemd, with both versions side by side, and on
// CentOS 6. Swapped in tests.
var (
	unifiedRoots = []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}
	freezerRoots = []string{"/sys/fs/cgroup/freezer", "/cgroup/freezer"}
)

// frozen: the control group of the process is. Version 2 says so in cgroup.events (Linux 5.2, cgroups(7)), the freezer of
// version 1 in freezer.state.
func frozen(pid int) bool {
	text, err := os.ReadFile(procfs.Path(pid, "cgroup"))
	if err != nil {
		return false
	}
	for _, line := range strings.Split(string(text), "\n") {
		f := strings.SplitN(line, ":", 3)
		if len(f) < 3 {
			continue
		}
		unified := func(root string) bool { return says(root+f[2]+"/cgroup.events", "frozen 1") }
		freezer := func(root string) bool {
			state := root + f[2] + "/freezer.state"
			return says(state, "FROZEN") || says(state, "FREEZING")
		}
		if f[1] == "" && slices.ContainsFunc(unifiedRoots, unified) || f[1] == "freezer" && slices.ContainsFunc(freezerRoots, freezer) {
			return true
		}
	}
	return false
}

// says: a line of the file is that one.
func says(path, line string) bool {
	text, err := os.ReadFile(path)
	return err == nil && slices.Contains(strings.Split(string(text), "\n"), line)
}
