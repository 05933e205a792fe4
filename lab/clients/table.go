package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"keepalived-redis/lab/clients/acks"
	"keepalived-redis/lab/host"
	"keepalived-redis/lab/probe"
	"keepalived-redis/lab/report"
)

// never stands for a client that did not write again.
const never = time.Duration(1<<63 - 1)

// table collects the times of all runs.
type table struct {
	probe []time.Duration
	rows  map[string][]time.Duration
}

// add takes in one run.
func (t *table) add(p *party, r report.Run) {
	if t.rows == nil {
		t.rows = map[string][]time.Duration{}
	}
	t.probe = append(t.probe, writesAgain(ofProbe(r), len(keys), p.fault))
	for name, out := range p.output {
		at, _ := acks.Read(out)
		t.rows[name] = append(t.rows[name], writesAgain(at, len(keys), p.fault))
	}
}

// seenAfter is how long after the fault an acknowledgement surely is one of the surviving host: what was on its way still comes in, and
// the VIP never moves sooner.
const seenAfter = 250 * time.Millisecond

// writesAgain is the time from the fault until each of n streams of writes has been acknowledged again. One that was not acknowledged
// before the fault gives no measurement: never.
func writesAgain(at map[string][]host.Mono, n int, fault host.Mono) time.Duration {
	var worst time.Duration
	if len(at) < n {
		return never
	}
	for _, all := range at {
		i := slices.IndexFunc(all, func(m host.Mono) bool { return m > fault.Add(seenAfter) })
		if i <= 0 {
			return never
		}
		worst = max(worst, all[i].Sub(fault))
	}
	return worst
}

// ofProbe are the acknowledgements of the lab's own probe, by slot range.
func ofProbe(r report.Run) map[string][]host.Mono {
	at := map[string][]host.Mono{}
	for _, e := range r.Probe {
		if e.Kind == probe.Acks && e.Source == r.Client {
			at[e.Range] = append(at[e.Range], e.Acks...)
		}
	}
	for _, all := range at {
		slices.Sort(all)
	}
	return at
}

// String is the table: the median and the worst of all runs.
func (t *table) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%-27s  %10s  %10s\n", "writes to every slot again", "median", "worst")
	line := func(name string, all []time.Duration) {
		if len(all) == 0 {
			return
		}
		slices.Sort(all)
		fmt.Fprintf(&b, "%-27s  %10s  %10s\n", name, words(all[len(all)/2]), words(all[len(all)-1]))
	}
	line("the lab's own probe", t.probe)
	for _, c := range clients {
		line(name(c.name, false), t.rows[name(c.name, false)])
		line(name(c.name, true), t.rows[name(c.name, true)])
	}
	return b.String()
}

func words(d time.Duration) string {
	switch {
	case d == never:
		return fmt.Sprintf("> %d s", int(after.Seconds()))
	case d < 10*time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}
