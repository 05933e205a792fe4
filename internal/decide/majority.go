package decide

import (
	"net/netip"

	"keepalived-redis/internal/model"
)

// hosts counts the hosts of the cluster.
func hosts(ns model.Nodes) int {
	seen := map[netip.Addr]bool{}
	for _, n := range ns {
		if n.Addr.IsValid() {
			seen[n.Addr.Addr()] = true
		}
	}
	return len(seen)
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
	if hosts(o.View()) != 2 {
		return model.PolicyStay
	}
	for _, l := range append(append([]model.Look{}, o.Locals...), o.Peers...) {
		if l.Info != nil && l.Info.VersionText != "" && !l.Info.Version.AtLeast(4, 0) {
			return model.PolicyStay
		}
	}
	return model.PolicyFollow
}
