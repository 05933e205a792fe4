package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"keepalived-redis/internal/procfs"
	"keepalived-redis/internal/state"
)

// ErrShared: another server writes to the files of the instance.
var ErrShared = errors.New("its data is in use")

// claim makes sure that no other server works on the instance's data, and keeps other starts in the same directory waiting
// until release is called: two servers on one data set destroy it, and Redis itself does not look.
func (m *processes) claim(ctx context.Context, t target, base string) (release state.Unlock, err error) {
	dir := t.settings.dataDir(base)
	fi, err := os.Stat(dir)
	if err != nil {
		return func() {}, nil // redis-server says what is wrong with it
	}
	release = func() {}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		release, err = m.take(ctx, fmt.Sprintf("data-%d-%d.lock", st.Dev, st.Ino))
		if err != nil {
			return nil, fmt.Errorf("%w: another server is being started in %s: %w", ErrShared, dir, err)
		}
	}
	if who := m.sharer(t, fi, base); who != 0 {
		release()
		return nil, fmt.Errorf("%w: redis-server (pid %d) works in %s with files of the same names; hint: give the instance a data directory of its own", ErrShared, who, dir)
	}
	return release, nil
}

// sharer is the process of another server that works in the directory with files of the same names, 0 if there is none. The
// working directory of a redis-server is its data directory (config.c, "dir").
func (m *processes) sharer(t target, dir fs.FileInfo, base string) int {
	all, err := pids()
	if err != nil {
		return 0
	}
	for _, pid := range all {
		args := arguments(pid)
		// A child that still saves for a server that died calls itself something else, and ends.
		if len(args) == 0 || !slices.Contains(t.titles, filepath.Base(args[0])) || !t.runsServer(pid) {
			continue
		}
		cwd, err := os.Stat(procfs.Path(pid, "cwd"))
		if err != nil || !os.SameFile(cwd, dir) {
			continue
		}
		if p, err := procfs.Read(pid); err != nil || !p.Alive() {
			continue
		}
		if !m.keepsApart(t, pid, base) {
			return pid
		}
	}
	return 0
}

// keepsApart: the process is another instance of this host, and its files have other names.
func (m *processes) keepsApart(t target, pid int, base string) bool {
	for _, i := range m.instances {
		if i.Name() == t.Name() {
			continue
		}
		o := m.target(i)
		if _, ok := o.match(pid); !ok || o.unreadable != nil {
			continue
		}
		theirs := o.settings.dataFiles(base)
		return !slices.ContainsFunc(t.settings.dataFiles(base), func(f string) bool { return slices.Contains(theirs, f) })
	}
	return false
}

// dataFiles are the files that a server with these settings writes its data to.
func (s settings) dataFiles(base string) []string {
	files := []string{s.file("dbfilename", base)}
	if strings.EqualFold(s.value("appendonly"), "yes") {
		files = append(files, s.file("appendfilename", base))
	}
	if strings.EqualFold(s.value("cluster-enabled"), "yes") {
		files = append(files, s.file("cluster-config-file", base))
	}
	return files
}
