package service

import (
	"os"
	"strconv"
	"syscall"
)

// Limits of a server that root starts; the same as in our unit.
const (
	// leastFiles is how many files it may have open at least: each client is one, and 10,000 clients is Redis' own default.
	leastFiles = 65535
	// spareFiles are those beside the clients.
	spareFiles = 1024
	// oomScore makes the kernel take nearly everything else first when memory runs out.
	oomScore = "-500"
)

// raise sets the limits of this process for a child that is made right after, because nothing else reaches a server that
// puts itself into the background; restore sets back what was. What is not permitted is left: Redis then lowers its maxclients
// and says so. The caller holds spawning.
func (s settings) raise() (restore func()) {
	if os.Geteuid() != 0 {
		return func() {}
	}
	var was syscall.Rlimit
	known := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &was) == nil
	if want := s.files(); known && was.Cur < want {
		// In a container root may not go beyond what it was given.
		if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: want, Max: max(want, was.Max)}) != nil {
			_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: was.Max, Max: was.Max})
		}
	}
	const score = "/proc/self/oom_score_adj"
	before, err := os.ReadFile(score)
	if err == nil {
		_ = os.WriteFile(score, []byte(oomScore), 0o644)
	}
	return func() {
		if known {
			_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &was)
		}
		if err == nil {
			_ = os.WriteFile(score, before, 0o644)
		}
	}
}

// files is how many files the server may have open.
func (s settings) files() uint64 {
	clients, err := strconv.ParseUint(s.value("maxclients"), 10, 31)
	if err != nil {
		return leastFiles // it is not set, or redis-server refuses it
	}
	return max(leastFiles, clients+spareFiles)
}
