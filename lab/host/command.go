package host

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"syscall"
)

// Path is the PATH of every program on a host.
const Path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Self names the lab's own program as the first word of a command.
const Self = "/proc/self/exe"

// Process is a program that runs on a host.
type Process struct {
	// Pid is its number on the host.
	Pid  int
	host *Host
}

// Start starts a program in a session of its own. Its environment is PATH and env; its standard output and error go to out and
// errs (nil: nowhere), which the caller may close at once.
func (h *Host) Start(ctx context.Context, argv, env []string, out, errs *os.File) (*Process, error) {
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("open /dev/null: %w", err)
	}
	defer null.Close()
	if out == nil {
		out = null
	}
	if errs == nil {
		errs = null
	}
	env = append([]string{"PATH=" + Path, "HOME=/root", "TERM=dumb", "LC_ALL=C"}, env...)
	r, err := h.ask(ctx, request{Op: "start", Argv: argv, Env: env}, int(null.Fd()), int(out.Fd()), int(errs.Fd()))
	if err != nil {
		return nil, err
	}
	return &Process{Pid: r.Pid, host: h}, nil
}

// Wait waits for the end of the process and returns its exit code, 128 + signal when it was killed. It may be called once.
func (p *Process) Wait(ctx context.Context) (int, error) {
	select {
	case code := <-p.host.exitOf(p.Pid):
		return code, nil
	case <-p.host.done:
		return 0, fmt.Errorf("%s: %w", p.host.Spec.Name, ErrGone)
	case <-ctx.Done():
		return 0, fmt.Errorf("%s: wait for process %d: %w", p.host.Spec.Name, p.Pid, context.Cause(ctx))
	}
}

// Signal sends it a signal.
func (p *Process) Signal(ctx context.Context, sig syscall.Signal) error {
	return p.host.Signal(ctx, p.Pid, sig)
}

// Prefer lets the process run before others that want the processor: what measures must not wait for what is measured. Where the
// lab may not do that, the process stays as it is.
func (p *Process) Prefer(ctx context.Context) error {
	_, err := p.host.ask(ctx, request{Op: "prefer", Pid: p.Pid})
	return err
}

// Run runs a program to its end and returns what it wrote, output and error mixed, and its exit code. When ctx ends first the
// program is killed.
func (h *Host) Run(ctx context.Context, env []string, argv ...string) (string, int, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return "", 0, fmt.Errorf("make a pipe: %w", err)
	}
	defer r.Close()
	p, err := h.Start(ctx, argv, env, w, w)
	w.Close()
	if err != nil {
		return "", 0, err
	}
	var text bytes.Buffer
	read := make(chan error, 1)
	go func() {
		_, err := text.ReadFrom(r)
		read <- err
	}()
	code, err := p.Wait(ctx)
	if err != nil {
		// It may have ended in between; then there is nothing to kill.
		_ = p.Signal(context.WithoutCancel(ctx), syscall.SIGKILL)
		return "", 0, err
	}
	select {
	case err = <-read:
		return text.String(), code, err
	case <-ctx.Done():
		return "", 0, fmt.Errorf("%s: read the output of %s: %w", h.Spec.Name, argv[0], context.Cause(ctx))
	}
}
