package report

import (
	"time"

	"keepalived-redis/lab/host"
	"keepalived-redis/lab/probe"
)

// origin is the instant of the fault in the runs of the tests; at is an instant so many milliseconds after it.
const origin = host.Mono(100 * time.Second)

func at(ms float64) host.Mono { return origin.Add(d(ms)) }

func d(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }

func p(ms float64) *time.Duration { return pointer(d(ms)) }

// run is a run of two seconds before and five after the fault, with the events of the probe on the client.
func run(events ...probe.Event) Run {
	r := Run{System: "ours", Fault: origin, FaultText: "power cut: redis1", End: at(5000), Client: "client"}
	for _, e := range events {
		if e.Source == "" {
			e.Source = "client"
		}
		r.Probe = append(r.Probe, e)
	}
	return r
}

// acks are acknowledgements of a range every 10 ms, from and to included, in milliseconds after the fault.
func acks(name string, from, to float64) probe.Event {
	e := probe.Event{Kind: probe.Acks, At: at(to), Range: name}
	for ms := from; ms <= to; ms += 10 {
		e.Acks = append(e.Acks, at(ms))
	}
	return e
}

// from is e as told by another writer.
func from(source string, e probe.Event) probe.Event {
	e.Source = source
	return e
}

func started(names ...string) probe.Event {
	e := probe.Event{Kind: probe.Started, At: at(-2000)}
	for _, n := range names {
		e.Ranges = append(e.Ranges, probe.Range{Name: n})
	}
	return e
}

func late(from, to float64) probe.Event {
	return probe.Event{Kind: probe.Late, At: at(to), Gap: d(to - from)}
}

func ended() probe.Event {
	return probe.Event{Kind: probe.Ended, At: at(5100), Result: &probe.Result{}}
}

func vip(name string, ms float64, present bool) Event {
	return Event{Host: name, Event: host.Event{Kind: host.EventVIP, At: at(ms), Present: present}}
}

func gone(name string, ms float64) Event {
	return Event{Host: name, Event: host.Event{Kind: host.EventGone, At: at(ms)}}
}

func role(name, addr, role string, ms float64) Event {
	return Event{Host: name, Event: host.Event{Kind: host.EventRole, At: at(ms), Addr: addr, Text: role}}
}
