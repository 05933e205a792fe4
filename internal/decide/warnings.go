package decide

import (
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/reason"
)

// Warnings are what somebody should repair before the next fault, though nothing is wrong now.
func Warnings(o *model.Observation) []model.Clause {
	var p planner
	if o.Why.Reason == reason.VIPStale {
		p.say(model.Warn, o.Why)
	}
	if o.Witness.Unasked {
		p.say(model.Warn, witnessUnasked(o))
	}
	if o.Witness.Virtual != "" {
		p.say(model.Warn, model.Clause{Reason: reason.WitnessVirtual, Name: o.Witness.Virtual})
	}
	view := o.View()
	if view == nil {
		return p.clauses
	}
	if n := view.Unserved(); n > 0 {
		p.say(model.Warn, model.Clause{Reason: reason.SlotsUnserved, Count: int64(n)})
	}
	for _, l := range o.Locals {
		self, ok := l.Self()
		if ok && settled(o) && self.Role == model.Master && len(self.Slots) > 0 && !replicated(l.Nodes, self) {
			p.say(model.Warn, about(l, reason.NoReplicaAway))
		}
	}
	return model.Join(p.clauses)
}

// settled: every peer answers, and none is a master without slots, which is about to follow whoever took them over.
func settled(o *model.Observation) bool {
	for _, p := range o.Peers {
		if !p.State.Alive() {
			return false
		}
	}
	for _, n := range o.View() {
		if n.Role == model.Master && len(n.Slots) == 0 {
			return false
		}
	}
	return true
}

// replicated: a master has a replica on another host, dead or alive. Of the addresses of a loopback nobody knows.
func replicated(ns model.Nodes, master model.Node) bool {
	for _, n := range ns {
		if n.MasterID == master.ID && (!n.Addr.IsValid() || n.Addr.Addr() != master.Addr.Addr() || n.Addr.Addr().IsLoopback()) {
			return true
		}
	}
	return false
}

// ShortTimeout warns of a cluster-node-timeout that ends before VRRP has moved the VIP.
func ShortTimeout(timeout, takes time.Duration) model.Clause {
	return model.Clause{Action: model.Warn, Reason: reason.TimeoutShort, For: timeout, Takes: takes}
}
