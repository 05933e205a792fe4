package observe

import (
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/state"
)

// seeTakenOver finds local masters that hang while an instance of another host leads in their place. Whether one led is what its last answer said, in
// this boot and of this process: a replica that hangs has a living master as well.
func (r *Observer) seeTakenOver(o *model.Observation, now state.Stamp) {
	if r.Memory.ConfirmedBoot != now.Boot {
		r.Memory.Leaders = nil
	}
	for _, l := range o.Locals {
		name := l.Instance.Name()
		r.noteLeader(o, l)
		term, led := r.Memory.Leaders[name]
		over := led && model.GivesNoAnswer(l) && isTakenOver(o, l, term)
		if s := r.Memory.Stretches.Note(session.TakenOver, name, over, now); over {
			if o.TakenOver == nil {
				o.TakenOver = map[model.Instance]model.Stretch{}
			}
			o.TakenOver[l.Instance] = s
		}
	}
}

// noteLeader keeps who leads. One that gives no answer is what it was; one that refuses or loads is another process.
func (r *Observer) noteLeader(o *model.Observation, l model.Look) {
	m, name := r.Memory, l.Instance.Name()
	leads := false
	switch {
	case l.Info != nil && l.State != model.Loading:
		leads, _, _ = claim(o, l)
		leads = leads && (l.Info.Cluster || o.Replication())
	case l.State != model.Refused && l.State != model.Loading:
		return
	}
	if !leads {
		if delete(m.Leaders, name); len(m.Leaders) == 0 {
			m.Leaders = nil
		}
		return
	}
	if m.Leaders == nil {
		m.Leaders = map[string]uint64{}
	}
	m.Leaders[name] = l.Term.N
}

// isTakenOver: the slots of an instance, or its pair, have another master that is seen alive.
func isTakenOver(o *model.Observation, l model.Look, term uint64) bool {
	if o.Pairs[l.Instance].Peer.IsValid() {
		peer := o.PeerOf(l)
		return peer.State.Serves() && peer.Role() == model.Master && peer.Term.Known && peer.Term.N > term
	}
	return passed(o, l)
}
