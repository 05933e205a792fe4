package decide

import (
	"net/netip"

	"keepalived-redis/internal/model"
)

// hosts counts the hosts of the cluster: those of masters with slots and of their replicas. Dead nodes that nobody has forgotten are no hosts. Where
// the instances of this host have an address each, so have those of the others.
func hosts(o *model.Observation) int {
	here, elsewhere := map[netip.Addr]bool{}, map[netip.Addr]bool{}
	for _, l := range o.Locals {
		here[model.LocalAddr(l).Addr()] = true
	}
	view := o.View()
	for _, n := range view {
		master, ok := view.ByID(n.MasterID)
		counts := n.Role == model.Master && len(n.Slots) > 0 || !n.Failed && ok && len(master.Slots) > 0
		if n.Addr.IsValid() && counts && !here[n.Addr.Addr()] {
			elsewhere[n.Addr.Addr()] = true
		}
	}
	each := max(1, len(here))
	return 1 + (len(elsewhere)+each-1)/each
}

// livesElsewhere: a node on a third host does not have the master of a replica for failed, nor has it lost its link to it. It may be our link alone that is broken.
func livesElsewhere(o *model.Observation, l model.Look) bool {
	me, _ := l.Self()
	id := me.MasterID
	node, _ := o.View().ByID(id)
	for _, p := range o.Peers {
		self, _ := p.Self()
		n, ok := p.Nodes.ByID(id)
		unlinked := self.MasterID == id && p.Info != nil && !p.Info.LinkUp
		if ok && !n.Failed && !n.Suspected && !unlinked && p.Instance.Addr.Addr() != node.Addr.Addr() {
			return true
		}
	}
	return false
}

// majority: more than half of the cluster's masters answer this host as masters, so a vote can succeed.
func majority(o *model.Observation) bool {
	masters := o.View().Masters()
	n := 0
	for _, m := range masters {
		if l, _, ok := o.Find(m.Addr); ok && l.State.Serves() && l.Role() == model.Master {
			n++
		}
	}
	return n > len(masters)/2
}

// policy resolves auto: follow with two hosts and Redis 4.0 or newer, else stay.
func policy(o *model.Observation) model.Policy {
	if o.Policy != model.PolicyAuto && o.Policy != "" {
		return o.Policy
	}
	if o.Replication() {
		return model.PolicyFollow // clients write through the VIP: where it is, the master must be
	}
	if hosts(o) > 2 {
		return model.PolicyStay
	}
	for _, l := range append(append([]model.Look{}, o.Locals...), o.Peers...) {
		if l.Info != nil && l.Info.VersionText != "" && !l.Info.Version.AtLeast(4, 0) {
			return model.PolicyStay
		}
	}
	return model.PolicyFollow
}
