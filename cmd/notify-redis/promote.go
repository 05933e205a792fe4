package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"keepalived-redis/internal/loop"
	"keepalived-redis/internal/program"
	"keepalived-redis/internal/reason"
	"keepalived-redis/internal/service"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/vrrp"
)

// promote is the word that no keepalived says: a person forces a promotion.
const promote = "promote"

// errForce: promote and --force belong together.
var errForce = errors.New("promote and --force belong together: the data of this host counts then, whatever the other one has; hint: notify-redis promote --force")

// forces tells whether a person forces a promotion. An error is one of usage.
func (f flags) forces() (bool, error) {
	asked := slices.Equal(f.Event, []string{promote})
	if asked != f.Force {
		return false, errForce
	}
	return asked, nil
}

// force promotes what this host has.
func (h *hook) force(ctx context.Context, out io.Writer) error {
	run, durable := state.Dir(h.cfg.RunDir), state.Dir(h.cfg.StateDir)
	if !h.dry {
		h.prepare(run, durable)
	}
	manager, err := service.New(h.cfg, run, durable)
	if err != nil {
		return err
	}
	caller, _ := vrrp.Caller()
	r := loop.New(session.Session{Config: h.cfg, Service: manager, Log: &h.log.Logger, Caller: caller, DryRun: h.dry})
	decided, err := r.Force(ctx)
	fmt.Fprint(out, program.Lines(reason.Lines(decided)))
	return err
}

// forced ends a run of force.
func forced(errOut io.Writer, err error) int {
	if err != nil {
		return fail(errOut, "promote by force", err, program.Unhealthy)
	}
	return program.Healthy
}
