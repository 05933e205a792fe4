package act

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/state"
)

// ErrInDoubt: two may lead, so the writers of the old master are not let go.
var ErrInDoubt = errors.New("writes on the old master stay stopped")

// undos are the undo records of this host.
func (r *Actor) undos() (all session.Switchovers) {
	r.Store.Load(r.Store.Durable, session.SwitchoverFile, &all)
	return all
}

// keepUndo writes an undo record down in place of the one with the same old master.
func (r *Actor) keepUndo(m session.SwitchoverRecord) {
	all := r.undos().Without(m.From)
	all.Open = append(all.Open, m)
	r.Store.Save(r.Store.Durable, session.SwitchoverFile, all)
}

// forget removes an undo record.
func (r *Actor) forget(m session.SwitchoverRecord) {
	all := r.undos().Without(m.From)
	if len(all.Open) == 0 {
		r.Store.Remove(r.Store.Durable, session.SwitchoverFile)
		return
	}
	r.Store.Save(r.Store.Durable, session.SwitchoverFile, all)
}

// finishSwitchovers ends the switchovers that are open and may be tried again. In a pair the roles as they are now go into both files.
func (r *Actor) finishSwitchovers(ctx context.Context) error {
	var errs []error
	for _, m := range r.undos().Open {
		if m.Wait(state.Now()) > 0 {
			continue
		}
		errs = append(errs, r.finishSwitchover(ctx, m))
	}
	return errors.Join(errs...)
}

func (r *Actor) finishSwitchover(ctx context.Context, m session.SwitchoverRecord) error {
	old, to := r.Conn(m.From), r.Conn(m.To)
	defer old.Close()
	defer to.Close()
	if err := r.endSwitchover(ctx, m, old, to); err != nil || !m.Pair {
		return err
	}
	r.rewrite(ctx, to, m.To)
	r.rewrite(ctx, old, m.From)
	return nil
}

// endSwitchover lets the writers of the old master go once nobody else can lead, and forgets the switchover. What is in doubt, or cannot be done, is
// left as it is and tried again: a write that is refused is better than one that is lost.
func (r *Actor) endSwitchover(ctx context.Context, m session.SwitchoverRecord, old, to *redis.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, 3*session.CommandTimeout)
	defer cancel()
	letGo, err := r.settled(ctx, m, old, to)
	switch {
	case err != nil:
	case letGo:
		err = r.letGo(ctx, m, old)
	default:
		r.leaveRefused(m.From)
	}
	if errors.Is(err, ErrInDoubt) && m.Pause { // the pause ends by itself
		err = errors.Join(err, r.refuseWrites(ctx, old, m.From, session.RefusedBySwitchover))
	}
	if err != nil {
		now := state.Now()
		m.Tries, m.Tried = m.Tries+1, &now
		r.keepUndo(m)
		return fmt.Errorf("end the switchover from %s to %s: %w", m.From, m.To, err)
	}
	r.forget(m)
	return nil
}

// settled: nobody but the old master can lead, or it follows, so its writers may go. Where neither is true and no error comes, its own host knows
// better: its writes stay refused until that host has compared who leads.
func (r *Actor) settled(ctx context.Context, m session.SwitchoverRecord, old, to *redis.Conn) (letGo bool, err error) {
	was, err := old.Replication(ctx)
	switch s := redis.Classify(err); {
	case err != nil && s != model.Unseen && !s.Alive(): // with its process a server forgets what it was told
		return false, nil
	case err != nil:
		return false, err
	case was.Role == model.Replica, !m.Sent:
		return true, nil
	}
	leads, err := leading(ctx, m, to)
	now := state.Now()
	switch s := redis.Classify(err); {
	case err == nil && !leads, s == model.Refused:
		return true, nil
	case err != nil && !s.Alive() && now.Since(m.At) >= r.Config.Times.ColdStartWait:
		return false, nil
	case err != nil:
		return false, fmt.Errorf("%w: nobody knows whether the new master leads: %w", ErrInDoubt, err)
	case !m.Pair:
		return false, fmt.Errorf("%w: the new master leads, and it has not heard of that", ErrInDoubt)
	case now.Boot != m.At.Boot || now.Since(m.At) >= repointWhile: // it may have taken writes, and its own host keeps them first
		return false, nil
	}
	if err := old.Follow(ctx, m.To.Addr); err != nil {
		return false, fmt.Errorf("make %s follow %s: %w", m.From, m.To, err)
	}
	return true, nil
}

// leading asks the new master whether it leads. A node of a cluster that starts says that it is a master before it has read whom it follows.
func leading(ctx context.Context, m session.SwitchoverRecord, to *redis.Conn) (bool, error) {
	now, err := to.Replication(ctx)
	if err != nil || now.Role == model.Replica || m.Pair {
		return now.Role == model.Master, err
	}
	ns, err := to.Nodes(ctx)
	return leads(ns), err
}

// letGo lets the writers go. First the rule: those that are held back would meet it.
func (r *Actor) letGo(ctx context.Context, m session.SwitchoverRecord, old *redis.Conn) error {
	var err error
	if slices.Contains(r.writes().record[m.From.Name()].Why, session.RefusedBySwitchover) {
		_, err = r.allowWrites(ctx, old, m.From, session.RefusedBySwitchover)
	}
	if m.Pause {
		err = errors.Join(err, old.Unpause(ctx))
	}
	if err != nil {
		return fmt.Errorf("give writes back on %s: %w", m.From, err)
	}
	return nil
}

// leaveRefused leaves what an instance of another host was told to that host. What one of this host was told the check runs give back.
func (r *Actor) leaveRefused(i model.Instance) {
	w := r.writes()
	if slices.ContainsFunc(r.Config.Instances, func(c config.Instance) bool { return c.Name() == i.Name() }) {
		return
	}
	delete(w.record, i.Name())
	w.save()
}
