package service

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
)

// Where the rc of EL 6 looks for what has been started: it runs the stop of a script at shutdown only if the script's lock is
// there (/etc/rc.d/rc), so a Redis without one is simply killed. scripts are the init scripts themselves.
const (
	subsysDir  = "/var/lock/subsys"
	scriptsDir = "/etc/init.d"
)

// locks are the lock files of the instance's init script, and of the one for all.
func (m *processes) locks(t target) (own, all string) {
	if fi, err := os.Stat(m.subsys); err != nil || !fi.IsDir() {
		return "", ""
	}
	if name := "redis" + t.id(); exists(filepath.Join(m.scripts, name)) {
		own = filepath.Join(m.subsys, name)
	}
	if script := filepath.Join(m.scripts, "redis"); runsUs(script) {
		all = filepath.Join(m.subsys, "redis")
	}
	return own, all
}

// noteStart makes the locks. Without permission there are none: then the shutdown is no clean one, as it would be without us.
func (m *processes) noteStart(t target) {
	own, all := m.locks(t)
	for _, lock := range []string{own, all} {
		if lock == "" || exists(lock) {
			continue
		}
		if f, err := os.OpenFile(lock, os.O_CREATE|os.O_WRONLY, 0o644); err == nil {
			f.Close()
		}
	}
}

// noteStop removes the instance's lock, and that of the script for all when none is left.
func (m *processes) noteStop(t target) {
	own, all := m.locks(t)
	if own != "" {
		_ = os.Remove(own) // one that stays shows in status
	}
	if all == "" || !exists(all) {
		return
	}
	for _, i := range m.instances {
		if _, lives := m.target(i).find(); lives {
			return
		}
	}
	_ = os.Remove(all)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// runsUs: the script's interpreter is this program.
func runsUs(script string) bool {
	f, err := os.Open(script)
	if err != nil {
		return false
	}
	defer f.Close()
	line, _ := bufio.NewReader(f).ReadSlice('\n')
	return strings.HasPrefix(string(line), "#!") && strings.Contains(string(line), "redis-initd")
}
