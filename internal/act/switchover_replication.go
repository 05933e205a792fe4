package act

import (
	"context"
	"errors"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/session"
)

// switchoverPair switches a living master over to its local replica, outside a cluster, without loss: stop writes on the old master, wait
// for equal offsets, promote ours, make the old one follow, and let the writers go. The sessions on the old master are closed
// at the end: its clients came by a VIP that has left, and would hang.
func (r *Actor) switchoverPair(ctx context.Context, o model.Observation, s model.Step) (err error) {
	if !hasRoom(ctx) {
		return noTime(s)
	}
	start := time.Now()
	old, to := r.Conn(s.From), r.Conn(s.Instance)
	defer old.Close()
	defer to.Close()
	master, _, _ := o.Find(s.From.Addr)
	// Everything that can be asked before writes stop is asked before, so that it is no part of the gap.
	done, err := ready(ctx, old, to)
	if done {
		return nil
	}
	var undo session.SwitchoverRecord
	if err == nil {
		undo, err = newUndo(ctx, s, master, old)
		undo.Pair = true
	}
	var term model.Term
	if err == nil {
		term, err = old.ReadTerm(ctx)
	}
	var stop func() (model.Info, error)
	var hold func() error
	if err == nil {
		stop, hold, err = r.PrepareStop(ctx, old, undo)
	}
	alone := false
	if err == nil {
		// The new master has no replica for a moment. Once it is linked, the next look sets again what durability asks for.
		alone, err = r.relax(ctx, to, s.Instance)
	}
	var needs redis.WriteRule
	if err == nil {
		needs, err = to.WriteRule(ctx)
	}
	if err != nil {
		return r.notBegun(s, err)
	}
	r.changesRole(s.Instance)
	r.begin(&undo)
	gap := time.Now()
	stopped, err := stop()
	if err == nil {
		err = awaitOffsets(ctx, source(old, undo), to, stopped)
	}
	if err == nil {
		err = hold()
	}
	if undo.Sent = err == nil; undo.Sent {
		own, peer := termsOf(&o, s.Instance)
		peer.term = term
		err = r.lead(ctx, to, needs.Replicas, own, peer)
	}
	if err == nil {
		err = old.Follow(ctx, s.Instance.Addr)
	}
	gapLength := time.Since(gap)
	// Whatever happened: if ours is the master now, the old one follows before its writers are let go. A signal does not stop
	// that.
	err = errors.Join(err, r.endSwitchover(context.WithoutCancel(ctx), undo, old, to))
	if err != nil {
		if now, readErr := to.Replication(ctx); alone && readErr == nil && now.Role == model.Replica {
			err = errors.Join(err, r.refuseWrites(ctx, to, s.Instance, session.RefusedAlone))
		}
		return r.switchoverFailed(s, err)
	}
	if err := old.KillClients(ctx); err != nil {
		r.Log.Warn().Err(err).Msgf("sessions on %s stay open, though the VIP has left", s.From)
	}
	r.rewrite(ctx, to, s.Instance)
	r.rewrite(ctx, old, s.From)
	r.Memory.SwitchoverFailures = 0
	r.didWith(s, model.Deed{Gap: gapLength, Took: time.Since(start)})
	return nil
}

// repointWhile is for how long after its begin the old master of a switchover surely takes no write: a little less than its pause lasts. Behind
// that it may have taken some, which are kept aside by its own host, when that makes it follow.
const repointWhile = PauseFor - 500*time.Millisecond
