package failover

import (
	"fmt"
	"net/netip"
	"time"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/vrrp"
)

// lookAgain is the pause before a look that waits for something.
const lookAgain = 100 * time.Millisecond

// bumpPause is the pause between two rounds of BUMPEPOCH: gossip takes about a second.
const bumpPause = time.Second

// Decide turns an observation into a plan. It has no I/O and no clock.
func Decide(o Observation) Plan {
	var p planner
	switch {
	case !o.KeepalivedLives:
		p.standing(&o)
		p.say(o.Why)
	case o.Maintenance.Word != "":
		p.standing(&o)
		p.say(maintained(o.Maintenance))
	case o.Fence != nil:
		p.fenced(&o)
	case o.Isolated():
		p.do(Fence)
		p.in(lookAgain)
		p.say(fmt.Sprintf("fence: this box is cut off, no peer and no witness (%s) answers; writes are refused here", o.Witness.Name))
	case o.cutOff():
		p.in(lookAgain)
		p.say(fmt.Sprintf("possibly cut off: no peer and no witness (%s) answers; nothing is promoted, looking again; hint: if this box is not cut off, name a witness that answers", o.Witness.Name))
	case o.MoveOpen:
		p.do(UndoMove)
		p.say("a coordinated move was begun and not ended; writes are given back")
	case len(o.Orphans) > 0:
		for _, a := range o.Orphans {
			p.add(Step{Do: Restore, Instance: a})
			p.say(fmt.Sprintf("writes on %s are stopped and neither a fence nor a move of ours is on record; they are given back", a))
		}
	case o.replication() && (o.State == vrrp.Master || o.State == vrrp.Backup):
		p.pairs(&o)
	case o.State == vrrp.Master:
		p.master(&o)
	case o.State == vrrp.None:
		p.say(o.Why)
	default:
		p.say(string(o.State) + ": Redis is left as it is")
	}
	return p.plan()
}

// maintained is what is said in a maintenance.
func maintained(m Maintenance) string {
	return "maintenance (" + m.String() + "): nothing is changed; hint: to end it, remove the file " + MaintenanceFile + " in the state directory"
}

// standing says what makes the box unfit where nothing is done about it: the check repeats the sentence as its reason.
func (p *planner) standing(o *Observation) {
	if o.Isolated() {
		p.say(fmt.Sprintf("this box is cut off, no peer and no witness (%s) answers", o.Witness.Name))
	}
	if o.Fence != nil {
		p.say("fenced: writes are refused here")
	}
}

// master decides for the box that holds the VIP.
func (p *planner) master(o *Observation) {
	if o.view() == nil {
		p.say("MASTER: no local instance answers as a node of a cluster, so nothing can be promoted")
		return
	}
	for _, l := range o.Locals {
		if l.Role() == redis.Replica && l.State.Alive() {
			p.replica(o, l)
		}
	}
	if len(p.clauses) == 0 {
		p.say("MASTER: every master is on this box")
	}
	if o.BumpGoal > 0 && len(p.steps) == 0 {
		p.do(Bump)
		p.in(bumpPause)
		p.say(fmt.Sprintf("raise the config epochs of our masters to %d, so that a box that was cut off loses when it returns", o.BumpGoal))
	}
}

// replica decides for one local replica by the fate of its master.
func (p *planner) replica(o *Observation, l redis.Look) {
	me := localAddr(l)
	m, master, local, found := o.masterOf(l)
	switch {
	case !found:
		p.say(fmt.Sprintf("%s: the address of its master is not known yet", me))
		p.in(lookAgain)
	case local && m.State.Alive():
		p.say(fmt.Sprintf("%s stays replica of %s on this box", me, master))
	case local && o.GivenUp[master]:
		p.promote(o, l, fmt.Sprintf("its master %s on this box is dead and revive has given up", master))
	case local:
		p.say(fmt.Sprintf("%s: its master %s on this box is being revived", me, master))
	case o.boxSilent(master.Addr()):
		p.lostBox(o, l, master)
	case m.State.Serves() && m.Role() == redis.Master:
		p.living(o, l, m)
	case m.State == redis.Refused || m.State == redis.Stalled || m.State == redis.Dropped || m.State == redis.Silent || m.State == redis.Loading || m.Role() == redis.Replica:
		p.ailing(o, l, m)
	default:
		p.say(fmt.Sprintf("%s is not promoted: its master %s %s; hint: mend that on %s", me, master, m.State, master.Addr()))
	}
}

// lostBox: the master's whole box is silent.
func (p *planner) lostBox(o *Observation, l redis.Look, master netip.AddrPort) {
	if a := o.Boxes[master.Addr()]; !o.Hook && (a.Looks < 2 || a.For < minLookGap) {
		p.say(fmt.Sprintf("box %s is silent; looking again", master.Addr()))
		p.in(lookAgain)
		return
	}
	p.promote(o, l, fmt.Sprintf("its master %s is lost, box %s is silent", master, master.Addr()))
}

// ailing: the master's box answers, the master does not serve. It gets a little time to come back.
func (p *planner) ailing(o *Observation, l redis.Look, m redis.Look) {
	master := m.Target.Addr
	why := fmt.Sprintf("its master %s %s", master, m.State)
	if m.State == redis.Up {
		why = fmt.Sprintf("its master %s is itself a replica", master)
	}
	a := o.Instances[master]
	if o.Hook && a.For < o.Times.StallGrace || !o.Hook && (a.Looks < 2 || a.For < o.Times.Deadline) {
		p.say(fmt.Sprintf("%s: %s; waiting for it", localAddr(l), why))
		p.in(lookAgain)
		return
	}
	p.promote(o, l, why)
}

// living: the master serves on another box.
func (p *planner) living(o *Observation, l redis.Look, m redis.Look) {
	me, master := localAddr(l), m.Target.Addr
	lag := m.Info.Offset - l.Info.Offset
	self, _ := l.Self()
	migrates := o.inMigration(self.MasterID) // the new master would not know of it, and the keys that have gone would be missed
	switch {
	case o.policy() == config.PolicyStay:
		p.say(fmt.Sprintf("%s stays where it is (policy stay)", master))
	case o.watched(l) != "":
		p.say(o.watched(l))
	case o.BothMaster:
		p.say(fmt.Sprintf("%s stays where it is: a master was pulled from this box while the VIP was here, so %s", master, bothMaster))
	case o.HeldFor < o.Times.Settle:
		p.say(fmt.Sprintf("%s moves here once the VIP has been held for %s", master, o.Times.Settle))
		p.in(o.Times.Settle - o.HeldFor)
	case l.State != redis.Up:
		p.say(fmt.Sprintf("%s does not move yet: %s %s", master, me, l.State))
		p.in(lookAgain)
	case o.MoveWait > 0:
		p.say(fmt.Sprintf("%s: the last move failed, the next try is in at most %s", master, roundUp(o.MoveWait)))
	case migrates:
		p.say(fmt.Sprintf("%s does not move yet: slots are on their way to or from it; hint: let that end, or redis-cli --cluster fix %s", master, master))
	case !l.Info.LinkUp:
		p.say(fmt.Sprintf("%s does not move: the link of %s to it is down", master, me))
	case lag > o.MaxLag:
		p.say(fmt.Sprintf("%s does not move yet: %s is behind by more than %d bytes", master, me, o.MaxLag))
	default:
		p.add(Step{Do: Move, Instance: me, From: master})
		p.say(fmt.Sprintf("move %s to %s: the VIP is here and both are alive", master, me))
	}
}

// bothMaster is said where two boxes pull masters from each other.
const bothMaster = "both boxes act as MASTER; hint: is VRRP (IP protocol 112) blocked between them?"

// roundUp keeps a countdown from making a new sentence at every look.
func roundUp(d time.Duration) time.Duration { return d.Truncate(30*time.Second) + 30*time.Second }

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
	case !local && p.promotes(best.Target.Addr):
		return
	case !local:
		why += fmt.Sprintf(", and %s has less of the data", me)
		l, me = best, best.Target.Addr
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
	late := o.Voteless[me] >= voteWithin
	switch {
	case late && o.majority() && !o.rivals(l):
		p.add(Step{Do: Takeover, Instance: me})
		p.say(fmt.Sprintf("promote %s by takeover: %s, the vote that was asked for did not come within %s, and no other replica of it can be voted for", me, why, voteWithin))
	case o.majority():
		p.add(Step{Do: Force, Instance: me})
		p.say(fmt.Sprintf("promote %s by vote: %s, and a majority of the masters answers", me, why))
		if late {
			p.say(fmt.Sprintf("%s is still without its vote, and another replica of its master, which does not answer here, may get it; Redis asks anew only after four times cluster-node-timeout; %s", me, forceHint))
		}
	case boxes(o.view()) > 2:
		p.add(Step{Do: Force, Instance: me})
		p.say(fmt.Sprintf("promote %s by vote: %s, and the cluster spans %d boxes", me, why, boxes(o.view())))
	default:
		p.add(Step{Do: Takeover, Instance: me})
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
	s := o.Standing[l.Target.Addr]
	cold := s.Unlinked && !o.Cold.HeldLast
	switch {
	case m.Info != nil && m.State != redis.Loading:
	case !l.Info.LinkUp && s.Stale > o.Times.MaxStaleness:
		return staleSentence(o)
	case cold && s.Waited < o.Times.ColdStartWait:
		return fmt.Sprintf("it was never linked since this box started, and the VIP was last held elsewhere; its master %s is waited for, for %s", master, o.Times.ColdStartWait)
	case cold:
		return fmt.Sprintf("it was never linked since this box started, and the VIP was last held elsewhere, so %s may have newer data; %s", master, forceHint)
	}
	return ""
}

func staleSentence(o *Observation) string {
	return fmt.Sprintf("its data is stale, the master was alive for longer than %s while the link was down; %s", o.Times.MaxStaleness, forceHint)
}

// fenced decides while a fence is on record.
func (p *planner) fenced(o *Observation) {
	f := o.Fence
	switch {
	case o.Isolated() && !f.Stopped && min(f.For, o.Alone.For) >= o.Times.FenceStopAfter:
		p.do(FenceStop)
		p.say(fmt.Sprintf("fenced and still cut off after %s: the instances are stopped", o.Times.FenceStopAfter))
	case o.Isolated() || o.cutOff():
		if !f.Stopped {
			p.do(Fence)
			if f.For >= o.Times.FenceStopAfter/2 {
				// A cable that flaps is whole for moments only. One that is seen puts the stop off, and one look a second misses them.
				p.in(lookAgain)
			}
		}
		p.say("fenced: this box is cut off, writes are refused here")
	case f.PeerFor >= f.HoldOff && o.peerAlive():
		p.lift(o, fmt.Sprintf("a peer has answered for %s", f.HoldOff))
	case f.AloneFor >= o.Times.ColdStartWait:
		p.lift(o, fmt.Sprintf("the witness answers and no peer has for %s", o.Times.ColdStartWait))
	default:
		if !f.Stopped {
			p.do(Fence)
		}
		p.say(fmt.Sprintf("fenced: a peer must answer for %s before writes are allowed again", f.HoldOff))
	}
}

// lift ends a fence: what it stopped is started, and each instance may write again once the peers agree with its role.
func (p *planner) lift(o *Observation, why string) {
	if o.Fence.Stopped {
		p.do(LiftStart)
		p.in(lookAgain)
		p.say("the fence lifts: " + why + "; what it stopped is started")
		return
	}
	waiting, start := false, false
	for _, l := range o.Locals {
		reason := notYet(o, l)
		if reason == "" {
			p.add(Step{Do: Restore, Instance: l.Target.Addr})
			continue
		}
		waiting = true
		start = start || l.State == redis.Refused
		p.add(Step{Do: Fence, Instance: l.Target.Addr})
		if o.replication() && overruled(o, l) && o.watched(l) == "" {
			p.add(Step{Do: Follow, Instance: l.Target.Addr, From: o.Pairs[l.Target.Addr].Peer})
		}
		p.say(fmt.Sprintf("the fence on %s stays: %s", l.Target.Name(), reason))
	}
	if start {
		p.do(LiftStart)
	}
	if waiting {
		p.in(lookAgain)
		return
	}
	p.do(LiftDone)
	p.say("the fence lifts: " + why)
}

// notYet is the reason why a fenced instance may not write yet, or nothing.
func notYet(o *Observation, l redis.Look) string {
	if o.replication() {
		return pairNotYet(o, l)
	}
	self, ok := l.Self()
	switch {
	case l.State == redis.Loading:
		return "it is still loading its data set"
	case !l.State.Alive() || !ok:
		return "it does not answer yet"
	case l.Role() == redis.Replica || len(self.Slots) == 0:
		return ""
	case !o.peerAlive():
		return ""
	}
	for _, p := range o.Peers {
		if n, ok := p.Nodes.ByID(self.ID); ok && n.Role == redis.Master && len(n.Slots) == len(self.Slots) && n.Epoch == self.Epoch {
			return ""
		}
	}
	return "it is a master and no peer agrees with that yet"
}
