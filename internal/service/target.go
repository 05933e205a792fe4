package service

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/procfs"
)

// target is an instance as the process table shows it.
type target struct {
	config.Instance
	// settings are those of its configuration; its values are Redis' defaults when unreadable says why.
	settings   settings
	unreadable error
	// pidFile is the file that should hold its pid, "" if none is known.
	pidFile string
	// programs are the names that the server's executable may have, titles those that it may call itself.
	programs, titles []string
	// runAs is the account that the server is to run as, "" for its files' owner.
	runAs string
	// since leaves out processes that started earlier, in clock ticks since boot.
	since uint64
}

// id names the instance in file names.
func (t target) id() string {
	if t.Port != 0 {
		return strconv.Itoa(int(t.Port))
	}
	if t.Addr.Port() != 0 {
		return strconv.Itoa(int(t.Addr.Port()))
	}
	return strings.Trim(strings.ReplaceAll(t.Socket, "/", "-"), "-")
}

// find looks for the server of the instance: first where its pid file points, then in the whole process table. The pid
// file alone proves nothing.
func (t target) find() (procfs.Process, bool) {
	if pid := procfs.ReadPIDFile(t.pidFile); pid > 0 {
		if p, ok := t.match(pid); ok {
			return p, true
		}
	}
	all, err := pids()
	if err != nil {
		return procfs.Process{}, false
	}
	var candidate procfs.Process
	for _, pid := range all {
		p, ok := t.match(pid)
		if ok && t.listens(pid) {
			return p, true
		}
		if ok {
			candidate = p
		}
	}
	return candidate, candidate.PID != 0
}

// match says whether the process is the server of this instance.
func (t target) match(pid int) (procfs.Process, bool) {
	if !t.runsServer(pid) || !sameNetwork(pid) {
		return procfs.Process{}, false
	}
	p, err := procfs.Read(pid)
	if err != nil || !p.Alive() || p.Start < t.since {
		return procfs.Process{}, false
	}
	return p, t.titled(arguments(pid)) || t.listens(pid)
}

// runsServer: the executable is redis-server. Debian's redis-server is a link to redis-check-rdb, which is the same
// program.
func (t target) runsServer(pid int) bool {
	name, err := executable(pid)
	if err == nil {
		return slices.Contains(t.programs, name)
	}
	if !errors.Is(err, fs.ErrPermission) {
		return false
	}
	// Another user's process: the kernel shows its name to everybody.
	p, err := procfs.Read(pid)
	return err == nil && slices.Contains(t.titles, p.Comm)
}

// titled: the command line names the instance. Redis titles its process "redis-server 0.0.0.0:7000 [cluster]", with the
// first address of `bind`; until it has, its arguments are those that it was started with. A child that saves calls
// itself redis-rdb-bgsave and is no server.
func (t target) titled(args []string) bool {
	if len(args) < 2 || !slices.Contains(t.titles, filepath.Base(args[0])) || slices.Contains(args, "[sentinel]") {
		return false
	}
	if t.settings.path != "" && slices.Contains(args[1:], t.settings.path) {
		return true
	}
	if path, ok := strings.CutPrefix(args[1], "unixsocket:"); ok {
		return t.Socket != "" && path == t.Socket
	}
	colon := strings.LastIndexByte(args[1], ':')
	if colon < 0 || t.Addr.Port() == 0 || args[1][colon+1:] != strconv.Itoa(int(t.Addr.Port())) {
		return false
	}
	addr, err := netip.ParseAddr(args[1][:colon])
	// Anything but another address: * and -::* are every address, and a name could be ours.
	return err != nil || addr.IsUnspecified() || addr.Unmap() == t.Addr.Addr().Unmap() || t.Addr.Addr().IsUnspecified()
}

// listens: the process holds the socket on which the instance takes connections.
func (t target) listens(pid int) bool {
	held := sockets(pid)
	return slices.ContainsFunc(listeners(), func(l procfs.Listener) bool { return held[l.Inode] && t.at(l) })
}

// listeners are all listening sockets of our network. What cannot be read is left out: the caller has other evidence.
func listeners() []procfs.Listener { return append(procfs.Listeners(""), procfs.UnixListeners()...) }

// at: a connection to the instance reaches this listener.
func (t target) at(l procfs.Listener) bool {
	if l.Path != "" {
		return l.Path == t.Socket
	}
	here, there := l.Addr.Addr(), t.Addr.Addr().Unmap()
	return t.Addr.Port() != 0 && t.Addr.Port() == l.Addr.Port() && (here.IsUnspecified() || !there.IsValid() || there.IsUnspecified() || here == there)
}

// occupant says who holds the instance's address while its server does not live, "" if nobody does. A file of a unix
// socket that nobody listens on does not count: redis-server replaces it.
func (t target) occupant() string {
	all := listeners()
	n := slices.IndexFunc(all, t.at)
	if n < 0 {
		return ""
	}
	processes, _ := pids() // without them it has no name
	for _, pid := range processes {
		if sockets(pid)[all[n].Inode] {
			if p, err := procfs.Read(pid); err == nil {
				return p.Comm + " (pid " + strconv.Itoa(pid) + ")"
			}
		}
	}
	return "another program"
}

// vacant is an error when somebody holds the instance's address.
func (t target) vacant() error {
	if who := t.occupant(); who != "" {
		return fmt.Errorf("%w by %s; hint: stop it, or give the instance another port", ErrInUse, who)
	}
	return nil
}

// reached: something takes connections where the instance does; whose socket it is only root can see.
func (t target) reached() bool { return slices.ContainsFunc(listeners(), t.at) }

// listensAnywhere: the process takes connections, so it got through its start.
func listensAnywhere(pid int) bool {
	held := sockets(pid)
	return slices.ContainsFunc(listeners(), func(l procfs.Listener) bool { return held[l.Inode] })
}

// gone: the process ended while we looked.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH)
}
