package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/failover"
	"keepalived-redis/internal/health"
	"keepalived-redis/internal/program"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/service"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/vrrp"
)

// tickRoom is the part of a run that is kept for the tick: revive may not use it up.
const tickRoom = 350 * time.Millisecond

// run is one check. It is out before its deadline, also when an instance, a peer or a disk hangs: the check itself runs
// beside a clock, and a verdict that is not there in time is unfit.
func run(f flags, out, errOut io.Writer) int {
	begun := time.Now()
	o := config.Options{File: f.Config, Deadline: f.Deadline}
	if f.CheckConfig {
		text, ok := config.Strict(o)
		fmt.Fprint(out, text)
		if !ok {
			return program.Usage
		}
		return program.Fit
	}
	caller, called := vrrp.Caller()
	act := (called || f.Act) && !f.DryRun
	o.ReadOnly = !act
	cfg, err := config.LoadOrLastGood(o)
	if err != nil {
		program.Fail(errOut, name, err)
		return program.Usage
	}
	ctx, stop := program.Context(cfg.Times.Deadline - time.Since(begun))
	defer stop()
	done := make(chan health.Verdict, 1)
	go func() {
		c := check{cfg: cfg, log: program.Open(name), act: act, caller: caller}
		defer c.log.Close()
		done <- c.run(ctx, f.DryRun, out)
	}()
	select {
	case v := <-done:
		if errors.Is(context.Cause(ctx), program.ErrSignalled) {
			return program.Unfit // keepalived 2.x takes a check that answers SIGTERM with 0 for a success
		}
		fmt.Fprintln(out, v.Sentence)
		if v.Fit {
			return program.Fit
		}
		return program.Unfit
	case <-ctx.Done():
		fmt.Fprintf(errOut, "%s: %v\n", name, context.Cause(ctx))
		return program.Unfit
	}
}

// check is one run with all that it needs.
type check struct {
	cfg    *config.Config
	log    *program.Log
	act    bool
	caller vrrp.Process
}

func (c *check) run(ctx context.Context, dry bool, out io.Writer) health.Verdict {
	// The looks end a little before the run does, so that there is time for the verdict.
	deadline, _ := ctx.Deadline()
	ctx, cancel := context.WithDeadline(ctx, deadline.Add(-30*time.Millisecond))
	defer cancel()
	run, durable := state.Dir(c.cfg.RunDir), state.Dir(c.cfg.StateDir)
	if c.act {
		c.prepare(run, durable)
	}
	manager, err := service.New(c.cfg, run, durable)
	if err != nil {
		c.log.Error().Err(err).Msg("instances cannot be started or stopped")
		return health.Verdict{Sentence: "unfit: " + err.Error()}
	}
	r := failover.Reconciler{Config: c.cfg, Service: manager, Log: &c.log.Logger, Caller: c.caller, DryRun: !c.act}
	type around struct {
		s   failover.Surroundings
		err error
	}
	ch := make(chan around, 1)
	go func() {
		s, err := r.LookAround(ctx)
		ch <- around{s, err}
	}()
	limits := redis.Limits{Dial: c.cfg.Times.Deadline / 2, Dials: 1, Reply: c.cfg.Times.Deadline / 2}
	looks := redis.LookAtAll(ctx, redis.Targets(c.cfg.Instances), limits)
	a := <-ch
	if c.act && !r.Held() {
		looks, r.GivenUp = c.revive(ctx, manager, looks, limits, deadline)
	}
	verdict := health.Judge(looks, nil)
	if a.err != nil {
		c.log.Warn().Err(a.err).Msg("the tick is left out")
		return verdict
	}
	o := r.Observe(ctx, looks, a.s)
	outcome, err := r.Reconcile(ctx, o)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		c.log.Warn().Err(err).Msg("the next check goes on from here")
	}
	if dry {
		fmt.Fprint(out, failover.Describe(o))
	}
	if outcome.Unfit() {
		verdict = health.Verdict{Sentence: "unfit: " + outcome.Sentence}
	}
	if c.act {
		c.logChange(run, verdict)
	}
	return verdict
}

// prepare makes the state directories and says what the configuration has to say. What cannot be made is a warning: the
// verdict does not need it.
func (c *check) prepare(run, durable state.Dir) {
	for _, d := range []state.Dir{run, durable} {
		if err := d.Make(); err != nil {
			c.log.Warn().Err(err).Msg("state cannot be kept")
		}
	}
	for _, w := range c.cfg.Warnings {
		c.log.Warn().Msg(w)
	}
}

func (c *check) revive(ctx context.Context, m service.Manager, looks []redis.Look, l redis.Limits, deadline time.Time) ([]redis.Look, map[netip.AddrPort]bool) {
	ctx, cancel := context.WithDeadline(ctx, deadline.Add(-min(tickRoom, c.cfg.Times.Deadline/2)))
	defer cancel()
	v := health.Reviver{Config: c.cfg, Service: m, Log: &c.log.Logger}
	return v.Revive(ctx, looks, l)
}

// verdictFile keeps the last verdict, so that changes are logged and not every run.
const verdictFile = "verdict.json"

func (c *check) logChange(run state.Dir, v health.Verdict) {
	var last health.Verdict
	found, err := run.Load(verdictFile, &last)
	if err != nil {
		c.log.Warn().Err(err).Msg("the last verdict cannot be read")
	}
	if found && last == v {
		return
	}
	if v.Fit {
		c.log.Info().Msg(v.Sentence)
	} else {
		c.log.Error().Msg(v.Sentence)
	}
	if err := run.Store(verdictFile, v); err != nil {
		c.log.Warn().Err(err).Msg("the verdict cannot be kept")
	}
}
