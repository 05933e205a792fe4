package decide

import (
	"testing"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/reason"
	"keepalived-redis/internal/testing/fixture"
)

func TestWhatASentinelManagesIsLeftAlone(t *testing.T) {
	lost, switchovers, plain := fixture.LostHost(), fixture.Cluster(), plainPair()
	for name, o := range map[string]*model.Observation{"lost": &lost, "to be switched over": &switchovers, "a pair": &plain} {
		if !Decide(*o).ChangesRoles() {
			t.Fatalf("%s: nothing changes without a Sentinel: %s", name, planText(Decide(*o)))
		}
		o.Sentinel = map[model.Instance]bool{}
		for _, l := range o.Locals {
			o.Sentinel[l.Instance] = true
		}
		p := Decide(*o)
		if p.ChangesRoles() || len(p.Clauses) != 1 || p.Clauses[0].Reason != reason.Sentinel {
			t.Errorf("%s: %s", name, planText(p))
		}
		if p := DecideForced(*o); p.ChangesRoles() {
			t.Errorf("%s, by force: %s", name, planText(p))
		}
	}
}
