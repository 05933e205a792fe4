package report

import (
	"encoding/json"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		name string
		of   []*time.Duration
		want *time.Duration
	}{
		{"no run", nil, nil},
		{"one", []*time.Duration{p(5)}, p(5)},
		{"odd, in any order", []*time.Duration{p(9), p(1), p(4)}, p(4)},
		{"even: the mean of the middle two", []*time.Duration{p(9), p(1), p(4), p(5)}, p(4.5)},
		{"never is longest", []*time.Duration{nil, p(1), p(4)}, p(4)},
		{"mostly never", []*time.Duration{nil, p(1), nil}, nil},
		{"half never", []*time.Duration{nil, p(1), nil, p(3)}, nil},
		{"a quarter never", []*time.Duration{nil, p(1), p(2), p(3)}, p(2.5)},
		{"always never", []*time.Duration{nil, nil}, nil},
		{"negative", []*time.Duration{p(-60), p(-50), p(40)}, p(-50)},
	} {
		t.Run(c.name, func(t *testing.T) {
			var rep Report
			for _, one := range c.of {
				rep.Runs = append(rep.Runs, Result{VIP: one, Writable: one, AfterVIP: one, WorstGap: one, LastCutAck: one})
			}
			m := rep.Median()
			for what, got := range map[string]*time.Duration{"VIP": m.VIP, "Writable": m.Writable, "AfterVIP": m.AfterVIP, "WorstGap": m.WorstGap, "LastCutAck": m.LastCutAck} {
				sameTime(t, what, got, c.want)
			}
		})
	}
}

func TestMedianOfCounts(t *testing.T) {
	runs := []Result{
		{Acked: 100, Lost: 0, Unread: 1, Unknown: 7, Observed: 4 * time.Second, Masters: map[string]int{"x": 1}, Ranges: map[string]RangeResult{"a": {}}},
		{Acked: 300, Lost: 1, Unread: 9, Unknown: 3, Observed: 2 * time.Second},
		{Acked: 200, Lost: 9, Unread: 2, Unknown: 5, Observed: 3 * time.Second},
	}
	m := Report{Runs: runs}.Median()
	if m.Acked != 200 || m.Lost != 1 || m.Unread != 2 || m.Unknown != 5 || m.Observed != 3*time.Second || m.Masters != nil || m.Ranges != nil {
		t.Errorf("median of three: %+v", m)
	}
	m = Report{Runs: runs[:2]}.Median()
	if m.Acked != 200 || m.Lost != 1 || m.Unread != 5 || m.Unknown != 5 || m.Observed != 3*time.Second {
		t.Errorf("median of two: %+v", m)
	}
}

func TestJSON(t *testing.T) {
	for _, c := range []struct {
		name string
		rep  Report
		want string
	}{
		{"no run", Report{Scenario: "x"}, `{"scenario":"x","runs":[],"median":{"vip_ms":null,"writable_ms":null,"after_vip_ms":null,"worst_gap_ms":null,` +
			`"acked":0,"lost":0,"unread":0,"unknown":0,"observed_ms":0.000}}`},
		{"two runs", Report{Scenario: "host-dies", Runs: []Result{
			{VIP: p(360), Writable: p(401.5), AfterVIP: p(41.5), WorstGap: p(402.12345), Acked: 12000, Lost: 2, Unread: 1, Unknown: 3,
				Masters: map[string]int{"b:7001": 11, "a:7000": 5}, LastCutAck: p(0), Observed: 2400 * time.Millisecond,
				Ranges: map[string]RangeResult{"5461-9": {nil, p(7), 5, 1}, "0-5460": {p(0), nil, 6, 0}}},
			{Acked: 13000, Observed: 22 * time.Second},
		}}, `{"scenario":"host-dies","runs":[` +
			`{"vip_ms":360.000,"writable_ms":401.500,"after_vip_ms":41.500,"worst_gap_ms":402.123,"acked":12000,"lost":2,"unread":1,"unknown":3,` +
			`"masters":{"a:7000":5,"b:7001":11},"last_cut_ack_ms":0.000,"observed_ms":2400.000,` +
			`"ranges":{"0-5460":{"writable_ms":0.000,"worst_gap_ms":null,"acked":6,"lost":0},"5461-9":{"writable_ms":null,"worst_gap_ms":7.000,"acked":5,"lost":1}}},` +
			`{"vip_ms":null,"writable_ms":null,"after_vip_ms":null,"worst_gap_ms":null,"acked":13000,"lost":0,"unread":0,"unknown":0,"observed_ms":22000.000}],` +
			`"median":{"vip_ms":null,"writable_ms":null,"after_vip_ms":null,"worst_gap_ms":null,"acked":12500,"lost":1,"unread":1,"unknown":2,"observed_ms":12200.000}}`},
		{"negative", Report{Runs: []Result{{AfterVIP: p(-0.0004), Observed: -time.Millisecond}}}, `{"scenario":"","runs":[` +
			`{"vip_ms":null,"writable_ms":null,"after_vip_ms":0.000,"worst_gap_ms":null,"acked":0,"lost":0,"unread":0,"unknown":0,"observed_ms":-1.000}],` +
			`"median":{"vip_ms":null,"writable_ms":null,"after_vip_ms":0.000,"worst_gap_ms":null,"acked":0,"lost":0,"unread":0,"unknown":0,"observed_ms":-1.000}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := json.Marshal(c.rep)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}
