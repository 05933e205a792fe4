// Package loop brings this host's Redis to the state that VRRP is in: observe, decide, act, and observe again until nothing is left to do.
package loop

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"keepalived-redis/internal/act"
	"keepalived-redis/internal/decide"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/observe"
	"keepalived-redis/internal/program"
	"keepalived-redis/internal/reason"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/vrrp"
)

// Reconciler brings this host's Redis to the state that VRRP is in. One per process; not for concurrent use.
type Reconciler struct {
	*session.Session
	*observe.Observer
	*act.Actor
}

// New is the loop of one run.
func New(s session.Session) *Reconciler {
	return &Reconciler{Session: &s, Observer: &observe.Observer{Session: &s}, Actor: &act.Actor{Session: &s}}
}

// Record writes down the event of a hook, so that check runs go on from it when the hook is killed.
func (r *Reconciler) Record(ctx context.Context) error {
	r.Begin()
	if r.DryRun {
		return nil
	}
	unlock, err := session.Lock(ctx, r.Store.Run, session.RecordLock)
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
	r.Store.Load(r.Store.Run, vrrp.RecordFile, &last)
	parent, _ := vrrp.Parent(r.Caller)
	rec := last.Next(*r.Event, parent, vrrp.Held(vips, own))
	if err := r.Store.Run.Store(vrrp.RecordFile, rec); err != nil {
		return fmt.Errorf("record the event: %w", err)
	}
	r.Seq = rec.Seq
	return nil
}

// Run observes, decides, acts, and observes again until nothing is left to do, ctx ends, or a newer event came. It returns the last observation
// and what it came to.
func (r *Reconciler) Run(ctx context.Context) (model.Observation, model.Outcome, error) {
	o, err := r.look(ctx)
	if err == nil {
		return r.reconcile(ctx, o)
	}
	if !r.DryRun {
		r.Restart(ctx, &o, decide.Decide(o))
		r.KeepDeeds(ctx)
	}
	return o, model.Outcome{}, fmt.Errorf("look around: %w", err)
}

// look is one observation, and what it has found to write is written. On a host that is cut off that comes behind the fence, which waits for no disk.
func (r *Reconciler) look(ctx context.Context) (model.Observation, error) {
	o, err := r.Look(ctx)
	if !o.Isolated() {
		r.Keep()
	}
	return o, err
}

// fenceAtOnce fences a host that is cut off while another run holds the acting lock: a fence waits for no lock.
func (r *Reconciler) fenceAtOnce(ctx context.Context, o model.Observation) (fenced bool) {
	if !o.Isolated() {
		return false
	}
	plan := decide.Decide(o)
	fence := model.Plan{Clauses: plan.Clauses}
	for _, s := range plan.Steps {
		if s.Do == model.Fence || s.Do == model.FenceStop {
			fence.Steps = append(fence.Steps, s)
			fenced = true
		}
	}
	r.say(plan)
	if err := r.Apply(ctx, o, fence); err != nil {
		r.Log.Warn().Err(err).Msg("the next check goes on from here")
	}
	r.Keep()
	return fenced
}

// reconcile goes on from a first observation. A check run, or the hook of no new state, that does not get the acting lock at once starts what died,
// and leaves.
func (r *Reconciler) reconcile(ctx context.Context, o model.Observation) (model.Observation, model.Outcome, error) {
	out := decide.Outcome(&o, model.Plan{})
	if !r.DryRun {
		unlock, waited, err := r.takeActLock(ctx, o)
		switch {
		case errors.Is(err, state.ErrBusy):
			out.Fenced = out.Fenced || r.fenceAtOnce(ctx, o)
			r.Restart(ctx, &o, decide.Decide(o))
			r.KeepDeeds(ctx)
			out.Clauses = []model.Clause{{Action: model.Keep, Reason: reason.AnotherRun}}
			return o, out, nil
		case err != nil:
			// Nothing can be locked on a full or read-only disk; a promotion is worth more than order.
			r.Log.Warn().Err(err).Msg("going on without the acting lock")
		default:
			defer unlock()
		}
		if waited {
			// Whoever acted in the meantime has changed what was seen, and has written down more than we have read.
			r.Memory = nil
			if o, err = r.look(ctx); err != nil {
				return o, out, err
			}
		}
	}
	defer func() { r.Store.SaveMemory(r.Memory) }()
	for {
		plan := r.decide(ctx, &o, decide.Decide)
		out = decide.Outcome(&o, plan)
		if !plan.OnlyRestarts() {
			r.say(plan)
			r.warn(decide.Warnings(&o))
		}
		if r.DryRun {
			return o, out, nil
		}
		failed := r.Apply(ctx, o, plan)
		r.Restart(ctx, &o, plan)
		r.Keep()
		r.KeepDeeds(ctx)
		if failed == nil && len(plan.Steps) > 0 && plan.Steps[0].Do == model.Fence {
			out.Fenced = true
		}
		if errors.Is(failed, session.ErrSuperseded) || failed == nil && len(plan.Steps) == 0 && plan.Again == 0 {
			return o, out, failed
		}
		if done, err := r.waitAgain(ctx, o, plan, failed); done {
			return o, out, err
		}
		next, err := r.look(ctx)
		if err != nil {
			return o, out, err
		}
		o = next
	}
}

// Keep writes what the looks have found to write.
func (r *Reconciler) Keep() { r.Store.Keep(r.Memory) }

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
	// A fence that waits for nothing is held by the check runs, and the last moment of a run is no time to begin anything.
	if o.Fence != nil && plan.Again == 0 && !canLift(&o) {
		return true, failed
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < wait+session.ReplyTimeout {
		return true, failed
	}
	for ; ; wait -= decide.LookAgain {
		if r.Superseded() {
			return true, session.ErrSuperseded
		}
		if wait <= 0 {
			return false, nil
		}
		if session.Pause(ctx, min(wait, decide.LookAgain)) != nil {
			return true, failed
		}
	}
}

// canLift: the fence may end within this run.
func canLift(o *model.Observation) bool {
	return o.Fence.HeardFor >= o.Fence.HoldOff || o.Unanswered()
}

// takeActLock takes the lock for acting; waited says that somebody else had it first. Only the hook of a new state waits.
func (r *Reconciler) takeActLock(ctx context.Context, o model.Observation) (unlock state.Unlock, waited bool, err error) {
	r.Begin()
	unlock, err = r.Store.Run.TryLock(session.ActLock)
	if r.Event == nil || r.Event.Rival || !errors.Is(err, state.ErrBusy) {
		return unlock, false, err
	}
	r.fenceAtOnce(ctx, o)
	unlock, err = session.Lock(ctx, r.Store.Run, session.ActLock)
	return unlock, true, err
}

// say logs what is new in a decision. What is restarted is said by whoever does it, when it is done.
func (r *Reconciler) say(plan model.Plan) {
	if r.DryRun {
		return
	}
	var said []string
	for _, c := range plan.Clauses {
		if c.Action == model.Restart {
			continue
		}
		if key := c.Key(); !slices.Contains(said, key) {
			said = append(said, key)
		}
		if !slices.Contains(r.Memory.Said, c.Key()) {
			r.Log.Info().Str(program.ReasonField, string(c.Reason)).Msg(reason.Line(c))
		}
	}
	r.Memory.Said = said
}

// decide decides, and where roles would change it asks for what is seldom needed first.
func (r *Reconciler) decide(ctx context.Context, o *model.Observation, how func(model.Observation) model.Plan) model.Plan {
	plan := how(*o)
	if !plan.ChangesRoles() {
		return plan
	}
	r.SeeSentinels(ctx, o)
	r.SeeRoom(o)
	if len(o.Sentinel) == 0 && len(o.NoRoom) == 0 {
		return plan
	}
	return how(*o)
}
