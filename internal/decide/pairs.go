package decide

import (
	"slices"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/reason"
)

// pairs decides for every local instance and its peer, a master and its replica outside a cluster, on a host that is MASTER or
// BACKUP.
func (p *planner) pairs(o *model.Observation) {
	p.renewTerms(o)
	for _, l := range o.Locals {
		_, paired := o.Pairs[l.Instance]
		switch {
		case p.isHeld(l):
		case !paired:
			p.keep(about(l, reason.NoPeer))
		case o.Sentinel[l.Instance]:
			p.keep(about(l, reason.Sentinel))
		case l.Info == nil && o.State == model.VRRPMaster:
			p.keep(about(l, reason.Of(l.State)))
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
		p.keep(model.Clause{Reason: reason.InPlace})
	default:
		p.keep(asItIs(o))
	}
}

// pairReplica decides for a local replica while this host holds the VIP.
func (p *planner) pairReplica(o *model.Observation, l, peer model.Look) {
	master := peer.Instance.Addr
	switch {
	case l.Info.Master.IsValid() && l.Info.Master != master:
		p.stray(l, peer)
	case peer.SaysNothing():
		p.wait(about(l, reason.PeerUnseen, peer.Instance))
	case o.HostSilent(master.Addr()):
		p.lostHost(o, l, master)
	case peer.State.Down() || peer.State == model.Loading || anotherProgram(l, peer):
		p.notServing(o, l, peer)
	case peer.Role() == model.Replica:
		p.noMaster(o, l, peer)
	case !peer.State.Serves() || peer.Role() != model.Master:
		p.say(model.NoPromotion, stands(l, peer, reason.MasterUnusable))
	case !l.Info.LinkUp && l.Term.Known && peer.Term.Known && l.Term.N > peer.Term.N:
		p.promote(o, l, terms(l, peer, reason.OlderTerm))
	case l.Instance.Addr.Addr().IsLoopback() && !master.Addr().IsLoopback():
		p.say(model.NoSwitchover, about(l, reason.LoopbackAddress, peer.Instance))
	case o.Pairs[l.Instance].TakenAway:
		p.say(model.NoSwitchover, about(l, reason.BothHoldVIP, peer.Instance))
	default:
		p.living(o, l, peer)
		if !l.Info.LinkUp {
			p.in(LookAgain) // it has perhaps just begun to follow
		}
	}
}

// terms is a clause about an instance and its peer, and what they claim.
func terms(l, peer model.Look, r model.Reason) model.Clause {
	c := about(l, r, peer.Instance)
	c.Term, c.OtherTerm = l.Term.N, peer.Term.N
	return c
}

// stray: a local replica follows an instance that is not its peer.
func (p *planner) stray(l, peer model.Look) {
	c := about(l, reason.StrangeMaster, peer.Instance)
	c.Name = l.Info.Master.String()
	p.keep(c)
}

// noMaster: the local instance and its peer are both replicas. The fresher one of the two becomes the master; if that is
// the other, it is switched over to this one afterwards.
func (p *planner) noMaster(o *model.Observation, l, peer model.Look) {
	a := o.Pairs[l.Instance].NoMaster
	why := about(l, reason.NoMaster, peer.Instance)
	switch {
	case !model.WithoutMaster(l, peer):
		p.keep(about(l, reason.MasterElsewhere, peer.Instance))
	case a.Looks < 2 || a.For < model.MinLookGap:
		p.wait(why)
	case whole(peer) && fresher(peer, l):
		p.do(model.Step{Do: model.Promote, Instance: peer.Instance}, model.Clause{Reason: reason.NoMasterFresher, Others: []model.Instance{l.Instance}})
	default:
		p.promote(o, l, why)
	}
}

// whole: what a replica has is a data set. One in the middle of a sync is about to get another.
func whole(l model.Look) bool { return l.State != model.Loading && !l.Info.Syncing }

// fresher: a has newer data than b, by term and then by offset.
func fresher(a, b model.Look) bool {
	if a.Term.Known && b.Term.Known && a.Term.N != b.Term.N {
		return a.Term.N > b.Term.N
	}
	return a.Info.Offset > b.Info.Offset
}

// promotePair makes a local replica the master of its pair unless there is a reason not to.
func (p *planner) promotePair(o *model.Observation, l model.Look, why model.Clause) {
	if against := pairLimitation(o, l); against.Reason != "" {
		p.notPromoted(against, why)
		return
	}
	p.do(model.Step{Do: model.Promote, Instance: l.Instance}, why)
	if o.Durability == model.DurabilityReplicated {
		p.step(model.Step{Do: model.Relax, Instance: l.Instance})
	}
}

// pairLimitation is why a local replica may not be promoted now; it has no reason where it may.
func pairLimitation(o *model.Observation, l model.Look) model.Clause {
	pair, peer := o.Pairs[l.Instance], o.PeerOf(l)
	// A peer that says what it has leaves no doubt whose data is newer, however long it was away.
	doubt := peer.Info == nil || peer.State == model.Loading
	switch r := unwhole(l); {
	case r == reason.NeverSynced && (l.Term.N > 0 || pair.Linked): // it has data, from before its server was started
	case r != "":
		return about(l, r)
	}
	switch {
	case o.Sentinel[l.Instance]:
		return about(l, reason.Sentinel)
	case doubt && o.Severed.Has(l.Instance.Name()):
		return severed(o, l, pair.Peer)
	case doubt && !l.Info.LinkUp && pair.Stale > o.Times.MaxStaleness:
		return stale(o, l)
	case doubt && !pair.Linked && !o.Cold.HeldLast:
		return neverLinked(o, l, pair.Peer, o.Cold.For)
	case doubt && pair.Restarted.Looks > 0 && !o.Cold.HeldLast:
		missing := max(o.Instances[pair.Peer].For, o.Hosts[pair.Peer.Addr()].For)
		return neverLinked(o, l, pair.Peer, min(pair.Restarted.For, missing))
	}
	return model.Clause{}
}

// pairMaster decides for a local master.
func (p *planner) pairMaster(o *model.Observation, l, peer model.Look) {
	replicated := o.State == model.VRRPMaster && o.Durability == model.DurabilityReplicated
	p.mark(o, l, peer)
	switch {
	case peer.State.Serves() && peer.Role() == model.Master:
		p.twoMasters(o, l, peer)
	case replicated && l.Info.MinReplicas && peerGone(o, peer):
		p.do(model.Step{Do: model.Relax, Instance: l.Instance}, about(l, reason.PeerLost, peer.Instance))
	case replicated && l.Info.MinReplicas && !peer.State.Alive():
		p.wait(stands(l, peer, reason.PeerWaitedFor))
	case replicated && !l.Info.MinReplicas && peer.Role() == model.Replica && peer.Info.LinkUp && l.Info.Offset-peer.Info.Offset <= o.MaxLag:
		p.needReplica(l, peer)
	case o.WaitsCold():
		p.wait(coldStart(o))
	case slices.Contains(o.Unconfirmed, l.Instance): // a higher term would let what may be stale win
	case o.State == model.VRRPMaster && o.Pairs[l.Instance].Unheard && l.State != model.Loading && peerGone(o, peer):
		// The peer may have been promoted while we were cut off from each other, and have died before we saw that: its term is higher then, and
		// what is written here from now on would be thrown away when it returns. (Found by a storm.)
		p.do(model.Step{Do: model.Promote, Instance: l.Instance}, about(l, reason.PeerLostUnheard, peer.Instance))
	case o.State == model.VRRPMaster && o.Pairs[l.Instance].Unheard && !peer.State.Alive() && peer.State != model.Unseen:
		p.in(LookAgain)
	}
}

// mark lets the other host know, in the data, that the VIP has left this one, so that a host that holds back because both seemed
// to be MASTER does so no longer. In two looks: in a switchover the VIP leaves a moment before the master does. The mark comes with the term, needs
// no other right, and is written once; each promotion writes a term without it. Where both hosts hold the VIP none is BACKUP, so none marks, and a
// mark that was left over causes one switchover at most.
func (p *planner) mark(o *model.Observation, l, peer model.Look) {
	left := o.Pairs[l.Instance].Left
	hears := peer.State.Serves() && (peer.Role() == model.Replica || model.Outranked(peer, l))
	switch {
	case o.State == model.VRRPMaster && l.Term.Released && !model.Outranked(l, peer):
		p.do(model.Step{Do: model.Claim, Instance: l.Instance}, about(l, reason.VIPBack))
	case left.Looks == 0 || !hears || policy(o) == model.PolicyStay:
	case left.Looks < 2 || left.For < model.MinLookGap:
		p.in(LookAgain)
	default:
		p.do(model.Step{Do: model.Release, Instance: l.Instance}, about(l, reason.VIPLeft, peer.Instance))
	}
}

// renewTerms has the terms written again that the data of local masters has lost. Where writes are stopped, it waits.
func (p *planner) renewTerms(o *model.Observation) {
	for _, l := range o.Locals {
		peer := o.PeerOf(l)
		if l.State.Serves() && l.Role() == model.Master && o.Pairs[l.Instance].TermLost && !model.Outranked(l, peer) && !o.Sentinel[l.Instance] {
			p.do(model.Step{Do: model.RenewTerm, Instance: l.Instance}, terms(l, peer, reason.TermLost))
			p.in(LookAgain)
		}
	}
}

func (p *planner) needReplica(l, peer model.Look) {
	p.do(model.Step{Do: model.NeedReplica, Instance: l.Instance}, about(l, reason.PeerLinked, peer.Instance))
}

// peerGone: the peer is as lost as a master must be before its replica is promoted, in two looks.
func peerGone(o *model.Observation, peer model.Look) bool {
	host := peer.Instance.Addr.Addr()
	if !peer.SaysNothing() && o.HostSilent(host) {
		a := o.Hosts[host]
		return a.Looks >= 2 && a.For >= model.MinLookGap
	}
	a := o.Instances[peer.Instance.Addr]
	return peer.State.Down() && !peer.SaysNothing() && a.Looks >= 2 && a.For >= max(grace(o, peer.State), unproven(o, peer.State, a))
}

// twoMasters: the local instance and its peer are both masters.
func (p *planner) twoMasters(o *model.Observation, l, peer model.Look) {
	a := o.Pairs[l.Instance].Overruled
	switch {
	case !model.BothMasters(l, peer):
		p.wait(about(l, reason.TermUnreadable, peer.Instance))
	case model.Outranked(peer, l):
		p.keep(terms(l, peer, reason.PeerOutranked))
	case !model.Outranked(l, peer):
		p.keep(terms(l, peer, reason.SameTerm))
	case a.Looks < 2 || a.For < model.MinLookGap:
		// The peer may be in the middle of a switchover, and is about to make ours follow.
		p.wait(terms(l, peer, reason.Outranked))
	default:
		p.do(model.Step{Do: model.Follow, Instance: l.Instance, From: peer.Instance}, terms(l, peer, reason.Outranked))
	}
}

// pairBackup decides for a local replica while another host holds the VIP.
func (p *planner) pairBackup(o *model.Observation, l, peer model.Look) {
	other := peer.Instance.Addr
	master := peer.State.Serves() && peer.Role() == model.Master
	older := l.Term.Known && peer.Term.Known && peer.Term.N < l.Term.N
	switch {
	case l.State == model.Loading:
	case master && l.Info.Master.IsValid() && l.Info.Master != other && (l.Info.LinkUp || older):
		p.stray(l, peer)
	case master && l.Info.Master.IsValid() && l.Info.Master != other:
		why := about(l, reason.PeerIsMaster, peer.Instance)
		why.Name = l.Info.Master.String()
		p.do(model.Step{Do: model.Follow, Instance: l.Instance, From: peer.Instance}, why)
	case o.Durability == model.DurabilityReplicated && !l.Info.MinReplicas && l.Info.LinkUp:
		p.needReplica(l, peer)
	}
}

// away is how long a peer has not served while its host, or the witness, showed that the network is whole.
func away(o *model.Observation, peer model.Look) time.Duration {
	d := o.Instances[peer.Instance.Addr].For
	switch {
	case o.Fence != nil:
		return min(d, o.Fence.HeardFor)
	case !o.Heard():
		return min(d, o.LeftAlone.For)
	}
	return d
}

// pairNotYet is why an instance with stopped writes outside a cluster may not write yet: its role is compared with what its peer claims. It has no reason where
// it may.
func pairNotYet(o *model.Observation, l model.Look) model.Clause {
	peer := o.PeerOf(l)
	switch {
	case l.State == model.Loading:
		return about(l, reason.Of(model.Loading))
	case !l.State.Alive() || l.Info == nil:
		return about(l, reason.NoAnswerYet)
	case l.Role() == model.Replica || !o.Pairs[l.Instance].Peer.IsValid() || o.Unanswered():
	case !peer.State.Alive() && peer.State != model.Unseen && away(o, peer) >= o.Times.ColdStartWait:
		// its host has answered all the time, and it has not: no other instance leads
	case peer.Role() == model.Replica:
	case !peer.State.Serves():
		return stands(l, peer, reason.ClaimUnknown)
	case !model.BothMasters(l, peer):
		return about(l, reason.TermUnreadable, peer.Instance)
	case model.Outranked(l, peer):
		return terms(l, peer, reason.Outranked)
	case !model.Outranked(peer, l):
		return terms(l, peer, reason.SameTerm)
	}
	return model.Clause{}
}
