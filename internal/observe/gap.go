package observe

import (
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/vrrp"
)

// lateAfter is how late a check run must come to show that the whole host stood still, or that nobody has looked for as long.
const lateAfter = 3 * time.Second

// seeGap finds a standstill of this host: no check run has looked for lateAfter longer than keepalived's interval, or this very look has taken so long.
// Another host may have led meanwhile, so no master here is confirmed any more. So it is when keepalived has heard another master.
func (r *Observer) seeGap(o *model.Observation, now state.Stamp) {
	m := r.Memory
	if m.Gap != nil && m.Gap.At.Boot != now.Boot {
		m.Gap = nil
	}
	gap := time.Duration(0)
	if last, ok := r.Store.LastLook(); ok && last.Boot == now.Boot {
		gap = now.Since(last)
	}
	rival := r.Event != nil && r.Event.Rival && !r.rivalSeen
	old := r.isOld()
	for i := range o.Peers {
		if old {
			o.Peers[i].Age = time.Since(r.begun) // their silence of before proves nothing
		}
	}
	if r.rivalSeen = true; rival || old || r.isLate(gap) {
		m.Confirmed = nil
		m.Stretches.EndAll(session.Unconfirmed) // time in which nobody looked is no waiting
		m.Gap = &session.Gap{At: now, For: max(gap, 1)}
	}
	if m.Gap != nil {
		o.Gap = m.Gap.For
	}
	if r.Event == nil && len(o.Peers) > 0 { // who waits for events would hide that the check does not come
		r.Store.MarkLater(now)
	}
}

// isLate: a check run comes too late. Where nothing can be written no look leaves its time, so that says nothing.
func (r *Observer) isLate(gap time.Duration) bool {
	if gap < r.Config.Times.Deadline+lateAfter { // a deadline is below the interval
		return false
	}
	return gap >= vrrp.CheckInterval(r.Config.KeepalivedConf)+lateAfter && r.Store.Run.Writable()
}

// isOld: what this look has found is of before a standstill.
func (r *Observer) isOld() bool { return !r.begun.IsZero() && time.Since(r.begun) >= lateAfter }
