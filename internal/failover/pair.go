package failover

import (
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/state"
)

// lineageFile keeps what must be known about the data after a reboot. Durable.
const lineageFile = "lineage.json"

// lineage is what the runs of this box leave behind about its data.
type lineage struct {
	// Held: the last that was known of the VIP is that it was here, with a master behind it. At is when it was seen so.
	Held bool        `json:"held,omitempty"`
	At   state.Stamp `json:"at,omitempty"`
	// Survivor: see Cold.
	Survivor bool `json:"survivor,omitempty"`
	// Stale is per local instance.
	Stale map[string]staleness `json:"stale,omitempty"`
}

// staleness adds up the time in which the master was seen alive while the link to it was down.
type staleness struct {
	For time.Duration `json:"for_ns"`
	// Last is the last look of a stretch that goes on; nil between two stretches. Time when nobody saw the master does not
	// count.
	Last *state.Stamp `json:"last,omitempty"`
}

// seePairs notes what the decision on pairs needs. Without peers, or on nodes of a cluster, it does nothing.
func (r *Reconciler) seePairs(o *model.Observation, held bool, now state.Stamp) {
	if len(r.Config.Peers) == 0 {
		return
	}
	pairs := map[model.Instance]model.Pair{}
	for _, in := range r.Config.Instances {
		if in.Peer.IsValid() {
			pairs[redis.TargetOf(in).Instance] = model.Pair{Peer: in.Peer}
		}
	}
	for _, l := range o.Locals {
		if l.Info != nil && l.Info.Cluster {
			return
		}
	}
	if len(pairs) == 0 {
		return
	}
	o.Pairs, o.Durability = pairs, r.Config.Durability
	var lin lineage
	r.store.load(r.store.durable, lineageFile, &lin)
	before := text(lin)
	if lin.Stale == nil {
		lin.Stale = map[string]staleness{}
	}
	r.seePeersCold(o, now)
	leads, elsewhere := false, false
	stops := r.Event != nil && r.Event.State == model.VRRPStop // the VIP may still be here then, and no look will see it go
	for _, l := range o.Locals {
		pair, paired := pairs[l.Instance]
		if !paired {
			continue
		}
		name, peer := l.Instance.Name(), o.PeerOf(l)
		down := model.Absent(l) || l.Role() == model.Replica && !l.Info.LinkUp
		pair.Leaderless = note(r.memory.Instances, "leaderless "+name, model.NobodyLeads(l, peer), now)
		pair.Overruled = note(r.memory.Instances, "overruled "+name, model.Outranked(l, peer), now)
		pair.Left = note(r.memory.Instances, "left "+name, model.LeftBehind(o.State, held, l), now)
		pair.Pulled = r.memory.pulled(name, held, l, peer, now)
		pair.Unheard = r.memory.unheard(name, l)
		linked := l.Role() == model.Replica && l.Info.LinkUp
		if linked {
			r.memory.Severed = r.memory.Severed.Without(name)
		}
		if linked || peer.Role() == model.Replica && peer.Info.LinkUp {
			r.memory.Linked[name] = now.Boot
		}
		pair.Linked = r.memory.Linked[name] == now.Boot
		leads = leads || l.Role() == model.Master
		elsewhere = elsewhere || linked && peer.Role() == model.Master
		pair.Stale = lin.stale(name, linked, down && peer.State.Alive() && peer.Role() == model.Master, now)
		pairs[l.Instance] = pair
	}
	switch {
	case stops:
		lin.Held = false
	case held && leads && (!lin.Held || lin.At.Boot != now.Boot): // a VIP that has just come to a replica says nothing yet
		lin.Held, lin.At = true, now
	case !held && lin.Held && (lin.At.Boot == now.Boot || elsewhere):
		lin.Held = false
	}
	o.Cold.HeldLast = lin.Held
	if text(lin) != before {
		r.store.save(r.store.durable, lineageFile, lin)
	}
}

// pulledFor is how long a box that was pulled from does not pull back.
const pulledFor = time.Minute

// pull is what is known of a master that the peer may pull from this box. Both times belong to one stretch of the VIP.
type pull struct {
	// Held is since when the VIP has been here; Led: the instance was the master in that time.
	Held state.Stamp `json:"held"`
	Led  bool        `json:"led,omitempty"`
	// Heard: the peer has answered in that time, or the instance has been given a new term.
	Heard bool `json:"heard,omitempty"`
	// At is when it was seen pulled last.
	At *state.Stamp `json:"at,omitempty"`
}

// unheard: see Pair. It goes by what pulled has noted.
func (m *memory) unheard(name string, l model.Look) bool {
	p, held := m.Pulls[name]
	return held && l.Role() == model.Master && !p.Heard
}

// heard notes that the instance has its new term.
func (m *memory) heard(name string) {
	if p, held := m.Pulls[name]; held {
		p.Heard = true
		m.Pulls[name] = p
	}
}

// pulled: two boxes that both hold the VIP would pull the master from each other for ever.
func (m *memory) pulled(name string, held bool, l, peer model.Look, now state.Stamp) bool {
	if !held || m.HeldSince == nil || l.Info == nil {
		delete(m.Pulls, name)
		return false
	}
	p := m.Pulls[name]
	if p.Held != *m.HeldSince {
		p = pull{Held: *m.HeldSince}
	}
	p.Heard = p.Heard || peer.Info != nil
	switch {
	case l.Role() == model.Master:
		p.Led = true
	case p.Led && peer.State.Serves() && peer.Role() == model.Master:
		p.Led, p.At = false, &now
	}
	if p.At != nil && (now.Since(*p.At) >= pulledFor || peer.Role() == model.Master && peer.Term.Released) {
		p.At = nil
	}
	if m.Pulls == nil {
		m.Pulls = map[string]pull{}
	}
	m.Pulls[name] = p
	return p.At != nil && l.Role() == model.Replica
}

// seePeersCold notes whether any peer has answered since this box started.
func (r *Reconciler) seePeersCold(o *model.Observation, now state.Stamp) {
	if r.memory.Linked == nil {
		r.memory.Linked = map[string]string{}
	}
	if r.memory.FirstLook == nil || r.memory.FirstLook.Boot != now.Boot {
		r.memory.FirstLook, r.memory.PeerAnswered = &now, false
	}
	r.memory.PeerAnswered = r.memory.PeerAnswered || o.PeerAlive()
	o.Cold = model.Cold{Peerless: !r.memory.PeerAnswered, For: now.Since(*r.memory.FirstLook)}
}

// stale adds one look to the staleness of an instance and returns it.
func (lin *lineage) stale(name string, linked, behind bool, now state.Stamp) time.Duration {
	s := lin.Stale[name]
	switch {
	case linked:
		delete(lin.Stale, name)
		return 0
	case behind:
		if s.Last != nil && s.Last.Boot == now.Boot {
			d := now.Since(*s.Last)
			if d < time.Second {
				return s.For // a hook looks every 100 ms, and each addition is a write to the disk
			}
			s.For += d
		}
		s.Last = &now
	case s.Last != nil:
		s.Last = nil
	default:
		return s.For
	}
	lin.Stale[name] = s
	return s.For
}
