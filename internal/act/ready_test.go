package act

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/testing/redistest"
	"keepalived-redis/internal/testing/sessiontest"
)

// The old master's epoch was just raised, and BUMPEPOCH tells nobody. A takeover with an epoch that is not above it would be reverted, with all
// that the new master had acknowledged. So a switchover waits until the replica knows that epoch, and that is no failure.
func TestASwitchoverWaitsForTheEpoch(t *testing.T) {
	c := redistest.Cluster(t, 3)
	old, to := c[0], c[3]
	for i := range 6 {
		r := actor(t, to)
		sessiontest.AwaitClose(t, to, old)
		bump := func() model.Node {
			old.Do(t, "cluster", "bumpepoch")
			self, _ := old.Look().Self()
			return self
		}
		before := bump() // the first one may find it the highest already
		o := sessiontest.Looks([]*redistest.Server{to}, []*redistest.Server{old})
		plan := model.Plan{Steps: []model.Step{{Do: model.Switchover, Instance: model.At(to.Addr), From: model.At(old.Addr)}}}
		redistest.Await(t, "the switchover", func() bool {
			_ = r.Apply(sessiontest.Within(t, 5*time.Second), o, plan)
			return to.Look().Role() == model.Master
		})
		if r.Memory.SwitchoverFailures != 0 {
			t.Errorf("try %d: it backs off", i)
		}
		to.Do(t, "set", "{06S}", fmt.Sprint(i))
		time.Sleep(200 * time.Millisecond) // a better claim comes by the bus
		if self, _ := to.Look().Self(); to.Look().Role() != model.Master || self.Epoch <= before.Epoch {
			t.Fatalf("try %d: %s with epoch %d, and the old master had %d", i, to.Look().Role(), self.Epoch, before.Epoch)
		}
		old, to = to, old
	}
}

func TestAgree(t *testing.T) {
	m, r := model.Node{ID: "m"}, model.Node{ID: "r"}
	for _, c := range []struct {
		name string
		// seen is how the master sees its replica, or the replica its master.
		seen       model.Node
		knows, own uint64
		want       error
	}{
		{"well", model.Node{}, 7, 7, nil},
		{"the replica knows a higher epoch", model.Node{}, 9, 7, nil},
		{"the replica does not know the epoch", model.Node{}, 6, 7, ErrEpoch},
		{"mute", model.Node{Mute: true}, 7, 7, ErrBus},
		{"suspected", model.Node{Suspected: true}, 7, 7, ErrBus},
		{"failed", model.Node{Failed: true}, 7, 7, ErrBus},
		{"in handshake", model.Node{Unknown: true}, 7, 7, ErrBus},
		{"not known", model.Node{ID: "x"}, 7, 7, ErrBus},
	} {
		for _, by := range []string{"master", "replica"} {
			master := redis.Bus{Own: c.own, Nodes: model.Nodes{{ID: "m", Myself: true}, r}}
			replica := redis.Bus{Knows: c.knows, Nodes: model.Nodes{{ID: "r", Myself: true}, m}}
			at := &master.Nodes[1]
			if by == "replica" {
				at = &replica.Nodes[1]
			}
			id := at.ID
			if *at = c.seen; at.ID == "" {
				at.ID = id
			}
			if err := agree(master, replica); !errors.Is(err, c.want) || c.want == nil && err != nil {
				t.Errorf("%s, says the %s: %v", c.name, by, err)
			}
		}
	}
}
