package lab

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"keepalived-redis/lab/host"
	"keepalived-redis/lab/probe"
	"keepalived-redis/lab/report"
)

// Outcome is a finished run: what was recorded, and what was measured from it.
type Outcome struct {
	Run      *Run
	Recorded report.Run
	Result   report.Result
}

// claim looks at an outcome and returns a sentence for each thing that does not hold.
type claim func(Outcome) []string

// all joins claims.
func all(claims ...claim) claim {
	return func(o Outcome) []string {
		var wrong []string
		for _, c := range claims {
			wrong = append(wrong, c(o)...)
		}
		return wrong
	}
}

// slack is how many times its bounds of time a promise gets.
func (o Outcome) slack() int {
	if o.Run == nil || o.Run.Lab == nil {
		return 1
	}
	return max(1, o.Run.opts.Slack)
}

// within is a bound with the slack of the run.
func (o Outcome) within(limit time.Duration) time.Duration {
	return time.Duration(o.slack()) * limit
}

func when(wrong bool, format string, args ...any) []string {
	if !wrong {
		return nil
	}
	return []string{fmt.Sprintf(format, args...)}
}

// vipMoves: the VIP came to the other host.
func vipMoves(o Outcome) []string { return when(o.Result.VIP == nil, "the VIP did not move") }

// vipStays: from the fault on the VIP neither left its host nor came to another.
func vipStays(o Outcome) []string {
	var wrong []string
	for _, e := range o.Recorded.Events {
		if e.Kind == host.EventVIP && e.At >= o.Recorded.Fault {
			wrong = append(wrong, fmt.Sprintf("%s after the fault: %s %s", e.At.Sub(o.Recorded.Fault), e.Host, Event(e).Sentence()))
		}
	}
	return wrong
}

// vipGoneLimit is more than VRRP needs to move the VIP.
const vipGoneLimit = 3 * time.Second

// vipNotGone: from the fault on some host had the VIP, but for the time in which it moved.
func vipNotGone(o Outcome) []string {
	absent := vipAbsent(o.Recorded)
	return when(absent > vipGoneLimit, "no host had the VIP for %s", absent)
}

// vipAbsent is the longest time after the fault in which no host had the VIP, and that ended.
func vipAbsent(rec report.Run) (longest time.Duration) {
	holders := map[string]bool{}
	var gone host.Mono
	for _, e := range rec.Events {
		if e.Kind != host.EventVIP && e.Kind != host.EventGone {
			continue
		}
		if holders[e.Host] = e.Kind == host.EventVIP && e.Present; !holders[e.Host] {
			delete(holders, e.Host)
		}
		switch {
		case len(holders) == 0 && gone == 0:
			gone = e.At
		case len(holders) > 0:
			if gone > rec.Fault {
				longest = max(longest, e.At.Sub(gone))
			}
			gone = 0
		}
	}
	return longest
}

// afterVIPLimit is far above the budget of 50 ms, which is a benchmark of its own: a test on a busy machine must only see that nothing waits
// for a timer of Redis or of a check.
const afterVIPLimit = 700 * time.Millisecond

// writableSoonAfterVIP: every slot is writable shortly after the VIP has moved.
func writableSoonAfterVIP(o Outcome) []string {
	if o.Result.Writable == nil {
		return []string{"not every slot became writable again"}
	}
	return when(o.Result.AfterVIP != nil && *o.Result.AfterVIP > o.within(afterVIPLimit), "every slot was writable only %s after the VIP had moved", deref(o.Result.AfterVIP))
}

// writableWithin: every slot is writable within a time after the fault.
func writableWithin(limit time.Duration) claim {
	return func(o Outcome) []string {
		if o.Result.Writable == nil {
			return []string{"not every slot became writable again"}
		}
		return when(*o.Result.Writable > limit, "every slot was writable only %s after the fault, not within %s", *o.Result.Writable, limit)
	}
}

// everythingOnSurvivor: at the end all masters are on the host that is left.
func everythingOnSurvivor(o Outcome) []string {
	if o.Run.Scenario.Mode == Replication {
		var wrong []string
		for _, addr := range o.Run.Standby.Instances() {
			role := o.Run.Timeline.View().Role[addr]
			wrong = append(wrong, when(role != "master", "%s is %s, not the master", addr, role)...)
		}
		return wrong
	}
	var wrong []string
	slots := 0
	for addr, n := range o.Result.Masters {
		slots += n
		wrong = append(wrong, when(!strings.HasPrefix(addr, o.Run.Standby.Addr+":"), "%s serves %d slots", addr, n)...)
	}
	return append(wrong, when(slots != 16384, "the survivor serves %d slots of 16384", slots)...)
}

// nothingLost: no acknowledged write is gone, and all could be read back.
func nothingLost(o Outcome) []string {
	return when(o.Result.Lost+o.Result.Unread > 0, "%d acknowledged writes are lost, %d could not be read back", o.Result.Lost, o.Result.Unread)
}

// clients are the names of the writers on the client.
func (o Outcome) clients() []string { return append([]string{o.Recorded.Client}, o.Recorded.Others...) }

// insiders are those of the writers on the host that is cut off.
func (o Outcome) insiders() []string {
	return append([]string{o.Recorded.Cut}, o.Recorded.CutOthers...)
}

// lost counts the acknowledgements of writers that are gone, at the instants that count.
func (o Outcome) lost(sources []string, counts func(at host.Mono) bool) (n int) {
	for _, e := range o.Recorded.Probe {
		if e.Kind != probe.Verified || !slices.Contains(sources, e.Source) || e.Result == nil {
			continue
		}
		for _, at := range e.Result.LostAcks {
			if counts(at) {
				n++
			}
		}
	}
	return n
}

// onItsWay is how long after the instant of a fault an acknowledgement may still come from before it: the stamp is taken first, and a
// master answers its client before it sends to its replica. No takeover is that quick.
const onItsWay = 10 * time.Millisecond

// nothingLostSinceFault: what the client got acknowledged after the cut came from the side that took over, and is all there.
func nothingLostSinceFault(o Outcome) []string {
	lost := o.lost(o.clients(), func(at host.Mono) bool { return at > o.Recorded.Fault.Add(onItsWay) })
	return append(when(lost > 0, "%d writes that were acknowledged after the cut are lost", lost),
		when(o.Result.Unread > 0, "%d acknowledged writes could not be read back", o.Result.Unread)...)
}

// worstGap: no range was without an acknowledgement for longer. On a machine that is busy with other things a writer may be late, so this
// is several times the budget; the budget itself is a benchmark.
func worstGap(limit time.Duration) claim {
	return func(o Outcome) []string {
		if o.Result.WorstGap == nil {
			return []string{"a slot range was never writable again"}
		}
		return when(*o.Result.WorstGap > o.within(limit), "the worst write gap is %s, more than %s", *o.Result.WorstGap, o.within(limit))
	}
}

// cutSideStops: the host that was cut off acknowledged nothing any more after a time.
func cutSideStops(limit time.Duration) claim {
	return func(o Outcome) []string {
		if o.Result.LastCutAck == nil {
			return []string{"nobody wrote on the host that was cut off"}
		}
		return when(*o.Result.LastCutAck > limit, "the host that was cut off still acknowledged a write after %s", *o.Result.LastCutAck)
	}
}

// deref reads a duration that may be missing.
func deref(d *time.Duration) time.Duration {
	if d == nil {
		return 0
	}
	return *d
}

// switchoverGaps are the worst write gap around each switchover: of all ranges, up to the next switchover.
func switchoverGaps(rec report.Run, switchovers []host.Mono) []time.Duration {
	gaps := make([]time.Duration, len(switchovers))
	last := map[string]host.Mono{}
	acks := map[string][]host.Mono{}
	for _, e := range rec.Probe {
		if e.Source == rec.Client && e.Kind == probe.Acks {
			acks[e.Range] = append(acks[e.Range], e.Acks...)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(acks)) {
		list := acks[name]
		slices.Sort(list)
		for _, at := range list {
			if before, ok := last[name]; ok {
				i, exact := slices.BinarySearch(switchovers, at)
				if !exact {
					i--
				}
				if i >= 0 {
					gaps[i] = max(gaps[i], at.Sub(before))
				}
			}
			last[name] = at
		}
	}
	return gaps
}

// everythingRead: whatever was acknowledged could be looked for at the end. What is gone is printed, and not judged: nothing bounds it.
func everythingRead(o Outcome) []string {
	return when(o.Result.Unread > 0, "%d acknowledged writes could not be read back", o.Result.Unread)
}

// writtenFor: writes went through for at least this share of the time.
func writtenFor(share float64) claim {
	return func(o Outcome) []string {
		least := 1 - (1-share)*float64(o.slack())
		return when(o.Result.Through < least, "writes went through for %.1f %% of the time, less than %.0f %%", 100*o.Result.Through, 100*least)
	}
}

// noRedisStops: no instance was down at any time between the fault and its end. A replica that takes over another data set afterwards
// is away for a moment.
func noRedisStops(o Outcome) []string {
	var wrong []string
	for _, e := range o.Recorded.Events {
		if o.Recorded.Heal != 0 && e.At > o.Recorded.Heal {
			break
		}
		if e.Kind == host.EventRole && e.Text == "down" && e.At >= o.Recorded.Fault {
			wrong = append(wrong, fmt.Sprintf("%s after the fault: %s %s", e.At.Sub(o.Recorded.Fault), e.Host, Event(e).Sentence()))
		}
	}
	return wrong
}

// nothingWrittenTo: from a step (the words before its first verb) until the next time that a host is switched on after it and the one that
// the step speaks of, no write was acknowledged.
func nothingWrittenTo(step string) claim {
	_, words, _ := strings.Cut(step, "%s")
	return func(o Outcome) []string {
		var from, to host.Mono
		on := 0
		for _, e := range o.Recorded.Events {
			switch {
			case e.Kind == KindStep && strings.HasSuffix(e.Text, words):
				from = e.At
			case e.Kind == KindStep && from != 0 && to == 0 && strings.HasPrefix(e.Text, "power on"):
				if on++; on == 2 {
					to = e.At
				}
			}
		}
		n := 0
		for _, e := range o.Recorded.Probe {
			for _, at := range e.Acks {
				if slices.Contains(o.clients(), e.Source) && at > from && at < to {
					n++
				}
			}
		}
		return append(when(to == 0, "the scenario was not what its claim looks at"), when(n > 0, "%d writes were acknowledged by the host with the old data", n)...)
	}
}
