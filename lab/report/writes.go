package report

import (
	"cmp"
	"slices"
	"time"

	"keepalived-redis/lab/host"
	"keepalived-redis/lab/probe"
)

// writes is what one writer saw, put in order.
type writes struct {
	// ranges are the names of the slot ranges, in the order in which the writer told them.
	ranges []string
	// acks are the instants of the acknowledgements of each range, ascending.
	acks map[string][]host.Mono
	// failed counts the attempts on each range that ended without one, by kind.
	failed map[string]map[string]int
	// late are the times in which the writer had no CPU, ascending, none touching another.
	late []span
	// verified are the results of reading back, by range; ended is the last event. They are missing when the writer was killed.
	verified map[string]*probe.Result
	ended    *probe.Event
	// began is when the writing began, 0 if the writer did not tell. end is when it ended, as far as this writer can know.
	began, end host.Mono
}

// span is a stretch of time.
type span struct{ from, to host.Mono }

// gap is a time between two acknowledgements of one range.
type gap struct {
	span
	// length is the time in it that counts: without what is explained by the writer having had no CPU.
	length time.Duration
	// open: no acknowledgement ended it before the writing ended.
	open bool
}

// interrupts says whether the gap is long enough to be an interruption.
func (g gap) interrupts() bool { return g.length > Interruption }

// collect puts the events of one writer of a run in order.
func collect(r Run, source string) *writes {
	w := &writes{acks: map[string][]host.Mono{}, failed: map[string]map[string]int{}, verified: map[string]*probe.Result{}, end: r.End}
	var last host.Mono
	for _, e := range r.Probe {
		if e.Source != source {
			continue
		}
		last = max(last, e.At)
		w.add(e)
	}
	for _, list := range w.acks {
		slices.Sort(list)
	}
	w.late = merge(w.late)
	if w.ended == nil && last > 0 {
		// It was killed, and took what it had not yet told with it.
		w.end = min(w.end, last.Add(-probe.FlushPeriod))
	}
	return w
}

// add takes in one event.
func (w *writes) add(e probe.Event) {
	switch e.Kind {
	case probe.Started:
		w.began = e.At
		for _, r := range e.Ranges {
			w.know(r.Name)
		}
	case probe.Acks:
		w.know(e.Range)
		w.acks[e.Range] = append(w.acks[e.Range], e.Acks...)
		for kind, n := range e.Failed {
			w.failed[e.Range][kind] += n
		}
	case probe.Late:
		w.late = append(w.late, span{e.At.Add(-e.Gap), e.At})
	case probe.Verified:
		w.know(e.Range)
		w.verified[e.Range] = e.Result
	case probe.Ended:
		w.ended = &e
	}
}

func (w *writes) know(name string) {
	if w.failed[name] == nil {
		w.failed[name] = map[string]int{}
		w.ranges = append(w.ranges, name)
	}
}

// merge sorts spans and joins those that touch.
func merge(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	var out []span
	for _, s := range spans {
		if n := len(out); n > 0 && s.from <= out[n-1].to {
			out[n-1].to = max(out[n-1].to, s.to)
			continue
		}
		out = append(out, s)
	}
	return out
}

// gaps calls f for each gap of a range that ends after an instant, in order; the last one is open if the range was silent when the
// writing ended. The writing itself begins a gap, so that a range that is never acknowledged has one.
func (w *writes) gaps(name string, after host.Mono, f func(gap)) {
	list := w.acks[name]
	// What came in after the end says nothing about the time before it.
	n, _ := slices.BinarySearch(list, w.end+1)
	list = list[:n]
	// The gap that ends with the first acknowledgement after the instant begins with the one before.
	i, _ := slices.BinarySearch(list, after+1)
	from := w.began
	if i > 0 {
		from = list[i-1]
	}
	for _, at := range list[i:] {
		if from > 0 {
			f(gap{span{from, at}, w.count(span{from, at}), false})
		}
		from = at
	}
	if from > 0 && w.end > from {
		f(gap{span{from, w.end}, w.count(span{from, w.end}), true})
	}
}

// count is how much of a gap counts. Lateness explains a gap only from its edges: a writer that had a CPU and no acknowledgement for
// probe.SilentAfter on both sides of it was late within an outage, which went on meanwhile.
func (w *writes) count(s span) time.Duration {
	late := w.lateIn(s)
	d := s.to.Sub(s.from)
	awake, edge := time.Duration(0), s.from
	for len(late) > 0 {
		if awake += late[0].from.Sub(edge); awake > probe.SilentAfter {
			break
		}
		d -= late[0].to.Sub(late[0].from)
		edge, late = late[0].to, late[1:]
	}
	awake, edge = 0, s.to
	for len(late) > 0 {
		last := late[len(late)-1]
		if awake += edge.Sub(last.to); awake > probe.SilentAfter {
			break
		}
		d -= last.to.Sub(last.from)
		edge, late = last.from, late[:len(late)-1]
	}
	return d
}

// lateIn are the parts of a span in which the writer was late.
func (w *writes) lateIn(s span) []span {
	i, _ := slices.BinarySearchFunc(w.late, s.from, func(l span, at host.Mono) int { return cmp.Compare(l.to, at) })
	var out []span
	for ; i < len(w.late) && w.late[i].from < s.to; i++ {
		out = append(out, span{max(s.from, w.late[i].from), min(s.to, w.late[i].to)})
	}
	return out
}
