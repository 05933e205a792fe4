package service

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"keepalived-redis/internal/procfs"
)

// executable is the name of the file that the process runs, without its directory. An upgrade that replaced the file
// does not change it.
func executable(pid int) (string, error) {
	path, err := os.Readlink(procfs.Path(pid, "exe"))
	if err != nil {
		return "", err
	}
	return filepath.Base(strings.TrimSuffix(path, " (deleted)")), nil
}

// arguments are the words of the command line. Redis writes its title there as one text, so words are parted at spaces
// as well.
func arguments(pid int) []string {
	text, err := os.ReadFile(procfs.Path(pid, "cmdline"))
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
	theirs, err := os.Readlink(procfs.Path(pid, "ns/net"))
	return err != nil || ours == theirs
}

// sockets are the inodes of the sockets that the process holds; none without permission.
func sockets(pid int) map[uint64]bool {
	dir := procfs.Path(pid, "fd")
	// An error half-way means that the process is going: what was read is all there is.
	entries, _ := os.ReadDir(dir)
	held := make(map[uint64]bool)
	for _, e := range entries {
		link, err := os.Readlink(dir + "/" + e.Name())
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
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var all []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			all = append(all, pid)
		}
	}
	slices.Sort(all)
	return all, nil
}
