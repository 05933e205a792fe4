package failover

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/vrrp"
)

// Pair is what is known of a local instance and its peer, a master and its replica outside a cluster.
type Pair struct {
	// Peer is the instance on the other box, by the setting.
	Peer netip.AddrPort
	// Leaderless: both have been replicas, and nobody else leads them.
	Leaderless Ail
	// Overruled: both have been masters, and the peer's claim is the better one.
	Overruled Ail
	// Left: the local instance is a master without the VIP, and not marked so.
	Left Ail
	// Stale is how long the peer was seen alive as master while our link to it was down.
	Stale time.Duration
	// Pulled: the peer made itself the master while the VIP was here without a break, less than pulledFor ago, and has not
	// marked since that the VIP has left it.
	Pulled bool
	// Unheard: the VIP has come to this box while the local instance was the master already, and the peer has not answered since; nor has
	// the instance been given a new term.
	Unheard bool
	// Linked: since this box started the local instance has been linked to a master, or the peer has been its replica.
	Linked bool
}

// Cold is how a box stands that has just started and has heard of no peer yet.
type Cold struct {
	// Peerless: no peer has answered since this box started, and For is how long we have been looking.
	Peerless bool
	For      time.Duration
	// HeldLast: by our durable record this box was the last to hold the VIP.
	HeldLast bool
	// Survivor: by that record it led while every other box was silent and the witness answered, and no peer has answered since.
	Survivor bool
}

// replication: the instances of this box are no nodes of a cluster, and have peers by the setting.
func (o *Observation) replication() bool { return len(o.Pairs) > 0 }

// peerOf is the look at the peer of a local instance; its state is Unseen when nobody looked.
func (o *Observation) peerOf(l redis.Look) redis.Look {
	a := o.Pairs[l.Instance].Peer
	for _, p := range o.Peers {
		if p.Instance.Addr == a {
			return p
		}
	}
	return redis.Look{Instance: redis.At(a)}
}

// nobodyLeads: both are replicas, and none is linked to a master elsewhere. Two that follow each other may both say that their
// link is up (tried, 7.0.15).
func nobodyLeads(l, peer redis.Look) bool {
	if l.Role() != redis.Replica || peer.Role() != redis.Replica {
		return false
	}
	circle := l.Info.Master == peer.Instance.Addr && peer.Info.Master == l.Instance.Addr
	return circle || !l.Info.LinkUp && !peer.Info.LinkUp
}

// leftBehind: a local instance is a master of a box that the VIP has left, and its data does not say so.
func leftBehind(s vrrp.State, held bool, l redis.Look) bool {
	return s == vrrp.Backup && !held && l.Role() == redis.Master && l.Term.N > 0 && !l.Term.Released
}

// waitsCold: a local master must not be used yet: its peer, which may have newer data, has not been heard of since this box
// started.
func (o *Observation) waitsCold() bool {
	if !o.replication() || !o.Cold.Peerless || o.Cold.For >= o.Times.ColdStartWait {
		return false
	}
	for _, l := range o.Locals {
		if l.Role() == redis.Master && o.Pairs[l.Instance].Peer.IsValid() {
			return true
		}
	}
	return false
}

// outcome is what a look and its plan come to.
func (o *Observation) outcome(plan Plan) Outcome {
	out := Outcome{Isolated: o.Isolated(), Fenced: o.Fence != nil, Cold: o.waitsCold(), Sentence: plan.Sentence}
	if said := o.coldSentence(); out.Cold && !strings.Contains(out.Sentence, said) {
		out.Sentence = said // also where nothing is decided, the verdict needs its reason
	}
	return out
}

func (o *Observation) coldSentence() string {
	return fmt.Sprintf("a master here has not heard of its peer since this box started; that one may have newer data and is waited for, for %s", o.Times.ColdStartWait)
}

// nextTerm is a term above all that were seen. One box of a pair takes even terms and the other odd ones, so that two
// promotions that know nothing of each other never come to the same term.
func nextTerm(own, peer netip.AddrPort, seen ...redis.Term) uint64 {
	var n uint64
	for _, t := range seen {
		n = max(n, t.N)
	}
	n++
	if !owns(own, peer, n) {
		n++
	}
	return n
}

// owns: a term was raised by the box of own, and not by that of its peer.
func owns(own, peer netip.AddrPort, term uint64) bool {
	return term > 0 && (own.Compare(peer) > 0) == (term%2 == 1)
}

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
func (r *Reconciler) seePairs(o *Observation, held bool, now state.Stamp) {
	if len(r.Config.Peers) == 0 {
		return
	}
	pairs := map[redis.Instance]Pair{}
	for _, in := range r.Config.Instances {
		if in.Peer.IsValid() {
			pairs[redis.TargetOf(in).Instance] = Pair{Peer: in.Peer}
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
	stops := r.Event != nil && r.Event.State == vrrp.Stop // the VIP may still be here then, and no look will see it go
	for _, l := range o.Locals {
		pair, paired := pairs[l.Instance]
		if !paired {
			continue
		}
		name, peer := l.Instance.Name(), o.peerOf(l)
		down := absent(l) || l.Role() == redis.Replica && !l.Info.LinkUp
		pair.Leaderless = note(r.memory.Instances, "leaderless "+name, nobodyLeads(l, peer), now)
		pair.Overruled = note(r.memory.Instances, "overruled "+name, outranked(l, peer), now)
		pair.Left = note(r.memory.Instances, "left "+name, leftBehind(o.State, held, l), now)
		pair.Pulled = r.memory.pulled(name, held, l, peer, now)
		pair.Unheard = r.memory.unheard(name, l)
		linked := l.Role() == redis.Replica && l.Info.LinkUp
		if linked {
			r.memory.Severed = r.memory.Severed.without(name)
		}
		if linked || peer.Role() == redis.Replica && peer.Info.LinkUp {
			r.memory.Linked[name] = now.Boot
		}
		pair.Linked = r.memory.Linked[name] == now.Boot
		leads = leads || l.Role() == redis.Master
		elsewhere = elsewhere || linked && peer.Role() == redis.Master
		pair.Stale = lin.stale(name, linked, down && peer.State.Alive() && peer.Role() == redis.Master, now)
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
func (m *memory) unheard(name string, l redis.Look) bool {
	p, held := m.Pulls[name]
	return held && l.Role() == redis.Master && !p.Heard
}

// heard notes that the instance has its new term.
func (m *memory) heard(name string) {
	if p, held := m.Pulls[name]; held {
		p.Heard = true
		m.Pulls[name] = p
	}
}

// pulled: two boxes that both hold the VIP would pull the master from each other for ever.
func (m *memory) pulled(name string, held bool, l, peer redis.Look, now state.Stamp) bool {
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
	case l.Role() == redis.Master:
		p.Led = true
	case p.Led && peer.State.Serves() && peer.Role() == redis.Master:
		p.Led, p.At = false, &now
	}
	if p.At != nil && (now.Since(*p.At) >= pulledFor || peer.Role() == redis.Master && peer.Term.Released) {
		p.At = nil
	}
	if m.Pulls == nil {
		m.Pulls = map[string]pull{}
	}
	m.Pulls[name] = p
	return p.At != nil && l.Role() == redis.Replica
}

// seePeersCold notes whether any peer has answered since this box started.
func (r *Reconciler) seePeersCold(o *Observation, now state.Stamp) {
	if r.memory.Linked == nil {
		r.memory.Linked = map[string]string{}
	}
	if r.memory.FirstLook == nil || r.memory.FirstLook.Boot != now.Boot {
		r.memory.FirstLook, r.memory.PeerAnswered = &now, false
	}
	r.memory.PeerAnswered = r.memory.PeerAnswered || o.peerAlive()
	o.Cold = Cold{Peerless: !r.memory.PeerAnswered, For: now.Since(*r.memory.FirstLook)}
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
