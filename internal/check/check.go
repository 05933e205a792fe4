// Package check is keepalived's vrrp_script: it looks at the Redis instances of this host, restarts the dead, finishes what a hook
// left undone, and says by its exit code whether the host is healthy enough for the VIP.
package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/decide"
	"keepalived-redis/internal/loop"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/program"
	"keepalived-redis/internal/reason"
	"keepalived-redis/internal/service"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/vrrp"
)

const name = "chk-redis"

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

// seen is what a run found, as far as it got.
type seen struct {
	observation *model.Observation
	outcome     model.Outcome
	// done counts what was done, for the metrics.
	done map[model.Verb]uint64
}

func (c *check) run(ctx context.Context, dry bool, out io.Writer) model.Verdict {
	// The looks end a little before the run does, so that there is time for the verdict.
	deadline, _ := ctx.Deadline()
	ctx, cancel := context.WithDeadline(ctx, deadline.Add(-30*time.Millisecond))
	defer cancel()
	run, durable := state.Dir(c.cfg.RunDir), state.Dir(c.cfg.StateDir)
	manager, err := service.New(c.cfg, run, durable)
	if err != nil {
		c.log.Error().Err(err).Msg("instances cannot be started or stopped")
		return unhealthy(model.Clause{Reason: reason.NoService, Name: err.Error()})
	}
	r := loop.New(session.Session{Config: c.cfg, Service: manager, Log: &c.log.Logger, Caller: c.caller, DryRun: !c.act})
	c.prepare(run, durable)
	o, outcome, err := r.Run(ctx)
	if w := o.MaintenanceWarning; w != "" {
		c.log.Warn().Msg(w)
		c.warnings = append(c.warnings, w)
	}
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		c.log.Warn().Err(err).Msg("the next check goes on from here")
	}
	if dry {
		fmt.Fprint(out, r.Describe(ctx, o))
	}
	if c.act {
		r.Remember(o.Locals)
	}
	healthy, short := c.facts(o).Serving()
	if short {
		r.SeeAbleTwice(ctx, &o)
	}
	c.seen = seen{observation: &o, outcome: outcome}
	if c.metrics != "" {
		r.Store.Peek(durable, session.CountsFile, &c.seen.done)
	}
	v := decide.VerdictOn(&o, outcome, c.facts(o), c.last.health())
	serves := short && healthy > 0 || len(outcome.Outranked) > 0
	worse := !v.EnoughForVIP() && !outcome.MayNotServe() && o.Maintenance.Word == "" && serves
	takes := r.TakesAbandoned(ctx, &o, worse)
	r.Keep()
	if takes {
		v = decide.Abandoned(v)
	}
	return v
}

func (c *check) facts(o model.Observation) decide.Facts {
	return decide.Facts{Locals: o.Locals, Peers: o.Peers, Able: o.Able, Require: c.cfg.Require,
		BusyFor: o.BusyFor, BusyGrace: c.cfg.Times.BusyGrace, ByHand: !c.act}
}

// prepare makes the state directories, reads what a person and the last run left, and says what there is to warn of when it
// is not what the last run said. What cannot be made is a warning: the verdict does not need it.
func (c *check) prepare(run, durable state.Dir) {
	var warnings []string // those of the configuration a looking run has told already
	if c.act {
		warnings = c.cfg.Warnings
		for _, d := range []state.Dir{run, durable} {
			if err := d.Make(); err != nil {
				warnings = append(warnings, "state cannot be kept: "+err.Error())
			}
		}
	}
	var err error
	if c.last, err = loadSaid(run, c.act); c.act {
		c.log.Recall(c.last.Warnings)
	}
	if err != nil {
		c.log.Warn().Err(err).Msg("the last verdict cannot be read")
	}
	for _, w := range warnings {
		c.log.Warn().Msg(w)
	}
	c.warnings = warnings
}
