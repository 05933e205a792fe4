package service

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/procfs"
	"keepalived-redis/internal/state"
)

// systemd has the machine's service manager start and stop the instances' units, from systemd 219 on. What it knows of an
// instance and what the process table says may differ: a server that somebody started by hand, or one that an old init
// script left behind.
type systemd struct {
	// pattern is the unit of an instance, with %p for the port; "" to look for it.
	pattern     string
	start, stop time.Duration
	// local looks at the process table; it starts and stops nothing here.
	local *processes
}

func newSystemd(cfg *config.Config, run, durable state.Dir) *systemd {
	return &systemd{pattern: cfg.Service.Unit, start: cfg.Service.StartTimeout, stop: cfg.Service.StopTimeout, local: newProcess(cfg, run, durable)}
}

// with connects, finds the instance's unit, and does something with it.
func (m *systemd) with(ctx context.Context, verb string, i config.Instance, do func(bus, unit) error) error {
	b, err := dialSystemd(ctx)
	if err == nil {
		defer b.Close()
		var u unit
		if u, err = b.find(ctx, m.pattern, i); err == nil {
			err = do(b, u)
		}
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", verb, i.Name(), err)
	}
	return nil
}

// Start has systemd start the unit. Where it has been given up for too many starts, systemd is made to forget them: how
// often is too often is decided by whoever calls.
func (m *systemd) Start(ctx context.Context, i config.Instance) error {
	ctx, cancel := within(ctx, m.start)
	defer cancel()
	return m.with(ctx, "start", i, func(b bus, u unit) error {
		if err := m.mayStart(ctx, b, u, i); err != nil {
			return err
		}
		if u.active == "active" && !u.hollow() {
			return nil
		}
		if err := b.subscribe(); err != nil {
			return err
		}
		err := m.startUnit(ctx, b, u, i)
		if limit := (*startLimit)(nil); errors.As(err, &limit) {
			if err := b.forget(ctx, u.name); err != nil {
				return err
			}
			u.forgotten = true
			err = m.startUnit(ctx, b, u, i)
		}
		return err
	})
}

// mayStart says what speaks against a start before systemd is asked for one.
func (m *systemd) mayStart(ctx context.Context, b bus, u unit, i config.Instance) error {
	if err := u.usable(); err != nil {
		return err
	}
	if u.is("inactive", "failed") || u.hollow() {
		t := m.local.target(i)
		if p, lives := t.find(); lives {
			return fmt.Errorf("%w: redis-server (pid %d) runs, and systemd did not start it; hint: stop it (kill %d), then start it again", ErrInUse, p.PID, p.PID)
		}
		if err := t.vacant(); err != nil {
			return err
		}
	}
	// A start now could be the one that holds up the shutdown.
	if b.goesDown(ctx) {
		return fmt.Errorf("%w: %w", ErrRefused, ErrGoingDown)
	}
	return nil
}

// startLimit: systemd does not start the unit because it was started too often.
type startLimit struct{ unit string }

func (e *startLimit) Error() string {
	return fmt.Sprintf("%s was started too often in a short time, and systemd gave it up (start limit); hint: journalctl -u %s, then systemctl reset-failed %s", e.unit, e.unit, e.unit)
}

func (m *systemd) startUnit(ctx context.Context, b bus, u unit, i config.Instance) error {
	t := m.local.target(i)
	log := openLogTail(t.settings.file("logfile", "/"))
	ask := b.StartUnitContext
	if u.hollow() || u.restarting() {
		// A start of what counts as active does nothing, and one of what systemd starts again itself waits until it does.
		ask = b.RestartUnitContext
	}
	// With Type=notify the job ends when the data is loaded, which may take minutes. A server that listens has started.
	lives := false
	early := func() bool {
		now, err := b.unit(ctx, u.name)
		lives = err == nil && now.pid != 0 && now.is("activating", "active") && t.reached()
		return lives
	}
	result, err := b.job(ctx, "start", u.name, ask, early)
	switch {
	case ctx.Err() != nil && err != nil:
		return fmt.Errorf("systemd has not started %s yet: %w; hint: systemctl status %s", u.name, err, u.name)
	case err != nil:
		return err
	case lives:
		return nil
	}
	now, err := b.unit(ctx, u.name)
	if err != nil {
		return err
	}
	if now.is("inactive") && now.unmet && errors.Is(t.unreadable, ErrNotConfigured) {
		return t.unreadable // that is the condition of our own template
	}
	return now.started(u, result, func() string {
		if said := summary(log.added()); said != "" {
			return ": " + said
		}
		return ""
	})
}

// started judges the end of a start by the result of its job, and the unit before and afterwards; said is what the server's log has
// to say of it.
func (u unit) started(before unit, result string, said func() string) error {
	if u.kept() {
		return fmt.Errorf("systemd did not start %s: its ExecCondition says no; hint: journalctl -u %s", u.name, u.name)
	}
	switch result {
	case "done":
		if u.is("inactive") && u.unmet {
			return fmt.Errorf("systemd did not start %s: a condition of the unit does not hold; hint: systemctl status %s", u.name, u.name)
		}
		return nil
	case "failed":
		if u.is("active", "activating") && u.result == "success" {
			return nil // another start came right after it
		}
		// A unit that had failed before keeps that result when its start limit is hit (service.c, service_enter_dead): that
		// nothing was run tells.
		if !before.forgotten && (u.limited() || u.launched == before.launched) {
			return &startLimit{u.name}
		}
		return fmt.Errorf("systemd could not start %s: %s%s; hint: journalctl -u %s", u.name, u.end(), said(), u.name)
	case "timeout":
		return fmt.Errorf("systemd could not start %s in time; hint: journalctl -u %s, and TimeoutStartSec in the unit", u.name, u.name)
	case "canceled":
		return fmt.Errorf("the start of %s was called off by somebody's stop; hint: systemctl status %s", u.name, u.name)
	case "dependency":
		return fmt.Errorf("systemd did not start %s, because something that it needs could not be started; hint: systemctl list-dependencies %s", u.name, u.name)
	default:
		return fmt.Errorf("systemd did not start %s (%s); hint: systemctl status %s", u.name, result, u.name)
	}
}

// forget makes systemd forget that a unit failed, and how often it was started.
func (b bus) forget(ctx context.Context, name string) error {
	if err := b.ResetFailedUnitContext(ctx, name); err != nil {
		return fmt.Errorf("%w: %w", &startLimit{name}, b.refusal("reset", name, err))
	}
	return nil
}

// Stop has systemd stop the unit, and waits. Systemd itself remembers that somebody stopped it; one that had failed, or
// fails as it stops, is made to look stopped if that was by hand, or it would be restarted.
func (m *systemd) Stop(ctx context.Context, i config.Instance, byHand bool) error {
	ctx, cancel := within(ctx, m.stop)
	defer cancel()
	return m.with(ctx, "stop", i, func(b bus, u unit) error {
		if u.is("inactive", "failed") {
			if p, lives := m.local.target(i).find(); lives {
				return fmt.Errorf("redis-server (pid %d) %w, and systemd did not start it; hint: kill %d", p.PID, ErrStillRuns, p.PID)
			}
		} else if err := m.stopUnit(ctx, b, u); err != nil {
			return err
		}
		if !byHand {
			return nil
		}
		now, err := b.unit(ctx, u.name)
		if err != nil || !now.is("failed") && !now.kept() {
			return err
		}
		if err := b.ResetFailedUnitContext(ctx, u.name); err != nil {
			return fmt.Errorf("%s is stopped, but counts as failed, so it may be restarted: %w", i.Name(), b.refusal("reset", u.name, err))
		}
		return nil
	})
}

func (m *systemd) stopUnit(ctx context.Context, b bus, u unit) error {
	if err := b.subscribe(); err != nil {
		return err
	}
	result, err := b.job(ctx, "stop", u.name, b.StopUnitContext, nil)
	switch {
	case ctx.Err() != nil && err != nil:
		return fmt.Errorf("redis-server (pid %d) %w, %w; hint: it may be saving its data: systemctl status %s", u.pid, ErrStillRuns, err, u.name)
	case err != nil:
		return err
	case result == "done":
		return nil
	case result == "canceled":
		return fmt.Errorf("the stop of %s was called off by somebody's start; hint: systemctl status %s", u.name, u.name)
	default:
		return fmt.Errorf("systemd did not stop %s (%s); hint: journalctl -u %s", u.name, result, u.name)
	}
}

// Kill has systemd send SIGKILL to everything in the unit. One with Restart=on-failure is then started again by systemd.
func (m *systemd) Kill(ctx context.Context, i config.Instance) error {
	ctx, cancel := within(ctx, m.stop)
	defer cancel()
	return m.with(ctx, "kill", i, func(b bus, u unit) error {
		if u.pid == 0 {
			return nil
		}
		p, err := procfs.Read(u.pid)
		if err != nil {
			return nil // it is gone
		}
		if err := b.KillUnitWithTarget(ctx, u.name, "all", int32(syscall.SIGKILL)); err != nil {
			return b.refusal("kill", u.name, err)
		}
		if !await(ctx, func() bool { return !p.Lives() }) {
			return fmt.Errorf("redis-server (pid %d) %w, %w", p.PID, ErrStillRuns, context.Cause(ctx))
		}
		return nil
	})
}

// Status tells what died from what somebody stopped. Systemd keeps that apart: what died is failed, what was stopped is
// inactive. A unit that nothing wants is forgotten when it is stopped, and then looks as if it had never been started.
func (m *systemd) Status(ctx context.Context, i config.Instance) State {
	ctx, cancel := within(ctx, m.start)
	defer cancel()
	var s State
	err := m.with(ctx, "look at", i, func(b bus, u unit) error {
		s = u.state()
		if s.PID == 0 && s.Status != Busy {
			m.besides(&s, i)
		}
		if s.Status == Dead && b.goesDown(ctx) {
			s.Status, s.Reason = Busy, ErrGoingDown.Error()
		}
		return nil
	})
	if err != nil {
		return State{Reason: err.Error()}
	}
	return s
}

// besides adds what the process table knows of an instance that systemd does not run.
func (m *systemd) besides(s *State, i config.Instance) {
	t := m.local.target(i)
	if p, lives := t.find(); lives {
		s.Status, s.PID = Running, p.PID
		s.Note = "systemd did not start it"
		s.Reason = fmt.Sprintf("redis-server runs (pid %d), but %s", p.PID, s.Note)
		return
	}
	if pid := procfs.ReadPIDFile(t.pidFile); pid > 0 {
		s.StalePIDFile = t.pidFile
	}
}

// state is what systemd knows of the instance.
func (u unit) state() State {
	switch {
	case u.load == "masked" && u.pid == 0:
		return State{Status: Stopped, Reason: u.name + " is masked"}
	case u.usable() != nil && u.pid == 0:
		return State{Status: Dead, Reason: u.usable().Error()}
	case u.restarting():
		return State{Status: Busy, Reason: "systemd starts " + u.name + " again in a moment"}
	case u.is("activating"):
		return State{Status: Busy, PID: u.pid, Reason: "systemd is starting " + u.name}
	case u.is("deactivating"):
		return State{Status: Busy, PID: u.pid, Reason: "systemd is stopping " + u.name}
	case u.hollow():
		return State{Status: Dead, Reason: "systemd counts " + u.name + " as active, but no redis-server runs"}
	case u.is("active", "reloading", "refreshing"):
		return State{Status: Running, PID: u.pid, Reason: fmt.Sprintf("redis-server runs (pid %d)", u.pid)}
	case u.is("failed"):
		return State{Status: Dead, Reason: u.name + " failed: " + u.end()}
	case u.kept():
		return State{Status: Dead, Reason: u.name + " was kept from its start by its own ExecCondition"}
	case u.is("inactive") && u.begun:
		return State{Status: Stopped, Reason: u.name + " was stopped on purpose" + u.at()}
	case u.is("inactive") && u.wanted:
		return State{Status: Dead, Reason: u.name + " has not been started since boot"}
	case u.is("inactive"):
		return State{Status: Stopped, Reason: u.name + " is not enabled, and was stopped or never started; hint: systemctl enable --now " + u.name}
	default:
		return State{Reason: "systemd says that " + u.name + " is " + u.active}
	}
}

func (u unit) at() string {
	if u.ended.IsZero() {
		return ""
	}
	return " at " + u.ended.Format("2006-01-02 15:04:05")
}
