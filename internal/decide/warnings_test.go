package decide

import (
	"testing"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/reason"
	"keepalived-redis/internal/testing/fixture"
)

func TestWarnings(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*model.Observation)
		want   string
	}{
		"a good cluster":             {func(*model.Observation) {}, ""},
		"a master without a replica": {func(o *model.Observation) { o.Locals[0].Nodes[2].MasterID = "a0" }, "warn no-replica-away B:7003"},
		"the same during a fault":    {func(o *model.Observation) { o.Locals[0].Nodes[2].MasterID, o.Peers[0].State = "a0", model.Silent }, ""},
		"the same during a failover": {func(o *model.Observation) {
			o.Locals[0].Nodes[2].MasterID = "a0"
			node(o, model.Node{ID: "c6", Role: model.Master})
		}, ""},
		"its replica is on this host":    {func(o *model.Observation) { o.Locals[0].Nodes[2].Addr = fixture.Addr("192.168.9.71:7002") }, "warn no-replica-away B:7003"},
		"slots that no master has":       {func(o *model.Observation) { o.Locals[0].Nodes[1].Slots[0].Last = 10000 }, "warn slots-unserved"},
		"no cluster":                     {func(o *model.Observation) { o.Locals = nil }, ""},
		"a witness that cannot be asked": {func(o *model.Observation) { o.Witness.Answers, o.Witness.Unasked = false, true }, "warn witness-unasked"},
		"a witness of several routers":   {func(o *model.Observation) { o.Witness.Virtual = "192.168.9.1" }, "warn witness-virtual"},
		"a stale VIP":                    {func(o *model.Observation) { o.Why = model.Clause{Reason: reason.VIPStale, Name: "BACKUP"} }, "warn vip-stale"},
	} {
		o := fixture.Cluster()
		c.change(&o)
		if got := clausesText(Warnings(&o)); got != c.want {
			t.Errorf("%s: got %q", name, got)
		}
	}
	o := fixture.Cluster()
	o.Locals[0].Nodes[1].Slots[0].Last = 10000
	if got := Warnings(&o)[0].Count; got != 922 {
		t.Errorf("%d slots without a master", got)
	}
	if c := ShortTimeout(time.Second, 3*time.Second); clausesText([]model.Clause{c}) != "warn timeout-short" || c.For != time.Second || c.Takes != 3*time.Second {
		t.Errorf("%+v", c)
	}
}
