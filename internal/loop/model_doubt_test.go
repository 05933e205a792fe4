package loop

import (
	"testing"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
)

// toB moves the VIP from a to b, and has b switch over what it can.
func (w *modelWorld) toB() (a, b *modelHost) {
	a, b = w.hosts[0], w.hosts[1]
	a.state, b.state = model.VRRPBackup, model.VRRPMaster
	w.pass(10 * time.Second)
	b.checkRun(kill{})
	return a, b
}

// The answer to SLAVEOF NO ONE does not come: the new master leads, or does not. So the old one takes no write until that is known.
func TestModelAnUnansweredPromotionKeepsWritesStopped(t *testing.T) {
	for _, version := range []string{"7.0.15", "3.2.4"} {
		w := newPairModel(t, version, model.DurabilityAsync)
		defer w.end(t)
		w.hosts[1].server().StallAfter("slaveof no one")
		a, b := w.toB()
		if !b.server().View().Master || !b.switching() {
			t.Fatalf("it leads: %v, the switchover is on record: %v", b.server().View().Master, b.switching())
		}
		for range 3 {
			w.pass(time.Second) // the pause is over
			a.checkRun(kill{})
			b.checkRun(kill{})
			if w.write(a) {
				t.Fatal("the old master takes a write")
			}
		}
		b.server().Stall(false)
		w.rounds(5)
		if !b.server().View().Master || a.server().View().Master || b.switching() || !w.write(b) {
			t.Errorf("a is %+v, b is %+v", a.server().View(), b.server().View())
		}
		w.lostNothing(t)
	}
}

// One that was not promoted for certain lets its old master go on.
func TestModelAPromotionThatIsRefusedGivesWritesBack(t *testing.T) {
	w := newPairModel(t, "7.0.15", model.DurabilityAsync)
	defer w.end(t)
	w.hosts[1].server().Fail("slaveof no one", "ERR the test says so")
	a, b := w.toB()
	if v := a.server().View(); !w.write(a) || v.Replicas == redis.StopWrites || b.switching() {
		t.Errorf("the old master takes no write: %+v", v)
	}
}

// The bus between the hosts is cut in the middle of a switchover: the new master leads, and the old one hears nothing of that. It takes no write, and its
// own host gives none back.
func TestModelACutBusKeepsWritesStopped(t *testing.T) {
	w := newClusterModel(t)
	defer w.end(t)
	w.fake.CutBus(true)
	a, b := w.toB()
	if !a.servers[0].View().Master || !b.servers[0].View().Master || !b.switching() {
		t.Fatalf("two masters: %+v, %+v; the switchover is on record: %v", a.servers[0].View(), b.servers[0].View(), b.switching())
	}
	for range 8 {
		w.pass(time.Second)
		a.checkRun(kill{})
		b.checkRun(kill{})
		if w.write(a.servers[0]) {
			t.Fatal("the old master takes a write")
		}
	}
	w.fake.CutBus(false)
	w.pass(10 * time.Second)
	w.settle(func() bool { return len(w.whole(b)) == 0 })
	if wrong := w.whole(b); len(wrong) > 0 || w.write(a.servers[0]) || !w.write(b.servers[0]) {
		t.Errorf("not repaired: %v", wrong)
	}
}

// The run of a switchover dies when the old master is about to be left, or has just been. With the bus cut the next check run of its host has the old
// master refuse writes before its pause is over, where the replica leads; the old master's own host gives them back only where that does not lead.
func TestModelTheOwnHostComparesWhoLeads(t *testing.T) {
	for change := 1; change <= 2; change++ { // pause, take over
		w := newClusterModel(t)
		defer w.end(t)
		w.fake.CutBus(true)
		a, b := w.hosts[0], w.hosts[1]
		a.state, b.state = model.VRRPBackup, model.VRRPMaster
		w.pass(10 * time.Second)
		b.checkRun(kill{change, true})
		leads := b.servers[0].View().Master
		if leads != (change == 2) {
			t.Fatalf("killed at change %d: the new master leads: %v", change, leads)
		}
		for s := 1; s <= 8; s++ {
			w.pass(time.Second)
			a.checkRun(kill{})
			if s == 1 {
				b.checkRun(kill{})
				b.state = model.VRRPNone // and now its keepalived is dead
			}
			if took := w.write(a.servers[0]); leads && took {
				t.Fatalf("after %d s the old master takes a write beside the new one", s)
			}
		}
		if took := w.write(a.servers[0]); took == leads {
			t.Errorf("killed at change %d: the new master leads: %v, the old one takes writes: %v", change, leads, took)
		}
	}
}

// An undo that fails for ever is about its own two instances. A master of another one is lost, and its replica is promoted.
func TestModelAnUndoThatFailsHoldsUpNobodyElse(t *testing.T) {
	w := newClusterModel(t)
	defer w.end(t)
	w.hosts[0].servers[0].Fail("client unpause", "NOPERM this user has no permissions to run the 'client|unpause' command")
	a, b := w.toB()
	if !b.switching() {
		t.Fatal("the undo did not fail")
	}
	a.servers[2].Crash(true)
	w.rounds(8)
	if !b.servers[2].View().Master || !b.switching() {
		t.Errorf("the master was lost, and its replica is %+v; the undo is open: %v", b.servers[2].View(), b.switching())
	}
}

// Up to 6.0 what scripts write passes a refusal. Where the old master has run some, every client of it is held back while the roles change.
func TestModelASwitchoverWhereScriptsPass(t *testing.T) {
	thrownOut := map[bool]int{}
	for _, scripts := range []bool{false, true} {
		w := newPairModel(t, "3.2.4", model.DurabilityAsync)
		defer w.end(t)
		if scripts {
			w.hosts[0].server().RunScript()
		}
		a, b := w.toB()
		if !b.server().View().Master || a.server().View().Master || b.switching() || !w.write(b) {
			t.Errorf("scripts %v: a is %+v, b is %+v", scripts, a.server().View(), b.server().View())
		}
		thrownOut[scripts] = a.server().Killed()
		w.lostNothing(t)
	}
	if thrownOut[true] != thrownOut[false]+1 {
		t.Errorf("clients were thrown out %v times", thrownOut)
	}
}
