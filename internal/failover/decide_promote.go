package failover

import (
	"fmt"
	"net/netip"

	"keepalived-redis/internal/redis"
)

// promote makes a local replica a master unless there is a reason not to.
func (p *planner) promote(o *Observation, l redis.Look, why string) {
	if o.replication() {
		p.promotePair(o, l, why)
		return
	}
	me := localAddr(l)
	if reason := limitation(o, l); reason != "" {
		p.say(fmt.Sprintf("%s is not promoted although %s: %s", me, why, reason))
		p.in(lookAgain)
		return
	}
	switch best, local := o.freshest(l); {
	case local && localAddr(best) != me:
		p.say(fmt.Sprintf("%s leaves it to %s, a replica of the same master with as much or more of the data: %s", me, localAddr(best), why))
		p.in(lookAgain)
		return
	case !local && p.promotes(best.Instance):
		return
	case !local:
		why += fmt.Sprintf(", and %s has less of the data", me)
		l, me = best, best.Instance.Addr
	}
	p.promoteBy(o, l, me, why)
	if l.Nodes.Down() {
		p.say("the cluster was down before (cluster_state:fail); each takeover mends the slots of its master, and Redis answers within about 5 s of the last")
	}
	if self, _ := l.Self(); o.inMigration(self.MasterID) {
		p.say(fmt.Sprintf("slots that were on their way to or from its master are left as they are; hint: once every master answers: redis-cli --cluster fix %s", me))
	}
}

// promoteBy chooses between a vote and a takeover.
func (p *planner) promoteBy(o *Observation, l redis.Look, me netip.AddrPort, why string) {
	late := o.Voteless[l.Instance] >= voteWithin
	switch {
	case late && o.majority() && !o.rivals(l):
		p.add(Step{Do: Takeover, Instance: l.Instance})
		p.say(fmt.Sprintf("promote %s by takeover: %s, the vote that was asked for did not come within %s, and no other replica of it can be voted for", me, why, voteWithin))
	case o.majority():
		p.add(Step{Do: Force, Instance: l.Instance})
		p.say(fmt.Sprintf("promote %s by vote: %s, and a majority of the masters answers", me, why))
		if late {
			p.say(fmt.Sprintf("%s is still without its vote, and another replica of its master, which does not answer here, may get it; Redis asks anew only after four times cluster-node-timeout; %s", me, forceHint))
		}
	case boxes(o.view()) > 2:
		p.add(Step{Do: Force, Instance: l.Instance})
		p.say(fmt.Sprintf("promote %s by vote: %s, and the cluster spans %d boxes", me, why, boxes(o.view())))
	default:
		p.add(Step{Do: Takeover, Instance: l.Instance})
		p.say(fmt.Sprintf("promote %s by takeover: %s, and no majority of the masters answers", me, why))
	}
}

// rivals: another replica of the same master may be voted for without our knowing: it does not answer here as a replica, the
// cluster has not marked it as failed, and it may reach masters that we do not see. With two boxes the masters that vote are
// where we are, or answer us, and a silent box is not with them.
func (o *Observation) rivals(l redis.Look) bool {
	self, _ := l.Self()
	for _, n := range l.Nodes {
		if n.Myself || n.MasterID == "" || n.MasterID != self.MasterID || n.Failed {
			continue
		}
		other, _, ok := o.find(n.Addr)
		known := ok && other.State.Alive() && other.Role() == redis.Replica
		away := ok && boxes(l.Nodes) == 2 && o.boxSilent(n.Addr.Addr())
		if !known && !away {
			return true
		}
	}
	return false
}

// limitation is the reason why a replica may not be promoted now, or nothing.
func limitation(o *Observation, l redis.Look) string {
	if reason := unwhole(l); reason != "" {
		return reason
	}
	if reason := o.watched(l); reason != "" {
		return reason
	}
	return oldData(o, l)
}

// unwhole is the reason why a replica has no whole data set, or nothing.
func unwhole(l redis.Look) string {
	switch {
	case l.State == redis.Loading:
		return "it is still loading its data set"
	case l.Info.Syncing:
		return "it is in the middle of a sync and its data is not whole"
	case l.Info.NeverSynced():
		return "it never finished its first sync; " + forceHint
	}
	return ""
}

// inMigration: slots are on their way to or from a node.
func (o *Observation) inMigration(id string) bool {
	for _, looks := range [...][]redis.Look{o.Locals, o.Peers} {
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
// says whether it is on this box, where a tie is decided for.
func (o *Observation) freshest(l redis.Look) (best redis.Look, local bool) {
	self, _ := l.Self()
	best, local, least := l, true, self.ID
	for _, n := range l.Nodes {
		if n.Myself || n.MasterID == "" || n.MasterID != self.MasterID {
			continue
		}
		other, here, ok := o.find(n.Addr)
		if !ok || !other.State.Alive() || other.Role() != redis.Replica || unwhole(other) != "" {
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
func oldData(o *Observation, l redis.Look) string {
	m, master, _, _ := o.masterOf(l)
	s := o.Standing[l.Instance]
	cold := s.Unlinked && !o.Cold.HeldLast
	switch {
	case m.Info != nil && m.State != redis.Loading:
	case o.Severed.has(l.Instance.Name()):
		return o.severedSentence(master)
	case !l.Info.LinkUp && s.Stale > o.Times.MaxStaleness:
		return staleSentence(o)
	case cold && s.Waited < o.Times.ColdStartWait:
		return fmt.Sprintf("it was never linked since this box started, and the VIP was last held elsewhere; its master %s is waited for, for %s", master, o.Times.ColdStartWait)
	case cold:
		return fmt.Sprintf("it was never linked since this box started, and the VIP was last held elsewhere, so %s may have newer data; %s", master, forceHint)
	}
	return ""
}

// severedSentence: its master went on after the cut, and has perhaps been stopped behind a fence of its own: that it refuses connections says
// nothing of whose data is newer. (Found by a storm.)
func (o *Observation) severedSentence(master netip.AddrPort) string {
	return fmt.Sprintf("it was not linked since this box was cut off, and its master %s may have newer data and is waited for, for %s", master, o.Times.ColdStartWait)
}

func staleSentence(o *Observation) string {
	return fmt.Sprintf("its data is stale, the master was alive for longer than %s while the link was down; %s", o.Times.MaxStaleness, forceHint)
}
