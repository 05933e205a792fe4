package systemdtest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// hierarchies are the places where systemd's control groups are: the second version's alone, or beside the first's.
var hierarchies = []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"}

// makeGroups makes the machine's control groups: nspawn names what it makes below its own group always alike, so two
// machines in one group would be one. It returns the lines of a shell script that join them.
func (m *Machine) makeGroups(name string) (string, error) {
	join := ""
	for _, h := range hierarchies {
		if _, err := os.Stat(filepath.Join(h, "cgroup.procs")); err != nil {
			continue
		}
		g := filepath.Join(h, name)
		if err := os.Mkdir(g, 0o755); err != nil {
			return "", fmt.Errorf("make a control group: %w", err)
		}
		m.groups = append(m.groups, g)
		join += "echo 0 > " + g + "/cgroup.procs\n"
	}
	return join, nil
}

// removeGroup removes a control group with those below it, once the kernel has ended what was in them.
func removeGroup(group string) error {
	end := time.Now().Add(10 * time.Second)
	for {
		err := removeGroups(group)
		if err == nil || !errors.Is(err, unix.EBUSY) || time.Now().After(end) {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func removeGroups(group string) error {
	var dirs []string
	err := filepath.WalkDir(group, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			dirs = append(dirs, path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	for i := len(dirs) - 1; i >= 0; i-- {
		if err := os.Remove(dirs[i]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove %s: %w", strings.TrimPrefix(dirs[i], "/sys/fs/"), err)
		}
	}
	return nil
}
