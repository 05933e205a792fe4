package storm

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"keepalived-redis/lab/host"
	"keepalived-redis/lab/wire"
)

// A switch that is away cuts every pair of hosts both ways, and there is one switch: whichever host the fault names, and however often.
func TestSwitchReboots(t *testing.T) {
	rules := switchAway(netip.Addr{}, netip.Addr{})
	if len(rules) == 0 || slices.ContainsFunc(rules, func(r wire.Rule) bool { return r.From.IsValid() || r.To.IsValid() || !r.Cut }) {
		t.Errorf("it is not everybody that is cut off: %+v", rules)
	}
	for round := range 1000 {
		n := 0
		for _, f := range Plan(1, Variants[0], round) {
			if f.Kind == SwitchReboots {
				n++
			}
		}
		if n > 1 {
			t.Errorf("round %d: %d times at once", round, n)
		}
	}
}

// What either host acknowledged until its fence may be lost, and nothing later.
func TestSwitchRebootsLoses(t *testing.T) {
	const s = host.Mono(time.Second)
	w := SwitchReboots.find().loses(nil, Fault{Kind: SwitchReboots, For: 12 * time.Second}, 10*s, 22*s)
	for name, c := range map[string]struct {
		at   host.Mono
		node string
		want bool
	}{
		"just before":             {9*s + s/2, node, true},
		"long before":             {8 * s, node, false},
		"before the fence":        {12 * s, node, true},
		"by the other host":       {12 * s, "192.168.9.71:7003", true},
		"later than the fence":    {14 * s, node, false},
		"when packets pass again": {22*s + s/2, node, false},
	} {
		if got := w.covers(Write{Sent: c.at, Done: c.at, Node: c.node}); got != c.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
