package host

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// agent is the first process of a host: it starts what the lab asks for, reaps every orphan, and reports what happens.
type agent struct {
	spec Spec
	conn *net.UnixConn
	send sync.Mutex

	// mu is held over a fork until the child is in started, so that the reaper cannot see a child before it is known.
	mu      sync.Mutex
	started map[int]bool
}

// agentMain is the whole life of a host; it never returns normally. The socket to the lab is descriptor 3: when the lab goes away,
// the host goes down.
func agentMain() {
	a := &agent{started: map[int]bool{}}
	if err := a.boot(); err != nil {
		fmt.Fprintf(os.Stderr, "lab: boot %s: %v\n", a.spec.Name, err)
		os.Exit(1)
	}
	os.Exit(a.serve())
}

// boot makes the host's own view of the machine and starts its watches.
func (a *agent) boot() error {
	text := os.Getenv(specVar)
	os.Unsetenv(specVar)
	os.Unsetenv(stageVar)
	if err := json.Unmarshal([]byte(text), &a.spec); err != nil {
		return fmt.Errorf("read what to be: %w", err)
	}
	inherited := os.NewFile(3, "lab")
	conn, err := net.FileConn(inherited)
	if err != nil {
		return fmt.Errorf("reach the lab: %w", err)
	}
	// The first copy of the descriptor must not leak into the programs of the host. It is closed through its file: that one's finalizer
	// would close the number again, whatever it stands for by then.
	inherited.Close()
	a.conn = conn.(*net.UnixConn)

	syscall.Umask(0o022)
	if err := unix.Sethostname([]byte(a.spec.Name)); err != nil {
		return fmt.Errorf("set host name: %w", err)
	}
	if err := buildRoot(a.spec); err != nil {
		return err
	}
	if err := linkUp("lo", true); err != nil {
		return err
	}
	// The default of 10 datagrams would make a program that logs a lot wait for us.
	if err := os.WriteFile("/proc/sys/net/unix/max_dgram_qlen", []byte("1000"), 0); err != nil {
		return fmt.Errorf("lengthen the log's queue: %w", err)
	}
	if err := a.watchLog("/dev/log", "/var/log/syslog"); err != nil {
		return err
	}
	vip, _ := netip.ParseAddr(a.spec.VIP)
	err = watchAddresses(func(addr netip.Addr, present bool) {
		if addr == vip {
			a.report(Event{Kind: EventVIP, Present: present})
		}
	})
	if err != nil {
		return err
	}
	for _, addr := range a.spec.Watch {
		go a.watchRole(addr)
	}
	children := make(chan os.Signal, 16)
	signal.Notify(children, syscall.SIGCHLD)
	go a.reap(children)
	// A terminal's Ctrl-C is the lab's business.
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	return nil
}

// report stamps an event and sends it. A lab that is gone takes this host with it, so the error needs no handling here.
func (a *agent) report(e Event) {
	if e.At == 0 {
		e.At = Now()
	}
	a.answer(reply{Event: &e})
}

func (a *agent) answer(r reply) {
	a.send.Lock()
	defer a.send.Unlock()
	_ = send(a.conn, r)
}

// serve answers the lab until it goes away.
func (a *agent) serve() int {
	buf := make([]byte, maxPacket)
	a.answer(reply{ID: 0, Boot: &a.spec.BootID})
	for {
		var r request
		files, err := receive(a.conn, buf, &r)
		if err != nil {
			return 0
		}
		out := reply{ID: r.ID}
		switch r.Op {
		case "start":
			out.Pid, err = a.start(r, files)
		case "signal":
			err = unix.Kill(r.Pid, unix.Signal(r.Sig))
		case "prefer":
			err = prefer(r.Pid)
		case "procs":
			out.Procs, err = procs()
		default:
			err = fmt.Errorf("unknown request %q", r.Op)
		}
		for _, f := range files {
			unix.Close(f)
		}
		if err != nil {
			out.Err = err.Error()
		}
		a.answer(out)
	}
}

// start forks a program in a session of its own, with the files that came along as its standard input, output and error.
func (a *agent) start(r request, files []int) (int, error) {
	if len(files) != 3 || len(r.Argv) == 0 {
		return 0, fmt.Errorf("start needs a program and three files")
	}
	path, err := lookPath(r.Argv[0], r.Env)
	if err != nil {
		return 0, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	pid, err := syscall.ForkExec(path, r.Argv, &syscall.ProcAttr{
		Dir: "/", Env: r.Env, Files: []uintptr{uintptr(files[0]), uintptr(files[1]), uintptr(files[2])},
		Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return 0, fmt.Errorf("start %s: %w", r.Argv[0], err)
	}
	a.started[pid] = true
	return pid, nil
}

// preferred is the nice value of what measures.
const preferred = -10

// prefer raises every thread of a process: on Linux the nice value is a thread's own, and new threads inherit it.
func prefer(pid int) error {
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return fmt.Errorf("list the threads of process %d: %w", pid, err)
	}
	for _, t := range threads {
		tid, err := strconv.Atoi(t.Name())
		if err != nil {
			return fmt.Errorf("list the threads of process %d: %w", pid, err)
		}
		err = unix.Setpriority(unix.PRIO_PROCESS, tid, preferred)
		if err != nil && !errors.Is(err, unix.EACCES) && !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("raise process %d: %w", pid, err)
		}
	}
	return nil
}

// lookPath finds a program in the PATH that it will run with. The lab's own program has no file in here.
func lookPath(name string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, kv := range env {
		dirs, ok := strings.CutPrefix(kv, "PATH=")
		if !ok {
			continue
		}
		for _, d := range filepath.SplitList(dirs) {
			if p := filepath.Join(d, name); unix.Access(p, unix.X_OK) == nil {
				return p, nil
			}
		}
	}
	return "", fmt.Errorf("find %s: not in PATH", name)
}

// reap collects every child that ends, also those that were orphaned to us, and reports the ones the lab started.
func (a *agent) reap(children <-chan os.Signal) {
	for range children {
		for {
			var ws unix.WaitStatus
			a.mu.Lock()
			pid, err := unix.Wait4(-1, &ws, unix.WNOHANG, nil)
			ours := err == nil && pid > 0 && a.started[pid]
			delete(a.started, pid)
			a.mu.Unlock()
			if err == unix.EINTR {
				continue
			}
			if err != nil || pid <= 0 {
				break
			}
			if !ours {
				continue
			}
			code := ws.ExitStatus()
			if ws.Signaled() {
				code = 128 + int(ws.Signal())
			}
			a.report(Event{Kind: EventExit, Pid: pid, Code: code})
		}
	}
}

// procs lists the processes of this host, without the first one.
func procs() ([]Proc, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var list []Proc
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == 1 {
			continue
		}
		// A process may end while we look: then it is simply not in the list.
		cmdline, err := os.ReadFile("/proc/" + e.Name() + "/cmdline")
		if err != nil || len(cmdline) == 0 {
			continue
		}
		p := Proc{Pid: pid, Argv: strings.Split(strings.TrimRight(string(cmdline), "\x00"), "\x00")}
		if stat, err := os.ReadFile("/proc/" + e.Name() + "/stat"); err == nil {
			if i := strings.LastIndexByte(string(stat), ')'); i >= 0 {
				if f := strings.Fields(string(stat[i+1:])); len(f) > 1 {
					// A parent that is not a number reads as 0, which is nobody.
					p.Parent, _ = strconv.Atoi(f[1])
					p.State = f[0]
				}
			}
		}
		list = append(list, p)
	}
	return list, nil
}
