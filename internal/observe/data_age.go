package observe

import (
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/state"
)

// SeeDataAge notes what the decision on a cluster needs to know of the past. Outside a cluster it does nothing. When nothing
// changes it reads and writes no file.
func (r *Observer) SeeDataAge(o *model.Observation, held bool, now state.Stamp) {
	if o.Replication() {
		return
	}
	m := r.Memory
	if m.LinkedBoot != now.Boot {
		m.LinkedBoot, m.LinkedNames = "", nil // without a name nothing is to be kept
	}
	if !held {
		m.Led, m.TakenAwayAt = nil, nil
	}
	led := lineageLooks{held: held, stops: r.Event != nil && r.Event.State == model.VRRPStop} // the VIP may still be here then, and no look will see it go
	cluster := false
	for _, l := range o.Locals {
		if l.State == model.Refused || model.HasJustStarted(l) { // what it reads from its disk may be older than what it had
			m.LinkedNames = m.LinkedNames.Without(l.Instance.Name())
		}
		if model.Absent(l) {
			led.looks = append(led.looks, linkLook{instance: l.Instance, name: l.Instance.Name(), behind: passed(o, l)})
		}
		if l.Info == nil || !l.Info.Cluster {
			continue
		}
		cluster = true
		name := l.Instance.Name()
		self, _ := l.Self()
		master, a, local, _ := o.MasterOf(l)
		replica := l.Role() == model.Replica
		linked := replica && l.Info.LinkUp
		leads := l.Role() == model.Master && len(self.Slots) > 0
		claims := master.State.Alive() && master.Role() == model.Master
		if linked || replica && l.Info.WasLinked || leads && l.Info.Replicas > 0 {
			m.LinkedBoot, m.LinkedNames = now.Boot, m.LinkedNames.With(name)
		}
		if linked {
			m.Severed = m.Severed.Without(name)
		}
		unlinked := replica && !m.LinkedNames.Has(name)
		waited := m.Stretches.Note(session.Unlinked, name, unlinked && !claims, now)
		if unlinked || replica && !linked && claims {
			noteDataAge(o, l.Instance, model.DataAge{Unlinked: unlinked, Waited: waited.For})
		}
		led.leads = led.leads || leads
		led.doubt = led.doubt || r.inDoubt(l, leads, now)
		led.cold = led.cold || unlinked
		led.elsewhere = led.elsewhere || linked && !local
		led.looks = append(led.looks, linkLook{instance: l.Instance, name: name, whole: linked || leads && !disowned(o, l), behind: replica && !linked && claims})
		switch {
		case held && leads:
			m.Led = m.Led.With(name)
		case held && replica && m.Led.Has(name) && claims && !local && a.IsValid():
			m.Led, m.TakenAwayAt = m.Led.Without(name), &now
		}
	}
	r.noteVoteWait(o, now)
	if m.TakenAwayAt != nil && now.Since(*m.TakenAwayAt) >= session.TakenAwayFor {
		m.TakenAwayAt = nil
	}
	o.BothMaster = m.TakenAwayAt != nil
	led.survives = r.leadsAlone(o, led.leads, led.doubt, now)
	if cluster || m.Lineage != nil {
		r.seeLineage(o, led, now)
	}
}

// noteVoteWait notes for how long replicas have asked for votes in vain; one whose master is back asks no more.
func (r *Observer) noteVoteWait(o *model.Observation, now state.Stamp) {
	for topic := range r.Memory.Stretches {
		if topic.Kind != session.VoteAsked {
			continue
		}
		l, _ := o.LocalNamed(topic.Name)
		master, _, _, _ := o.MasterOf(l)
		asks := l.Role() == model.Replica && !(master.State.Serves() && master.Role() == model.Master)
		if since := r.Memory.Stretches.Note(topic.Kind, topic.Name, asks, now); asks {
			if o.VoteWait == nil {
				o.VoteWait = map[model.Instance]time.Duration{}
			}
			o.VoteWait[l.Instance] = since.For
		}
	}
}

// stand notes what is known of the data of a local replica.
func noteDataAge(o *model.Observation, i model.Instance, s model.DataAge) {
	if o.DataAge == nil {
		o.DataAge = map[model.Instance]model.DataAge{}
	}
	o.DataAge[i] = s
}

// lineageLooks is what one look at a cluster says of the lineage.
type lineageLooks struct {
	held, stops bool
	// doubt: a master here is not confirmed. survives: this host leads, every other one is silent, and the witness answers, for some time.
	doubt, survives bool
	// leads: a master with slots is here. cold: a replica here has not been linked since this host started. elsewhere: a replica here is linked to a master on another host.
	leads, cold, elsewhere bool
	looks                  []linkLook
}

// linkLook is one local instance: it is whole while it is linked or leads itself, and behind while its master is seen alive
// without a link to it, also because it is dead or hangs itself.
type linkLook struct {
	instance      model.Instance
	name          string
	whole, behind bool
}

// seeLineage keeps the durable record of which host led last, and how stale each replica is.
func (r *Observer) seeLineage(o *model.Observation, led lineageLooks, now state.Stamp) {
	var lin session.Lineage
	memo := r.Memory.Lineage
	known := memo != nil && memo.Boot == now.Boot
	if !known {
		r.Store.Peek(r.Store.Durable, session.LineageFile, &lin)
		memo = lin.Memo(now)
	}
	want := memo.Held
	switch {
	case led.stops:
		want = false
	case led.held && led.leads && !led.cold: // a VIP that has just come to a host that knows nothing says nothing yet
		want = true
	case !led.held && (memo.HeldBoot == now.Boot || led.elsewhere):
		want = false
	}
	survivor := led.survives || memo.Survivor && !o.PeerAlive()
	o.Cold.HeldLast, o.Cold.Survivor = want, survivor
	stale := memo.Stale
	for _, l := range led.looks {
		stale = stale || l.behind
	}
	if known && want == memo.Held && survivor == memo.Survivor && !stale && (!want || memo.HeldBoot == now.Boot) {
		return
	}
	if known {
		r.Store.Peek(r.Store.Durable, session.LineageFile, &lin)
	}
	before := session.Text(lin)
	lin.Survivor = survivor
	if lin.Held = want; want && led.held {
		if lin.At.Boot != now.Boot {
			lin.At = now
		}
	}
	if lin.Stale == nil {
		lin.Stale = map[string]session.Staleness{}
	}
	for _, l := range led.looks {
		if d := lin.GrowStale(l.name, l.whole, l.behind, now); d > 0 {
			s := o.DataAge[l.instance]
			s.Stale = d
			noteDataAge(o, l.instance, s)
		}
	}
	if session.Text(lin) != before {
		r.Store.Later(r.Store.Durable, session.LineageFile, lin)
	}
	r.Memory.Lineage = lin.Memo(now)
}
