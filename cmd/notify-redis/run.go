package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/loop"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/program"
	"keepalived-redis/internal/reason"
	"keepalived-redis/internal/service"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/vrrp"
)

// How long a hook may take. keepalived waits for none of them, but kills a STOP hook after 1 s (2.0.0 and newer); what a
// hook leaves undone the next check finishes.
const (
	hookTime = 30 * time.Second
	stopTime = 800 * time.Millisecond
)

func run(f flags, out, errOut io.Writer) int {
	byForce, err := f.forces()
	var event model.Event
	if err == nil && !byForce {
		event, err = vrrp.ParseEvent(f.Event, f.Vrrp)
	}
	if err != nil {
		return fail(errOut, "a hook was not carried out", err, program.Usage)
	}
	what := event.String()
	if byForce {
		what = "a promotion by force"
	}
	cfg, err := config.LoadOrLastGood(config.Options{File: f.Config, ReadOnly: f.DryRun})
	if err != nil {
		return fail(errOut, what+" was not carried out", err, program.Usage)
	}
	log := program.Open(name)
	defer log.Close()
	if f.DryRun {
		for _, w := range cfg.Warnings {
			program.Fail(errOut, name+": warning", errors.New(w))
		}
	}
	limit := hookTime
	switch {
	case event.State == model.VRRPStop:
		limit = stopTime
	case event.Rival:
		limit = cfg.Times.Deadline // adverts come ten times a second: it does what a check run does, and leaves the rest to the next
	}
	ctx, stop := program.Context(limit)
	defer stop()
	h := hook{cfg: cfg, log: log, event: event, dry: f.DryRun}
	if byForce {
		return forced(errOut, h.force(ctx, out))
	}
	err = h.run(ctx, out)
	if cause := context.Cause(ctx); err == nil && errors.Is(cause, program.ErrSignalled) {
		err = cause // it was cut short, perhaps while it waited for something
	}
	switch {
	case errors.Is(err, session.ErrSuperseded):
		log.Info().Msgf("%s: a newer event goes on from here", event)
	case err != nil:
		return fail(errOut, event.String()+" was not finished; the next check goes on from here", err, program.Unhealthy)
	}
	return program.Healthy
}

// fail tells of what ends a hook: people on the error output, and the log, because keepalived throws that output away. It
// returns the exit code.
func fail(errOut io.Writer, what string, err error, code int) int {
	program.Fail(errOut, name, err)
	log := program.OpenQuiet(name)
	defer log.Close()
	log.Error().Err(err).Msg(what)
	return code
}

// hook is one run with all that it needs.
type hook struct {
	cfg   *config.Config
	log   *program.Log
	event model.Event
	dry   bool
}

func (h *hook) run(ctx context.Context, out io.Writer) error {
	run, durable := state.Dir(h.cfg.RunDir), state.Dir(h.cfg.StateDir)
	if !h.dry {
		h.prepare(run, durable)
	}
	manager, err := service.New(h.cfg, run, durable)
	if err != nil {
		return err
	}
	caller, _ := vrrp.Caller()
	r := loop.New(session.Session{Config: h.cfg, Service: manager, Log: &h.log.Logger, Caller: caller, Event: &h.event, DryRun: h.dry})
	if !h.event.Rival { // that another master was heard is no new state, and must not supersede the hook of one
		if err := r.Record(ctx); err != nil {
			// If state cannot be written, the hook acts from what it sees.
			h.log.Warn().Err(err).Msg("going on without a record of the event")
		}
	}
	o, outcome, err := r.Run(ctx)
	if w := o.MaintenanceWarning; w != "" {
		h.log.Warn().Msg(w)
	}
	if h.dry {
		fmt.Fprint(out, r.Describe(ctx, o))
		return err
	}
	// The log has it when it is news; whoever runs this by hand wants it in any case.
	fmt.Fprint(out, program.Lines(reason.Lines(outcome.Clauses)))
	if err == nil && !h.event.Rival && (h.event.State == model.VRRPMaster || h.event.State == model.VRRPBackup) {
		r.WarnOfTimeout(ctx, o)
	}
	if err == nil && h.event.State == model.VRRPStop && o.Maintenance.Word == "" && o.Fence == nil {
		h.switchAway(ctx, r, o)
	}
	return err
}

// goesDownTime bounds the question whether this machine goes down.
const goesDownTime = 200 * time.Millisecond

// switchAway gives the masters to the other host when the whole machine goes down: Redis is stopped as soon as keepalived has
// ended, which is earlier than the other host, with its VIP settled, would take them. A keepalived that only restarts changes nothing.
func (h *hook) switchAway(ctx context.Context, r *loop.Reconciler, o model.Observation) {
	ask, cancel := context.WithTimeout(ctx, goesDownTime)
	defer cancel()
	if !service.GoesDown(ask) {
		return
	}
	h.log.Info().Msg("this host is going down, so its masters are switched over")
	if err := r.SwitchAwayAll(ctx, o.Locals); err != nil {
		h.log.Warn().Err(err).Msg("not every master was switched over; the other host promotes what is left")
	}
}

func (h *hook) prepare(run, durable state.Dir) {
	for _, d := range []state.Dir{run, durable} {
		if err := d.Make(); err != nil {
			h.log.Warn().Err(err).Msg("state cannot be kept")
		}
	}
	for _, w := range h.cfg.Warnings {
		h.log.Warn().Msg(w)
	}
}
