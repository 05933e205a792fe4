package observe

import (
	"testing"
	"time"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/testing/fixture"
)

// Only time in which the master was seen alive counts, and a link ends it.
func TestStaleness(t *testing.T) {
	lin := session.Lineage{Stale: map[string]session.Staleness{}}
	at := state.Stamp{Boot: "one"}
	look := func(after time.Duration, linked, behind bool, want time.Duration) {
		t.Helper()
		at.Mono += after
		if got := lin.GrowStale("a", linked, behind, at); got != want {
			t.Errorf("stale for %s, want %s", got, want)
		}
	}
	look(0, false, true, 0)
	look(10*time.Second, false, true, 10*time.Second)
	look(100*time.Millisecond, false, true, 10*time.Second) // counted with the next
	look(900*time.Millisecond, false, true, 11*time.Second)
	look(time.Hour, false, false, 11*time.Second) // nobody saw the master
	look(time.Second, false, true, 11*time.Second)
	look(time.Second, false, true, 12*time.Second)
	at.Boot = "two"
	look(time.Hour, false, true, 12*time.Second)
	look(time.Second, false, true, 13*time.Second)
	look(time.Second, true, false, 0)
	look(time.Second, false, true, 0)
}

// A local instance of a pair that is dead or hangs falls behind its peer; where nobody could ask it, nothing is known.
func TestStalenessOfAnAbsentReplica(t *testing.T) {
	a, b := fixture.Addr("10.0.0.1:7000"), fixture.Addr("10.0.0.2:7000")
	for from, want := range map[model.State]time.Duration{model.Stalled: 9 * time.Second, model.Refused: 9 * time.Second, model.Unseen: 0, model.NoAuth: 0} {
		r := observer(t)
		r.Config.Peers = append(r.Config.Peers, b)
		r.Config.Instances = []config.Instance{{Addr: a, Peer: b}}
		now := state.Stamp{Boot: "one"}
		var o model.Observation
		for range 10 {
			now.Mono += time.Second
			o = model.Observation{
				Locals: []model.Look{{Instance: model.Instance{Addr: a}, State: from}},
				Peers:  []model.Look{{Instance: model.Instance{Addr: b}, State: model.Up, Info: &model.Info{Role: model.Master}}},
			}
			r.seePairs(&o, false, now)
			r.Store.Keep(r.Memory)
		}
		if got := o.Pairs[model.At(a)].Stale; got != want {
			t.Errorf("%s: stale for %s, want %s", from, got, want)
		}
	}
}

// Who led last is known after a reboot, unless somebody else was seen to lead since.
func TestWhoHeldTheVIPLast(t *testing.T) {
	a, b := fixture.Addr("10.0.0.1:7000"), fixture.Addr("10.0.0.2:7000")
	r := observer(t)
	r.Config.Peers = append(r.Config.Peers, b)
	r.Config.Instances = []config.Instance{{Addr: a, Peer: b}}
	now := state.Stamp{Boot: "one"}
	look := func(held bool, role, peer model.Role, linked, want bool) {
		t.Helper()
		now.Mono += time.Second
		r.Memory.HeldSince = nil
		if held {
			r.Memory.HeldSince = &now
		}
		o := model.Observation{
			Locals: []model.Look{{Instance: model.Instance{Addr: a}, State: model.Up, Info: &model.Info{Role: role, LinkUp: linked}}},
			Peers:  []model.Look{{Instance: model.Instance{Addr: b}, State: model.Up, Info: &model.Info{Role: peer}}},
		}
		if r.seePairs(&o, held, now); o.Cold.HeldLast != want {
			t.Errorf("held last: %v, want %v", o.Cold.HeldLast, want)
		}
		r.Store.Keep(r.Memory)
	}
	look(true, model.Replica, model.Replica, false, false) // a VIP that has just come to a replica
	look(true, model.Master, model.Replica, false, true)
	now.Boot = "two"
	look(false, model.Master, model.Replica, false, true)
	look(true, model.Replica, model.Replica, false, true)
	look(false, model.Replica, model.Master, true, false) // somebody else leads
	look(true, model.Master, model.Replica, false, true)
	look(false, model.Master, model.Replica, false, false) // it went while we looked
	look(true, model.Master, model.Replica, false, true)
	r.Event = &model.Event{State: model.VRRPStop}
	look(true, model.Master, model.Replica, false, false) // it goes, and nobody will look
}
