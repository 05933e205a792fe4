package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ErrGone: the host has been cut off its power.
var ErrGone = errors.New("host is down")

// Host is a running host, seen from the lab. Its methods may be called at the same time.
type Host struct {
	Spec Spec
	cmd  *exec.Cmd
	conn *net.UnixConn
	sink func(Event)
	done chan struct{}

	mu      sync.Mutex
	next    int
	waiting map[int]chan reply
	exits   map[int]chan int
}

// bootTimeout bounds how long a host may take to come up.
const bootTimeout = 10 * time.Second

// Boot starts a host and returns once its root, its log and its watches stand. The events go to sink, in order, from one
// goroutine; sink must not block.
func Boot(ctx context.Context, spec Spec, sink func(Event)) (*Host, error) {
	if err := makeDir(spec.Dir+"/root", 0o755); err != nil {
		return nil, err
	}
	text, err := json.Marshal(spec)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", spec.Name, err)
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("make a socket: %w", err)
	}
	theirs := os.NewFile(uintptr(fds[1]), spec.Name)
	defer theirs.Close()
	ours := os.NewFile(uintptr(fds[0]), spec.Name)
	conn, err := net.FileConn(ours)
	ours.Close()
	if err != nil {
		return nil, fmt.Errorf("make a socket: %w", err)
	}
	h := &Host{Spec: spec, conn: conn.(*net.UnixConn), sink: sink, done: make(chan struct{}),
		waiting: map[int]chan reply{}, exits: map[int]chan int{}}

	h.cmd = exec.Command("/proc/self/exe")
	h.cmd.Args = []string{"redislab-" + spec.Name}
	h.cmd.Stderr = os.Stderr
	h.cmd.ExtraFiles = []*os.File{theirs}
	h.cmd.Env = []string{stageVar + "=" + stageAgent, specVar + "=" + string(text), "GOMAXPROCS=2"}
	h.cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
		Pdeathsig:  syscall.SIGKILL,
	}
	if err := h.cmd.Start(); err != nil {
		return nil, needs(fmt.Errorf("boot %s: %w", spec.Name, err))
	}
	up := make(chan struct{})
	go h.read(up)
	select {
	case <-up:
		return h, nil
	case <-h.done:
		return nil, fmt.Errorf("boot %s: it did not come up", spec.Name)
	case <-time.After(bootTimeout):
		err = fmt.Errorf("boot %s: not up after %s", spec.Name, bootTimeout)
	case <-ctx.Done():
		err = fmt.Errorf("boot %s: %w", spec.Name, context.Cause(ctx))
	}
	h.Kill()
	return nil, err
}

// read hands out replies and events until the host is gone.
func (h *Host) read(up chan<- struct{}) {
	buf := make([]byte, maxPacket)
	for {
		var r reply
		if _, err := receive(h.conn, buf, &r); err != nil {
			break
		}
		switch {
		case r.Boot != nil:
			close(up)
		case r.Event != nil:
			if r.Event.Kind == EventExit {
				h.exitOf(r.Event.Pid) <- r.Event.Code
			}
			h.sink(*r.Event)
		default:
			h.mu.Lock()
			ch := h.waiting[r.ID]
			delete(h.waiting, r.ID)
			h.mu.Unlock()
			if ch != nil {
				ch <- r
			}
		}
	}
	// The exit code of a first process that was killed says nothing.
	_ = h.cmd.Wait()
	h.conn.Close()
	close(h.done)
	h.sink(Event{Kind: EventGone, At: Now()})
}

// exitOf is the channel on which the exit code of a process comes; made by whoever asks first.
func (h *Host) exitOf(pid int) chan int {
	h.mu.Lock()
	defer h.mu.Unlock()
	ch := h.exits[pid]
	if ch == nil {
		ch = make(chan int, 1)
		h.exits[pid] = ch
	}
	return ch
}

// Pid is the host's first process, in the lab's own numbers.
func (h *Host) Pid() int { return h.cmd.Process.Pid }

// Kill cuts the power: the kernel ends every process of the host at once and drops its network and mounts. It does not wait.
func (h *Host) Kill() {
	// A host that is gone already is as dead as we want it.
	_ = h.cmd.Process.Kill()
}

// Done is closed once the host is gone.
func (h *Host) Done() <-chan struct{} { return h.done }

// ask sends a request and waits for its reply.
func (h *Host) ask(ctx context.Context, r request, files ...int) (reply, error) {
	ch := make(chan reply, 1)
	h.mu.Lock()
	h.next++
	r.ID = h.next
	h.waiting[r.ID] = ch
	err := send(h.conn, r, files...)
	h.mu.Unlock()
	if err != nil {
		return reply{}, fmt.Errorf("%s: %w", h.Spec.Name, ErrGone)
	}
	select {
	case out := <-ch:
		if out.Err != "" {
			return out, fmt.Errorf("%s: %s", h.Spec.Name, out.Err)
		}
		return out, nil
	case <-h.done:
		return reply{}, fmt.Errorf("%s: %w", h.Spec.Name, ErrGone)
	case <-ctx.Done():
		return reply{}, fmt.Errorf("%s: %s: %w", h.Spec.Name, r.Op, context.Cause(ctx))
	}
}

// Procs lists the host's processes, without its first one.
func (h *Host) Procs(ctx context.Context) ([]Proc, error) {
	r, err := h.ask(ctx, request{Op: "procs"})
	return r.Procs, err
}

// Signal sends a signal to a process of the host, by the host's own number.
func (h *Host) Signal(ctx context.Context, pid int, sig syscall.Signal) error {
	_, err := h.ask(ctx, request{Op: "signal", Pid: pid, Sig: int(sig)})
	return err
}
