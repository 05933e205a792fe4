package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/loop"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/program"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/service"
	"keepalived-redis/internal/session"
)

// linkTime is how long a restarted instance may take to load its data and to be linked to its master, before the restart
// of the others is called off: a full resync of a large data set takes minutes.
const linkTime = 10 * time.Minute

// switchAwayTime bounds a switchover before a stop; it takes milliseconds, and may wait for one that is under way.
const switchAwayTime = 10 * time.Second

// takeDown stops the instance. One that does not end in stop_timeout is killed, and loudly; but never while it saves, for
// as long as it gets on with that.
func (r *result) takeDown(ctx context.Context, j *job, byHand bool) error {
	i := r.instance
	if j.Switchover {
		if err := j.switchAway(ctx, i); err != nil {
			return fmt.Errorf("stop %s: switch it over: %w; hint: without --switchover it is stopped all the same", i.Name(), err)
		}
	}
	written := int64(-1)
	for {
		err := j.manager.Stop(ctx, i, byHand)
		if !errors.Is(err, service.ErrStillRuns) || ctx.Err() != nil {
			return err
		}
		pid := j.manager.Status(ctx, i).PID
		if pid == 0 {
			return nil
		}
		now, saves, known := service.Saving(pid)
		switch {
		case !known:
			return err
		case saves && now > written:
			written = now
			program.Fail(j.errOut, name, fmt.Errorf("stop %s: redis-server (pid %d) still saves its data (%d bytes so far), and is waited for", i.Name(), pid, now))
		case saves:
			return fmt.Errorf("%w; hint: it saves its data and does not get on: is its disk full, or does it hang? It was not killed", err)
		case written >= 0:
			written = -1 // its save has come to an end since the last round, and what is left has its time like any other end
		default:
			program.Fail(j.errOut, name, fmt.Errorf("stop %s: redis-server (pid %d) does not end in %s, and is KILLED: what it has not written to its disk is lost", i.Name(), pid, j.cfg.Service.StopTimeout))
			if err := j.manager.Kill(ctx, i); err != nil {
				return err
			}
			// Once more, for what is left of it: its pid file, the state of its unit.
			return j.manager.Stop(ctx, i, byHand)
		}
	}
}

// restartAll restarts one after the other, and goes on only when the one before has its data and its master again: with
// two of them down at once there might be nobody left who has the data of both.
func (j *job) restartAll(ctx context.Context, instances []config.Instance) []result {
	var results []result
	for n, i := range instances {
		r := result{instance: i}
		r.restart(ctx, j)
		if r.err == nil && r.state.PID != 0 && n < len(instances)-1 {
			r.err = j.linked(ctx, i)
		}
		r.code = codeOf(r.err)
		results = append(results, r)
		if r.err != nil && n < len(instances)-1 {
			rest := result{instance: instances[n+1], code: failed, err: fmt.Errorf("the restart ends here: %s were not touched", names(instances[n+1:]))}
			return append(results, rest)
		}
	}
	return results
}

func (r *result) restart(ctx context.Context, j *job) {
	i := r.instance
	before := j.manager.Status(ctx, i)
	if j.onlyRunning() && before.PID == 0 {
		r.state, r.line = before, fmt.Sprintf("redis %s does not run, and was left alone", i.Name())
		return
	}
	if j.hook && before.PID != 0 {
		if r.look = j.look(ctx, i); r.look.State.Alive() {
			r.state, r.line = before, fmt.Sprintf("redis %s is healthy and was left alone: keepalived runs its hooks at every start and every change, and they are no reason to restart; hint: notify-redis is the hook for Redis", i.Name())
			j.log(r.line)
			return
		}
	}
	// It is not for good, so it is no stop by hand.
	if r.err = r.takeDown(ctx, j, false); r.err != nil {
		return
	}
	if r.err = r.bringUp(ctx, j); r.err != nil {
		return
	}
	if before.PID == 0 {
		r.runs("started")
	} else {
		r.runs("restarted")
	}
}

// linked waits until the instance has loaded its data and, as a replica, is in step with its master.
func (j *job) linked(ctx context.Context, i config.Instance) error {
	ctx, cancel := context.WithTimeoutCause(ctx, linkTime, fmt.Errorf("it had %s", linkTime))
	defer cancel()
	pause := time.NewTicker(50 * time.Millisecond)
	defer pause.Stop()
	for {
		l := j.look(ctx, i)
		// What it does not tell us, for want of a password, cannot be waited for.
		if l.State == model.Up && (l.Info == nil || l.Info.Role != model.Replica || l.Info.LinkUp) || l.State.Alive() && l.Info == nil && l.State != model.Loading {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("restart %s: it is not linked to its master again: %w; hint: look at its log", i.Name(), context.Cause(ctx))
		case <-pause.C:
		}
	}
}

// switchAway switches a master over to one of its replicas before it is stopped; what is no master has nothing to switch over.
func (j *job) switchAway(ctx context.Context, i config.Instance) error {
	l := j.look(ctx, i)
	if l.State == model.Refused {
		return nil // it does not run
	}
	ctx, cancel := context.WithTimeoutCause(ctx, switchAwayTime, fmt.Errorf("it had %s", switchAwayTime))
	defer cancel()
	log := program.Open(name)
	defer log.Close()
	r := loop.New(session.Session{Config: j.cfg, Service: j.manager, Log: &log.Logger})
	_, err := r.SwitchAway(ctx, redis.TargetOf(i).Instance)
	return err
}

// log tells what keepalived, which throws a hook's output away, would not tell anybody.
func (j *job) log(sentence string) {
	log := program.OpenQuiet(name)
	defer log.Close()
	log.Info().Msg(sentence)
}
