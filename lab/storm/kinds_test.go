package storm

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"time"

	"keepalived-redis/lab"
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

// What a host acknowledged just before it stood still may be lost, and what it takes as it wakes. Nothing of the other host is.
func TestHostStandsLoses(t *testing.T) {
	const s = host.Mono(time.Second)
	b := &lab.Host{Addr: "192.168.9.70"}
	w := HostStands.find().loses(b, Fault{Kind: HostStands, For: 5 * time.Second}, 10*s, 15*s)
	for name, c := range map[string]struct {
		at   host.Mono
		node string
		want bool
	}{
		"just before":        {9*s + s/2, node, true},
		"long before":        {8 * s, node, false},
		"as it wakes":        {15*s + s/10, node, true},
		"when it must know":  {16*s + s/2, node, false},
		"by the other host":  {12 * s, "192.168.9.71:7003", false},
		"by the other, late": {15*s + s/10, "192.168.9.71:7003", false},
	} {
		if got := w.covers(Write{Sent: c.at, Done: c.at, Node: c.node}); got != c.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

// What only keeps a server busy, moves the VIP, cuts the bus or refuses connections loses nothing, and a pair has no bus.
func TestKindsThatLoseNothing(t *testing.T) {
	for _, k := range []Kind{SlowFork, BulkLoad, SlowKeys, BigDel, FsyncStall, BumpMove, CutBusMove, CutBus, Prohibit} {
		if k.find().loses != nil {
			t.Errorf("%s may lose writes", k)
		}
	}
	for _, k := range []Kind{BumpMove, CutBusMove, CutBus} {
		if n := k.find().weight(Variant{Mode: lab.Replication}); n != 0 {
			t.Errorf("%s comes in a pair, with a share of %d", k, n)
		}
	}
}

// A move that is over cuts nothing afterwards.
func TestMoveEnds(t *testing.T) {
	s := &Storm{moves: map[string]func(){}}
	cut := false
	f := Fault{Kind: CutBusMove, Host: 1, For: time.Second}
	s.during(context.Background(), f, func(ctx context.Context) { <-ctx.Done(); cut = true }, func() {
		if !cut {
			t.Error("undone before it has ended")
		}
		cut = false
	})
	s.endMove(f)
	s.endMove(f)
	if cut || len(s.moves) != 0 {
		t.Errorf("cut: %v, moves: %d", cut, len(s.moves))
	}
}
