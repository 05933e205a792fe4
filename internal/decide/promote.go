package decide

import (
	"net/netip"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/reason"
)

// promote makes a local replica a master because of something, unless there is a reason not to.
func (p *planner) promote(o *model.Observation, l model.Look, why model.Clause) {
	if o.Replication() {
		p.promotePair(o, l, why)
		return
	}
	if against := limitation(o, l); against.Reason != "" {
		p.notPromoted(against, why)
		return
	}
	switch best, local := freshest(o, l); {
	case local && model.LocalAddr(best) != model.LocalAddr(l):
		p.notPromoted(about(l, reason.LessData), why)
		return
	case !local && p.promotes(best.Instance):
		return
	case !local:
		why.Also = append(why.Also, reason.FresherReplica)
		l, why.Instances = best, []model.Instance{best.Instance}
	}
	p.promoteBy(o, l, why)
	if l.Nodes.Down() {
		p.keep(model.Clause{Reason: reason.ClusterWasDown})
	}
	if self, _ := l.Self(); InMigration(o, self.MasterID) {
		p.say(model.Warn, about(l, reason.SlotsLeftOpen))
	}
}

// notPromoted says what stands against a promotion, and what asked for it.
func (p *planner) notPromoted(against, why model.Clause) {
	against.Also = append(against.Also, why.Reason)
	if len(against.Others) == 0 {
		against.Others = why.Others
	}
	against.Host, against.State, against.Term, against.OtherTerm = why.Host, why.State, why.Term, why.OtherTerm
	p.say(model.NoPromotion, against)
	p.in(LookAgain)
}

// promoteBy chooses between a vote and a takeover.
//
// Redis asks for votes once, and then not again for four times cluster-node-timeout, whatever is sent meanwhile: FORCE does not reset
// failover_auth_time. A master that has granted one vote for a master's slots grants none for twice the timeout (clusterHandleSlaveFailover,
// clusterSendFailoverAuthIfNeeded in cluster.c, 3.2 to 7.0). One voter with a newer epoch than the replica has heard of so costs a minute
// (tried, 7.0.15). So votes are asked for one after another, and after VoteWithin in vain it is a takeover.
//
// A vote guards against another replica that is elected beside ours, and against an old master with the majority on its side. Neither can be
// where a majority of the masters answers and there are no rivals. A takeover takes an epoch above all that our node knows. One that another
// master got meanwhile is sorted out by Redis as any collision, without loss, for the slots are others.
//
// With more than two hosts it may be our link alone that is broken, and a forced vote is granted beside a living master. So no node on a third host
// may see the old one alive.
func (p *planner) promoteBy(o *model.Observation, l model.Look, why model.Clause) {
	if _, _, here, _ := o.MasterOf(l); !here && hosts(o) > 2 && livesElsewhere(o, l) {
		p.notPromoted(about(l, reason.SeenByOthers), why)
		return
	}
	late := o.VoteWait[l.Instance] >= VoteWithin
	vote, how := model.Force, reason.MajorityAnswers
	switch {
	case late && majority(o) && !rivals(o, l):
		vote, how, why.For = model.Takeover, reason.NoVote, VoteWithin
	case majority(o):
		if late {
			p.say(model.Wait, about(l, reason.VoteMissing))
		}
	case hosts(o) > 2:
		how, why.Count = reason.MoreHosts, int64(hosts(o))
	default:
		vote, how = model.Takeover, reason.NoMajority
	}
	why.Also = append(why.Also, how)
	p.do(model.Step{Do: vote, Instance: l.Instance}, why)
}

// rivals: another replica of the same master may be voted for without our knowing: it does not answer here as a replica, the
// cluster has not marked it as failed, and it may reach masters that we do not see. With two hosts the masters that vote are
// where we are, or answer us, and a silent host is not with them.
func rivals(o *model.Observation, l model.Look) bool {
	self, _ := l.Self()
	for _, n := range l.Nodes {
		if n.Myself || n.MasterID == "" || n.MasterID != self.MasterID || n.Failed {
			continue
		}
		other, _, ok := o.Find(n.Addr)
		known := ok && other.State.Alive() && other.Role() == model.Replica
		away := ok && hosts(o) <= 2 && o.HostSilent(n.Addr.Addr())
		if !known && !away {
			return true
		}
	}
	return false
}

// limitation is why a replica may not be promoted now; it has no reason where it may.
func limitation(o *model.Observation, l model.Look) model.Clause {
	if r := unwhole(l); r != "" {
		return about(l, r)
	}
	if o.Sentinel[l.Instance] {
		return about(l, reason.Sentinel)
	}
	if o.NoRoom[l.Instance] {
		return about(l, reason.NoRoom)
	}
	return oldData(o, l)
}

// unwhole is the reason why a replica has no whole data set, or nothing.
func unwhole(l model.Look) model.Reason {
	switch {
	case l.State == model.Loading:
		return reason.Of(model.Loading)
	case l.Info.Syncing:
		return reason.Syncing
	case l.Info.NeverSynced():
		return reason.NeverSynced
	}
	return ""
}

// InMigration: slots are on their way to or from a node.
func InMigration(o *model.Observation, id string) bool {
	for _, looks := range [...][]model.Look{o.Locals, o.Peers} {
		for _, l := range looks {
			self, _ := l.Self()
			for _, open := range self.Open {
				if id != "" && (self.ID == id || open.Other == id) {
					return true
				}
			}
		}
	}
	return false
}

// slotless: the master of a replica has no slots, as between add-node and rebalance. Nobody misses it, and a node that took over nothing would look as
// one that did not take over.
func slotless(o *model.Observation, l model.Look) bool {
	self, _ := l.Self()
	m, known := o.View().ByID(self.MasterID)
	return known && m.Role == model.Master && len(m.Slots) == 0
}

// freshest is the replica that has the most of the data of l's master, of l and those that answer and whose data is whole; local
// says whether it is on this host, where a tie is decided for.
func freshest(o *model.Observation, l model.Look) (best model.Look, local bool) {
	self, _ := l.Self()
	best, local, least := l, true, self.ID
	for _, n := range l.Nodes {
		if n.Myself || n.MasterID == "" || n.MasterID != self.MasterID {
			continue
		}
		other, here, ok := o.Find(n.Addr)
		if !ok || !other.State.Alive() || other.Role() != model.Replica || unwhole(other) != "" {
			continue
		}
		ahead := other.Info.Offset - best.Info.Offset
		if ahead > 0 || ahead == 0 && here && (!local || n.ID < least) {
			best, local, least = other, here, n.ID
		}
	}
	return best, local
}

// oldData is why the data of a replica may be too old to count. A master that says what it has leaves no doubt.
func oldData(o *model.Observation, l model.Look) model.Clause {
	m, master, _, _ := o.MasterOf(l)
	s := o.DataAge[l.Instance]
	cold := s.Unlinked && !o.Cold.HeldLast
	switch {
	case m.Info != nil && m.State != model.Loading:
	case o.Severed.Has(l.Instance.Name()):
		return severed(o, l, master)
	case !l.Info.LinkUp && s.Stale > o.Times.MaxStaleness:
		return stale(o, l)
	case cold:
		return neverLinked(o, l, master, s.Waited)
	}
	return model.Clause{}
}

// severed: its master went on after the cut, and has perhaps been stopped behind a fence of its own: that it refuses connections says
// nothing of whose data is newer. (Found by a storm.)
func severed(o *model.Observation, l model.Look, master netip.AddrPort) model.Clause {
	why := about(l, reason.Severed, model.At(master))
	why.For = o.Times.ColdStartWait
	return why
}

// stale: the master was alive without the replica.
func stale(o *model.Observation, l model.Look) model.Clause {
	why := about(l, reason.DataStale)
	why.For = o.Times.MaxStaleness
	return why
}

// neverLinked: the other host had the VIP last, and may have newer data. It is waited for, for a time.
func neverLinked(o *model.Observation, l model.Look, master netip.AddrPort, waited time.Duration) model.Clause {
	if waited >= o.Times.ColdStartWait {
		return about(l, reason.NeverLinked, model.At(master))
	}
	why := about(l, reason.WaitsForPeer, model.At(master))
	why.For = o.Times.ColdStartWait
	return why
}

// VoteWithin is how long a vote may take. It takes a tenth of a second where it is granted.
const VoteWithin = 700 * time.Millisecond
