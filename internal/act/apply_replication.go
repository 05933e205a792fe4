package act

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/session"
)

// promotePairs carries out every promotion of a pair at once.
func (r *Actor) promotePairs(ctx context.Context, o model.Observation, steps []model.Step) error {
	errs := make([]error, len(steps))
	var wg sync.WaitGroup
	for _, s := range steps {
		if s.Do == model.Promote {
			r.changesRole(s.Instance)
		}
	}
	for i, s := range steps {
		if s.Do != model.Promote {
			continue
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			errs[i] = r.promotePair(ctx, o, s.Instance, relaxed(steps, s.Instance))
		}()
	}
	wg.Wait()
	for i, s := range steps {
		switch {
		case s.Do != model.Promote:
		case errs[i] != nil:
			r.Log.Error().Err(errs[i]).Msgf("%s was not promoted in full", s.Instance)
		default:
			r.did(s)
			r.Memory.Heard(s.Instance.String())
		}
	}
	return errors.Join(errs...)
}

// relaxed: the same plan lets the instance take writes without a replica.
func relaxed(steps []model.Step, i model.Instance) bool {
	for _, s := range steps {
		if s.Do == model.Relax && s.Instance == i {
			return true
		}
	}
	return false
}

// promotePair makes an instance the master of its pair, raises the term and lets its configuration file know. relax gives up
// that it needs a replica, in the running server only: a restart must not bring back a master that takes writes alone.
func (r *Actor) promotePair(ctx context.Context, o model.Observation, i model.Instance, relax bool) error {
	ctx, cancel := context.WithTimeout(ctx, takeoverTimeout)
	defer cancel()
	c := r.Conn(i)
	defer c.Close()
	own, peer := termsOf(&o, i)
	if l, local := o.Local(i); local && l.Role() == model.Master {
		own.term.N += UnseenTerms << model.OwnerBits
	}
	needs, err := c.WriteRule(ctx)
	if err != nil {
		needs.Replicas = "0" // where CONFIG is not allowed, the role may still be
	}
	err = r.lead(ctx, c, needs.Replicas, own, peer)
	if errors.Is(err, redis.ErrTerm) {
		err = fmt.Errorf("promote %s: %w; hint: our user needs GETSET and SET on the key %s", i, err, model.TermKey)
	} else if err != nil {
		return fmt.Errorf("promote %s: %w", i, err)
	}
	// It is a master, with its new term or without. What it needs to take a write goes into its file before it is relaxed.
	r.rewrite(ctx, c, i)
	if relax {
		_, relaxErr := r.relax(ctx, c, i)
		err = errors.Join(err, relaxErr)
	}
	return err
}

// lead makes an instance a master of a term above all that were seen, and above the one that it turns out to have had.
func (r *Actor) lead(ctx context.Context, c *redis.Conn, needs string, own, peer claim) error {
	r.roles.Lock()
	owner := model.Owner(r.Store.MakeOwner(), own.local, own.addr, peer.addr)
	r.roles.Unlock()
	term := model.NextTerm(owner, own.term, peer.term)
	before, err := c.Lead(ctx, term, needs)
	if err == nil && before.N > term { // an equal one is ours: the same plan was carried out before
		return c.SetTerm(ctx, model.NextTerm(owner, before))
	}
	return err
}

// claim is an instance of a pair and the term it was seen with.
type claim struct {
	addr netip.AddrPort
	term model.Term
	// local: it is on this host.
	local bool
}

// UnseenTerms is how far a master that is promoted again goes above its own term: its peer may have been promoted meanwhile without anybody here
// having seen it, and more than once.
const UnseenTerms = 8

// termsOf gives an instance of a pair, on either host, and the one on the other side.
func termsOf(o *model.Observation, i model.Instance) (own, other claim) {
	for _, l := range o.Locals {
		p := o.PeerOf(l)
		l.Term.N = max(l.Term.N, o.Pairs[l.Instance].Term)
		here, there := claim{l.Instance.Addr, l.Term, true}, claim{addr: p.Instance.Addr, term: p.Term}
		switch i {
		case l.Instance:
			return here, there
		case p.Instance:
			return there, here
		}
	}
	return claim{addr: i.Addr}, claim{}
}

// changesRole notes, before it is done, that the role of a local instance changes: a run that dies then leaves to the next one what rewrite does.
func (r *Actor) changesRole(i model.Instance) {
	r.Memory.Unwritten = r.Memory.Unwritten.With(i.Name())
	r.Store.SaveMemory(r.Memory)
}

// rewrite lets the instance write its role into its own configuration file, so that a restart brings no second master back.
// Never while writes are stopped there by us, because that would be written as well. What stands against it is said: the
// role has changed all the same.
func (r *Actor) rewrite(ctx context.Context, c *redis.Conn, i model.Instance) {
	defer func() {
		if ctx.Err() == nil { // what the server refuses now it will refuse again; what it was not asked the next run asks
			r.roles.Lock()
			r.Memory.Unwritten = r.Memory.Unwritten.Without(i.Name())
			r.roles.Unlock()
		}
	}()
	rule, err := c.WriteRule(ctx)
	if err == nil && rule.Replicas == redis.StopWrites {
		return // whoever gives writes back comes here again
	}
	if err == nil {
		err = c.RewriteConf(ctx)
	}
	if err != nil {
		r.Log.Warn().Err(err).Msgf("the role of %s is not in its configuration file, so a restart brings the old one back until the next check; "+
			"hint: start it with a configuration file, which its user can write, as well as the directory", i)
	}
}

// follow makes a local instance the replica of its peer. A master keeps its data set aside first.
func (r *Actor) follow(ctx context.Context, o model.Observation, s model.Step) error {
	c, master := r.Conn(s.Instance), r.Conn(s.From)
	defer c.Close()
	defer master.Close()
	now, err := c.Replication(ctx)
	if err != nil {
		return fmt.Errorf("make %s follow %s: %w", s.Instance, s.From, err)
	}
	if claims, err := master.Replication(ctx); err != nil || claims.Role != model.Master {
		return fmt.Errorf("make %s follow %s: that is no master any more: %w", s.Instance, s.From, errors.Join(err, errRoles))
	}
	if now.Role == model.Master {
		if err = r.keepAside(ctx, c, o, s.Instance); err != nil {
			return fmt.Errorf("%s does not follow %s yet: keep its data set aside: %w", s.Instance, s.From, err)
		}
	}
	r.changesRole(s.Instance)
	if err := c.Follow(ctx, s.From.Addr); err != nil {
		return fmt.Errorf("make %s follow %s: %w", s.Instance, s.From, err)
	}
	r.did(s)
	delete(r.Memory.Takings, s.Instance.String()) // we did it: it may be switched back at once
	if now.Role == model.Master {
		if err := c.KillClients(ctx); err != nil { // they believe to speak with a master
			r.Log.Warn().Err(err).Msgf("sessions on %s stay open, though it is no master any more", s.Instance)
		}
	}
	if _, refused := r.writes().record[s.Instance.Name()]; refused {
		if _, err := r.allowWrites(ctx, c, s.Instance, session.RefusedToKeepData, session.RefusedAsStale); err != nil {
			return fmt.Errorf("make %s follow %s: %w", s.Instance, s.From, err)
		}
		r.Memory.Guarded = r.Memory.Guarded.Without(s.Instance.Name()) // a replica leads nobody, so it is in no doubt
	}
	r.rewrite(ctx, c, s.Instance)
	return nil
}

// errRoles: somebody else changed the roles since they were seen.
var errRoles = errors.New("the roles changed meanwhile")

// needReplica makes an instance take writes only with a replica at hand, also after a restart.
func (r *Actor) needReplica(ctx context.Context, i model.Instance) error {
	c := r.Conn(i)
	defer c.Close()
	if err := r.refuseWrites(ctx, c, i, session.RefusedAlone); err != nil {
		return err
	}
	r.rewrite(ctx, c, i)
	return nil
}

// relax lets a master take writes without a replica, and tells whether it needed one. Nothing is written to its configuration file: after a restart it needs
// one again.
func (r *Actor) relax(ctx context.Context, c *redis.Conn, i model.Instance) (needed bool, err error) {
	before, err := r.allowWrites(ctx, c, i, session.RefusedAlone)
	return slices.Contains(before.Why, session.RefusedAlone), err
}

// renewTerm writes the term of a local master that its data has lost, also where it takes writes only with a replica: the one that is to follow it
// goes by the term. Whoever has stopped writes is about to move the master.
func (r *Actor) renewTerm(ctx context.Context, o model.Observation, i model.Instance) error {
	c := r.Conn(i)
	defer c.Close()
	needs, err := c.WriteRule(ctx)
	switch {
	case err != nil:
		needs.Replicas = "0" // where CONFIG is not allowed
	case needs.Replicas == redis.StopWrites:
		return nil
	}
	own, _ := termsOf(&o, i)
	return c.RenewTerm(ctx, own.term.N, needs.Replicas)
}

// mark says beside the term of a local master whether the VIP has left its host.
func (r *Actor) mark(ctx context.Context, o model.Observation, s model.Step) error {
	own, _ := termsOf(&o, s.Instance)
	own.term.Released = s.Do == model.Release
	c := r.Conn(s.Instance)
	defer c.Close()
	return c.Mark(ctx, own.term)
}
