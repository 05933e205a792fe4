package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/health"
	"keepalived-redis/internal/program"
	"keepalived-redis/internal/vrrp"
)

// run is one check. It is out before its deadline, also when an instance, a peer or a disk hangs: everything that can hang
// runs beside a clock, and a verdict that is not there in time is unfit.
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
	act := (called || f.Act) && !f.DryRun
	o.ReadOnly = !act
	limit := o.FirstDeadline()
	ctx, cancel := context.WithDeadlineCause(signalled, begun.Add(limit), program.ErrDeadline)
	defer cancel()
	cfg, err := load(ctx, o)
	switch {
	case ctx.Err() != nil:
		return late(ctx, errOut, limit, called || act)
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
	c := check{cfg: cfg, log: program.Open(name), act: act, caller: caller}
	defer c.log.Close()
	done := make(chan health.Verdict, 1)
	go func() { done <- c.run(ctx, f.DryRun, out) }()
	select {
	case v := <-done:
		if errors.Is(context.Cause(ctx), program.ErrSignalled) {
			break // keepalived 2.x takes a check that answers SIGTERM with 0 for a success
		}
		fmt.Fprintln(out, v.Sentence)
		if v.Fit {
			return program.Fit
		}
		return program.Unfit
	case <-ctx.Done():
	}
	return late(ctx, errOut, limit, act)
}

// load reads the configuration beside the clock: the disk that it lies on may hang.
func load(ctx context.Context, o config.Options) (cfg *config.Config, err error) {
	done := make(chan struct{})
	var c *config.Config
	var e error
	go func() {
		defer close(done)
		c, e = config.LoadOrLastGood(o)
	}()
	select {
	case <-done:
		return c, e
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// late ends a check that has no verdict.
func late(ctx context.Context, errOut io.Writer, limit time.Duration, alsoLog bool) int {
	err := fmt.Errorf("unfit: no verdict, %w; hint: it had %s: is the box overloaded, or does a disk hang?", context.Cause(ctx), limit)
	return fail(errOut, err, alsoLog, program.Unfit)
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
