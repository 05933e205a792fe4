package observe

import (
	"net/netip"
	"slices"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/state"
)

// seePairs notes what the decision on pairs needs. Without peers, or on nodes of a cluster, it does nothing.
func (r *Observer) seePairs(o *model.Observation, held bool, now state.Stamp) {
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
	var lin session.Lineage
	r.Store.Peek(r.Store.Durable, session.LineageFile, &lin)
	before := session.Text(lin)
	if lin.Stale == nil {
		lin.Stale = map[string]session.Staleness{}
	}
	r.seePeersCold(o, now)
	leads, doubt, elsewhere := false, false, false
	stops := r.Event != nil && r.Event.State == model.VRRPStop // the VIP may still be here then, and no look will see it go
	for i := range o.Locals {
		l := &o.Locals[i]
		pair, paired := pairs[l.Instance]
		if !paired {
			continue
		}
		seeTerm(l, o.PeerOf(*l), &pair, &lin)
		r.seeOwner(o, l, pair.Peer)
		pairs[l.Instance] = pair
	}
	for _, l := range o.Locals {
		pair, paired := pairs[l.Instance]
		if !paired {
			continue
		}
		name, peer := l.Instance.Name(), o.PeerOf(l)
		down := model.Absent(l) || l.Role() == model.Replica && !l.Info.LinkUp
		pair.NoMaster = r.Memory.Stretches.Note(session.NoMaster, name, model.WithoutMaster(l, peer), now)
		pair.Overruled = r.Memory.Stretches.Note(session.Overruled, name, model.Outranked(l, peer), now)
		pair.Left = r.Memory.Stretches.Note(session.Left, name, model.LeftBehind(o.State, held, l), now)
		pair.TakenAway = r.Memory.TakenAway(name, held, l, peer, now)
		pair.Unheard = r.Memory.Unheard(name, l)
		linked := l.Role() == model.Replica && l.Info.LinkUp
		pair.Restarted = r.seeRestarted(l, linked, now)
		if linked {
			r.Memory.Severed = r.Memory.Severed.Without(name)
		}
		if linked || peer.Role() == model.Replica && peer.Info.LinkUp {
			r.Memory.Linked[name] = now.Boot
		}
		pair.Linked = r.Memory.Linked[name] == now.Boot
		master := l.Role() == model.Master
		leads, doubt = leads || master, doubt || r.inDoubt(l, master, now)
		elsewhere = elsewhere || linked && peer.Role() == model.Master
		pair.Stale = lin.GrowStale(name, linked, down && peer.State.Alive() && peer.Role() == model.Master, now)
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
	lin.Survivor = r.leadsAlone(o, leads, doubt, now) || lin.Survivor && !o.PeerAlive()
	o.Cold.HeldLast, o.Cold.Survivor = lin.Held, lin.Survivor
	if session.Text(lin) != before {
		r.Store.Later(r.Store.Durable, session.LineageFile, lin)
	}
}

// seeTerm keeps the highest term of a local instance. That of a master counts also where its data has lost it: an old master must not outrank it
// then. The term of a replica says what data it has, so that is left as it is. And so is that of a master whose replica has a higher one: the master
// came up with old data, and the replica is about to get it, or to be promoted.
func seeTerm(l *model.Look, peer model.Look, pair *model.Pair, lin *session.Lineage) {
	pair.Term = lin.Highest(l.Instance.Name(), l.Term)
	newer := peer.Role() == model.Replica && peer.Term.N > l.Term.N
	if l.Role() == model.Master && l.Term.Known && l.Term.N < pair.Term && !newer {
		pair.TermLost = true
		l.Term = model.Term{N: pair.Term, Known: true}
	}
}

// seeOwner notes which of two masters of the same term has raised it.
func (r *Observer) seeOwner(o *model.Observation, l *model.Look, peer netip.AddrPort) {
	i := slices.IndexFunc(o.Peers, func(p model.Look) bool { return p.Instance.Addr == peer })
	if i < 0 || !model.BothMasters(*l, o.Peers[i]) || l.Term.N != o.Peers[i].Term.N || l.Term.N == 0 {
		return
	}
	l.Term.Own = model.RaisedFor(r.Store.Owner(), l.Instance.Addr, peer, l.Term.N)
	o.Peers[i].Term.Own = !l.Term.Own
}

// seeRestarted notes since when a local instance has had nothing but what it read from its disk at its start. That may be older than what it had.
func (r *Observer) seeRestarted(l model.Look, linked bool, now state.Stamp) model.Stretch {
	name := l.Instance.Name()
	lasts := r.Memory.Stretches.Lasts(session.Unlinked, name)
	began := l.State == model.Refused || l.Role() == model.Replica && model.HasJustStarted(l)
	if l.State == model.Unseen {
		return r.Memory.Stretches.Note(session.Unlinked, name, lasts, now)
	}
	had := linked || l.Role() == model.Master || l.Info != nil && l.Info.WasLinked
	return r.Memory.Stretches.Note(session.Unlinked, name, !had && (began || lasts), now)
}

// seePeersCold notes whether any peer has answered since this host started.
func (r *Observer) seePeersCold(o *model.Observation, now state.Stamp) {
	if r.Memory.Linked == nil {
		r.Memory.Linked = map[string]string{}
	}
	if r.Memory.FirstLook == nil || r.Memory.FirstLook.Boot != now.Boot {
		r.Memory.FirstLook, r.Memory.PeerAnswered = &now, false
	}
	r.Memory.PeerAnswered = r.Memory.PeerAnswered || o.PeerAlive()
	o.Cold = model.Cold{Peerless: !r.Memory.PeerAnswered, For: now.Since(*r.Memory.FirstLook)}
}
