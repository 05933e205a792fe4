package decide

import (
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/reason"
)

// DecideForced is what a person's "promote --force" comes to: the data of this host counts. It passes over everything that
// keeps a replica from being promoted because another one may have newer data, and over a fence; not over data that is not
// whole, nor over a master that is alive and linked: such a master is switched over, by moving the VIP. It has no I/O and no clock.
func DecideForced(o model.Observation) model.Plan {
	var p planner
	byHand := model.Clause{Reason: reason.ByHand}
	switch {
	case o.Maintenance.Word != "":
		p.keep(maintained(o.Maintenance))
		return p.plan()
	case o.Fence != nil && o.Fence.Stopped:
		p.do(model.Step{Do: model.LiftStart}, model.Clause{Reason: reason.ByHandAgain})
		return p.plan()
	}
	for _, l := range o.Locals {
		p.force(&o, l)
	}
	for _, a := range o.Unconfirmed {
		p.do(model.Step{Do: model.Restore, Instance: a}, byHand)
	}
	for _, a := range o.LeftStopped {
		p.do(model.Step{Do: model.Restore, Instance: a}, byHand)
	}
	if o.Fence != nil {
		for _, l := range o.Locals {
			if l.State.Alive() {
				p.step(model.Step{Do: model.Restore, Instance: l.Instance})
			}
		}
		p.do(model.Step{Do: model.LiftDone}, byHand)
	}
	return p.plan()
}

// force decides for one local instance.
func (p *planner) force(o *model.Observation, l model.Look) {
	master := o.PeerOf(l)
	promote := model.Promote
	if !o.Replication() && l.Info != nil {
		promote = model.Takeover
		self, _ := l.Self()
		node, _ := l.Nodes.ByID(self.MasterID)
		if node.Addr.IsValid() {
			master, _, _ = o.Find(node.Addr)
		}
	}
	if against := notForced(o, l, master); against.Reason != "" {
		p.say(model.NoPromotion, against)
		return
	}
	why := about(l, reason.ByHand)
	if l.Role() == model.Master {
		why = terms(l, master, reason.ByHand)
		why.Also = []model.Reason{reason.HigherTerm}
	}
	p.do(model.Step{Do: promote, Instance: l.Instance}, why)
	if o.Replication() && o.Durability == model.DurabilityReplicated {
		p.step(model.Step{Do: model.Relax, Instance: l.Instance})
	}
}

// notForced is what not even a person passes over; it has no reason where the instance is promoted.
func notForced(o *model.Observation, l, master model.Look) model.Clause {
	lives := master.State.Serves() && master.Role() == model.Master
	_, paired := o.Pairs[l.Instance]
	switch {
	case l.Info == nil, l.State == model.Loading:
		return about(l, reason.Of(l.State))
	case o.Replication() && !paired:
		return about(l, reason.NoPeer)
	case o.Sentinel[l.Instance]:
		return about(l, reason.Sentinel)
	case l.Info.Syncing:
		return about(l, reason.Syncing)
	case l.Role() == model.Replica && slotless(o, l):
		return about(l, reason.NoSlots, master.Instance)
	case l.Role() == model.Replica && lives && l.Info.LinkUp:
		return about(l, reason.MasterLinked, master.Instance)
	case l.Role() == model.Replica, o.Replication() && lives && !(l.Term.Known && master.Term.Known && l.Term.N > master.Term.N):
		return model.Clause{}
	}
	return about(l, reason.IsMaster)
}
