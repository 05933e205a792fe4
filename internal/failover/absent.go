package failover

import (
	"net/netip"
	"slices"

	"keepalived-redis/internal/redis"
)

// absent: nobody can ask a local instance how it is linked, because it is dead, hangs or is busy.
func absent(l redis.Look) bool {
	switch l.State {
	case redis.Refused, redis.Stalled, redis.Working, redis.Dropped, redis.Silent:
		return true
	}
	return false
}

// asOthersSee is the line of a local instance in the view of another node, and that view.
func (o *Observation) asOthersSee(l redis.Look) (n redis.Node, view redis.Nodes, ok bool) {
	for _, looks := range [...][]redis.Look{o.Locals, o.Peers} {
		for _, other := range looks {
			if other.Nodes == nil || other.Instance == l.Instance {
				continue
			}
			for _, n := range other.Nodes {
				if n.Addr.IsValid() && (n.Addr == localAddr(l) || o.sameBox(n.Addr.Addr()) && n.Addr.Port() == l.Instance.Addr.Port()) {
					return n, other.Nodes, true
				}
			}
		}
	}
	return redis.Node{}, nil, false
}

// sameBox: a local instance knows itself by this address.
func (o *Observation) sameBox(a netip.Addr) bool {
	for _, l := range o.Locals {
		if self, ok := l.Self(); ok && self.Addr.Addr() == a {
			return true
		}
	}
	return false
}

// disowned: a local instance says that it leads, and another node says that its slots are not its own any more.
func (o *Observation) disowned(l redis.Look) bool {
	n, _, ok := o.asOthersSee(l)
	return ok && len(n.Slots) == 0
}

// passed: whoever leads the slots of a local instance is seen alive. Of one that led itself when it was last heard of nobody says who has
// its slots now; so then all slots must have a master that is seen alive.
func (o *Observation) passed(l redis.Look) bool {
	n, view, ok := o.asOthersSee(l)
	if !ok || len(n.Slots) > 0 {
		return false
	}
	if n.MasterID != "" {
		master, ok := view.ByID(n.MasterID)
		return ok && o.leads(master)
	}
	return view.Unserved() == 0 && !slices.ContainsFunc(view.Masters(), func(m redis.Node) bool { return !o.leads(m) })
}

// leads: a node is seen alive and says that it is a master.
func (o *Observation) leads(n redis.Node) bool {
	l, _, ok := o.find(n.Addr)
	return ok && l.State.Alive() && l.Role() == redis.Master
}

// givesNoAnswer: it has taken the connection, or its queue of connections is full and a SYN was dropped without a word.
func givesNoAnswer(l redis.Look) bool { return l.State == redis.Stalled || l.State == redis.Silent }

// busy: the instance works, or says that a script runs in it.
func busy(s redis.State) bool { return s == redis.Busy || s == redis.Working }
