package loop

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keepalived-redis/internal/act"
	"keepalived-redis/internal/decide"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/testing/redistest"
	"keepalived-redis/internal/testing/sessiontest"
)

// What was done already is done: the same plan again changes nothing, also not the term.
func TestPairPlansTwiceEqualOnce(t *testing.T) {
	a, b := startPair(t)
	o := b.observe()
	a.s.Kill()
	for _, steps := range [][]model.Step{
		{{Do: model.Promote, Instance: model.At(b.s.Addr)}},
		{{Do: model.NeedReplica, Instance: model.At(b.s.Addr)}},
		{{Do: model.Relax, Instance: model.At(b.s.Addr)}},
	} {
		var before string
		for range 2 {
			if err := b.r.Apply(sessiontest.Within(t, 5*time.Second), o, model.Plan{Steps: steps}); err != nil {
				t.Fatal(err)
			}
			now := strings.Join(append(strings.Fields(b.conf()), b.setting("min-slaves-to-write"), b.s.Do(t, "get", model.TermKey)), " ")
			if before != "" && now != before {
				t.Errorf("%v: %s\nthen: %s", steps, before, now)
			}
			before = now
		}
	}
	a.s.Run(t)
	a.state = model.VRRPBackup
	a.observe()
	a.until(model.Follow)
	a.awaitLinked()
	o = a.observe()
	term := a.term()
	for range 2 {
		if err := a.r.Apply(sessiontest.Within(t, 5*time.Second), o, model.Plan{Steps: []model.Step{{Do: model.Follow, Instance: model.At(a.s.Addr), From: model.At(b.s.Addr)}}}); err != nil {
			t.Fatal(err)
		}
	}
	a.awaitLinked()
	if a.term() != term {
		t.Errorf("term %d, then %d", term, a.term())
	}
}

// A switchover that cannot be finished leaves both as they were.
func TestPairSwitchoverThatFailsIsUndone(t *testing.T) {
	a, b := startPair(t)
	for _, x := range []*pairHost{a, b} {
		x.r.Config.Durability = model.DurabilityReplicated
		x.until(model.NeedReplica)
	}
	o := b.observe()
	b.s.Do(t, "acl", "setuser", "default", "-slaveof")
	if err := b.r.Apply(sessiontest.Within(t, 5*time.Second), o, model.Plan{Steps: []model.Step{{Do: model.Switchover, Instance: model.At(b.s.Addr), From: model.At(a.s.Addr)}}}); err == nil {
		t.Error("switched over to a replica that must not be promoted")
	}
	a.is(model.Master)
	b.is(model.Replica)
	if v := b.setting("min-slaves-to-write"); v != "1" || b.r.Memory.SwitchoverFailures != 1 {
		t.Errorf("min-slaves-to-write %s after %d failures", v, b.r.Memory.SwitchoverFailures)
	}
	begun := time.Now()
	a.s.Do(t, "set", "k", "v")
	if took := time.Since(begun); took > act.PauseFor/2 {
		t.Errorf("a write still waited %s", took)
	}
}

// A save that takes longer than a run is awaited by the next ones, with writes stopped all the while.
func TestPairSaveThatTakesSeveralRuns(t *testing.T) {
	t.Parallel()
	a, b := startPair(t)
	for i := range 30 {
		a.s.Do(t, "set", i, "v")
	}
	b.s.Do(t, "slaveof", "no", "one")
	b.s.Do(t, "set", model.TermKey, 3)
	a.s.Do(t, "config", "set", "rdb-key-save-delay", 150000) // microseconds a key: 4.5 s, longer than stopped writes are left alone
	a.state = model.VRRPBackup
	runs := 0
	redistest.Await(t, "it follows", func() bool {
		o := a.observe()
		if len(o.LeftStopped) > 0 {
			t.Fatal("writes are given back in the middle of a save")
		}
		plan := decide.Decide(o)
		ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
		defer cancel()
		err := a.r.Apply(ctx, o, plan)
		if errors.Is(err, act.ErrSaving) {
			runs++
			if v := a.setting("min-slaves-to-write"); v != redis.StopWrites {
				t.Errorf("min-slaves-to-write is %s during the save", v)
			}
			a.r.Store.SaveMemory(a.r.Memory)
			a.r.Memory = nil // the next run
			a.r.Begin()
		}
		return a.s.Look().Role() == model.Replica
	})
	if runs < 3 || a.setting("min-slaves-to-write") != "0" {
		t.Errorf("%d runs, min-slaves-to-write %s", runs, a.setting("min-slaves-to-write"))
	}
	if kept, _ := filepath.Glob(filepath.Join(a.r.Config.StateDir, act.DivergentDir, "*.rdb")); len(kept) != 1 {
		t.Errorf("kept %v", kept)
	}
}

// A switchover that is not begun is no failed one: nothing was changed, and the next check run tries again.
func TestPairSwitchoverIsNotBegunWithoutALink(t *testing.T) {
	a, b := startPair(t)
	for _, x := range []*pairHost{a, b} {
		x.r.Config.Durability = model.DurabilityReplicated
		x.until(model.NeedReplica)
	}
	b.state = model.VRRPMaster
	o := b.observe()
	sessiontest.BreakLink(t, a.s, b.s)
	before := sessiontest.Stops(t, a.s) + sessiontest.Stops(t, b.s)
	err := b.r.Apply(sessiontest.Within(t, 5*time.Second), o, model.Plan{Steps: []model.Step{{Do: model.Switchover, Instance: model.At(b.s.Addr), From: model.At(a.s.Addr)}}})
	if err == nil || b.r.Memory.SwitchoverFailures != 0 {
		t.Errorf("%d failures: %v", b.r.Memory.SwitchoverFailures, err)
	}
	a.is(model.Master)
	b.is(model.Replica)
	if after := sessiontest.Stops(t, a.s) + sessiontest.Stops(t, b.s); after != before {
		t.Errorf("%s, before: %s", after, before)
	}
	b.s.Do(t, "config", "set", "masteruser", "")
	b.s.Do(t, "config", "set", "masterauth", "")
	b.awaitLinked()
	b.until(model.Switchover)
	b.is(model.Master)
}

// A rule that a person gave the replica is its own. A switchover leaves it there, and the term is written all the same.
func TestPairSwitchoverLeavesTheReplicasOwnRule(t *testing.T) {
	a, b := startPair(t)
	b.s.Do(t, "config", "set", "min-slaves-to-write", "1")
	a.state, b.state = model.VRRPBackup, model.VRRPMaster
	b.until(model.Switchover)
	b.is(model.Master)
	if got := b.setting("min-slaves-to-write"); got != "1" || b.term() == 0 {
		t.Errorf("min-slaves-to-write %s, term %d", got, b.term())
	}
}
