package lab

import (
	"context"
	"errors"
	"testing"
	"time"

	"keepalived-redis/lab/host"
	"keepalived-redis/lab/report"
)

// A server that does not answer for a while has the role that it had; whatever else it becomes is a change.
func TestRolesStay(t *testing.T) {
	role := func(at float64, addr, text string) report.Event {
		return report.Event{Host: "a", Event: host.Event{Kind: host.EventRole, At: sec(at), Addr: addr, Text: text}}
	}
	before := []report.Event{role(1, "a:1", "loading"), role(2, "a:1", "master"), role(2, "b:1", "replica"), role(4.9, "b:1", "hung")}
	for _, c := range []struct {
		name  string
		after []report.Event
		wrong int
	}{
		{"nothing", nil, 0},
		{"silent for a while", []report.Event{role(6, "a:1", "hung"), role(7, "a:1", "busy"), role(8, "a:1", "master"), role(8, "b:1", "replica")}, 0},
		{"a second master", []report.Event{role(6, "a:1", "hung"), role(7, "b:1", "master"), role(8, "a:1", "master")}, 1},
		{"promoted and back", []report.Event{role(6, "b:1", "master"), role(7, "b:1", "replica")}, 1},
		{"a link that ends", []report.Event{role(6, "b:1", "replica-link-down")}, 1},
		{"a master that dies", []report.Event{role(6, "a:1", "down"), role(7, "a:1", "loading"), role(8, "a:1", "master")}, 2},
	} {
		if got := rolesStay(Outcome{Recorded: report.Run{Fault: sec(5), Events: append(before[:len(before):len(before)], c.after...)}}); len(got) != c.wrong {
			t.Errorf("%s: %q, want %d sentences", c.name, got, c.wrong)
		}
	}
}

func TestBothStayHealthy(t *testing.T) {
	for at, wrong := range map[float64]int{4: 0, 6: 1} {
		e := report.Event{Host: "b", Event: host.Event{Kind: host.EventLog, At: sec(at), Program: "Keepalived_vrrp", Text: "(VI_1) Entering FAULT STATE"}}
		if got := bothStayHealthy(Outcome{Recorded: report.Run{Fault: sec(5), Events: []report.Event{e}}}); len(got) != wrong {
			t.Errorf("in FAULT at %v, the fault was at 5: %q", at, got)
		}
	}
}

// A fault that was another one than it says shows nothing.
func TestStalledFor(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		name   string
		stalls []stall
		wrong  int
	}{
		{"none", nil, 1},
		{"as it should be", []stall{{"x", s / 10, map[string]int{"S": 5}}, {"x", 2 * s, map[string]int{"R": 95, "S": 5}}}, 0},
		{"too short", []stall{{"x", 2*s - 1, map[string]int{"R": 100}}}, 1},
		{"asleep", []stall{{"x", 2 * s, map[string]int{"R": 49, "S": 51}}}, 1},
		{"stopped", []stall{{"x", 2 * s, map[string]int{"R": 99, "T": 1}}}, 1},
		{"longer than busy_grace", []stall{{"x", 5 * s, map[string]int{"R": 100}}}, 1},
	} {
		if got := stalledFor(2*s, "R")(Outcome{Run: &Run{stalls: c.stalls}}); len(got) != c.wrong {
			t.Errorf("%s: %q, want %d sentences", c.name, got, c.wrong)
		}
	}
}

// What takes longer the more there is gets as much as it takes, in steps that do not outgrow it.
func TestMore(t *testing.T) {
	g := growth{takes: time.Second, first: 10, most: 1000}
	for _, c := range []struct {
		n    int
		took time.Duration
		want int
	}{{10, 10 * time.Millisecond, 40}, {100, 600 * time.Millisecond, 200}, {100, time.Second, 0}, {900, 500 * time.Millisecond, 1000}, {1000, 500 * time.Millisecond, 0}, {10, 0, 40}} {
		if got := g.more(c.n, c.took); got != c.want {
			t.Errorf("%d took %s: %d, want %d", c.n, c.took, got, c.want)
		}
	}
}

// What fails because something moved meanwhile is no error of the lab.
func TestMovedSince(t *testing.T) {
	r := &Run{Lab: &Lab{Timeline: newTimeline()}}
	r.Timeline.add(Event{Host: "a", Event: host.Event{Kind: host.EventVIP, At: sec(1), Present: true}}, nil)
	r.Timeline.add(Event{Host: "a", Event: host.Event{Kind: host.EventRole, At: sec(1), Addr: "a:1", Text: "master"}}, nil)
	if r.disturbed() {
		t.Error("disturbed before any fault")
	}
	r.Fault = sec(2)
	if r.disturbed() {
		t.Error("disturbed by what was before the fault")
	}
	r.Timeline.add(Event{Host: "a", Event: host.Event{Kind: host.EventRole, At: sec(3), Addr: "a:1", Text: "hung"}}, nil)
	if r.disturbed() {
		t.Error("disturbed by a silence")
	}
	r.Timeline.add(Event{Host: "a", Event: host.Event{Kind: host.EventVIP, At: sec(4)}}, nil)
	if !r.disturbed() {
		t.Error("the VIP left, and nothing is disturbed")
	}
}

// Without a compiler there is a sentence, not a fault that is none.
func TestCanStall(t *testing.T) {
	b := &Host{Name: "a", dir: t.TempDir(), Ports: []int{1}}
	if err := b.stallNext("fork", time.Second, 1); err == nil {
		t.Error("no error without the directory of the instance")
	}
	t.Setenv("PATH", "")
	if err := canStall(b); err == nil || b.preload != "" {
		t.Errorf("no error without a compiler: %v, %q", err, b.preload)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("over"))
	if err := b.awaitStalling(ctx, "fork", 1); err != nil {
		t.Errorf("no file, so the call has begun: %v", err)
	}
}
