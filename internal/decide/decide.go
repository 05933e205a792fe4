// Package decide is pure: an Observation comes in, a Verdict and a Plan go out. It has no I/O, no clock and no log (pure_test.go).
package decide

import (
	"fmt"
	"net/netip"
	"time"

	"keepalived-redis/internal/model"
)

// LookAgain is the pause before a look that waits for something.
const LookAgain = 100 * time.Millisecond

// flapAgain is the pause where a cable may be whole for less than that.
const flapAgain = 10 * time.Millisecond

// bumpPause is the pause between two rounds of BUMPEPOCH: gossip takes about a second.
const bumpPause = time.Second

// Decide turns an observation into a plan. It has no I/O and no clock.
func Decide(o model.Observation) model.Plan {
	var p planner
	switch {
	case !o.KeepalivedLives:
		p.situation(&o)
		p.say(o.Why)
	case o.Maintenance.Word != "":
		p.situation(&o)
		p.say(maintained(o.Maintenance))
	case o.Fence != nil:
		p.fenced(&o)
	case o.Isolated():
		p.do(model.Fence)
		p.in(LookAgain)
		p.say(fmt.Sprintf("fence: this host is cut off, no peer and no witness (%s) answers; writes are refused here", o.Witness.Name))
	case o.CutOff():
		p.in(LookAgain)
		p.say(fmt.Sprintf("possibly cut off: no peer and no witness (%s) answers; nothing is promoted, looking again; hint: if this host is not cut off, name a witness that answers", o.Witness.Name))
	default:
		p.guard(&o)
		p.goOn(&o)
	}
	p.restarts(&o)
	return p.plan()
}

// goOn decides where nothing keeps this host from acting.
func (p *planner) goOn(o *model.Observation) {
	switch {
	case o.SwitchoverOpen:
		p.do(model.UndoSwitchover)
		p.say("a switchover was begun and not ended; writes are given back")
	case len(o.LeftStopped) > 0:
		for _, a := range o.LeftStopped {
			p.add(model.Step{Do: model.Restore, Instance: a})
			p.say(fmt.Sprintf("writes on %s are stopped and neither a fence nor a switchover of ours is on record; they are given back", a))
		}
	case o.Replication() && (o.State == model.VRRPMaster || o.State == model.VRRPBackup):
		p.pairs(o)
	case o.State == model.VRRPMaster:
		p.master(o)
	case o.State == model.VRRPNone:
		p.say(o.Why)
	case o.State == model.VRRPFault:
		p.fault(o)
	default:
		p.say(string(o.State) + ": Redis is left as it is")
	}
}

// maintained is what is said in a maintenance.
func maintained(m model.Maintenance) string {
	return "maintenance (" + m.String() + "): nothing is changed; hint: to end it, remove the file " + model.MaintenanceFile + " in the state directory"
}

// situation says what makes the host unhealthy where nothing is done about it: the check repeats the sentence as its reason.
func (p *planner) situation(o *model.Observation) {
	if o.Isolated() {
		p.say(fmt.Sprintf("this host is cut off, no peer and no witness (%s) answers", o.Witness.Name))
	}
	if o.Fence != nil {
		p.say("fenced: writes are refused here")
	}
}

// master decides for the host that holds the VIP.
func (p *planner) master(o *model.Observation) {
	if o.View() == nil {
		p.say("MASTER: no local instance answers as a node of a cluster, so nothing can be promoted")
		return
	}
	for _, l := range o.Locals {
		if l.Role() == model.Replica && l.State.Alive() {
			p.replica(o, l)
		}
	}
	if len(p.clauses) == 0 {
		p.say("MASTER: every master is on this host")
	}
	p.bump(o)
}

// bump goes on with what a takeover has begun.
func (p *planner) bump(o *model.Observation) {
	if o.BumpGoal > 0 && len(p.steps) == 0 {
		p.do(model.Bump)
		p.in(bumpPause)
		p.say(fmt.Sprintf("raise the config epochs of our masters to %d, so that a host that was cut off loses when it returns", o.BumpGoal))
	}
}

// fault decides for a host in FAULT. Its Redis is left as it is, with two exceptions. Where every other host is lost, what is healthy here is all
// that there is, whatever keeps the VIP away; the witness must answer in the same look. And a master of a pair beside a serving one of a better
// claim follows it here as in BACKUP: what made this host unhealthy may be that very master. (Found by a storm: a save on a full disk.)
func (p *planner) fault(o *model.Observation) {
	if o.Witness.Answers && o.PeersSilent() {
		o.Hook = false // VRRP says nothing of the other host here, so it takes two looks
		for _, l := range o.Locals {
			master, local, known := lostMaster(o, l)
			if known && !local {
				p.lostHost(o, l, master)
			}
		}
		p.bump(o)
	}
	for _, l := range o.Locals {
		if o.Replication() && model.Overruled(o, l) && Watched(o, l) == "" {
			p.twoMasters(o, l, o.PeerOf(l))
		}
	}
	if len(p.clauses) == 0 {
		p.say(string(o.State) + ": Redis is left as it is")
	}
}

// lostMaster is the address of the master of a local replica that answers, and whether it is on this host.
func lostMaster(o *model.Observation, l model.Look) (master netip.AddrPort, local, known bool) {
	if l.Role() != model.Replica || !l.State.Alive() {
		return master, false, false
	}
	if o.Replication() {
		peer := o.Pairs[l.Instance].Peer
		return peer, false, peer.IsValid() && l.Info.Master == peer
	}
	_, master, local, known = o.MasterOf(l)
	return master, local, known
}

// replica decides for one local replica by the fate of its master.
func (p *planner) replica(o *model.Observation, l model.Look) {
	me := model.LocalAddr(l)
	m, master, local, found := o.MasterOf(l)
	switch {
	case !found:
		p.say(fmt.Sprintf("%s: the address of its master is not known yet", me))
		p.in(LookAgain)
	case local && m.State.Alive():
		p.say(fmt.Sprintf("%s stays replica of %s on this host", me, master))
	case local && o.GivenUp[m.Instance]:
		p.promote(o, l, fmt.Sprintf("its master %s on this host is dead and its restart was given up", master))
	case local:
		p.say(fmt.Sprintf("%s: its master %s on this host is being restarted", me, master))
	case o.HostSilent(master.Addr()):
		p.lostHost(o, l, master)
	case m.State.Serves() && m.Role() == model.Master:
		p.living(o, l, m)
	case m.State.Down() || m.State == model.Loading || m.Role() == model.Replica:
		p.notServing(o, l, m)
	default:
		p.say(fmt.Sprintf("%s is not promoted: its master %s %s; hint: repair it on %s", me, master, m.State, master.Addr()))
	}
}

// lostHost: the master's whole host is silent.
func (p *planner) lostHost(o *model.Observation, l model.Look, master netip.AddrPort) {
	if a := o.Hosts[master.Addr()]; !o.Hook && (a.Looks < 2 || a.For < model.MinLookGap) {
		p.say(fmt.Sprintf("host %s is silent; looking again", master.Addr()))
		p.in(LookAgain)
		return
	}
	p.promote(o, l, fmt.Sprintf("its master %s is lost, host %s is silent", master, master.Addr()))
}

// notServing: the master's host answers, the master does not serve. It gets a little time to come back.
func (p *planner) notServing(o *model.Observation, l model.Look, m model.Look) {
	master := m.Instance.Addr
	why := fmt.Sprintf("its master %s %s", master, m.State)
	if m.State == model.Up {
		why = fmt.Sprintf("its master %s is itself a replica", master)
	}
	a := o.Instances[master]
	wait := max(grace(o, m.State), unproven(o, m.State, a))
	if !o.Hook {
		wait = max(o.Times.Deadline, unproven(o, m.State, a))
	}
	if a.For < wait || !o.Hook && a.Looks < 2 {
		p.say(fmt.Sprintf("%s: %s; waiting for it", model.LocalAddr(l), why))
		p.in(LookAgain)
		return
	}
	p.promote(o, l, why)
}

// refusedGrace is how long a hook waits for a master that refuses connections. Nobody listens there, so nobody is told that his
// write was taken; and the host has restarted what it can before it gave the VIP away.
const refusedGrace = 300 * time.Millisecond

// grace is how long a hook waits for a master on a host that answers.
func grace(o *model.Observation, s model.State) time.Duration {
	if s == model.Refused {
		return min(refusedGrace, o.Times.StallGrace)
	}
	return o.Times.StallGrace
}

// withVIP is how much earlier than the first look at a stalled instance the VIP may have come here, to have come because of it: a host
// looks at its peers once a second.
const withVIP = time.Second

// unproven is for how long a stalled instance on another host, or a silent one on a host that answers, proves nothing: its own host can tell whether it works or hangs, and would
// have given the VIP away. Where the VIP came here when the instance stalled, that host has judged.
func unproven(o *model.Observation, s model.State, a model.Stretch) time.Duration {
	if s != model.Stalled && s != model.Silent || o.State == model.VRRPMaster && o.HeldFor <= a.For+withVIP {
		return 0
	}
	return o.Times.BusyGrace
}

// living: the master serves on another host.
func (p *planner) living(o *model.Observation, l model.Look, m model.Look) {
	me, master := model.LocalAddr(l), m.Instance.Addr
	lag := m.Info.Offset - l.Info.Offset
	self, _ := l.Self()
	migrates := InMigration(o, self.MasterID) // the new master would not know of it, and the keys that have gone would be missed
	switch {
	case policy(o) == model.PolicyStay:
		p.say(fmt.Sprintf("%s stays where it is (policy stay)", master))
	case Watched(o, l) != "":
		p.say(Watched(o, l))
	case o.BothMaster:
		p.say(fmt.Sprintf("%s stays where it is: a master was taken away from this host while the VIP was here, so %s", master, BothMaster))
	case o.HeldFor < o.Times.Settle:
		p.say(fmt.Sprintf("%s is switched over once the VIP has been held for %s", master, o.Times.Settle))
		p.in(o.Times.Settle - o.HeldFor)
	case l.State != model.Up:
		p.say(fmt.Sprintf("%s is not switched over yet: %s %s", master, me, l.State))
		p.in(LookAgain)
	case o.SwitchoverWait > 0:
		p.say(fmt.Sprintf("%s: the last switchover failed, the next try is in at most %s", master, roundUp(o.SwitchoverWait)))
	case migrates:
		p.say(fmt.Sprintf("%s is not switched over yet: slots are on their way to or from it; hint: let that end, or redis-cli --cluster fix %s", master, master))
	case !l.Info.LinkUp:
		p.say(fmt.Sprintf("%s is not switched over: the link of %s to it is down", master, me))
	case lag > o.MaxLag:
		p.say(fmt.Sprintf("%s is not switched over yet: %s is behind by more than %d bytes", master, me, o.MaxLag))
	default:
		p.add(model.Step{Do: model.Switchover, Instance: l.Instance, From: m.Instance})
		p.say(fmt.Sprintf("switchover %s to %s: the VIP is here and both are alive", master, me))
	}
}

// BothMaster is said where two hosts take masters from each other.
const BothMaster = "both hosts act as MASTER; hint: is VRRP (IP protocol 112) blocked between them?"

// roundUp keeps a countdown from making a new sentence at every look.
func roundUp(d time.Duration) time.Duration { return d.Truncate(30*time.Second) + 30*time.Second }

// fenced decides while a fence is on record.
func (p *planner) fenced(o *model.Observation) {
	f := o.Fence
	switch {
	case o.Isolated() && !f.Stopped && min(f.For, o.Alone.For) >= o.Times.FenceStopAfter:
		p.do(model.FenceStop)
		p.say(fmt.Sprintf("fenced and still cut off after %s: the instances are stopped", o.Times.FenceStopAfter))
	case o.Isolated() || o.CutOff():
		if !f.Stopped {
			p.do(model.Fence)
			if f.For >= o.Times.FenceStopAfter/2 {
				// A cable that flaps is whole for moments only. One that is seen puts the stop off, and one look a second misses them.
				p.in(flapAgain)
			}
		}
		p.say("fenced: this host is cut off, writes are refused here")
	case o.Unanswered():
		p.lift(o, fmt.Sprintf("this host is not cut off, and no Redis of a peer has answered for %s", o.Times.ColdStartWait))
	case f.HeardFor >= f.HoldOff && o.Heard():
		p.lift(o, fmt.Sprintf("the other host has answered for %s", f.HoldOff))
	default:
		if !f.Stopped {
			p.do(model.Fence)
		}
		p.say(fmt.Sprintf("fenced: the other host must answer for %s before anything is given back", f.HoldOff))
	}
}

// lift ends a fence: what it stopped is started, and each instance may write again once the peers agree with its role.
func (p *planner) lift(o *model.Observation, why string) {
	if o.Fence.Stopped {
		p.do(model.LiftStart)
		p.in(LookAgain)
		p.say("the fence lifts: " + why + "; what it stopped is started, and takes no writes yet")
		return
	}
	waiting, start := false, false
	for _, l := range o.Locals {
		if l.State == model.Refused && liftsFor(o) >= startsWithin {
			p.say(fmt.Sprintf("%s does not start, and the fence lifts without it", l.Instance.Name()))
			continue
		}
		reason := notYet(o, l)
		if reason == "" {
			p.add(model.Step{Do: model.Restore, Instance: l.Instance})
			continue
		}
		waiting = true
		start = start || l.State == model.Refused
		p.add(model.Step{Do: model.Fence, Instance: l.Instance})
		if o.Replication() && model.Overruled(o, l) && Watched(o, l) == "" {
			p.add(model.Step{Do: model.Follow, Instance: l.Instance, From: model.At(o.Pairs[l.Instance].Peer)})
		}
		p.say(fmt.Sprintf("the fence on %s stays: %s", l.Instance.Name(), reason))
	}
	if start {
		p.do(model.LiftStart)
	}
	if waiting {
		p.in(LookAgain)
		return
	}
	p.do(model.LiftDone)
	p.say("the fence lifts: " + why)
}

// startsWithin is how long an instance that does not start holds back the end of a fence. After that it is dead as any other.
const startsWithin = 10 * time.Second

// liftsFor is for how long nothing has stood against the end of the fence but the instances themselves.
func liftsFor(o *model.Observation) time.Duration {
	return max(o.Fence.HeardFor-o.Fence.HoldOff, o.Fence.UnansweredFor-o.Times.ColdStartWait)
}

// notYet is the reason why a fenced instance may not write yet, or nothing.
func notYet(o *model.Observation, l model.Look) string {
	if o.Replication() {
		return pairNotYet(o, l)
	}
	self, ok := l.Self()
	switch {
	case l.State == model.Loading:
		return "it is still loading its data set"
	case !l.State.Alive() || !ok:
		return "it does not answer yet"
	case l.Role() == model.Replica || len(self.Slots) == 0:
		return ""
	case o.Agreed(self), o.Unanswered():
		return ""
	}
	return "it is a master and no peer agrees with that yet"
}
