package model

import (
	"time"
)

// JustStarted is how long after its start a server is judged afresh, unless its run id says that it is the one that was judged before: it may have died
// and come back between two looks.
// Redis itself lets a master of a cluster that has just loaded its data take no writes for 2 s (CLUSTER_WRITABLE_DELAY in cluster.c).
const JustStarted = 2 * time.Second

// HasJustStarted: the server has run for less than JustStarted.
func HasJustStarted(l Look) bool { return l.Info != nil && l.Info.Uptime < JustStarted }

// Agreed: a peer that answers sees the same node as the master of as many slots in the same epoch; and that peer has run for long enough to
// have heard of a better claim. Where every peer answers and keeps its view from us, as with another password, the cluster's own bus counts:
// a node that has answered there has been told of our claim and would have told of a better one.
func (o *Observation) Agreed(self Node) bool {
	hidden := 0
	for _, p := range o.Peers {
		if n, ok := p.Nodes.ByID(self.ID); ok && n.Role == Master && len(n.Slots) == len(self.Slots) && n.Epoch == self.Epoch && !HasJustStarted(p) {
			return true
		}
		if p.Nodes == nil && p.State.Alive() && p.State != Loading {
			hidden++
		}
	}
	return hidden == len(o.Peers) && o.HeardOnBus
}

// Supplanted: what was a replica of a local master says that it leads by now, or the peer of a pair says so with a better claim. Others may not have
// heard of that yet.
func (o *Observation) Supplanted(l Look) bool {
	if o.Replication() {
		return Overruled(o, l)
	}
	self, _ := l.Self()
	for _, p := range o.Peers {
		claims, _ := p.Self()
		seen, known := l.Nodes.ByID(claims.ID)
		if known && seen.MasterID == self.ID && claims.Role == Master && len(claims.Slots) > 0 && claims.Epoch > self.Epoch {
			return true
		}
	}
	return false
}

// AgreedPair: the peer of a local master of a replication pair has said its role and its term, and they leave the lead to ours. A replica that is
// linked does so, and one whose data is no newer.
func (o *Observation) AgreedPair(l Look) bool {
	peer := o.PeerOf(l)
	switch {
	case !peer.State.Serves() || l.Info == nil:
		return false
	case peer.Role() == Replica:
		return peer.Info.LinkUp || peer.Term.Known && l.Term.Known && peer.Term.N <= l.Term.N
	}
	return Outranked(peer, l)
}

// OnlyHostLeft: every other host is silent, and the witness says that we are not the ones cut off. Where none has ever answered nobody can say so.
func (o *Observation) OnlyHostLeft() bool {
	return o.PeersSilent() && (o.Witness.Answers || !o.Witness.Counts)
}

// Survives: this host is left alone, and so it was before, while it led: nobody else can have led since.
func (o *Observation) Survives() bool { return o.Cold.Survivor && o.OnlyHostLeft() }
