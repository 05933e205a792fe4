package decide

import (
	"fmt"

	"keepalived-redis/internal/model"
)

// DecideForced is what a person's "promote --force" comes to: the data of this host counts. It passes over everything that
// keeps a replica from being promoted because another one may have newer data, and over a fence; not over data that is not
// whole, nor over a master that is alive and linked: such a master is switched over, by moving the VIP. It has no I/O and no clock.
func DecideForced(o model.Observation) model.Plan {
	var p planner
	switch {
	case o.Maintenance.Word != "":
		p.say(maintained(o.Maintenance))
		return p.plan()
	case o.Fence != nil && o.Fence.Stopped:
		p.do(model.LiftStart)
		p.say("by force: what the fence stopped is started; hint: once it answers, run this again")
		return p.plan()
	}
	for _, l := range o.Locals {
		p.force(&o, l)
	}
	for _, a := range o.Unconfirmed {
		p.add(model.Step{Do: model.Restore, Instance: a})
		p.say(fmt.Sprintf("by force: %s takes writes", a))
	}
	if o.Fence != nil {
		for _, l := range o.Locals {
			if l.State.Alive() {
				p.add(model.Step{Do: model.Restore, Instance: l.Instance})
			}
		}
		p.do(model.LiftDone)
		p.say("by force: the fence lifts")
	}
	return p.plan()
}

// force decides for one local instance.
func (p *planner) force(o *model.Observation, l model.Look) {
	me := model.LocalAddr(l)
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
	lives := master.State.Serves() && master.Role() == model.Master
	_, paired := o.Pairs[l.Instance]
	switch {
	case l.Info == nil:
		p.say(fmt.Sprintf("%s is not promoted: it %s", me, l.State))
		return
	case o.Replication() && !paired:
		p.say(fmt.Sprintf("%s is left as it is: it has no peer", me))
		return
	case Watched(o, l) != "":
		p.say(Watched(o, l))
		return
	case l.State == model.Loading:
		p.say(fmt.Sprintf("%s is not promoted: it is still loading its data set", me))
		return
	case l.Info.Syncing:
		p.say(fmt.Sprintf("%s is not promoted: it is in the middle of a sync and its data is not whole", me))
		return
	case l.Role() == model.Replica && lives && l.Info.LinkUp:
		p.say(fmt.Sprintf("%s is not promoted: its master %s is alive and linked; hint: the master follows the VIP: stop keepalived on the other host", me, master.Instance.Addr))
		return
	case l.Role() == model.Replica:
		p.say(fmt.Sprintf("by force: promote %s", me))
	case o.Replication() && lives && !(l.Term.Known && master.Term.Known && l.Term.N > master.Term.N):
		p.say(fmt.Sprintf("by force: %s gets a higher term than %s, which follows it then", me, master.Instance.Addr))
	default:
		p.say(fmt.Sprintf("%s is a master already", me))
		return
	}
	p.add(model.Step{Do: promote, Instance: l.Instance})
	if o.Replication() && o.Durability == model.DurabilityReplicated {
		p.add(model.Step{Do: model.Relax, Instance: l.Instance})
	}
}
