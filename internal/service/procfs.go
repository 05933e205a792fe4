package service

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// process is one line of the kernel's process table.
type process struct {
	pid int
	// start is the time it started, in clock ticks since boot: with the pid it names one process for good.
	start uint64
	// comm is the name of its program, cut to 15 bytes.
	comm    string
	state   byte
	threads int
}

// readProcess reads /proc/PID/stat (proc(5)). An error that is fs.ErrNotExist: there is no such process.
func readProcess(pid int) (process, error) {
	text, err := os.ReadFile(procPath(pid, "stat"))
	if err != nil {
		if gone(err) {
			err = fs.ErrNotExist
		}
		return process{}, fmt.Errorf("look at process %d: %w", pid, err)
	}
	p, err := parseStat(text)
	if err != nil {
		return process{}, fmt.Errorf("look at process %d: %w", pid, err)
	}
	return p, nil
}

func parseStat(text []byte) (process, error) {
	// The name stands in parentheses and may itself hold any byte, also ") ".
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if open < 1 || end < open {
		return process{}, errors.New("its line in the process table cannot be read")
	}
	// Field 3 (state) is the first after the name; 20 are the threads, 22 is the start time.
	fields := strings.Fields(string(text[end+1:]))
	if len(fields) < 20 {
		return process{}, errors.New("its line in the process table is short")
	}
	pid, err1 := strconv.Atoi(strings.TrimSpace(string(text[:open])))
	threads, err2 := strconv.Atoi(fields[17])
	start, err3 := strconv.ParseUint(fields[19], 10, 64)
	if err := errors.Join(err1, err2, err3); err != nil {
		return process{}, err
	}
	return process{pid: pid, start: start, comm: string(text[open+1 : end]), state: fields[0][0], threads: threads}, nil
}

// alive: it still runs. A zombie with other threads left still holds its sockets.
func (p process) alive() bool {
	switch p.state {
	case 'Z':
		return p.threads > 1
	case 'X', 'x':
		return false
	default:
		return true
	}
}

// lives looks again: the same process is still there. A recycled pid is another process.
func (p process) lives() bool {
	now, err := readProcess(p.pid)
	if err != nil {
		// Only a process that is not there is gone; what cannot be read is still there.
		return !errors.Is(err, fs.ErrNotExist)
	}
	return now.start == p.start && now.alive()
}

// executable is the name of the file that the process runs, without its directory. An upgrade that replaced the file
// does not change it.
func executable(pid int) (string, error) {
	path, err := os.Readlink(procPath(pid, "exe"))
	if err != nil {
		return "", err
	}
	return filepath.Base(strings.TrimSuffix(path, " (deleted)")), nil
}

// arguments are the words of the command line. Redis writes its title there as one text, so words are parted at spaces
// as well.
func arguments(pid int) []string {
	text, err := os.ReadFile(procPath(pid, "cmdline"))
	if err != nil {
		return nil
	}
	return strings.FieldsFunc(string(text), func(r rune) bool { return r == 0 || r == ' ' })
}

// sameNetwork: the process sees the network that we see. A server in a container or in another network namespace may
// use our port and is none of ours. Where it cannot be told (Linux before 3.0, no permission) it counts as ours: the
// other checks decide.
func sameNetwork(pid int) bool {
	ours, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return true
	}
	theirs, err := os.Readlink(procPath(pid, "ns/net"))
	return err != nil || ours == theirs
}

// sockets are the inodes of the sockets that the process holds; nil without permission.
func sockets(pid int) map[uint64]bool {
	dir := procPath(pid, "fd")
	f, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer f.Close()
	// An error half-way means that the process is going: what was read is all there is.
	names, _ := f.Readdirnames(-1)
	held := make(map[uint64]bool)
	for _, name := range names {
		link, err := os.Readlink(dir + "/" + name)
		if err != nil {
			continue
		}
		if digits, ok := strings.CutPrefix(link, "socket:["); ok {
			if inode, err := strconv.ParseUint(strings.TrimSuffix(digits, "]"), 10, 64); err == nil {
				held[inode] = true
			}
		}
	}
	return held
}

// pids are all processes of this machine.
func pids() ([]int, error) {
	f, err := os.Open("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var all []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			all = append(all, pid)
		}
	}
	return all, nil
}

func procPath(pid int, name string) string { return "/proc/" + strconv.Itoa(pid) + "/" + name }
