package act

import (
	"fmt"
	"testing"
	"time"

	"keepalived-redis/internal/model"
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
