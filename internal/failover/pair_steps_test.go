package failover

import (
	"strings"
	"testing"
	"time"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/vrrp"
)

// What was done already is done: the same plan again changes nothing, also not the term.
func TestPairPlansTwiceEqualOnce(t *testing.T) {
	a, b := startPair(t)
	o := b.observe()
	a.s.Kill()
	for _, steps := range [][]Step{
		{{Do: Promote, Instance: b.s.Addr}},
		{{Do: NeedReplica, Instance: b.s.Addr}},
		{{Do: Relax, Instance: b.s.Addr}},
	} {
		var before string
		for range 2 {
			if err := b.r.apply(within(t, 5*time.Second), o, Plan{Steps: steps}); err != nil {
				t.Fatal(err)
			}
			now := strings.Join(append(strings.Fields(b.conf()), b.setting("min-slaves-to-write"), b.s.Do(t, "get", redis.TermKey)), " ")
			if before != "" && now != before {
				t.Errorf("%v: %s\nthen: %s", steps, before, now)
			}
			before = now
		}
	}
	a.s.Run(t)
	a.state = vrrp.Backup
	a.observe()
	a.until(Follow)
	a.awaitLinked()
	o = a.observe()
	term := a.term()
	for range 2 {
		if err := a.r.apply(within(t, 5*time.Second), o, Plan{Steps: []Step{{Do: Follow, Instance: a.s.Addr, From: b.s.Addr}}}); err != nil {
			t.Fatal(err)
		}
	}
	a.awaitLinked()
	if a.term() != term {
		t.Errorf("term %d, then %d", term, a.term())
	}
}

// A move that cannot be finished leaves both as they were.
func TestPairMoveThatFailsIsUndone(t *testing.T) {
	a, b := startPair(t)
	for _, x := range []*pairBox{a, b} {
		x.r.Config.Durability = config.DurabilityReplicated
		x.until(NeedReplica)
	}
	o := b.observe()
	b.s.Do(t, "slaveof", "127.0.0.1", "1") // it falls behind
	a.s.Do(t, "config", "set", "min-slaves-to-write", "0")
	a.s.Do(t, "set", "k", "not replicated")
	if err := b.r.apply(within(t, 5*time.Second), o, Plan{Steps: []Step{{Do: Move, Instance: b.s.Addr, From: a.s.Addr}}}); err == nil {
		t.Error("moved to a replica that lags behind")
	}
	a.is(redis.Master)
	b.is(redis.Replica)
	if v := b.setting("min-slaves-to-write"); v != "1" || b.r.memory.MoveFailures != 1 {
		t.Errorf("min-slaves-to-write %s after %d failures", v, b.r.memory.MoveFailures)
	}
	begun := time.Now()
	a.s.Do(t, "set", "k", "v")
	if took := time.Since(begun); took > pauseFor/2 {
		t.Errorf("a write still waited %s", took)
	}
}
