package observe

import (
	"net/netip"
	"testing"
	"time"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/testing/fixture"
)

// A peer's replica is nothing that lasts, or the host with the VIP would have its memory to write at every check, unless one of ours follows it:
// then nobody serves its slots.
func TestReplicaOfAPeerLastsOnlyAsAMaster(t *testing.T) {
	look := func(role model.Role) session.Stretches {
		o := fixture.Cluster()
		o.Hosts, o.Instances, o.BusyFor = map[netip.Addr]model.Stretch{}, map[netip.AddrPort]model.Stretch{}, map[string]time.Duration{}
		o.HungFor = map[model.Instance]time.Duration{}
		o.Peers[0].Info.Role = role
		r := &Observer{Session: &session.Session{Config: &config.Config{}, Memory: &session.Memory{Stretches: session.Stretches{}}}}
		r.noteLasting(&o, state.Stamp{Boot: "this", Mono: time.Minute})
		return r.Memory.Stretches
	}
	if lasts := look(model.Master); len(lasts) != 0 {
		t.Errorf("all is well, and this lasts: %v", lasts)
	}
	if lasts := look(model.Replica); len(lasts) != 1 || lasts[session.Topic{Kind: session.NotServing, Name: "192.168.9.70:7000"}].Looks != 1 {
		t.Errorf("the master of one of ours follows another: %v", lasts)
	}
}

// TestHungFor: the time in which an instance takes connections and does not answer. Any answer ends it; that nobody looked does not.
func TestHungFor(t *testing.T) {
	r := observer(t)
	now := state.Stamp{Boot: "this", Mono: time.Hour}
	see := func(s model.State) time.Duration {
		o := fixture.Cluster()
		o.Hosts, o.Instances, o.BusyFor, o.HungFor = map[netip.Addr]model.Stretch{}, map[netip.AddrPort]model.Stretch{}, map[string]time.Duration{}, map[model.Instance]time.Duration{}
		o.Restarts.HungAfter = time.Minute
		o.Locals[0].State = s
		now.Mono += time.Second
		r.noteLasting(&o, now)
		return o.HungFor[o.Locals[0].Instance]
	}
	for s := model.Unseen; s <= model.NotRedis; s++ {
		see(model.Up)
		see(model.Stalled)
		hangs := see(model.Stalled)
		see(s)
		if got, goesOn := see(model.Stalled), s == model.Unseen || s == model.Stalled || s == model.Silent; hangs != time.Second || (got == 3*time.Second) != goesOn {
			t.Errorf("an instance that %s: hung for %s", s, got)
		}
	}
}

// The other hosts are long gone once they were silent beside a witness that answers for cold_start_wait. That the witness falls silent as well ends
// nothing; any word of a peer's host does.
func TestLongGone(t *testing.T) {
	r := observer(t)
	now := state.Stamp{Boot: "this", Mono: time.Hour}
	see := func(after time.Duration, peers model.State, witness bool) bool {
		o := fixture.Cluster()
		fixture.PeersAre(&o, peers, model.Stretch{})
		o.Hosts, o.Instances, o.BusyFor, o.HungFor = map[netip.Addr]model.Stretch{}, map[netip.AddrPort]model.Stretch{}, map[string]time.Duration{}, map[model.Instance]time.Duration{}
		o.Times.ColdStartWait, o.Witness = time.Minute, model.Witness{Name: "w", Counts: true, Answers: witness}
		now.Mono += after
		r.noteLasting(&o, now)
		return o.LongGone
	}
	for i, s := range []struct {
		after   time.Duration
		peers   model.State
		witness bool
		want    bool
	}{
		{0, model.Silent, true, false}, {59 * time.Second, model.Silent, true, false}, {time.Second, model.Silent, false, false}, // cut off before the time
		{time.Minute, model.Silent, true, false}, {time.Minute, model.Silent, true, true}, {time.Minute, model.Silent, false, true},
		{time.Minute, model.Unseen, false, true}, {time.Second, model.Refused, true, false}, {time.Second, model.Silent, true, false},
	} {
		if got := see(s.after, s.peers, s.witness); got != s.want {
			t.Errorf("look %d: long gone: %v", i, got)
		}
	}
}
