// Package failover carries a VRRP state over to Redis: observe, decide, apply, observe again.
package failover

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keepalived-redis/internal/decide"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/vrrp"
)

// The locks: recordLock is held while the event is written, actLock while Redis is changed.
const (
	recordLock = "event.lock"
	actLock    = "act.lock"
)

// ErrSuperseded: a newer event came, and its hook goes on from here.
var ErrSuperseded = errors.New("superseded by a newer event")

// lockPause is the pause between two tries for a lock.
const lockPause = 2 * time.Millisecond

// lock waits for a lock until ctx ends.
func lock(ctx context.Context, d state.Dir, name string) (state.Unlock, error) {
	for {
		unlock, err := d.TryLock(name)
		if !errors.Is(err, state.ErrBusy) {
			return unlock, err
		}
		if err := pause(ctx, lockPause); err != nil {
			return nil, fmt.Errorf("wait for %s: %w", name, err)
		}
	}
}

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Record writes down the event of a hook, so that ticks go on from it when the hook is killed.
func (r *Reconciler) Record(ctx context.Context) error {
	r.begin()
	if r.DryRun {
		return nil
	}
	unlock, err := lock(ctx, r.store.run, recordLock)
	if err != nil {
		return fmt.Errorf("record the event: %w", err)
	}
	defer unlock()
	own, err := vrrp.OwnAddresses()
	if err != nil {
		return fmt.Errorf("record the event: %w", err)
	}
	vips := r.Config.VIPs
	if len(vips) == 0 {
		// Without a VIP the record says "not held"; what follows from that is decided, and said, by the reconciler.
		vips, _ = vrrp.VIPs(r.Config.KeepalivedConf)
	}
	var last vrrp.Record
	r.store.load(r.store.run, vrrp.RecordFile, &last)
	parent, _ := vrrp.Parent(r.Caller)
	rec := last.Next(*r.Event, parent, vrrp.Held(vips, own))
	if err := r.store.run.Store(vrrp.RecordFile, rec); err != nil {
		return fmt.Errorf("record the event: %w", err)
	}
	r.seq = rec.Seq
	return nil
}

// superseded: another hook has recorded a newer event.
func (r *Reconciler) superseded() bool {
	if r.seq == 0 {
		return false
	}
	var rec vrrp.Record
	found, err := r.store.run.Load(vrrp.RecordFile, &rec)
	return err == nil && found && rec.Seq > r.seq
}

// Look is one whole observation: the local instances and what is around them, side by side.
func (r *Reconciler) Look(ctx context.Context) (model.Observation, error) {
	locals, around, err := r.LookAround(ctx)
	if err != nil {
		return model.Observation{}, err
	}
	return r.Observe(ctx, locals, around), nil
}

// LocalLimits: an instance on this box that takes longer than half a check gives no answer for our purpose. It is connected to at once, or
// its queue of connections is full.
func (r *Reconciler) LocalLimits() redis.Limits {
	return redis.Limits{Dial: r.Config.Times.Deadline / 4, Reply: r.Config.Times.Deadline / 2}
}

// Reconcile decides and acts from a first observation until nothing is left to do, ctx ends, or a newer event came. A tick
// that does not get the acting lock at once leaves.
func (r *Reconciler) Reconcile(ctx context.Context, o model.Observation) (model.Outcome, error) {
	out := decide.Outcome(&o, model.Plan{})
	if !r.DryRun {
		unlock, waited, err := r.takeActLock(ctx)
		switch {
		case errors.Is(err, state.ErrBusy):
			out.Sentence = "another run is acting"
			return out, nil
		case err != nil:
			// Nothing can be locked on a full or read-only disk; a promotion is worth more than order.
			r.Log.Warn().Err(err).Msg("going on without the acting lock")
		default:
			defer unlock()
		}
		if waited {
			// Whoever acted in the meantime has changed what was seen, and has written down more than we have read.
			r.memory = nil
			if o, err = r.Look(ctx); err != nil {
				return out, err
			}
		}
	}
	defer func() { r.store.saveMemory(r.memory) }()
	for {
		plan := r.decide(ctx, &o, decide.Decide)
		out = decide.Outcome(&o, plan)
		r.say(plan)
		r.warn(decide.Warnings(&o))
		if r.DryRun {
			return out, nil
		}
		failed := r.apply(ctx, o, plan)
		if failed == nil && len(plan.Steps) > 0 && plan.Steps[0].Do == model.Fence {
			out.Fenced = true
		}
		if errors.Is(failed, ErrSuperseded) || failed == nil && len(plan.Steps) == 0 && plan.Again == 0 {
			return out, failed
		}
		if done, err := r.waitAgain(ctx, o, plan, failed); done {
			return out, err
		}
		var err error
		if o, err = r.Look(ctx); err != nil {
			return out, err
		}
	}
}

// retryPause is the pause after a step that failed.
const retryPause = 200 * time.Millisecond

// waitAgain waits for the next look; done means that there will be none in this run.
func (r *Reconciler) waitAgain(ctx context.Context, o model.Observation, plan model.Plan, failed error) (done bool, err error) {
	wait := plan.Again
	if len(plan.Steps) > 0 && wait == 0 {
		wait = time.Millisecond
	}
	if failed != nil {
		wait = max(wait, retryPause)
	}
	// A fence that waits for nothing is held by the ticks, and the last moment of a run is no time to begin anything.
	if o.Fence != nil && plan.Again == 0 && !canLift(&o) {
		return true, failed
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < wait+replyTimeout {
		return true, failed
	}
	for ; ; wait -= decide.LookAgain {
		if r.superseded() {
			return true, ErrSuperseded
		}
		if wait <= 0 {
			return false, nil
		}
		if pause(ctx, min(wait, decide.LookAgain)) != nil {
			return true, failed
		}
	}
}

// canLift: the fence may end within this run.
func canLift(o *model.Observation) bool {
	return o.Fence.HeardFor >= o.Fence.HoldOff || o.Unanswered()
}

// takeActLock takes the lock for acting; waited says that somebody else had it first. Only a hook waits.
func (r *Reconciler) takeActLock(ctx context.Context) (unlock state.Unlock, waited bool, err error) {
	r.begin()
	unlock, err = r.store.run.TryLock(actLock)
	if r.Event == nil || !errors.Is(err, state.ErrBusy) {
		return unlock, false, err
	}
	unlock, err = lock(ctx, r.store.run, actLock)
	return unlock, true, err
}

// say logs a decision when it differs from the last.
func (r *Reconciler) say(plan model.Plan) {
	if r.DryRun || plan.Sentence == r.memory.Sentence {
		return
	}
	r.Log.Info().Msg(plan.Sentence)
	r.memory.Sentence = plan.Sentence
}
