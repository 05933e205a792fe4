package lab

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"keepalived-redis/lab/host"
)

// wholeWithin: all was whole again within a time after the last step. There is no slack in it: what it waits for are timers.
func wholeWithin(limit time.Duration) claim {
	return func(o Outcome) []string {
		if o.Result.Whole == nil {
			return []string{"all was never whole again"}
		}
		return when(*o.Result.Whole > limit, "all was whole only %s after the last step, not within %s; missing last: %s", *o.Result.Whole, limit, o.Run.missing)
	}
}

// others calls f for each slot range that somebody can serve, in order.
func others(o Outcome, f func(name string) []string) (wrong []string) {
	for _, name := range slices.Sorted(maps.Keys(o.Result.Ranges)) {
		if name != o.Run.Dead {
			wrong = append(wrong, f(name)...)
		}
	}
	return append(wrong, when(len(o.Result.Ranges) < 2, "there are %d slot ranges, too few for one that nobody serves", len(o.Result.Ranges))...)
}

// othersWritableSoonAfterVIP: every slot whose replica lives is writable shortly after the VIP has moved.
func othersWritableSoonAfterVIP(o Outcome) []string {
	if o.Result.VIP == nil {
		return nil // vipMoves says so
	}
	return others(o, func(name string) []string {
		writable := o.Result.Ranges[name].Writable
		if writable == nil {
			return []string{fmt.Sprintf("slots %s never became writable again", name)}
		}
		after := *writable - *o.Result.VIP
		return when(after > o.within(afterVIPLimit), "slots %s were writable only %s after the VIP had moved", name, after)
	})
}

// othersGoOn: no slot that somebody can serve was without an acknowledgement for longer.
func othersGoOn(limit time.Duration) claim {
	return func(o Outcome) []string {
		return others(o, func(name string) []string {
			worst := o.Result.Ranges[name].WorstGap
			if worst == nil {
				return []string{fmt.Sprintf("slots %s were not writable at the end", name)}
			}
			return when(*worst > o.within(limit), "the worst write gap of slots %s is %s, more than %s", name, *worst, o.within(limit))
		})
	}
}

// onlyItsLast is how far before a fault an acknowledgement may be lost with a master: Redis sends at once, so this is generous.
const onlyItsLast = time.Second

// nothingElseLost: what was acknowledged well before the fault, or after it, is all there.
func nothingElseLost(o Outcome) []string {
	lost := o.lost(o.clients(), func(at host.Mono) bool {
		return at < o.Recorded.Fault.Add(-onlyItsLast) || at > o.Recorded.Fault.Add(onItsWay)
	})
	return append(when(lost > 0, "%d writes are lost that were acknowledged more than %s before the fault, or after it", lost, onlyItsLast),
		when(o.Result.Unread > 0, "%d acknowledged writes could not be read back", o.Result.Unread)...)
}
