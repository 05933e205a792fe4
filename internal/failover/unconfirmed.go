package failover

import (
	"fmt"
	"time"

	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/state"
)

// justStarted is how long after its start a server is judged afresh at every look: it may have died and come back between two of them.
// Redis itself lets a master of a cluster that has just loaded its data take no writes for 2 s (CLUSTER_WRITABLE_DELAY in cluster.c).
const justStarted = 2 * time.Second

// seeUnconfirmed finds the local masters of a cluster that came up as masters and may be stale: another node may have taken their slots
// while they were down. One is confirmed when a peer agrees with its role, when this box is the only survivor, or when cold_start_wait is
// over. A replica needs nothing: what it has is judged when it is to be promoted.
func (r *Reconciler) seeUnconfirmed(o *Observation, now state.Stamp) {
	m := r.memory
	o.HeardOnBus = o.heardOnBus(now.Wall)
	if m.ConfirmedBoot != now.Boot {
		m.ConfirmedBoot, m.Confirmed, m.Guarded = "", "", ""
	}
	for _, l := range o.Locals {
		name, key := l.Instance.Name(), "unconfirmed "+l.Instance.Name()
		_, wasLoading := m.Instances["loading "+name]
		note(m.Instances, "loading "+name, l.State == redis.Loading, now)
		switch {
		case l.State == redis.Refused, l.State == redis.Loading:
			m.Confirmed, m.Guarded = m.Confirmed.without(name), m.Guarded.without(name) // a refusal of writes ends with the process
			delete(m.Instances, key)
			continue
		case l.Info == nil || !l.Info.Cluster || o.Fence != nil:
			continue // nothing new of it, or the fence judges
		}
		self, _ := l.Self()
		leads := l.Role() == redis.Master && len(self.Slots) > 0
		if leads && hasJustStarted(l) {
			m.Confirmed = m.Confirmed.without(name)
		}
		doubt := leads && !m.Confirmed.has(name) && len(o.Peers) > 0 && !o.agreed(self) && !o.survives()
		a := note(m.Instances, key, doubt, now)
		long := a.For >= o.Times.ColdStartWait || a.Looks == 1 && !wasLoading && l.Info.Uptime >= o.Times.ColdStartWait
		if doubt && !long {
			o.Unconfirmed = append(o.Unconfirmed, l.Instance)
			m.Guarded = m.Guarded.with(name) // from the first step on
		} else {
			delete(m.Instances, key)
			m.Confirmed = m.Confirmed.with(name)
			if m.Guarded.has(name) {
				o.Confirmed = append(o.Confirmed, l.Instance)
			}
		}
		m.ConfirmedBoot = now.Boot
	}
}

func hasJustStarted(l redis.Look) bool { return l.Info != nil && l.Info.Uptime < justStarted }

// agreed: a peer that answers sees the same node as the master of as many slots in the same epoch; and that peer has run for long enough to
// have heard of a better claim. Where every peer answers and keeps its view from us, as with another password, the cluster's own bus counts:
// a node that has answered there has been told of our claim and would have told of a better one.
func (o *Observation) agreed(self redis.Node) bool {
	hidden := 0
	for _, p := range o.Peers {
		if n, ok := p.Nodes.ByID(self.ID); ok && n.Role == redis.Master && len(n.Slots) == len(self.Slots) && n.Epoch == self.Epoch && !hasJustStarted(p) {
			return true
		}
		if p.Nodes == nil && p.State.Alive() && p.State != redis.Loading {
			hidden++
		}
	}
	return hidden == len(o.Peers) && o.HeardOnBus
}

// heardOnBus finds HeardOnBus.
func (o *Observation) heardOnBus(now time.Time) bool {
	for _, l := range o.Locals {
		if l.Info == nil {
			continue
		}
		started := now.Add(justStarted - l.Info.Uptime) // in whole seconds of the server's clock: at the latest
		for _, n := range l.Nodes {
			if _, local, _ := o.find(n.Addr); !n.Myself && !local && n.Answered.After(started) {
				return true
			}
		}
	}
	return false
}

// survives: every other box is silent while the witness answers, and so it was before, while this box led: nobody else can have led since.
func (o *Observation) survives() bool { return o.Cold.Survivor && o.alone() }

// alone: every other box is silent, and the witness says that we are not the ones cut off. Where none has ever answered nobody can say so.
func (o *Observation) alone() bool {
	return o.peersSilent() && (o.Witness.Answers || !o.Witness.Counts)
}

// guard refuses writes on masters that may be stale, and gives them back.
func (p *planner) guard(o *Observation) {
	for _, a := range o.Unconfirmed {
		p.add(Step{Do: Refuse, Instance: a})
		p.say(fmt.Sprintf("%s was started as a master, and takes no writes until a peer agrees with that, for at most %s", a, o.Times.ColdStartWait))
		p.in(lookAgain)
	}
	for _, a := range o.Confirmed {
		p.add(Step{Do: Restore, Instance: a})
		p.say(fmt.Sprintf("%s takes writes again: its role is confirmed, or %s are over", a, o.Times.ColdStartWait))
	}
}

// confirm takes the local instances that answer for confirmed, because a person, or the end of a fence, says so.
func (m *memory) confirm(looks []redis.Look, now state.Stamp) {
	if m.ConfirmedBoot != now.Boot {
		m.ConfirmedBoot, m.Confirmed = now.Boot, ""
	}
	for _, l := range looks {
		if !l.State.Alive() {
			continue
		}
		m.Confirmed = m.Confirmed.with(l.Instance.Name())
		delete(m.Instances, "unconfirmed "+l.Instance.Name())
	}
}

// guarded: writes on a local instance are refused until it is confirmed.
func (m *memory) guarded(i redis.Instance) bool { return m.Guarded.has(i.Name()) }
