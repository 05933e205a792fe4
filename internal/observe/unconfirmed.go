package observe

import (
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/vrrp"
)

// seeUnconfirmed finds the local masters of a cluster that came up as masters and may be stale: another node may have taken their slots
// while they were down. One is confirmed when a peer agrees with its role, when this host is the only survivor, or when cold_start_wait is
// over. A replica needs nothing: what it has is judged when it is to be promoted.
func (r *Observer) seeUnconfirmed(o *model.Observation, now state.Stamp) {
	m := r.Memory
	o.HeardOnBus = heardOnBus(o, now.Wall)
	if m.ConfirmedBoot != now.Boot {
		m.ConfirmedBoot, m.Confirmed, m.Guarded = "", nil, nil
	}
	for _, l := range o.Locals {
		name := l.Instance.Name()
		wasLoading := m.Stretches.Lasts(session.Loading, name)
		m.Stretches.Note(session.Loading, name, l.State == model.Loading, now)
		switch {
		case l.State == model.Refused, l.State == model.Loading:
			m.Confirmed, m.Guarded = m.Confirmed.Without(name), m.Guarded.Without(name) // a refusal of writes ends with the process
			m.Stretches.End(session.Unconfirmed, name)
			continue
		case l.Info == nil || !l.Info.Cluster || o.Fence != nil:
			continue // nothing new of it, or the fence judges
		}
		self, _ := l.Self()
		leads := l.Role() == model.Master && len(self.Slots) > 0
		if leads && model.HasJustStarted(l) {
			m.Confirmed = m.Confirmed.Without(name)
		}
		doubt := leads && !m.Confirmed.Has(name) && len(o.Peers) > 0 && !o.Agreed(self) && !survives(o)
		a := m.Stretches.Note(session.Unconfirmed, name, doubt, now)
		long := a.For >= o.Times.ColdStartWait || a.Looks == 1 && !wasLoading && r.servesLong(o, l, now)
		if doubt && !long {
			o.Unconfirmed = append(o.Unconfirmed, l.Instance)
			m.Guarded = m.Guarded.With(name) // from the first step on
		} else {
			m.Stretches.End(session.Unconfirmed, name)
			m.Confirmed = m.Confirmed.With(name)
			if m.Guarded.Has(name) {
				o.Confirmed = append(o.Confirmed, l.Instance)
			}
		}
		m.ConfirmedBoot = now.Boot
	}
}

// servesLong: a master that is seen for the first time has served for cold_start_wait, so nothing is gained by stopping its writes now. Its uptime
// alone does not say so: keepalived, and so we, may have waited until it had loaded its data. A hook that came in this boot so long ago does.
func (r *Observer) servesLong(o *model.Observation, l model.Look, now state.Stamp) bool {
	var rec vrrp.Record
	told := l.Info.Uptime >= o.Times.ColdStartWait && r.Store.Peek(r.Store.Run, vrrp.RecordFile, &rec)
	return told && rec.At.Boot == now.Boot && now.Since(rec.At) >= o.Times.ColdStartWait
}

// heardOnBus finds HeardOnBus.
func heardOnBus(o *model.Observation, now time.Time) bool {
	for _, l := range o.Locals {
		if l.Info == nil {
			continue
		}
		started := now.Add(model.JustStarted - l.Info.Uptime) // in whole seconds of the server's clock: at the latest
		for _, n := range l.Nodes {
			if _, local, _ := o.Find(n.Addr); !n.Myself && !local && n.Answered.After(started) {
				return true
			}
		}
	}
	return false
}

// survives: every other host is silent while the witness answers, and so it was before, while this host led: nobody else can have led since.
func survives(o *model.Observation) bool { return o.Cold.Survivor && alone(o) }

// alone: every other host is silent, and the witness says that we are not the ones cut off. Where none has ever answered nobody can say so.
func alone(o *model.Observation) bool {
	return o.PeersSilent() && (o.Witness.Answers || !o.Witness.Counts)
}
