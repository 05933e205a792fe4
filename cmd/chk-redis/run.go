package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/failover"
	"keepalived-redis/internal/health"
	"keepalived-redis/internal/program"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/service"
	"keepalived-redis/internal/show"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/vrrp"
)

// tickRoom is the part of a run that is kept for the tick: revive may not use it up.
const tickRoom = 350 * time.Millisecond

// run is one check. It is out before its deadline, also when an instance, a peer or a disk hangs: the check itself runs
// beside a clock, and a verdict that is not there in time is unfit.
func run(f flags, out, errOut io.Writer) int {
	begun := time.Now()
	// Before anything else: ended by SIGTERM, it must say unfit as well.
	signalled, stop := program.Context(0)
	defer stop()
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
	act := (called || f.Act) && !f.onlyLooks()
	o.ReadOnly = !act
	cfg, err := config.LoadOrLastGood(o)
	if err != nil {
		return fail(errOut, err, called, program.Usage)
	}
	if !act {
		for _, w := range cfg.Warnings {
			program.Fail(errOut, name+": warning", errors.New(w))
		}
	}
	ctx, cancel := context.WithDeadlineCause(signalled, begun.Add(cfg.Times.Deadline), program.ErrDeadline)
	defer cancel()
	c := check{cfg: cfg, log: program.Open(name), act: act, caller: caller, begun: begun, metrics: f.Metrics, warnings: cfg.Warnings}
	defer c.log.Close()
	done := make(chan health.Verdict, 1)
	go func() { done <- c.run(ctx, f.DryRun, out) }()
	select {
	case v := <-done:
		c.finish(ctx, v, errOut)
		if errors.Is(context.Cause(ctx), program.ErrSignalled) {
			break // keepalived 2.x takes a check that answers SIGTERM with 0 for a success
		}
		program.Fail(errOut, name, f.print(out, v.Sentence, func() show.Scene { return c.scene(v) }))
		if v.Fit {
			return program.Fit
		}
		return program.Unfit
	case <-ctx.Done():
	}
	err = fmt.Errorf("unfit: no verdict, %w; hint: it had %s: is the box overloaded, or does a disk hang?", context.Cause(ctx), cfg.Times.Deadline)
	if f.JSON {
		blank := check{begun: begun, warnings: cfg.Warnings} // the run still writes into c
		program.Fail(errOut, name, f.print(out, "", func() show.Scene { return blank.scene(health.Verdict{Sentence: err.Error()}) }))
	}
	return fail(errOut, err, act, program.Unfit)
}

// fail tells of what ends a check without a verdict: people on the error output, and the log, because keepalived throws
// that output away. It returns the exit code.
func fail(errOut io.Writer, err error, alsoLog bool, code int) int {
	program.Fail(errOut, name, err)
	if alsoLog {
		log := program.OpenQuiet(name)
		defer log.Close()
		log.Error().Msg(err.Error())
	}
	return code
}

// check is one run with all that it needs.
type check struct {
	cfg    *config.Config
	log    *program.Log
	act    bool
	caller vrrp.Process
	// warnings are those of this run, last is what the run before it said.
	warnings []string
	last     said
	// metrics is the file to write them to, or empty.
	metrics string
	begun   time.Time
	seen    seen
}

// run comes to a verdict.
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
	limits := redis.Limits{Dial: c.cfg.Times.Deadline / 2, Reply: c.cfg.Times.Deadline / 2}
	looks := redis.LookAtAll(ctx, redis.Targets(c.cfg.Instances), limits)
	a := <-ch
	if c.act && !r.Held() {
		looks, r.GivenUp = c.revive(ctx, manager, looks, limits, deadline)
	}
	c.seen.looks, c.seen.around = looks, a.s
	if a.err != nil {
		c.log.Warn().Err(a.err).Msg("the tick is left out")
		return health.Judge(looks, nil)
	}
	o := r.Observe(ctx, looks, a.s)
	c.seen.observation = &o
	verdict := health.Judge(looks, o.BusyTooLong)
	outcome, err := r.Reconcile(ctx, o)
	c.seen.outcome = outcome
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		c.log.Warn().Err(err).Msg("the next check goes on from here")
	}
	if dry {
		fmt.Fprint(out, failover.Describe(o))
	}
	if outcome.Unfit() {
		verdict = health.Verdict{Sentence: "unfit: " + outcome.Sentence}
	}
	return verdict
}

// prepare makes the state directories and says what there is to warn of, when it is not what the last run said. What
// cannot be made is a warning: the verdict does not need it.
func (c *check) prepare(run, durable state.Dir) {
	warnings := c.cfg.Warnings
	for _, d := range []state.Dir{run, durable} {
		if err := d.Make(); err != nil {
			warnings = append(warnings, "state cannot be kept: "+err.Error())
		}
	}
	if _, err := run.Load(verdictFile, &c.last); err != nil {
		c.log.Warn().Err(err).Msg("the last verdict cannot be read")
	}
	for _, w := range warnings {
		if !slices.Contains(c.last.Warnings, w) {
			c.log.Warn().Msg(w)
		}
	}
	c.warnings = warnings
}

func (c *check) revive(ctx context.Context, m service.Manager, looks []redis.Look, l redis.Limits, deadline time.Time) ([]redis.Look, map[netip.AddrPort]bool) {
	ctx, cancel := context.WithDeadline(ctx, deadline.Add(-min(tickRoom, c.cfg.Times.Deadline/2)))
	defer cancel()
	v := health.Reviver{Config: c.cfg, Service: m, Log: &c.log.Logger}
	return v.Revive(ctx, looks, l)
}

// verdictFile keeps what a run has said, so that changes are logged and not every run.
const verdictFile = "verdict.json"

// said is a verdict, and what there was to warn of beside it.
type said struct {
	health.Verdict
	Warnings []string `json:"warnings,omitempty"`
}

func (c *check) logChange(run state.Dir, v health.Verdict) {
	now := said{v, c.warnings}
	if now.Verdict == c.last.Verdict && slices.Equal(now.Warnings, c.last.Warnings) {
		return
	}
	switch {
	case v == c.last.Verdict:
	case v.Fit:
		c.log.Info().Msg(v.Sentence)
	default:
		c.log.Error().Msg(v.Sentence)
	}
	if err := run.Store(verdictFile, now); err != nil {
		c.log.Warn().Err(err).Msg("the verdict cannot be kept")
	}
}
