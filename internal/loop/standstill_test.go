package loop

import (
	"syscall"
	"testing"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/reason"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/testing/redistest"
	"keepalived-redis/internal/testing/sessiontest"
)

// asleep lets host A stand still while host B takes its masters. It returns in the instant in which host A wakes.
func (w *modelWorld) asleep() {
	w.rounds(2)
	a, b := w.hosts[0], w.hosts[1]
	w.setCut(true) // a host that stands still answers nothing
	b.state = model.VRRPMaster
	for range 6 {
		w.pass(time.Second)
		b.checkRun(kill{})
	}
	w.setCut(false)
	a.state = model.VRRPBackup
}

// TestHostThatWakesTakesNoWrites: the first check run after a standstill refuses writes on what another host has taken over meanwhile.
func TestHostThatWakesTakesNoWrites(t *testing.T) {
	for _, version := range []string{"7.0.15", "3.2.4"} {
		w := newPairModel(t, version, model.DurabilityAsync)
		w.asleep()
		own, other := w.hosts[0].server(), w.hosts[1].server()
		if !other.View().Master || !own.View().Master {
			t.Fatalf("%s: no takeover: %+v, %+v", version, own.View(), other.View())
		}
		plan := w.hosts[0].checkRun(kill{})
		if v := own.View(); v.Replicas != redis.StopWrites {
			t.Errorf("%s: it takes writes: %+v, %s", version, v, reason.Lines(plan.Clauses))
		}
		w.rounds(3)
		if v := own.View(); v.Master || v.Replicas == redis.StopWrites {
			t.Errorf("%s: in the end: %+v", version, v)
		}
		w.close()
	}
}

// TestHostThatWakesBesideItsReplica: nobody has taken anything over, and nothing is refused.
func TestHostThatWakesBesideItsReplica(t *testing.T) {
	w := newPairModel(t, "7.0.15", model.DurabilityAsync)
	defer w.close()
	w.rounds(2)
	w.pass(10 * time.Second)
	changes := w.hosts[0].server().View()
	if plan := w.hosts[0].checkRun(kill{}); len(plan.Steps) > 0 || w.hosts[0].server().View().Replicas != changes.Replicas {
		t.Errorf("%s", reason.Lines(plan.Clauses))
	}
}

// On a real server the refusal of the first run is in force, and it ends with the loser's role.
func TestPairThatStoodStill(t *testing.T) {
	a, b := startPair(t)
	a.awaitOld()
	for range 2 {
		if _, err := a.checkRun(); err != nil {
			t.Fatal(err)
		}
	}
	b.s.Do(t, "slaveof", "no", "one")
	b.s.Do(t, "set", model.TermKey, 7)
	later := state.Now()
	later.Mono += 10 * time.Second
	begun := time.Now()
	state.SetClock(func() state.Stamp {
		now := later
		now.Mono += time.Since(begun)
		return now
	})
	defer state.SetClock(nil)
	if plan, err := a.checkRun(); err != nil || a.setting("min-slaves-to-write") != redis.StopWrites {
		t.Errorf("it takes writes: %s, %v", reason.Lines(plan.Clauses), err)
	}
	a.until(model.Follow)
	a.awaitLinked()
	if v := a.setting("min-slaves-to-write"); v != "0" {
		t.Errorf("min-slaves-to-write is %s", v)
	}
}

// TestPairHungMasterIsKilled: a master that hangs is killed once its peer leads, and not before, and not in the first look.
func TestPairHungMasterIsKilled(t *testing.T) {
	a, b := startPair(t)
	k := &sessiontest.Killer{PID: a.s.PID()}
	a.r.Service = k
	if err := syscall.Kill(k.PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	run := func(want int) {
		t.Helper()
		if plan, err := a.checkRun(); err != nil || k.Kills != want {
			t.Fatalf("killed %d times, want %d: %s, %v", k.Kills, want, reason.Lines(plan.Clauses), err)
		}
	}
	for range 3 {
		run(0)
	}
	a.state, b.state = model.VRRPBackup, model.VRRPMaster
	b.until(model.Promote)
	run(0)
	run(1)
	redistest.Await(t, "it is gone", func() bool { return a.s.Look().State == model.Refused })
}
