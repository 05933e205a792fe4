package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/procfs"
	"keepalived-redis/internal/state"
)

// ErrStillRuns: the server was told to end and has not ended in the time it had.
var ErrStillRuns = errors.New("still runs")

// ErrNotInstalled: there is no redis-server program.
var ErrNotInstalled = errors.New("not installed")

// ErrInUse: another program listens on the address of the instance.
var ErrInUse = errors.New("address is in use")

// processes starts and stops redis-server itself, on machines without systemd and in the lab.
//
// Nothing is believed that the kernel does not confirm: a pid file only says where to look first. A lock for each
// instance keeps several programs from starting it at once; it is held until the server listens or has failed.
type processes struct {
	config.Service
	run, durable state.Dir
	// subsys and scripts are the places of init scripts and of their locks.
	subsys, scripts string
	// instances are all of this host: two of them may share a directory.
	instances []config.Instance
}

func newProcess(cfg *config.Config, run, durable state.Dir) *processes {
	m := &processes{Service: cfg.Service, run: run, durable: durable, subsys: subsysDir, scripts: scriptsDir, instances: cfg.Instances}
	m.Server = cmp.Or(m.Server, "redis-server")
	return m
}

// Start starts redis-server with the instance's own configuration, unless its server lives already.
func (m *processes) Start(ctx context.Context, i config.Instance) error {
	ctx, cancel := within(ctx, m.StartTimeout)
	defer cancel()
	t := m.target(i)
	unlock, err := m.lock(ctx, t)
	if err != nil {
		return fmt.Errorf("start %s: %w", i.Name(), err)
	}
	defer unlock()
	// The mark goes first: a start that is cut short is still what somebody asked for.
	unmark := m.durable.Remove(t.mark())
	if err := m.start(ctx, t); err != nil {
		return fmt.Errorf("start %s: %w", i.Name(), err)
	}
	m.noteStart(t)
	if unmark != nil {
		return fmt.Errorf("%s was started, but still counts as stopped by hand: %w; hint: remove that file, or it is not restarted", i.Name(), unmark)
	}
	return nil
}

// start looks first, and then starts. The lock is held.
func (m *processes) start(ctx context.Context, t target) error {
	if _, lives := t.find(); lives {
		return nil
	}
	if t.unreadable != nil {
		return forbidden(t.unreadable)
	}
	if err := t.vacant(); err != nil {
		return err
	}
	base, err := t.settings.base()
	if err != nil {
		return err
	}
	if err := t.mayWrite(base); err != nil {
		return err
	}
	as, err := t.account(base)
	if err != nil {
		return err
	}
	release, err := m.claim(ctx, t, base)
	if err != nil {
		return err
	}
	defer release()
	endOrphans(ctx, t, base, as)
	program, err := lookUp(m.Server)
	if err != nil {
		return err
	}
	return launch(ctx, t, program, base, as)
}

// Stop asks the server to end, over its own connection and then with SIGTERM, on which it saves what its configuration
// says, and waits until it is gone. It never uses SIGKILL: when the time is up the error matches ErrStillRuns, and
// ErrCannotSave when the server goes on because its data would be lost.
func (m *processes) Stop(ctx context.Context, i config.Instance, byHand bool) error {
	ctx, cancel := within(ctx, m.StopTimeout)
	defer cancel()
	t := m.target(i)
	unlock, err := m.lock(ctx, t)
	if err != nil {
		return fmt.Errorf("stop %s: %w", i.Name(), err)
	}
	defer unlock()
	var unmarked error
	if byHand {
		// The mark goes first, or the check restarts what is just going down.
		unmarked = m.mark(t)
	}
	if err := m.ask(ctx, t); err != nil {
		if byHand {
			// It goes on, so should it die it is restarted. A mark that stays is removed by the next start.
			_ = m.durable.Remove(t.mark())
		}
		return fmt.Errorf("stop %s: %w", i.Name(), err)
	}
	if err := m.end(ctx, t, syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop %s: %w", i.Name(), err)
	}
	t.dropPIDFile()
	m.noteStop(t)
	if unmarked != nil {
		return fmt.Errorf("%s is stopped, but does not count as stopped by hand, so it may be restarted: %w", i.Name(), unmarked)
	}
	return nil
}

// Kill ends the server with SIGKILL. It takes no lock: it must not wait for a Stop that waits for a hung server.
func (m *processes) Kill(ctx context.Context, i config.Instance) error {
	ctx, cancel := within(ctx, m.StopTimeout)
	defer cancel()
	if err := m.end(ctx, m.target(i), syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill %s: %w", i.Name(), err)
	}
	return nil
}

// Status looks at the process table, the lock and the mark.
func (m *processes) Status(_ context.Context, i config.Instance) State {
	t := m.target(i)
	marked, since := m.marked(t)
	p, lives := t.find()
	switch {
	case lives && marked && m.locked(t):
		return State{Status: Busy, PID: p.PID, Reason: fmt.Sprintf("redis-server (pid %d) is being stopped", p.PID)}
	case lives:
		return State{Status: Running, PID: p.PID, Reason: fmt.Sprintf("redis-server runs (pid %d)", p.PID)}
	case m.locked(t):
		return State{Status: Busy, Reason: "it is being started or stopped right now"}
	}
	s := State{Status: Dead, Reason: "redis-server does not run"}
	if pid := procfs.ReadPIDFile(t.pidFile); pid > 0 {
		s.StalePIDFile = t.pidFile
		s.Reason = fmt.Sprintf("redis-server does not run, its pid file %s is stale", t.pidFile)
	}
	if own, _ := m.locks(t); own != "" && exists(own) {
		s.StaleLock = own
	}
	if who := t.occupant(); who != "" {
		s.Reason = fmt.Sprintf("redis-server does not run, and %s holds its address", who)
	}
	if errors.Is(t.unreadable, ErrNotConfigured) {
		s.Reason = "redis-server does not run, and its configuration is missing: " + t.settings.path
	}
	if marked {
		s.Status = Stopped
		s.Reason = "stopped by hand at " + since.Format("2006-01-02 15:04:05")
	}
	return s
}

// end signals the server until none is left, and waits. A server that goes into the background is two processes for a
// moment, so it looks again.
func (m *processes) end(ctx context.Context, t target, sig syscall.Signal) error {
	for {
		p, lives := t.find()
		if !lives {
			return nil
		}
		if err := t.signal(p, sig); err != nil {
			return err
		}
		if !await(ctx, func() bool { return !p.Lives() }) {
			return fmt.Errorf("redis-server (pid %d) %w after the signal, %w; hint: it may be saving its data: look at its log, then stop it again", p.PID, ErrStillRuns, context.Cause(ctx))
		}
	}
}

// signal sends to the process that was found and to no other. The handle is a pidfd where the kernel has them (Linux
// 5.3); looking again after it was taken leaves no gap there, and one of microseconds on older kernels.
func (t target) signal(p procfs.Process, sig syscall.Signal) error {
	handle, err := os.FindProcess(p.PID)
	if err != nil {
		return fmt.Errorf("find process %d: %w", p.PID, err)
	}
	defer handle.Release()
	if !p.Lives() {
		return nil
	}
	err = handle.Signal(sig)
	switch {
	case err == nil, errors.Is(err, os.ErrProcessDone):
		return nil
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("signal redis-server (pid %d): %w; hint: run this as root or as the user that redis-server runs as", p.PID, err)
	default:
		return fmt.Errorf("signal redis-server (pid %d): %w", p.PID, err)
	}
}

// dropPIDFile removes the pid file of a server that is gone. One that cannot be removed does no harm: it is never
// believed.
func (t target) dropPIDFile() {
	pid := procfs.ReadPIDFile(t.pidFile)
	if pid == 0 {
		return
	}
	if _, lives := t.match(pid); !lives {
		_ = os.Remove(t.pidFile)
	}
}

// lock keeps other programs from starting or stopping the same instance.
func (m *processes) lock(ctx context.Context, t target) (state.Unlock, error) {
	unlock, err := m.take(ctx, t.lockName())
	if err != nil {
		return nil, fmt.Errorf("another program is starting or stopping it: %w", err)
	}
	return unlock, nil
}

// take waits for a lock until ctx ends. Where none can be made (the directory is missing and cannot be made, or is full) it
// goes on without: a second server on one port cannot bind and ends.
func (m *processes) take(ctx context.Context, name string) (state.Unlock, error) {
	if err := m.run.Make(); err != nil {
		return func() {}, nil
	}
	var unlock state.Unlock
	taken := await(ctx, func() bool {
		var err error
		if unlock, err = m.run.TryLock(name); errors.Is(err, state.ErrBusy) {
			return false
		} else if err != nil {
			unlock = func() {}
		}
		return true
	})
	if !taken {
		return nil, context.Cause(ctx)
	}
	return unlock, nil
}

// locked: somebody holds the lock right now.
func (m *processes) locked(t target) bool {
	f, err := os.Open(m.run.Path(t.lockName()))
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}

func (m *processes) mark(t target) error {
	if err := m.durable.Make(); err != nil {
		return err
	}
	return m.durable.StoreBytes(t.mark(), []byte(time.Now().Format(time.RFC3339)+"\n"))
}

// marked: it was stopped by hand. The file's presence counts, whatever is in it.
func (m *processes) marked(t target) (bool, time.Time) {
	fi, err := os.Lstat(m.durable.Path(t.mark()))
	if err != nil {
		return false, time.Time{}
	}
	return true, fi.ModTime()
}

func (t target) mark() string     { return "stopped-" + t.id() }
func (t target) lockName() string { return "service-" + t.id() + ".lock" }

// target gathers what is known of an instance.
func (m *processes) target(i config.Instance) target {
	t := target{Instance: i, runAs: m.Account}
	path := i.Conf
	if path == "" {
		path = strings.ReplaceAll(m.Conf, "%p", t.id())
	}
	if abs, err := filepath.Abs(path); err == nil && path != "" {
		path = abs
	}
	t.settings, t.unreadable = readSettings(path)
	if t.pidFile = t.settings.file("pidfile", "/"); t.pidFile == "" {
		t.pidFile = strings.ReplaceAll(m.PidFile, "%p", t.id())
	}
	t.titles = []string{"redis-server", "valkey-server", filepath.Base(m.Server)}
	t.programs = append([]string{"redis-check-rdb", "valkey-check-rdb"}, t.titles...)
	if program, err := lookUp(m.Server); err == nil {
		if real, err := filepath.EvalSymlinks(program); err == nil {
			t.programs = append(t.programs, filepath.Base(real))
		}
	}
	return t
}

// within bounds a context; no duration leaves it as it is.
func within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, d, fmt.Errorf("it had %s", d))
}

// await asks until the answer is yes, or the context ends: false. The kernel of CentOS 6 has nothing to wait on for the
// end of a process that is not a child, so this looks again after 1 ms, and less often with time.
func await(ctx context.Context, done func() bool) bool {
	const longest = 20 * time.Millisecond
	pause := time.NewTimer(0)
	defer pause.Stop()
	for wait := time.Millisecond; ; wait = min(2*wait, longest) {
		if done() {
			return true
		}
		pause.Reset(wait)
		select {
		case <-ctx.Done():
			return done()
		case <-pause.C:
		}
	}
}
