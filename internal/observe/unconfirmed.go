package observe

import (
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/vrrp"
)

// seeUnconfirmed finds the local masters of a cluster or of a pair that came up as masters and may be stale: another instance may have led since.
// One is confirmed when a peer agrees with its role, when this host is the only survivor, or when cold_start_wait is over. A replica needs
// nothing: what it has is judged when it is to be promoted.
func (r *Observer) seeUnconfirmed(o *model.Observation, now state.Stamp) {
	m := r.Memory
	o.HeardOnBus = heardOnBus(o, m.Gap, now.Wall)
	if m.ConfirmedBoot != now.Boot {
		m.ConfirmedBoot, m.Confirmed, m.Guarded, m.Young, m.Leaders = "", nil, nil, nil, nil
	}
	waits := false
	for _, l := range o.Locals {
		name := l.Instance.Name()
		wasLoading := m.Stretches.Lasts(session.Loading, name)
		m.Stretches.Note(session.Loading, name, l.State == model.Loading, now)
		switch {
		case l.State == model.Refused, l.State == model.Loading:
			m.Confirmed, m.Guarded = m.Confirmed.Without(name), m.Guarded.Without(name) // a refusal of writes ends with the process
			m.Stretches.End(session.Unconfirmed, name)
			continue
		case l.Info == nil || o.Fence != nil:
			waits = true
			continue // nothing new of it, or the fence judges
		}
		leads, agreed, judged := claim(o, l)
		if !judged {
			continue
		}
		if leads && model.HasJustStarted(l) && (l.Info.RunID == "" || m.Young[name] != l.Info.RunID) {
			m.Confirmed = m.Confirmed.Without(name) // it is perhaps not the one that was confirmed
		}
		doubt := leads && !m.Confirmed.Has(name) && len(o.Peers) > 0 && (!agreed || r.isOld()) && !o.Survives()
		a := m.Stretches.Note(session.Unconfirmed, name, doubt, now)
		// No time settles it where another one says now that it leads.
		long := !o.Supplanted(l) && a.For >= o.Times.ColdStartWait || a.Looks == 1 && !wasLoading && m.Gap == nil && r.servesLong(o, l, now)
		if doubt && !long {
			waits = true
			o.Unconfirmed = append(o.Unconfirmed, l.Instance)
			m.Guarded = m.Guarded.With(name) // from the first step on
		} else {
			m.Stretches.End(session.Unconfirmed, name)
			m.Confirmed = m.Confirmed.With(name)
			r.noteYoung(l)
			if m.Guarded.Has(name) {
				o.Confirmed = append(o.Confirmed, l.Instance)
			}
		}
		m.ConfirmedBoot = now.Boot
	}
	if !waits {
		m.Gap, o.Gap = nil, 0
	}
}

// claim tells whether a local instance leads, and whether a peer agrees with that: any one of the cluster, or its own one of the pair. judged is
// false for an instance on its own.
func claim(o *model.Observation, l model.Look) (leads, agreed, judged bool) {
	if l.Info.Cluster {
		self, _ := l.Self()
		return l.Role() == model.Master && len(self.Slots) > 0, o.Agreed(self) && !o.Supplanted(l), true
	}
	return l.Role() == model.Master, o.AgreedPair(l), o.Pairs[l.Instance].Peer.IsValid()
}

// inDoubt: a local instance leads, and no earlier look of this boot has confirmed that.
func (r *Observer) inDoubt(l model.Look, leads bool, now state.Stamp) bool {
	return leads && !(r.Memory.ConfirmedBoot == now.Boot && r.Memory.Confirmed.Has(l.Instance.Name()))
}

// survivorAfter is how long a host must have led alone before it counts as the only survivor.
const survivorAfter = time.Second

// leadsAlone: this host leads without doubt, every other one is silent, and the witness answers, for some time.
func (r *Observer) leadsAlone(o *model.Observation, leads, doubt bool, now state.Stamp) bool {
	alone := r.Memory.Stretches.Note(session.LeadsAlone, "", leads && !doubt && o.OnlyHostLeft(), now)
	return alone.Looks >= 2 && (alone.For >= survivorAfter && o.Witness.Answers || alone.For >= o.Times.ColdStartWait)
}

// servesLong: a master that is seen for the first time has served for cold_start_wait, so nothing is gained by stopping its writes now. Its uptime
// alone does not say so: keepalived, and so we, may have waited until it had loaded its data. A hook that came in this boot so long ago does.
func (r *Observer) servesLong(o *model.Observation, l model.Look, now state.Stamp) bool {
	var rec vrrp.Record
	told := l.Info.Uptime >= o.Times.ColdStartWait && r.Store.Peek(r.Store.Run, vrrp.RecordFile, &rec)
	return told && rec.At.Boot == now.Boot && now.Since(rec.At) >= o.Times.ColdStartWait
}

// noteYoung notes which server was confirmed, for as long as it has just started: it may have died and come back until the next look.
func (r *Observer) noteYoung(l model.Look) {
	m := r.Memory
	if !model.HasJustStarted(l) || l.Info.RunID == "" {
		if delete(m.Young, l.Instance.Name()); len(m.Young) == 0 {
			m.Young = nil
		}
		return
	}
	if m.Young == nil {
		m.Young = map[string]string{}
	}
	m.Young[l.Instance.Name()] = l.Info.RunID
}

// heardOnBus finds HeardOnBus. What was answered before a standstill does not count.
func heardOnBus(o *model.Observation, gap *session.Gap, now time.Time) bool {
	for _, l := range o.Locals {
		if l.Info == nil {
			continue
		}
		started := now.Add(model.JustStarted - l.Info.Uptime) // in whole seconds of the server's clock: at the latest
		if gap != nil && gap.At.Wall.After(started) {
			started = gap.At.Wall
		}
		for _, n := range l.Nodes {
			if _, local, _ := o.Find(n.Addr); !n.Myself && !local && n.Answered.After(started) {
				return true
			}
		}
	}
	return false
}
