package observe

import (
	"net/netip"
	"slices"

	"keepalived-redis/internal/model"
)

// asOthersSee is the line of a local instance in the view of another node, and that view.
func asOthersSee(o *model.Observation, l model.Look) (n model.Node, view model.Nodes, ok bool) {
	for _, looks := range [...][]model.Look{o.Locals, o.Peers} {
		for _, other := range looks {
			if other.Nodes == nil || other.Instance == l.Instance {
				continue
			}
			for _, n := range other.Nodes {
				if n.Addr.IsValid() && (n.Addr == model.LocalAddr(l) || sameHost(o, n.Addr.Addr()) && n.Addr.Port() == l.Instance.Addr.Port()) {
					return n, other.Nodes, true
				}
			}
		}
	}
	return model.Node{}, nil, false
}

// sameHost: a local instance knows itself by this address.
func sameHost(o *model.Observation, a netip.Addr) bool {
	for _, l := range o.Locals {
		if self, ok := l.Self(); ok && self.Addr.Addr() == a {
			return true
		}
	}
	return false
}

// disowned: a local instance says that it leads, and another node says that its slots are not its own any more.
func disowned(o *model.Observation, l model.Look) bool {
	n, _, ok := asOthersSee(o, l)
	return ok && len(n.Slots) == 0
}

// passed: whoever leads the slots of a local instance is seen alive. Of one that led itself when it was last heard of nobody says who has
// its slots now; so then all slots must have a master that is seen alive.
func passed(o *model.Observation, l model.Look) bool {
	n, view, ok := asOthersSee(o, l)
	if !ok || len(n.Slots) > 0 {
		return false
	}
	if n.MasterID != "" {
		master, ok := view.ByID(n.MasterID)
		return ok && seenLeading(o, master)
	}
	return view.Unserved() == 0 && !slices.ContainsFunc(view.Masters(), func(m model.Node) bool { return !seenLeading(o, m) })
}

// leads: a node is seen alive and says that it is a master.
func seenLeading(o *model.Observation, n model.Node) bool {
	l, _, ok := o.Find(n.Addr)
	return ok && l.State.Alive() && l.Role() == model.Master
}
