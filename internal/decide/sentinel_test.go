package decide

import (
	"strings"
	"testing"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/testing/fixture"
)

func TestWhatASentinelManagesIsLeftAlone(t *testing.T) {
	o := fixture.LostHost()
	if !fixture.Promotes(Decide(o)) {
		t.Fatalf("not promoted without a Sentinel: %s", Decide(o).Sentence)
	}
	watch := func(o *model.Observation) {
		o.Sentinel = map[model.Instance]bool{}
		for _, l := range o.Locals {
			o.Sentinel[l.Instance] = true
		}
	}
	switchovers := fixture.Cluster()
	plain := plainPair()
	for name, o := range map[string]*model.Observation{"lost": &o, "to be switched over": &switchovers, "a pair": &plain} {
		if !Decide(*o).ChangesRoles() {
			t.Fatalf("%s: nothing changes without a Sentinel: %s", name, Decide(*o).Sentence)
		}
		watch(o)
		for how, p := range map[string]model.Plan{"decided": Decide(*o), "by force": DecideForced(*o)} {
			if p.ChangesRoles() || how == "decided" && !strings.Contains(p.Sentence, "SENTINEL REMOVE") {
				t.Errorf("%s, %s: %s", name, how, p.Sentence)
			}
		}
	}
}
