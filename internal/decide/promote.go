package decide

import (
	"fmt"
	"net/netip"
	"time"

	"keepalived-redis/internal/model"
)

// promote makes a local replica a master unless there is a reason not to.
func (p *planner) promote(o *model.Observation, l model.Look, why string) {
	if o.Replication() {
		p.promotePair(o, l, why)
		return
	}
	me := model.LocalAddr(l)
	if reason := limitation(o, l); reason != "" {
		p.say(fmt.Sprintf("%s is not promoted although %s: %s", me, why, reason))
		p.in(LookAgain)
		return
	}
	switch best, local := freshest(o, l); {
	case local && model.LocalAddr(best) != me:
		p.say(fmt.Sprintf("%s leaves it to %s, a replica of the same master with as much or more of the data: %s", me, model.LocalAddr(best), why))
		p.in(LookAgain)
		return
	case !local && p.promotes(best.Instance):
		return
	case !local:
		why += fmt.Sprintf(", and %s has less of the data", me)
		l, me = best, best.Instance.Addr
	}
	p.promoteBy(o, l, me, why)
	if l.Nodes.Down() {
		p.say("the cluster was down before (cluster_state:fail); each takeover repairs the slots of its master, and Redis answers within about 5 s of the last")
	}
	if self, _ := l.Self(); InMigration(o, self.MasterID) {
		p.say(fmt.Sprintf("slots that were on their way to or from its master are left as they are; hint: once every master answers: redis-cli --cluster fix %s", me))
	}
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
func (p *planner) promoteBy(o *model.Observation, l model.Look, me netip.AddrPort, why string) {
	late := o.VoteWait[l.Instance] >= VoteWithin
	switch {
	case late && majority(o) && !rivals(o, l):
		p.add(model.Step{Do: model.Takeover, Instance: l.Instance})
		p.say(fmt.Sprintf("promote %s by takeover: %s, the vote that was asked for did not come within %s, and no other replica of it can be voted for", me, why, VoteWithin))
	case majority(o):
		p.add(model.Step{Do: model.Force, Instance: l.Instance})
		p.say(fmt.Sprintf("promote %s by vote: %s, and a majority of the masters answers", me, why))
		if late {
			p.say(fmt.Sprintf("%s is still without its vote, and another replica of its master, which does not answer here, may get it; Redis asks again only after four times cluster-node-timeout; %s", me, ForceHint))
		}
	case hosts(o.View()) > 2:
		p.add(model.Step{Do: model.Force, Instance: l.Instance})
		p.say(fmt.Sprintf("promote %s by vote: %s, and the cluster spans %d hosts", me, why, hosts(o.View())))
	default:
		p.add(model.Step{Do: model.Takeover, Instance: l.Instance})
		p.say(fmt.Sprintf("promote %s by takeover: %s, and no majority of the masters answers", me, why))
	}
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
		away := ok && hosts(l.Nodes) == 2 && o.HostSilent(n.Addr.Addr())
		if !known && !away {
			return true
		}
	}
	return false
}

// limitation is the reason why a replica may not be promoted now, or nothing.
func limitation(o *model.Observation, l model.Look) string {
	if reason := unwhole(l); reason != "" {
		return reason
	}
	if reason := Watched(o, l); reason != "" {
		return reason
	}
	return oldData(o, l)
}

// unwhole is the reason why a replica has no whole data set, or nothing.
func unwhole(l model.Look) string {
	switch {
	case l.State == model.Loading:
		return "it is still loading its data set"
	case l.Info.Syncing:
		return "it is in the middle of a sync and its data is not whole"
	case l.Info.NeverSynced():
		return "it never finished its first sync; " + ForceHint
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

// oldData is the reason why the data of a replica may be too old to count, or nothing. A master that says what it has leaves no
// doubt.
func oldData(o *model.Observation, l model.Look) string {
	m, master, _, _ := o.MasterOf(l)
	s := o.DataAge[l.Instance]
	cold := s.Unlinked && !o.Cold.HeldLast
	switch {
	case m.Info != nil && m.State != model.Loading:
	case o.Severed.Has(l.Instance.Name()):
		return severedSentence(o, master)
	case !l.Info.LinkUp && s.Stale > o.Times.MaxStaleness:
		return StaleSentence(o)
	case cold && s.Waited < o.Times.ColdStartWait:
		return fmt.Sprintf("it was never linked since this host started, and the VIP was last held elsewhere; its master %s is waited for, for %s", master, o.Times.ColdStartWait)
	case cold:
		return fmt.Sprintf("it was never linked since this host started, and the VIP was last held elsewhere, so %s may have newer data; %s", master, ForceHint)
	}
	return ""
}

// severedSentence: its master went on after the cut, and has perhaps been stopped behind a fence of its own: that it refuses connections says
// nothing of whose data is newer. (Found by a storm.)
func severedSentence(o *model.Observation, master netip.AddrPort) string {
	return fmt.Sprintf("it was not linked since this host was cut off, and its master %s may have newer data and is waited for, for %s", master, o.Times.ColdStartWait)
}

// StaleSentence is why a replica whose master was alive without it is not promoted.
func StaleSentence(o *model.Observation) string {
	return fmt.Sprintf("its data is stale, the master was alive for longer than %s while the link was down; %s", o.Times.MaxStaleness, ForceHint)
}

// VoteWithin is how long a vote may take. It takes a tenth of a second where it is granted.
const VoteWithin = 700 * time.Millisecond
