package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/program"
	"keepalived-redis/internal/reason"
	"keepalived-redis/internal/show"
	"keepalived-redis/internal/vrrp"
)

// run is one check. It is out before its deadline, also when an instance, a peer or a disk hangs: everything that can hang
// runs beside a clock, and a verdict that is not there in time is unhealthy.
func run(f flags, out, errOut io.Writer) int {
	begun := time.Now()
	// Before anything else: ended by SIGTERM, it must say unhealthy as well.
	// And to the very end: who lets go of the signals could still be killed by one instead of ending with its verdict.
	signalled, _ := program.Context(0)
	o := config.Options{File: f.Config, Deadline: f.Deadline}
	if f.CheckConfig {
		text, ok := config.Strict(o)
		fmt.Fprint(out, text)
		if !ok {
			return program.Usage
		}
		return program.Healthy
	}
	caller, called := vrrp.Caller()
	act := (called || f.Act) && !f.onlyLooks()
	o.ReadOnly = !act
	limit := o.FirstDeadline()
	ctx, cancel := context.WithDeadlineCause(signalled, begun.Add(limit), program.ErrDeadline)
	defer cancel()
	beside := make(chan func(), 1)
	defer close(beside)
	go doBeside(beside)
	cfg, err := load(ctx, beside, o)
	switch {
	case ctx.Err() != nil:
		return f.late(ctx, check{begun: begun}, limit, out, errOut, called || act)
	case err != nil:
		return fail(errOut, err, called, program.Usage)
	}
	if !act {
		for _, w := range cfg.Warnings {
			program.Fail(errOut, name+": warning", errors.New(w))
		}
	}
	limit = cfg.Times.Deadline
	ctx, cancel = context.WithDeadlineCause(signalled, begun.Add(limit), program.ErrDeadline)
	defer cancel()
	c := check{cfg: cfg, log: program.Open(name), act: act, caller: caller, begun: begun, metrics: f.Metrics, warnings: cfg.Warnings}
	defer c.log.Close()
	done := make(chan model.Verdict, 1)
	beside <- func() { done <- c.run(ctx, f.DryRun, out) }
	select {
	case v := <-done:
		c.finish(ctx, v, errOut)
		if errors.Is(context.Cause(ctx), program.ErrSignalled) {
			break // keepalived 2.x takes a check that answers SIGTERM with 0 for a success
		}
		program.Fail(errOut, name, f.print(out, v, func() show.Scene { return c.scene(v) }))
		if v.EnoughForVIP() {
			return program.Healthy
		}
		return program.Unhealthy
	case <-ctx.Done():
	}
	// The run still writes into c.
	return f.late(ctx, check{begun: begun, warnings: cfg.Warnings}, limit, out, errOut, act)
}

// doBeside does one thing after another, so that whoever waits for them can stop waiting.
func doBeside(things <-chan func()) {
	for do := range things {
		do()
	}
}

// load reads the configuration beside the clock: the disk that it lies on may hang.
func load(ctx context.Context, beside chan<- func(), o config.Options) (*config.Config, error) {
	type loaded struct {
		cfg *config.Config
		err error
	}
	done := make(chan loaded, 1)
	beside <- func() {
		cfg, err := config.LoadOrLastGood(o)
		done <- loaded{cfg, err}
	}
	select {
	case l := <-done:
		return l.cfg, l.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// late ends a check that has no verdict; blank is what is known of it.
func (f flags) late(ctx context.Context, blank check, limit time.Duration, out, errOut io.Writer, alsoLog bool) int {
	v := noVerdict(ctx, limit)
	if f.JSON {
		program.Fail(errOut, name, f.print(out, v, func() show.Scene { return blank.scene(v) }))
	}
	return fail(errOut, errors.New(reason.Verdict(v)), alsoLog, program.Unhealthy)
}
