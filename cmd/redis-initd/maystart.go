package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/loop"
	"keepalived-redis/internal/program"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/state"
)

// mayStart is the action by which others that start an instance, such as systemd, ask whether they may.
const mayStart = "may-start"

// askTime is how long the instances of other hosts are asked before an instance is started without an answer.
const askTime = 900 * time.Millisecond

// mayStart is the exit code of the action: failed if an instance must not be started, and success for everything else, also
// for what went wrong here: no mistake of ours keeps a server from its start.
func (j *job) mayStart(ctx context.Context, instances []config.Instance, err error) int {
	if err != nil {
		if !errors.Is(err, errNoInstance) && !errors.Is(err, config.ErrNothingConfigured) { // it is none of ours
			program.Fail(j.errOut, name, err)
		}
		return success
	}
	code := success
	for _, i := range instances {
		if err := j.asked(ctx, i); err != nil {
			program.Fail(j.errOut, name, err)
			code = failed
		}
	}
	return code
}

// asked is an error if the instance must not be started.
func (j *job) asked(ctx context.Context, i config.Instance) error {
	switch {
	case j.Force:
		return nil
	case j.Action == mayStart && j.wasForced(i):
		return nil
	case j.Action != mayStart && j.manager.Status(ctx, i).PID != 0:
		return nil // it runs
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	log := program.Open(name)
	defer log.Close()
	r := loop.New(session.Session{Config: j.cfg, Service: j.manager, Log: &log.Logger})
	r.Begin()
	switch ok, why := r.MayStart(ctx, i); {
	case !ok:
		return errors.New(why)
	case why != "":
		program.Fail(j.errOut, name+": warning", errors.New(why))
	}
	return nil
}

// force leaves the word of a person, --force, for the unit of the instance, which asks as well; done takes it back.
func (j *job) force(i config.Instance) (done func()) {
	run := state.Dir(j.cfg.RunDir)
	if !j.Force {
		return func() {}
	}
	err := run.Make()
	if err == nil {
		err = run.Store(forced(i), state.Now())
	}
	if err != nil {
		program.Fail(j.errOut, name+": warning", fmt.Errorf("--force is not seen by the unit of %s: %w", i.Name(), err))
	}
	return func() { _ = run.Remove(forced(i)) } // it ends by itself
}

// wasForced: somebody starts the instance right now whatever may be lost.
func (j *job) wasForced(i config.Instance) bool {
	var at state.Stamp
	found, err := state.Dir(j.cfg.RunDir).Peek(forced(i), &at)
	now := state.Now()
	return err == nil && found && at.Boot == now.Boot && now.Since(at) < time.Minute
}

// forced is the file with the word of a person.
func forced(i config.Instance) string { return fmt.Sprintf("forced-%d.json", i.Port) }
