// Package act carries out plans. It is the only one that changes anything: by Redis' commands, by the service manager, and in state files.
package act

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"keepalived-redis/internal/decide"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/state"
)

// Actor carries out plans. It is the only one that changes anything. It is not for concurrent use.
type Actor struct {
	*session.Session
	// complained is the last step that failed, and why.
	complained string
	// clauses say why the plan that is carried out has its steps.
	clauses []model.Clause
	// roles guards what the memory says of roles that are being changed side by side.
	roles sync.Mutex
}

// Apply carries out a plan. Promotions go out side by side, everything else one after another; between two steps a newer
// event ends it. The error joins what failed. Restarts are left to Restart.
func (r *Actor) Apply(ctx context.Context, o model.Observation, plan model.Plan) error {
	r.clauses = plan.Clauses
	var errs []error
	if err := r.promoteAll(ctx, o, plan.Steps); err != nil {
		errs = append(errs, err)
	}
	if err := r.promotePairs(ctx, o, plan.Steps); err != nil {
		errs = append(errs, err)
	}
	switched := false
	for _, s := range plan.Steps {
		if s.Do == model.Switchover && switched {
			// The old master of the last switchover reconnects to its new one; the next switchover must not meet that.
			_ = session.Pause(ctx, betweenSwitchovers) // an end of ctx is seen below
		}
		switched = s.Do == model.Switchover
		if ctx.Err() != nil {
			errs = append(errs, fmt.Errorf("stopped before %s: %w", s.Do, context.Cause(ctx)))
			break
		}
		if s.Do == model.Takeover || s.Do == model.Force || s.Do == model.Promote || s.Do == model.Restart {
			continue
		}
		if r.Superseded() {
			return errors.Join(append(errs, session.ErrSuperseded)...)
		}
		if err := r.step(ctx, o, s); errors.Is(err, ErrNoTime) {
			break // the next run has the time
		} else if err != nil {
			r.complain(err, s)
			errs = append(errs, err)
			if s.Do == model.Switchover {
				break // the next would most likely meet the same, and each costs its clients a pause
			}
		}
	}
	return errors.Join(errs...)
}

// complain warns of a step that failed, and not again while it fails for the same reason: a hook tries five times a second.
func (r *Actor) complain(err error, s model.Step) {
	level := zerolog.WarnLevel
	if what := string(s.Do) + s.Instance.String() + err.Error(); what == r.complained {
		level = zerolog.DebugLevel
	} else {
		r.complained = what
	}
	r.Log.WithLevel(level).Err(err).Msgf("%s did not succeed", s.Do)
}

// did records a step that was carried out.
func (r *Actor) did(s model.Step) { r.didWith(s, model.Deed{}) }

// didWith records a step that was carried out, with what there is to say of it.
func (r *Actor) didWith(s model.Step, d model.Deed) {
	d.Do, d.Instance, d.From, d.Reason = s.Do, s.Instance, s.From, model.ReasonOf(r.clauses, s)
	r.Did(d)
}

func (r *Actor) step(ctx context.Context, o model.Observation, s model.Step) error {
	switch s.Do {
	case model.Switchover:
		if o.Replication() {
			return r.switchoverPair(ctx, o, s)
		}
		return r.switchover(ctx, o, s)
	case model.Follow:
		return r.follow(ctx, o, s)
	case model.NeedReplica:
		return r.needReplica(ctx, s.Instance)
	case model.Relax:
		c := r.Conn(s.Instance)
		defer c.Close()
		_, err := r.relax(ctx, c, s.Instance)
		return err
	case model.Release, model.Claim:
		return r.mark(ctx, o, s)
	case model.RenewTerm:
		return r.renewTerm(ctx, o, s.Instance)
	case model.Rewrite:
		c := r.Conn(s.Instance)
		defer c.Close()
		r.rewrite(ctx, c, s.Instance)
		return nil
	case model.ServeStale:
		c := r.Conn(s.Instance)
		defer c.Close()
		if err := c.ServeStale(ctx); err != nil {
			return err
		}
		r.did(s)
		return nil
	case model.UndoSwitchover:
		return r.finishSwitchovers(ctx)
	case model.Bump:
		return r.bump(ctx, o)
	case model.Fence:
		return r.Fence(ctx, o, s.Instance)
	case model.FenceStop:
		return r.fenceStop(ctx, o)
	case model.LiftStart:
		return r.liftStart(ctx, o)
	case model.Refuse:
		return r.refuse(ctx, s.Instance)
	case model.Kill:
		return r.kill(ctx, s)
	case model.Restore:
		return r.restore(ctx, s.Instance)
	case model.LiftDone:
		return r.liftDone(o)
	}
	return fmt.Errorf("unknown step %q", s.Do)
}

// promoteAll sends every TAKEOVER at once, because that needs no votes, and asks for votes one after another: masters give one
// vote an epoch, and a replica that was refused one asks again only after a minute.
func (r *Actor) promoteAll(ctx context.Context, o model.Observation, steps []model.Step) error {
	errs := make([]error, len(steps))
	var wg sync.WaitGroup
	var votes []int
	lost := false
	for i, s := range steps {
		switch s.Do {
		case model.Force:
			votes = append(votes, i)
		case model.Takeover:
			lost = true
			wg.Add(1)
			go func() {
				defer wg.Done()
				errs[i] = r.promote(ctx, s)
			}()
		}
	}
	if !lost && votes == nil {
		return nil
	}
	asked := state.Now()
	for _, i := range votes {
		if errs[i] = r.promote(ctx, steps[i]); errs[i] != nil {
			r.Memory.Stretches.Note(session.VoteAsked, steps[i].Instance.Name(), true, asked)
		}
	}
	if r.Memory.BumpGoal == 0 {
		r.Memory.BumpGoal = o.View().HighestEpoch() + BumpMargin
		r.Store.SaveMemory(r.Memory)
	}
	wg.Wait()
	for i, s := range steps {
		switch {
		case errs[i] != nil:
			r.Log.Error().Err(errs[i]).Msgf("%s was not promoted", s.Instance)
		case s.Do == model.Takeover || s.Do == model.Force:
			r.did(s)
		}
	}
	return errors.Join(errs...)
}

// ErrNotPromoted: the command was answered by OK and yet the instance is no master.
var ErrNotPromoted = errors.New("answered OK but did not become master; it is asked again; hint: look at its log")

// promote asks once for a takeover, or again and again for a vote, and awaits the role that CLUSTER NODES shows.
func (r *Actor) promote(ctx context.Context, s model.Step) error {
	limit := takeoverTimeout
	if s.Do == model.Force {
		limit = decide.VoteWithin
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	c := r.Conn(s.Instance)
	defer c.Close()
	for {
		ask := c.Takeover
		if s.Do == model.Force {
			ask = c.Force
		}
		err := ask(ctx)
		if redis.Classify(err) == model.MasterDown { // up to 6.0, with slave-serve-stale-data no
			if err = c.ServeStale(ctx); err == nil {
				err = ask(ctx)
			}
		}
		if err != nil {
			if ns, nodesErr := c.Nodes(ctx); nodesErr == nil && leads(ns) {
				return nil // a master takes no such command: the same plan was carried out before, or the vote came late
			}
			return fmt.Errorf("promote %s: %w", s.Instance, err)
		}
		asked := time.Now()
		for s.Do == model.Takeover || time.Since(asked) < forceAskAgain {
			ns, err := c.Nodes(ctx)
			if err != nil { // as at the end of our time
				return fmt.Errorf("promote %s: %w: %w", s.Instance, ErrNotPromoted, err)
			}
			if leads(ns) {
				return nil
			}
			if session.Pause(ctx, pollPause) != nil {
				return fmt.Errorf("promote %s: %w", s.Instance, ErrNotPromoted)
			}
		}
	}
}

// leads: the node that was asked is a master with slots.
func leads(ns model.Nodes) bool {
	me, ok := ns.Myself()
	return ok && me.Role == model.Master && len(me.Slots) > 0
}

// BumpMargin is how far above every epoch seen before the masters of the VIP's side are raised: on a collision of epochs
// Redis lets the smaller node id win, and a margin keeps the side that was cut off out of any collision.
const BumpMargin = 8

// bump raises the config epochs of the local masters by one round. A node answers STILL while it believes its epoch to be
// the highest, and learns of the others' by gossip, within about a second: so there is one round a look, until each has
// reached the goal. A single master has nobody to be below. https://redis.io/commands/cluster-bumpepoch
func (r *Actor) bump(ctx context.Context, o model.Observation) error {
	masters, low := 0, 0
	for _, l := range o.Locals {
		self, ok := l.Self()
		if !ok || l.Role() != model.Master || len(self.Slots) == 0 || o.InDoubt(l.Instance) { // in doubt, it must not win by its epoch
			continue
		}
		masters++
		if self.Epoch >= o.BumpGoal {
			continue
		}
		c := r.Conn(l.Instance)
		epoch, _, err := c.BumpEpoch(ctx)
		c.Close()
		if err != nil {
			return fmt.Errorf("raise the config epoch: %w", err)
		}
		if epoch < o.BumpGoal {
			low++
		}
	}
	if low == 0 || masters == 1 {
		r.Memory.BumpGoal = 0
	}
	return nil
}
