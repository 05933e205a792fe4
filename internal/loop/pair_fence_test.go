package loop

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keepalived-redis/internal/act"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/testing/sessiontest"
)

func TestPairDurability(t *testing.T) {
	a, b := startPair(t)
	a.r.Config.Durability, b.r.Config.Durability = model.DurabilityReplicated, model.DurabilityReplicated
	a.until(model.NeedReplica)
	b.until(model.NeedReplica)
	for _, x := range []*pairHost{a, b} {
		if x.setting("min-slaves-to-write") != "1" || x.setting("min-slaves-max-lag") != "2" {
			t.Errorf("%s: %s within %s s", x.s.Addr, x.setting("min-slaves-to-write"), x.setting("min-slaves-max-lag"))
		}
	}
	// Once is enough.
	if plan, _ := a.checkRun(); len(plan.Steps) > 0 {
		t.Errorf("again: %v", plan.Steps)
	}
	a.s.Kill()
	b.state = model.VRRPMaster
	b.until(model.Promote)
	b.s.Do(t, "set", "k", "without a replica")
	if conf := b.conf(); replicaLine(conf) || !strings.Contains(conf, "-to-write 1") {
		t.Errorf("after a restart the master would take writes alone:\n%s", conf)
	}
	// The peer is back, and has caught up.
	a.state = model.VRRPBackup
	a.s.Run(t)
	a.until(model.Follow)
	a.awaitLinked()
	b.until(model.NeedReplica)
	if v := b.setting("min-slaves-to-write"); v != "1" {
		t.Errorf("min-slaves-to-write is %s", v)
	}
	// The replica is lost while this host is MASTER already: no takeover, and yet writes must go on.
	b.awaitOld()
	a.s.Kill()
	b.until(model.Relax)
	b.s.Do(t, "set", "k", "alone again")
}

func TestPairFenceLiftsOnceTheRoleWasReadAgain(t *testing.T) {
	a, b := startPair(t)
	a.s.Do(t, "set", "k", "v")
	if err := a.r.Apply(sessiontest.Within(t, time.Second), a.observe(), model.Plan{Steps: []model.Step{{Do: model.Fence}}}); err != nil {
		t.Fatal(err)
	}
	b.s.Do(t, "slaveof", "no", "one")
	b.s.Do(t, "set", model.TermKey, 3)
	a.state = model.VRRPFault
	a.until(model.Follow)
	if conf := a.conf(); strings.Contains(conf, "-to-write 99") {
		t.Fatalf("the fence was written into the configuration:\n%s", conf)
	}
	if kept, _ := filepath.Glob(filepath.Join(a.r.Config.StateDir, act.DivergentDir, "*.rdb")); len(kept) != 1 {
		t.Errorf("kept %v", kept)
	}
	if v := a.setting("min-slaves-to-write"); v != redis.StopWrites {
		t.Errorf("min-slaves-to-write is %s before the fence lifts", v)
	}
	a.until(model.LiftDone)
	a.is(model.Replica)
	if conf := a.conf(); !replicaLine(conf) || a.setting("min-slaves-to-write") != "0" {
		t.Errorf("min-slaves-to-write %s, configuration:\n%s", a.setting("min-slaves-to-write"), conf)
	}
}

func TestPairFenceLiftsOnTheOnlyMaster(t *testing.T) {
	a, _ := startPair(t)
	if err := a.r.Apply(sessiontest.Within(t, time.Second), a.observe(), model.Plan{Steps: []model.Step{{Do: model.Fence}}}); err != nil {
		t.Fatal(err)
	}
	a.until(model.LiftDone)
	a.s.Do(t, "set", "k", "v")
}
