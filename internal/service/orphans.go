package service

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"keepalived-redis/internal/procfs"
)

// orphanTime bounds the wait for the end of what a dead server left. A process that waits for its disk ends later.
const orphanTime = time.Second

// endOrphans ends the children that a dead server of the instance left in their work. They hold the connections of its clients and replicas
// open, which would wait there for answers, and one that saves replaces the data of the new server when it is done. One that cannot be ended
// holds up no start.
func endOrphans(ctx context.Context, t target, base string, as *syscall.Credential) {
	all, err := pids()
	if err != nil {
		return
	}
	ctx, cancel := within(ctx, orphanTime)
	defer cancel()
	for _, pid := range all {
		p, err := procfs.Read(pid)
		if err != nil || !p.Alive() || !t.left(p, base, as) {
			continue
		}
		if t.signal(p, syscall.SIGKILL) == nil {
			await(ctx, func() bool { return !p.Lives() })
		}
	}
}

// left: the process is the child of a server of this instance that is dead. Everything must fit: its program, its title with our port, its
// user, its directory, and a parent that is no server. A pid that was given away in between is found out by signal.
func (t target) left(p procfs.Process, base string, as *syscall.Credential) bool {
	args := arguments(p.PID)
	if len(args) < 2 || !isChildTitle(args[0]) || !t.runsServer(p.PID) || !sameNetwork(p.PID) {
		return false
	}
	if !t.titled(append([]string{t.titles[0]}, args[1:]...)) || t.runsServer(p.Parent) {
		return false
	}
	dir, err := os.Stat(t.settings.dataDir(base))
	if err != nil {
		return false
	}
	cwd, err := os.Stat(procfs.Path(p.PID, "cwd"))
	if err != nil || !os.SameFile(cwd, dir) {
		return false
	}
	owner := ownerOf(procfs.Path(p.PID, ""))
	return owner == os.Geteuid() || as != nil && owner == int(as.Uid)
}

// isChildTitle: a server's child calls itself so (redisSetProcTitle in rdb.c, aof.c and module.c, 3.2 to 8, and Valkey's).
func isChildTitle(word string) bool {
	name, ok := strings.CutPrefix(filepath.Base(word), "redis-")
	if !ok {
		name, ok = strings.CutPrefix(filepath.Base(word), "valkey-")
	}
	return ok && slices.Contains([]string{"rdb-bgsave", "aof-rewrite", "rdb-to-slaves", "rdb-to-replicas", "module-fork"}, name)
}
