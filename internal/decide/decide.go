// Package decide is pure: an Observation comes in, a Verdict and a Plan go out. It has no I/O, no clock and no log (pure_test.go).
package decide

import (
	"net/netip"
	"slices"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/reason"
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
		p.keep(o.Why)
	case o.Maintenance.Word != "":
		p.situation(&o)
		p.keep(maintained(o.Maintenance))
	case o.Fence != nil:
		p.fenced(&o)
	case o.Isolated():
		p.do(model.Step{Do: model.Fence}, cutOff(&o))
		p.in(LookAgain)
	case o.CutOff():
		why := cutOff(&o)
		if why.Reason == reason.CutOff {
			why.Reason = reason.PerhapsCutOff
		}
		p.wait(why)
	case o.Unjudged():
		p.guard(&o)
		p.wait(witnessUnasked(&o))
	default:
		p.guard(&o)
		p.goOn(&o)
	}
	p.restarts(&o)
	return p.plan()
}

// goOn decides where nothing keeps this host from acting.
func (p *planner) goOn(o *model.Observation) {
	p.unfinished(o)
	p.leftStopped(o)
	switch {
	case o.Replication() && (o.State == model.VRRPMaster || o.State == model.VRRPBackup):
		p.pairs(o)
	case o.State == model.VRRPMaster:
		p.master(o)
	case o.State == model.VRRPNone:
		p.keep(o.Why)
	case o.State == model.VRRPFault:
		p.fault(o)
	default:
		p.keep(asItIs(o))
	}
}

// asItIs is said where the VRRP state asks for nothing.
func asItIs(o *model.Observation) model.Clause {
	return model.Clause{Reason: reason.NotMaster, Name: string(o.State)}
}

// maintained is what is said in a maintenance.
func maintained(m model.Maintenance) model.Clause {
	return model.Clause{Reason: reason.Maintenance, Name: m.String()}
}

// cutOff says that this host is.
func cutOff(o *model.Observation) model.Clause {
	if o.Lease == model.LeaseLost {
		return model.Clause{Reason: reason.LeaseLost}
	}
	return model.Clause{Reason: reason.CutOff, Name: o.Witness.Name}
}

// witnessUnasked says that this host could not ask its witness.
func witnessUnasked(o *model.Observation) model.Clause {
	return model.Clause{Reason: reason.WitnessUnasked, Name: o.Witness.Name}
}

// situation says what makes the host unhealthy where nothing is done about it.
func (p *planner) situation(o *model.Observation) {
	if o.Isolated() {
		p.say(model.Warn, cutOff(o))
	}
	if o.Fence != nil {
		p.say(model.Warn, model.Clause{Reason: reason.Fenced})
	}
}

// master decides for the host that holds the VIP.
func (p *planner) master(o *model.Observation) {
	if o.View() == nil {
		p.keep(model.Clause{Reason: reason.NoCluster})
		return
	}
	for _, l := range o.Locals {
		if l.Role() == model.Replica && l.State.Alive() && !p.isHeld(l) {
			p.replica(o, l)
		}
	}
	p.bump(o)
	if len(p.clauses) == 0 {
		p.keep(model.Clause{Reason: reason.InPlace})
	}
}

// bump goes on with what a takeover has begun.
func (p *planner) bump(o *model.Observation) {
	if o.BumpGoal > 0 && len(p.steps) == 0 {
		p.do(model.Step{Do: model.Bump}, model.Clause{Reason: reason.OldEpochs, Count: int64(o.BumpGoal)})
		p.in(bumpPause)
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
			if known && !local && !slotless(o, l) {
				p.lostHost(o, l, master)
			}
		}
		p.bump(o)
	}
	p.renewTerms(o)
	for _, l := range o.Locals {
		if o.Replication() && model.Overruled(o, l) && !o.Sentinel[l.Instance] {
			p.twoMasters(o, l, o.PeerOf(l))
		}
	}
	if len(p.clauses) == 0 {
		p.keep(asItIs(o))
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
	m, master, local, found := o.MasterOf(l)
	of := func(r model.Reason) model.Clause { return about(l, r, model.At(master)) }
	switch {
	case !found:
		p.wait(about(l, reason.MasterUnknown))
	case slotless(o, l):
		p.keep(of(reason.NoSlots))
	case local && m.State.Alive():
		p.keep(of(reason.MasterHere))
	case local && o.GivenUp[m.Instance]:
		p.promote(o, l, of(reason.MasterGivenUp))
	case local:
		p.say(model.Wait, of(reason.MasterRestarts))
	case m.SaysNothing():
		p.wait(of(reason.PeerUnseen))
	case o.HostSilent(master.Addr()):
		p.lostHost(o, l, master)
	case m.State.Serves() && m.Role() == model.Master:
		p.living(o, l, m)
	case m.State.Down() || m.State == model.Loading || m.Role() == model.Replica || anotherProgram(l, m):
		p.notServing(o, l, m)
	default:
		p.say(model.NoPromotion, stands(l, m, reason.MasterUnusable))
	}
}

// lostHost: the master's whole host is silent.
func (p *planner) lostHost(o *model.Observation, l model.Look, master netip.AddrPort) {
	why := about(l, reason.HostSilent, model.At(master))
	why.Host = master.Addr()
	if a := o.Hosts[master.Addr()]; !o.Hook && (a.Looks < 2 || a.For < model.MinLookGap) {
		p.wait(why)
		return
	}
	p.promote(o, l, why)
}

// anotherProgram: what answers in the place of the master is no Redis, and the replica's own link has ended as well.
func anotherProgram(l, m model.Look) bool {
	return m.State == model.NotRedis && l.Info != nil && !l.Info.LinkUp
}

// notServing: the master's host answers, the master does not serve. It gets a little time to come back.
func (p *planner) notServing(o *model.Observation, l model.Look, m model.Look) {
	why := stands(l, m, reason.MasterDown)
	if m.State == model.Up {
		why = stands(l, m, reason.MasterIsReplica)
	}
	a := o.Instances[m.Instance.Addr]
	wait := max(grace(o, m.State), unproven(o, m.State, a))
	if !o.Hook {
		wait = max(o.Times.Deadline, unproven(o, m.State, a))
	}
	if a.For < wait || !o.Hook && a.Looks < 2 {
		p.wait(why)
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
	of := func(r model.Reason) model.Clause { return about(l, r, m.Instance) }
	self, _ := l.Self()
	switch {
	case policy(o) == model.PolicyStay:
		p.say(model.NoSwitchover, of(reason.PolicyStay))
	case o.Sentinel[l.Instance]:
		p.keep(about(l, reason.Sentinel))
	case o.BothMaster:
		p.say(model.NoSwitchover, of(reason.BothHoldVIP))
	case o.HeldFor < o.Times.Settle:
		why := of(reason.Settle)
		why.For = o.Times.Settle
		p.say(model.NoSwitchover, why)
		p.in(o.Times.Settle - o.HeldFor)
	case o.NoRoom[l.Instance]:
		p.say(model.NoSwitchover, about(l, reason.NoRoom))
		p.in(LookAgain)
	case l.State != model.Up:
		p.say(model.NoSwitchover, of(reason.Of(l.State)))
		p.in(LookAgain)
	case o.SwitchoverWait > 0:
		why := of(reason.SwitchoverFailed)
		why.For = o.SwitchoverWait.Truncate(time.Second) + time.Second
		p.say(model.NoSwitchover, why)
	case InMigration(o, self.MasterID): // the new master would not know of it, and the keys that have gone would be missed
		p.say(model.NoSwitchover, of(reason.SlotsMove))
	case !l.Info.LinkUp:
		p.say(model.NoSwitchover, of(reason.LinkDown))
	case m.Info.Offset-l.Info.Offset > o.MaxLag:
		why := of(reason.ReplicaBehind)
		why.Count = o.MaxLag
		p.say(model.NoSwitchover, why)
	default:
		p.do(model.Step{Do: model.Switchover, Instance: l.Instance, From: m.Instance}, of(reason.VIPHere))
	}
}

// fenced decides while a fence is on record.
func (p *planner) fenced(o *model.Observation) {
	f, stopped := o.Fence, stopped(o)
	switch {
	case o.LongGone: // nobody else serves: writes are refused while the witness is silent, and nothing is stopped
		p.longGone(o)
	case o.Isolated() && !stopped && f.Scripts:
		p.do(model.Step{Do: model.FenceStop}, model.Clause{Reason: reason.ScriptsPass})
	case o.Isolated() && !stopped && min(f.For, o.Alone.For) >= o.Times.FenceStopAfter:
		p.do(model.Step{Do: model.FenceStop}, model.Clause{Reason: reason.StillCutOff, For: o.Times.FenceStopAfter})
	case o.Isolated() || o.CutOff():
		p.refence(o, cutOff(o))
		if !stopped && f.For >= o.Times.FenceStopAfter/2 {
			// A cable that flaps is whole for moments only. One that is seen puts the stop off, and one look a second misses them.
			p.in(flapAgain)
		}
	case o.Unanswered():
		p.lift(o, model.Clause{Reason: reason.NoPeerAnswered, For: o.Times.ColdStartWait})
	case f.HeardFor >= f.HoldOff && o.Heard():
		p.lift(o, model.Clause{Reason: reason.PeerHeard, For: f.HoldOff})
	default:
		p.refence(o, model.Clause{Reason: reason.HoldOff, For: f.HoldOff})
	}
}

// longGone decides on the fence of a host whose peers had been gone for long before it was cut off.
func (p *planner) longGone(o *model.Observation) {
	if o.CutOff() || !o.Witness.Answers {
		p.refence(o, cutOff(o))
		return
	}
	p.lift(o, model.Clause{Reason: reason.PeersLongGone, For: o.Times.ColdStartWait})
}

// stopped: the fence has stopped the instances, and nobody has started one since, as the boot of this host does.
func stopped(o *model.Observation) bool {
	return o.Fence.Stopped && !slices.ContainsFunc(o.Locals, func(l model.Look) bool { return l.State.Alive() })
}

// refence fences once more what runs: an instance may have been started since.
func (p *planner) refence(o *model.Observation, why model.Clause) {
	if stopped(o) {
		p.say(model.Warn, why) // nothing is left to do, and all is not well
		return
	}
	p.do(model.Step{Do: model.Fence}, why)
}

// lift ends a fence: what it stopped is started, and each instance may write again once the peers agree with its role.
func (p *planner) lift(o *model.Observation, why model.Clause) {
	if o.Fence.Stopped {
		p.do(model.Step{Do: model.LiftStart}, why)
		p.in(LookAgain)
		return
	}
	waiting, start := false, false
	for _, l := range o.Locals {
		if l.State == model.Refused && liftsFor(o) >= startsWithin {
			p.keep(about(l, reason.StartsNot))
			continue
		}
		doubt := notYet(o, l)
		if doubt.Reason == "" {
			p.step(model.Step{Do: model.Restore, Instance: l.Instance})
			continue
		}
		waiting = true
		start = start || l.State == model.Refused
		p.do(model.Step{Do: model.Fence, Instance: l.Instance}, doubt)
		if o.Replication() && model.Overruled(o, l) && !o.Sentinel[l.Instance] {
			p.do(model.Step{Do: model.Follow, Instance: l.Instance, From: model.At(o.Pairs[l.Instance].Peer)}, doubt)
		}
	}
	if start {
		p.step(model.Step{Do: model.LiftStart})
	}
	if waiting {
		p.in(LookAgain)
		return
	}
	p.do(model.Step{Do: model.LiftDone}, why)
}

// startsWithin is how long an instance that does not start holds back the end of a fence. After that it is dead as any other.
const startsWithin = 10 * time.Second

// liftsFor is for how long nothing has stood against the end of the fence but the instances themselves.
func liftsFor(o *model.Observation) time.Duration {
	return max(o.Fence.HeardFor-o.Fence.HoldOff, o.Fence.UnansweredFor-o.Times.ColdStartWait)
}

// notYet is why an instance whose writes are stopped may not write yet; it has no reason where it may.
func notYet(o *model.Observation, l model.Look) model.Clause {
	if o.Replication() {
		return pairNotYet(o, l)
	}
	self, ok := l.Self()
	switch {
	case l.State == model.Loading:
		return about(l, reason.Of(model.Loading))
	case !l.State.Alive() || !ok:
		return about(l, reason.NoAnswerYet)
	case l.Role() == model.Replica || len(self.Slots) == 0:
	case !o.Supplanted(l) && o.Agreed(self), o.Unanswered():
	default:
		why := about(l, reason.Unconfirmed)
		why.For = o.Times.ColdStartWait
		return why
	}
	return model.Clause{}
}
