package decide

import (
	"strings"
	"testing"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/testing/fixture"
)

func TestWarnings(t *testing.T) {
	o := fixture.Cluster()
	if w := Warnings(&o); len(w) > 0 {
		t.Errorf("a good cluster: %q", w)
	}
	o.Locals[0].Nodes[2].MasterID = "a0" // the only replica of 7003
	if w := Warnings(&o); len(w) != 1 || !strings.HasPrefix(w[0], "192.168.9.71:7003 is a master without a replica on another host") {
		t.Errorf("without a replica: %q", w)
	}
	o.Peers[0].State = model.Silent
	if w := Warnings(&o); len(w) > 0 {
		t.Errorf("during a fault: %q", w)
	}
	o = fixture.Cluster()
	o.Locals[0].Nodes[1].Slots[0].Last = 10000
	if w := Warnings(&o); len(w) != 1 || !strings.HasPrefix(w[0], "922 slots of the cluster are served by no master") {
		t.Errorf("slots that nobody has: %q", w)
	}
	o.Locals = nil
	if w := Warnings(&o); len(w) > 0 {
		t.Errorf("without a look: %q", w)
	}
}
