package report

import (
	"cmp"
	"slices"
	"time"

	"keepalived-redis/lab/host"
	"keepalived-redis/lab/probe"
)

// Result is what one run measured. Times are from the fault. A nil pointer means never.
//
// What the writer itself explains says nothing about Redis: when it had no CPU (probe.Late) at the beginning or at the end of a gap, that
// part of the gap does not count, neither for what is an interruption nor for WorstGap. In the middle of a gap it does count: the writer
// tried before and after, and got nothing. The instants at which an interruption begins and ends stay those of the acknowledgements.
type Result struct {
	// VIP is how long it took until a host that did not hold the VIP at the fault got it.
	VIP *time.Duration
	// Writable is how long it took until every slot range was acknowledged again. A range is interrupted by a gap of more than
	// Interruption between two acknowledgements that ends after the fault and begins less than Settled after it; a further such gap that
	// begins less than Settled after the end of the one before belongs to the same interruption. Writable is the latest end of an
	// interruption: 0 when no range was interrupted, nil when one did not end before the writing did, or when nothing was written.
	Writable *time.Duration
	// AfterVIP is Writable - VIP, nil when one of them is, or when nothing was interrupted. It is negative when Redis was first.
	AfterVIP *time.Duration
	// WorstGap is the longest time between two acknowledgements of one range that ends after the fault; nil when a range had none for
	// more than Interruption when the writing ended, or when nothing was written.
	WorstGap *time.Duration
	// Acked counts the acknowledged writes of the writers on the third host, over the whole run. Lost of them are gone (or have another
	// value), Unread could not be read back, because nobody serves them. All are Unread when the probe was killed before it read back.
	Acked, Lost, Unread int
	// Unknown writes were sent and never answered.
	Unknown int
	// Masters are the masters that served slots at the end, by address, with the number of their slots.
	Masters map[string]int
	// LastCutAck is when the writers in the cut-off host got their last acknowledgement before the heal; 0 when it got none after the fault,
	// nil when there is no such writer, or when none ever got any: then it shows nothing.
	LastCutAck *time.Duration
	// CutAcks counts what they got acknowledged after the fault and before the heal.
	CutAcks int
	// Through is the share of the time from the fault to the end of the writing, in parts of window, in which a write to the range went
	// through; of all ranges the lowest. 1 is all the time.
	Through float64
	// Takeover is the time from the VIP's arrival to the first takeover on that host, as its Redis logs it; nil when there was none. The
	// hook starts after the VIP is set, so this is no less than the time from the hook's start.
	Takeover *time.Duration
	// Whole is the time from the last step of the scenario until all was as it should be for good: the VIP on one host, one writable master
	// for everything, every replica linked. Nil when that was not looked for.
	Whole *time.Duration
	// Ranges are the same numbers for each slot range.
	Ranges map[string]RangeResult
	// Observed is the time from the fault to the end of the writing: "never" means not within it.
	Observed time.Duration
}

// RangeResult is what one run measured on one slot range; the meanings are those of Result.
type RangeResult struct {
	Writable, WorstGap *time.Duration
	Acked, Lost        int
}

const (
	// Interruption is the shortest gap between two acknowledgements of a range that counts as an interruption: well above what a busy
	// machine does by itself, well below the time of a failover.
	Interruption = 50 * time.Millisecond
	// Settled is how long a range must be acknowledged without an interruption to count as writable.
	Settled = time.Second
)

// Measure computes the result of a run.
func Measure(r Run) Result {
	w := collect(r, r.Client)
	out := Result{VIP: vipMoved(r), Through: w.through(r.Fault), Takeover: r.Takeover, Whole: r.Whole, Ranges: map[string]RangeResult{}, Observed: w.end.Sub(r.Fault)}
	out.LastCutAck, out.CutAcks = cutAcks(r)
	for i, name := range w.ranges {
		one, _, _ := w.measure(name, r.Fault)
		out.Ranges[name] = one
		if i == 0 {
			out.Writable, out.WorstGap = one.Writable, one.WorstGap
			continue
		}
		out.Writable, out.WorstGap = longer(out.Writable, one.Writable), longer(out.WorstGap, one.WorstGap)
	}
	if w.ended != nil {
		out.Masters = w.ended.Masters
	}
	out.add(w, r.Fault)
	for _, source := range r.Others {
		out.add(collect(r, source), r.Fault)
	}
	if out.VIP != nil && out.Writable != nil && *out.Writable != 0 {
		out.AfterVIP = pointer(*out.Writable - *out.VIP)
	}
	return out
}

// add counts what one more writer wrote.
func (r *Result) add(w *writes, fault host.Mono) {
	var sum probe.Result
	if w.ended != nil && w.ended.Result != nil {
		sum = *w.ended.Result
	} else {
		for _, name := range w.ranges {
			one, unread, unknown := w.measure(name, fault)
			sum.Acked, sum.Lost, sum.Unread, sum.Unknown = sum.Acked+one.Acked, sum.Lost+one.Lost, sum.Unread+unread, sum.Unknown+unknown
		}
	}
	r.Acked, r.Lost, r.Unread, r.Unknown = r.Acked+sum.Acked, r.Lost+sum.Lost+sum.Wrong, r.Unread+sum.Unread, r.Unknown+sum.Unknown
}

// measure computes the result of one range, and how many of its writes could not be read back and were never answered.
func (w *writes) measure(name string, fault host.Mono) (out RangeResult, unread, unknown int) {
	out.Writable, out.WorstGap = w.interruption(name, fault)
	if v := w.verified[name]; v != nil {
		out.Acked, out.Lost = v.Acked, v.Lost+v.Wrong
		return out, v.Unread, v.Unknown
	}
	out.Acked = len(w.acks[name])
	for kind, n := range w.failed[name] {
		if probe.Unknown(kind) {
			unknown += n
		}
	}
	return out, out.Acked, unknown
}

// interruption is the end of the interruption that belongs to the fault, and the longest gap after it.
func (w *writes) interruption(name string, fault host.Mono) (writable, worst *time.Duration) {
	var end, longest time.Duration
	var never, silent bool
	until := fault.Add(Settled)
	w.gaps(name, fault, func(g gap) {
		longest = max(longest, g.length)
		if !g.interrupts() {
			return
		}
		silent = g.open
		if g.from < until {
			never = g.open
			end, until = g.to.Sub(fault), g.to.Add(Settled)
		}
	})
	if !never {
		writable = &end
	}
	if !silent {
		worst = &longest
	}
	return writable, worst
}

// vipMoved is Result.VIP.
func vipMoved(r Run) *time.Duration {
	_, at, moved := newHolder(r)
	if !moved {
		return nil
	}
	return pointer(at.Sub(r.Fault))
}

// newHolder is the first host that got the VIP from the fault on and did not hold it then.
func newHolder(r Run) (name string, at host.Mono, moved bool) {
	held := map[string]bool{}
	for _, e := range inOrder(r.Events) {
		switch {
		case e.Kind == host.EventVIP && e.At >= r.Fault:
			if e.Present && !held[e.Host] {
				return e.Host, e.At, true
			}
		case e.Kind == host.EventVIP:
			held[e.Host] = e.Present
		case e.Kind == host.EventGone && e.At < r.Fault:
			held[e.Host] = false
		}
	}
	return "", 0, false
}

// inOrder are events by time; those of one instant stay as they came.
func inOrder(events []Event) []Event {
	sorted := slices.Clone(events)
	slices.SortStableFunc(sorted, func(a, b Event) int { return cmp.Compare(a.At, b.At) })
	return sorted
}

// window is the resolution of Result.Through.
const window = 50 * time.Millisecond

// through is Result.Through.
func (w *writes) through(fault host.Mono) float64 {
	lowest := 1.0
	whole := int(w.end.Sub(fault) / window)
	for _, name := range w.ranges {
		seen := map[int]bool{}
		see := func(at host.Mono) {
			if n := int(at.Sub(fault) / window); at >= fault && n < whole {
				seen[n] = true
			}
		}
		for _, at := range w.acks[name] {
			see(at)
		}
		for _, s := range w.late {
			// Then nobody tried.
			for at := s.from; at < s.to; at = at.Add(window) {
				see(at)
			}
			see(s.to)
		}
		if whole > 0 {
			lowest = min(lowest, float64(len(seen))/float64(whole))
		}
	}
	return lowest
}

// cutAcks is Result.LastCutAck and Result.CutAcks.
func cutAcks(r Run) (*time.Duration, int) {
	if r.Cut == "" {
		return nil, 0
	}
	count := 0
	wrote := false
	last := r.Fault
	for _, e := range r.Probe {
		if e.Source != r.Cut && !slices.Contains(r.CutOthers, e.Source) || e.Kind != probe.Acks {
			continue
		}
		for _, at := range e.Acks {
			wrote = true
			if r.Heal == 0 || at < r.Heal {
				last = max(last, at)
				if at > r.Fault {
					count++
				}
			}
		}
	}
	if !wrote {
		return nil, 0
	}
	return pointer(last.Sub(r.Fault)), count
}

// longer is the longer of two times, never being longer than any.
func longer(a, b *time.Duration) *time.Duration {
	if a == nil || b == nil {
		return nil
	}
	return pointer(max(*a, *b))
}

func pointer(d time.Duration) *time.Duration { return &d }
