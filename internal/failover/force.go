package failover

import (
	"context"
	"errors"
	"fmt"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/state"
)

// ErrNothingForced: there was nothing that force could change.
var ErrNothingForced = errors.New("nothing was promoted")

// DecideForced is what a person's "promote --force" comes to: the data of this box counts. It passes over everything that
// keeps a replica from being promoted because another one may have newer data, and over a fence; not over data that is not
// whole, nor over a master that is alive and linked: that one is moved, by moving the VIP. It has no I/O and no clock.
func DecideForced(o Observation) Plan {
	var p planner
	switch {
	case o.Maintenance.Word != "":
		p.say(maintained(o.Maintenance))
		return p.plan()
	case o.Fence != nil && o.Fence.Stopped:
		p.do(LiftStart)
		p.say("by force: what the fence stopped is started; hint: once it answers, run this again")
		return p.plan()
	}
	for _, l := range o.Locals {
		p.force(&o, l)
	}
	for _, a := range o.Unconfirmed {
		p.add(Step{Do: Restore, Instance: a})
		p.say(fmt.Sprintf("by force: %s takes writes", a))
	}
	if o.Fence != nil {
		for _, l := range o.Locals {
			if l.State.Alive() {
				p.add(Step{Do: Restore, Instance: l.Instance})
			}
		}
		p.do(LiftDone)
		p.say("by force: the fence lifts")
	}
	return p.plan()
}

// force decides for one local instance.
func (p *planner) force(o *Observation, l redis.Look) {
	me := localAddr(l)
	master := o.peerOf(l)
	promote := Promote
	if !o.replication() && l.Info != nil {
		promote = Takeover
		self, _ := l.Self()
		node, _ := l.Nodes.ByID(self.MasterID)
		if node.Addr.IsValid() {
			master, _, _ = o.find(node.Addr)
		}
	}
	lives := master.State.Serves() && master.Role() == redis.Master
	_, paired := o.Pairs[l.Instance]
	switch {
	case l.Info == nil:
		p.say(fmt.Sprintf("%s is not promoted: it %s", me, l.State))
		return
	case o.replication() && !paired:
		p.say(fmt.Sprintf("%s is left as it is: it has no peer", me))
		return
	case o.watched(l) != "":
		p.say(o.watched(l))
		return
	case l.State == redis.Loading:
		p.say(fmt.Sprintf("%s is not promoted: it is still loading its data set", me))
		return
	case l.Info.Syncing:
		p.say(fmt.Sprintf("%s is not promoted: it is in the middle of a sync and its data is not whole", me))
		return
	case l.Role() == redis.Replica && lives && l.Info.LinkUp:
		p.say(fmt.Sprintf("%s is not promoted: its master %s is alive and linked; hint: the master moves with the VIP: stop keepalived on the other box", me, master.Instance.Addr))
		return
	case l.Role() == redis.Replica:
		p.say(fmt.Sprintf("by force: promote %s", me))
	case o.replication() && lives && !(l.Term.Known && master.Term.Known && l.Term.N > master.Term.N):
		p.say(fmt.Sprintf("by force: %s gets a higher term than %s, which follows it then", me, master.Instance.Addr))
	default:
		p.say(fmt.Sprintf("%s is a master already", me))
		return
	}
	p.add(Step{Do: promote, Instance: l.Instance})
	if o.replication() && o.Durability == config.DurabilityReplicated {
		p.add(Step{Do: Relax, Instance: l.Instance})
	}
}

// Force carries out what a person forces, once. It returns the sentence.
func (r *Reconciler) Force(ctx context.Context) (string, error) {
	r.begin()
	if !r.DryRun {
		unlock, err := lock(ctx, r.store.run, actLock)
		if err != nil {
			return "", fmt.Errorf("promote by force: %w", err)
		}
		defer unlock()
		r.memory = nil // whoever acted until now has written down more than we have read
	}
	o, err := r.Look(ctx)
	if err != nil {
		return "", err
	}
	plan := r.decide(ctx, &o, DecideForced)
	if r.DryRun {
		return plan.Sentence, nil
	}
	r.Log.Warn().Msg(plan.Sentence)
	r.memory.PeerAnswered = true // a master here is used without waiting for its peer any longer
	r.memory.confirm(o.Locals, state.Now())
	err = r.apply(ctx, o, plan)
	r.store.saveMemory(r.memory)
	if err == nil && len(plan.Steps) == 0 {
		err = ErrNothingForced
	}
	return plan.Sentence, err
}
