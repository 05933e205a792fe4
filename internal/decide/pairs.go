package decide

import (
	"fmt"

	"keepalived-redis/internal/model"
)

// ForceHint is the way out where only a person can know whose data counts.
const ForceHint = "hint: if its data is to count, run on this host: notify-redis promote --force"

// pairs decides for every local instance and its peer, a master and its replica outside a cluster, on a host that is MASTER or
// BACKUP.
func (p *planner) pairs(o *model.Observation) {
	for _, l := range o.Locals {
		_, paired := o.Pairs[l.Instance]
		switch {
		case !paired:
			p.say(l.Instance.Name() + " has no peer and is left as it is; hint: list as many peers as instances, and instances by address and port")
		case Watched(o, l) != "":
			p.say(Watched(o, l))
		case l.Info == nil && o.State == model.VRRPMaster:
			p.say(fmt.Sprintf("%s %s, so nothing is decided for it", l.Instance.Name(), l.State))
		case l.Info == nil:
		case l.Role() == model.Replica && o.State == model.VRRPMaster:
			p.pairReplica(o, l, o.PeerOf(l))
		case l.Role() == model.Replica:
			p.pairBackup(o, l, o.PeerOf(l))
		default:
			p.pairMaster(o, l, o.PeerOf(l))
		}
	}
	switch {
	case len(p.clauses) > 0:
	case o.State == model.VRRPMaster:
		p.say("MASTER: every master is on this host")
	default:
		p.say("BACKUP: Redis is left as it is")
	}
}

// pairReplica decides for a local replica while this host holds the VIP.
func (p *planner) pairReplica(o *model.Observation, l, peer model.Look) {
	me, master := l.Instance.Addr, peer.Instance.Addr
	switch {
	case l.Info.Master.IsValid() && l.Info.Master != master:
		p.stray(l, peer)
	case peer.State == model.Unseen:
		p.say(fmt.Sprintf("%s: its peer %s %s", me, master, peer.State))
		p.in(LookAgain)
	case o.HostSilent(master.Addr()):
		p.lostHost(o, l, master)
	case peer.State.Down() || peer.State == model.Loading:
		p.notServing(o, l, peer)
	case peer.Role() == model.Replica:
		p.noMaster(o, l, peer)
	case !peer.State.Serves() || peer.Role() != model.Master:
		p.say(fmt.Sprintf("%s is not promoted: its master %s %s; hint: repair it on %s", me, master, peer.State, master.Addr()))
	case !l.Info.LinkUp && l.Term.Known && peer.Term.Known && l.Term.N > peer.Term.N:
		p.promote(o, l, fmt.Sprintf("its peer %s is a master of an older term (%d, ours %d)", master, peer.Term.N, l.Term.N))
	case me.Addr().IsLoopback() && !master.Addr().IsLoopback():
		p.say(fmt.Sprintf("%s is not switched over to %s: it could not follow that address; hint: list the instance by an address of this host that the other one reaches", master, me))
	case o.Pairs[l.Instance].TakenAway:
		p.say(fmt.Sprintf("%s is not switched back to %s: it became the master while the VIP was here, so %s", master, me, BothMaster))
	default:
		p.living(o, l, peer)
		if !l.Info.LinkUp {
			p.in(LookAgain) // it has perhaps just begun to follow
		}
	}
}

// stray: a local replica follows somebody who is not its peer.
func (p *planner) stray(l, peer model.Look) {
	p.say(fmt.Sprintf("%s follows %s, which is not its peer %s, and is left as it is; hint: correct the key peers, or make it follow its peer", l.Instance.Addr, l.Info.Master, peer.Instance.Addr))
}

// noMaster: the local instance and its peer are both replicas. The fresher one of the two becomes the master; if that is
// the other, it is switched over to this one afterwards.
func (p *planner) noMaster(o *model.Observation, l, peer model.Look) {
	me, other := l.Instance.Addr, peer.Instance.Addr
	a := o.Pairs[l.Instance].NoMaster
	switch {
	case !model.WithoutMaster(l, peer):
		p.say(fmt.Sprintf("%s and its peer %s are both replicas, and one is linked to a master elsewhere; nothing is changed; hint: make one of them the master", me, other))
	case a.Looks < 2 || a.For < model.MinLookGap:
		p.say(fmt.Sprintf("%s and its peer %s are both replicas; looking again", me, other))
		p.in(LookAgain)
	case fresher(peer, l):
		p.add(model.Step{Do: model.Promote, Instance: peer.Instance})
		p.say(fmt.Sprintf("promote %s on the other host: both instances of the pair are replicas, and it has newer data than %s", other, me))
	default:
		p.promote(o, l, fmt.Sprintf("its peer %s is a replica as well, and has no newer data", other))
	}
}

// fresher: a has newer data than b, by term and then by offset.
func fresher(a, b model.Look) bool {
	if a.Term.Known && b.Term.Known && a.Term.N != b.Term.N {
		return a.Term.N > b.Term.N
	}
	return a.Info.Offset > b.Info.Offset
}

// promotePair makes a local replica the master of its pair unless there is a reason not to.
func (p *planner) promotePair(o *model.Observation, l model.Look, why string) {
	me := l.Instance.Addr
	if reason := pairLimitation(o, l); reason != "" {
		p.say(fmt.Sprintf("%s is not promoted although %s: %s", me, why, reason))
		p.in(LookAgain)
		return
	}
	p.add(model.Step{Do: model.Promote, Instance: l.Instance})
	p.say(fmt.Sprintf("promote %s: %s", me, why))
	if o.Durability == model.DurabilityReplicated {
		p.add(model.Step{Do: model.Relax, Instance: l.Instance})
	}
}

// pairLimitation is the reason why a local replica may not be promoted now, or nothing.
func pairLimitation(o *model.Observation, l model.Look) string {
	pair, peer := o.Pairs[l.Instance], o.PeerOf(l)
	// A peer that says what it has leaves no doubt whose data is newer, however long it was away.
	doubt := peer.Info == nil || peer.State == model.Loading
	cold := doubt && !pair.Linked && !o.Cold.HeldLast
	switch {
	case l.State == model.Loading:
		return "it is still loading its data set"
	case l.Info.Syncing:
		return "it is in the middle of a sync and its data is not whole"
	case l.Info.NeverSynced() && l.Term.N == 0 && !pair.Linked:
		return "it never finished its first sync; " + ForceHint
	case doubt && o.Severed.Has(l.Instance.Name()):
		return severedSentence(o, pair.Peer)
	case doubt && !l.Info.LinkUp && pair.Stale > o.Times.MaxStaleness:
		return StaleSentence(o)
	case cold && o.Cold.For < o.Times.ColdStartWait:
		return fmt.Sprintf("it was never linked since this host started, and the VIP was last held elsewhere; its peer %s is waited for, for %s", pair.Peer, o.Times.ColdStartWait)
	case cold:
		return fmt.Sprintf("it was never linked since this host started, and the VIP was last held elsewhere, so %s may have newer data; %s", pair.Peer, ForceHint)
	}
	return ""
}

// pairMaster decides for a local master.
func (p *planner) pairMaster(o *model.Observation, l, peer model.Look) {
	me, other := l.Instance.Addr, peer.Instance.Addr
	replicated := o.State == model.VRRPMaster && o.Durability == model.DurabilityReplicated
	p.mark(o, l, peer)
	switch {
	case peer.State.Serves() && peer.Role() == model.Master:
		p.twoMasters(o, l, peer)
	case replicated && l.Info.MinReplicas && peerGone(o, peer):
		p.add(model.Step{Do: model.Relax, Instance: l.Instance})
		p.say(fmt.Sprintf("%s takes writes without a replica: its peer %s is lost", me, other))
	case replicated && l.Info.MinReplicas && !peer.State.Alive():
		p.say(fmt.Sprintf("%s takes no writes: its peer %s %s; waiting for it", me, other, peer.State))
		p.in(LookAgain)
	case replicated && !l.Info.MinReplicas && peer.Role() == model.Replica && peer.Info.LinkUp && l.Info.Offset-peer.Info.Offset <= o.MaxLag:
		p.needReplica(l, peer)
	case o.WaitsCold():
		p.say(coldSentence(o))
		p.in(LookAgain)
	case o.State == model.VRRPMaster && o.Pairs[l.Instance].Unheard && peerGone(o, peer):
		// The peer may have been promoted while we were cut off from each other, and have died before we saw that: its term is higher then, and
		// what is written here from now on would be thrown away when it returns. (Found by a storm.)
		p.add(model.Step{Do: model.Promote, Instance: l.Instance})
		p.say(fmt.Sprintf("promote %s again: it is the master already, but its peer %s is lost since before the VIP came here, and what is written from now on must count when the peer returns", me, other))
	case o.State == model.VRRPMaster && o.Pairs[l.Instance].Unheard && !peer.State.Alive() && peer.State != model.Unseen:
		p.in(LookAgain)
	}
}

// mark lets the other host know, in the data, that the VIP has left this one, so that a host that holds back because both seemed
// to be MASTER does so no longer. In two looks: in a switchover the VIP leaves a moment before the master does. The mark comes with the term, needs
// no other right, and is written once; each promotion writes a term without it. Where both hosts hold the VIP none is BACKUP, so none marks, and a
// mark that was left over causes one switchover at most.
func (p *planner) mark(o *model.Observation, l, peer model.Look) {
	me, other := l.Instance.Addr, peer.Instance.Addr
	left := o.Pairs[l.Instance].Left
	hears := peer.State.Serves() && (peer.Role() == model.Replica || model.Outranked(peer, l))
	switch {
	case o.State == model.VRRPMaster && l.Term.Released && !model.Outranked(l, peer):
		p.add(model.Step{Do: model.Claim, Instance: l.Instance})
		p.say(fmt.Sprintf("%s is marked as released no more: the VIP is here", me))
	case left.Looks == 0 || !hears || policy(o) == model.PolicyStay:
	case left.Looks < 2 || left.For < model.MinLookGap:
		p.in(LookAgain)
	default:
		p.add(model.Step{Do: model.Release, Instance: l.Instance})
		p.say(fmt.Sprintf("%s is marked as released: the VIP has left this host, so %s need not hold back", me, other))
	}
}

func (p *planner) needReplica(l, peer model.Look) {
	p.add(model.Step{Do: model.NeedReplica, Instance: l.Instance})
	p.say(fmt.Sprintf("%s takes writes as a master only while a replica follows (durability replicated): its peer %s is linked", l.Instance.Addr, peer.Instance.Addr))
}

// peerGone: the peer is as lost as a master must be before its replica is promoted, in two looks.
func peerGone(o *model.Observation, peer model.Look) bool {
	host := peer.Instance.Addr.Addr()
	if peer.State != model.Unseen && o.HostSilent(host) {
		a := o.Hosts[host]
		return a.Looks >= 2 && a.For >= model.MinLookGap
	}
	a := o.Instances[peer.Instance.Addr]
	return peer.State.Down() && a.Looks >= 2 && a.For >= max(grace(o, peer.State), unproven(o, peer.State, a))
}

// twoMasters: the local instance and its peer are both masters.
func (p *planner) twoMasters(o *model.Observation, l, peer model.Look) {
	me, other := l.Instance.Addr, peer.Instance.Addr
	a := o.Pairs[l.Instance].Overruled
	switch {
	case !model.BothMasters(l, peer):
		p.say(fmt.Sprintf("%s and %s are both masters, and the term of one cannot be read; nothing is changed; hint: our user needs GET, GETSET and SET on the key %s", me, other, model.TermKey))
		p.in(LookAgain)
	case model.Outranked(peer, l):
		p.say(fmt.Sprintf("%s stays master: its term is %d, and %s has %d", me, l.Term.N, other, peer.Term.N))
	case !model.Outranked(l, peer):
		p.say(fmt.Sprintf("%s and %s are both masters of term %d; nothing is changed; hint: on the host whose data is to count, run: notify-redis promote --force", me, other, l.Term.N))
	case a.Looks < 2 || a.For < model.MinLookGap:
		// The peer may be in the middle of a switchover, and is about to make ours follow.
		p.say(fmt.Sprintf("%s and its peer %s are both masters, and the peer's claim is better; looking again", me, other))
		p.in(LookAgain)
	default:
		p.add(model.Step{Do: model.Follow, Instance: l.Instance, From: peer.Instance})
		p.say(fmt.Sprintf("%s follows %s, a master of term %d (ours %s); what it has is kept aside first", me, other, peer.Term.N, ours(l, peer)))
	}
}

// ours is a term that is outranked, in words.
func ours(l, peer model.Look) string {
	if l.Term.N == peer.Term.N {
		return "has that from there"
	}
	return fmt.Sprint(l.Term.N)
}

// pairBackup decides for a local replica while another host holds the VIP.
func (p *planner) pairBackup(o *model.Observation, l, peer model.Look) {
	me, other := l.Instance.Addr, peer.Instance.Addr
	master := peer.State.Serves() && peer.Role() == model.Master
	older := l.Term.Known && peer.Term.Known && peer.Term.N < l.Term.N
	switch {
	case l.State == model.Loading:
	case master && l.Info.Master.IsValid() && l.Info.Master != other && (l.Info.LinkUp || older):
		p.stray(l, peer)
	case master && l.Info.Master.IsValid() && l.Info.Master != other:
		p.add(model.Step{Do: model.Follow, Instance: l.Instance, From: peer.Instance})
		p.say(fmt.Sprintf("%s follows its peer %s, a master, and no more %s, to which it has no link", me, other, l.Info.Master))
	case o.Durability == model.DurabilityReplicated && !l.Info.MinReplicas && l.Info.LinkUp:
		p.needReplica(l, peer)
	}
}

// pairNotYet is the reason why a fenced instance outside a cluster may not write yet, or nothing: its role is compared with
// what its peer claims.
func pairNotYet(o *model.Observation, l model.Look) string {
	peer := o.PeerOf(l)
	switch {
	case l.State == model.Loading:
		return "it is still loading its data set"
	case !l.State.Alive() || l.Info == nil:
		return "it does not answer yet"
	case l.Role() == model.Replica || !o.Pairs[l.Instance].Peer.IsValid() || o.Unanswered():
		return ""
	case !peer.State.Alive() && peer.State != model.Unseen && min(o.Fence.HeardFor, o.Instances[peer.Instance.Addr].For) >= o.Times.ColdStartWait:
		return "" // its host has answered all the time, and it has not: nobody else leads
	case peer.Role() == model.Replica:
		return ""
	case !peer.State.Serves():
		return fmt.Sprintf("what its peer claims is not known: %s %s", peer.Instance.Addr, peer.State)
	case !model.BothMasters(l, peer):
		return fmt.Sprintf("the term of it or of its peer %s cannot be read", peer.Instance.Addr)
	case model.Outranked(l, peer):
		return fmt.Sprintf("its peer %s is a master of term %d (ours %s) and is followed first", peer.Instance.Addr, peer.Term.N, ours(l, peer))
	case !model.Outranked(peer, l):
		return fmt.Sprintf("its peer %s is a master of the same term; hint: on the host whose data is to count, run: notify-redis promote --force", peer.Instance.Addr)
	}
	return ""
}
