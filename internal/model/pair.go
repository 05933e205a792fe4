package model

import (
	"net/netip"
	"time"
)

// Pair is what is known of a local instance and its peer, a master and its replica outside a cluster.
type Pair struct {
	// Peer is the instance on the other host, by the setting.
	Peer netip.AddrPort
	// NoMaster: both have been replicas, and nobody else leads them.
	NoMaster Stretch
	// Overruled: both have been masters, and the peer's claim is the better one.
	Overruled Stretch
	// Left: the local instance is a master without the VIP, and not marked so.
	Left Stretch
	// Stale is how long the peer was seen alive as master while our link to it was down.
	Stale time.Duration
	// TakenAway: the peer made itself the master while the VIP was here without a break, less than takenAwayFor ago, and has not
	// marked since that the VIP has left it.
	TakenAway bool
	// Unheard: the VIP has come to this host while the local instance was the master already, and the peer has not answered since; nor has
	// the instance been given a new term.
	Unheard bool
	// Term is the highest that was ever seen of the local instance. TermLost: its data, that of a master, has a lower one, as after FLUSHALL.
	Term     uint64
	TermLost bool
	// Linked: since this host started the local instance has been linked to a master, or the peer has been its replica.
	Linked bool
	// Restarted: the local instance has been a replica without a link since its server was started.
	Restarted Stretch
}

// Cold is how a host stands that has just started and has heard of no peer yet.
type Cold struct {
	// Peerless: no peer has answered since this host started, and For is how long we have been looking.
	Peerless bool
	For      time.Duration
	// HeldLast: by our durable record this host was the last to hold the VIP.
	HeldLast bool
	// Survivor: by that record it led while every other host was silent and the witness answered, and no peer has answered since.
	Survivor bool
}

// Replication: the instances of this host are no nodes of a cluster, and have peers by the setting.
func (o *Observation) Replication() bool { return len(o.Pairs) > 0 }

// PeerOf is the look at the peer of a local instance; its state is Unseen when nobody looked.
func (o *Observation) PeerOf(l Look) Look {
	a := o.Pairs[l.Instance].Peer
	for _, p := range o.Peers {
		if p.Instance.Addr == a {
			return p
		}
	}
	return Look{Instance: At(a)}
}

// WaitsCold: a local master must not be used yet: its peer, which may have newer data, has not been heard of since this host
// started. The only survivor has none to wait for.
func (o *Observation) WaitsCold() bool {
	if !o.Replication() || !o.Cold.Peerless || o.Cold.For >= o.Times.ColdStartWait || o.Survives() {
		return false
	}
	for _, l := range o.Locals {
		if l.Role() == Master && o.Pairs[l.Instance].Peer.IsValid() {
			return true
		}
	}
	return false
}

// BothMasters: both say so, and both have said their terms.
func BothMasters(l, peer Look) bool {
	return l.Role() == Master && peer.State.Serves() && peer.Role() == Master && l.Term.Known && peer.Term.Known
}

// Outranked: both are masters, and the peer's claim is the better one: a higher term, or a term that its host raised, which
// ours then has by replication only: its server came up as a master from a configuration file that nobody could write.
func Outranked(l, peer Look) bool {
	if !BothMasters(l, peer) {
		return false
	}
	return peer.Term.N > l.Term.N || peer.Term.N == l.Term.N && peer.Term.Own
}

// Overruled: the local instance is outranked by its peer.
func Overruled(o *Observation, l Look) bool { return Outranked(l, o.PeerOf(l)) }

// WithoutMaster: both are replicas, and none is linked to a master elsewhere. Two that follow each other may both say that their
// link is up (tried, 7.0.15).
func WithoutMaster(l, peer Look) bool {
	if l.Role() != Replica || peer.Role() != Replica {
		return false
	}
	circle := l.Info.Master == peer.Instance.Addr && peer.Info.Master == l.Instance.Addr
	return circle || !l.Info.LinkUp && !peer.Info.LinkUp
}

// LeftBehind: a local instance is a master of a host that the VIP has left, and its data does not say so.
func LeftBehind(s VRRP, held bool, l Look) bool {
	return s == VRRPBackup && !held && l.Role() == Master && l.Term.N > 0 && !l.Term.Released
}
