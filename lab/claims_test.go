package lab

import (
	"testing"
	"time"

	"keepalived-redis/lab/host"
	"keepalived-redis/lab/probe"
	"keepalived-redis/lab/report"
)

// sec is an instant, in seconds.
func sec(s float64) host.Mono { return host.Mono(s * float64(time.Second)) }

// A claim that cannot fail is none: each of these is shown a run in which it does not hold.
func TestClaims(t *testing.T) {
	vip := func(on string, at float64, has bool) report.Event {
		return report.Event{Host: on, Event: host.Event{Kind: host.EventVIP, At: sec(at), Present: has}}
	}
	step := func(at float64, text string) report.Event {
		return report.Event{Event: host.Event{Kind: KindStep, At: sec(at), Text: text}}
	}
	acks := func(at ...float64) []probe.Event {
		e := probe.Event{Source: "client", Kind: probe.Acks}
		for _, a := range at {
			e.Acks = append(e.Acks, sec(a))
		}
		return []probe.Event{e}
	}
	boots := []report.Event{step(10, "redis1, whose data is old, is the first to boot"), step(11, "power on: redis1"), step(20, "power on: redis2")}
	for _, c := range []struct {
		name  string
		claim claim
		run   report.Run
		wrong int
	}{
		{"the VIP moves in a moment", vipNotGone, report.Run{Fault: sec(5), Events: []report.Event{vip("a", 1, true), vip("a", 6, false), vip("b", 6.1, true)}}, 0},
		{"the VIP is nowhere for 4 s", vipNotGone, report.Run{Fault: sec(5), Events: []report.Event{vip("a", 1, true), vip("a", 6, false), vip("b", 10, true)}}, 1},
		{"it was nowhere before the fault", vipNotGone, report.Run{Fault: sec(50), Events: []report.Event{vip("a", 1, true), vip("a", 6, false), vip("b", 10, true)}}, 0},
		{"nothing written to old data", nothingWrittenTo(staleText), report.Run{Client: "client", Events: boots, Probe: acks(9.9, 20.5)}, 0},
		{"written to old data", nothingWrittenTo(staleText), report.Run{Client: "client", Events: boots, Probe: acks(9.9, 15)}, 1},
		{"a scenario without that step", nothingWrittenTo(staleText), report.Run{Client: "client", Events: boots[1:], Probe: acks(15)}, 1},
		{"a Redis stops", noRedisStops, report.Run{Fault: sec(5), Events: []report.Event{{Host: "a", Event: host.Event{Kind: host.EventRole, At: sec(6), Text: "down"}}}}, 1},
		{"it stopped before", noRedisStops, report.Run{Fault: sec(7), Events: []report.Event{{Host: "a", Event: host.Event{Kind: host.EventRole, At: sec(6), Text: "down"}}}}, 0},
	} {
		if got := c.claim(Outcome{Recorded: c.run}); len(got) != c.wrong {
			t.Errorf("%s: got %q, want %d sentences", c.name, got, c.wrong)
		}
	}
	if got := writtenFor(0.95)(Outcome{Result: report.Result{Through: 0.94}}); len(got) != 1 {
		t.Errorf("94 %% of the time: %q", got)
	}
}

// What was acknowledged after the fault must be there; what was on its way at that instant may be lost with the master.
func TestNothingLostSinceFault(t *testing.T) {
	for lostAt, wrong := range map[float64]int{4.9: 0, 5.005: 0, 5.1: 1} {
		e := probe.Event{Source: "client", Kind: probe.Verified, Result: &probe.Result{LostAcks: []host.Mono{sec(lostAt)}}}
		got := nothingLostSinceFault(Outcome{Recorded: report.Run{Client: "client", Fault: sec(5), Probe: []probe.Event{e}}})
		if len(got) != wrong {
			t.Errorf("lost what was acknowledged at %v, the fault was at 5: %q", lostAt, got)
		}
	}
}
