package lab

import (
	"testing"
	"time"

	"keepalived-redis/lab/probe"
	"keepalived-redis/lab/report"
)

// ago is a pointer to a time of so many seconds.
func ago(s float64) *time.Duration {
	d := time.Duration(s * float64(time.Second))
	return &d
}

// Each of these claims is shown a run in which it does not hold.
func TestClaimsOfDegraded(t *testing.T) {
	ranges := func(dead, one, other *time.Duration) map[string]report.RangeResult {
		r := map[string]report.RangeResult{}
		for name, d := range map[string]*time.Duration{"0-5460": dead, "5461-10922": one, "10923-16383": other} {
			r[name] = report.RangeResult{Writable: d, WorstGap: d}
		}
		return r
	}
	lost := func(at ...float64) report.Run {
		e := probe.Event{Source: "client", Kind: probe.Verified, Result: &probe.Result{}}
		for _, a := range at {
			e.Result.LostAcks = append(e.Result.LostAcks, sec(a))
		}
		return report.Run{Client: "client", Fault: sec(5), Probe: []probe.Event{e}}
	}
	for _, c := range []struct {
		name  string
		claim claim
		out   Outcome
		wrong int
	}{
		{"whole in time", wholeWithin(13 * time.Second), Outcome{Result: report.Result{Whole: ago(12)}}, 0},
		{"whole late", wholeWithin(13 * time.Second), Outcome{Result: report.Result{Whole: ago(14)}}, 1},
		{"never whole", wholeWithin(13 * time.Second), Outcome{}, 1},
		{"what lives is writable with the VIP", othersWritableSoonAfterVIP, Outcome{Result: report.Result{VIP: ago(2), Ranges: ranges(nil, ago(2.1), ago(1))}}, 0},
		{"one range only later", othersWritableSoonAfterVIP, Outcome{Result: report.Result{VIP: ago(2), Ranges: ranges(nil, ago(4), ago(1))}}, 1},
		{"one range never", othersWritableSoonAfterVIP, Outcome{Result: report.Result{VIP: ago(2), Ranges: ranges(ago(1), nil, ago(1))}}, 1},
		{"nothing was written", othersWritableSoonAfterVIP, Outcome{Result: report.Result{VIP: ago(2)}}, 1},
		{"what lives goes on", othersGoOn(busyGap), Outcome{Result: report.Result{Ranges: ranges(ago(9), ago(0.1), ago(0.2))}}, 0},
		{"what lives is held up", othersGoOn(busyGap), Outcome{Result: report.Result{Ranges: ranges(ago(9), ago(0.1), ago(2))}}, 1},
		{"what lives is silent at the end", othersGoOn(busyGap), Outcome{Result: report.Result{Ranges: ranges(nil, nil, nil)}}, 2},
		{"the last writes before the fault are lost", nothingElseLost, Outcome{Recorded: lost(4.5, 5)}, 0},
		{"earlier and later ones are lost", nothingElseLost, Outcome{Recorded: lost(3, 4.5, 6)}, 1},
		{"what could not be read", nothingElseLost, Outcome{Recorded: lost(), Result: report.Result{Unread: 3}}, 1},
	} {
		c.out.Run = &Run{Dead: "0-5460"}
		if got := c.claim(c.out); len(got) != c.wrong {
			t.Errorf("%s: got %q, want %d sentences", c.name, got, c.wrong)
		}
	}
}
