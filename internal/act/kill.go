package act

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/service"
	"keepalived-redis/internal/session"
)

// errLives: an instance that was to be killed is no longer seen to hang.
var errLives = errors.New("it answers, or works, or nobody can see whether it does")

// killWatch is for how long an instance that is to be killed is watched once more, in both its sockets and /proc.
const killWatch = 100 * time.Millisecond

// kill ends an instance that hangs, if it still does.
func (r *Actor) kill(ctx context.Context, s model.Step) error {
	for _, in := range r.Config.Instances {
		if in.Name() != s.Instance.Name() {
			continue
		}
		if !r.stillHangs(ctx, in) {
			return fmt.Errorf("kill %s: %w", s.Instance, errLives)
		}
		if err := r.Service.Kill(ctx, in); err != nil {
			return fmt.Errorf("kill %s: %w", s.Instance, err)
		}
		r.did(s)
		return nil
	}
	return fmt.Errorf("kill %s: it is no instance of this host", s.Instance)
}

// stillHangs: the process of an instance is there and does no work, and the instance gives no answer meanwhile.
func (r *Actor) stillHangs(ctx context.Context, in config.Instance) bool {
	ctx, cancel := context.WithTimeout(ctx, session.CommandTimeout)
	defer cancel()
	pid := r.Service.Status(ctx, in).PID
	before, err := service.TakeSample(pid, r.Config.Times.BusyGrace)
	if err != nil || before.Activity() == service.Works {
		return false
	}
	look := redis.LookAt(ctx, redis.TargetOf(in), redis.Limits{Dial: killWatch, Reply: killWatch})
	if !model.GivesNoAnswer(look) || ctx.Err() != nil {
		return false
	}
	after, err := service.TakeSample(pid, r.Config.Times.BusyGrace)
	return err == nil && after.Since(before) == service.Hangs
}
