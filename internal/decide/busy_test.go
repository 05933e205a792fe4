package decide

import (
	"testing"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/testing/fixture"
)

// TestStalledElsewhereProvesNothing: only its own host can tell, and that would have given the VIP away.
func TestStalledElsewhereProvesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		held, stalled time.Duration
		hook, want    bool
	}{
		"the VIP is here for long":                   {time.Hour, 3 * time.Second, false, false},
		"the VIP is here for long, and busy_grace":   {time.Hour, 5 * time.Second, false, true},
		"the VIP came when it stalled":               {2 * time.Second, 1500 * time.Millisecond, false, true},
		"the VIP came after it stalled":              {time.Second, 3 * time.Second, false, true},
		"the VIP came, and it stalled later":         {10 * time.Second, 2 * time.Second, false, false},
		"a hook, the VIP has just come":              {0, 1600 * time.Millisecond, true, true},
		"a hook, the VIP has just come, first look":  {0, 100 * time.Millisecond, true, false},
		"a late hook, the VIP is here for long":      {time.Hour, 2 * time.Second, true, false},
		"a late hook, for long, and past busy_grace": {time.Hour, 6 * time.Second, true, true},
	} {
		o := fixture.Cluster()
		o.Hook, o.HeldFor, o.Times.BusyGrace = c.hook, c.held, 5*time.Second
		fixture.PeersAre(&o, model.Stalled, model.Stretch{For: c.stalled, Looks: 3})
		if got := fixture.Promotes(Decide(o)); got != c.want {
			t.Errorf("%s: promotes is %v: %s", name, got, planText(Decide(o)))
		}
	}
}

// A server that refuses or closes is as dead as ever.
func TestOnlyStalledIsWaitedFor(t *testing.T) {
	for _, s := range []model.State{model.Refused, model.Dropped} {
		o := fixture.Cluster()
		o.Times.BusyGrace = 5 * time.Second
		fixture.PeersAre(&o, s, model.Stretch{For: time.Second, Looks: 3})
		if p := Decide(o); !fixture.Promotes(p) {
			t.Errorf("its master %s: %s", s, planText(p))
		}
	}
}
