package decide

import (
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/reason"
)

// restarts starts what died, and ends what hangs and was taken over, once a run: in a check, and in the hook of a host that has become the standby.
// The hook of the other one has to be quick, and what a person or a fence wants stopped stays so. So does what the fence of this very plan would
// not reach.
func (p *planner) restarts(o *model.Observation) {
	if o.Restarts.Never || o.Maintenance.Word != "" || o.Fence != nil || o.KeepalivedLives && o.Isolated() {
		return
	}
	if o.Event.State != model.VRRPNone && (o.Event.State != model.VRRPBackup || !o.KeepalivedLives) {
		return
	}
	for _, l := range o.Locals {
		hangs := o.Restarts.HungAfter > 0 && o.HungFor[l.Instance] >= o.Restarts.HungAfter
		if died := l.State == model.Refused || l.State == model.Dropped; (died || hangs) && !o.Tried[l.Instance] {
			why := about(l, reason.Died)
			if why.State = l.State; !died {
				why.Reason = reason.Hung
			}
			p.do(model.Step{Do: model.Restart, Instance: l.Instance}, why)
		} else if o.KeepalivedLives && !o.CutOff() {
			p.killTaken(o, l)
		}
	}
}

// killTaken ends a master that hangs and was taken over, seen in two looks. What is in its sockets it would acknowledge when it wakes, and lose. The
// next look finds it dead, and restarts it.
func (p *planner) killTaken(o *model.Observation, l model.Look) {
	if taken := o.TakenOver[l.Instance]; !model.GivesNoAnswer(l) || taken.Looks < 2 || taken.For < model.MinLookGap {
		return
	}
	why := about(l, reason.HungTakenOver)
	why.State = l.State
	p.do(model.Step{Do: model.Kill, Instance: l.Instance}, why)
}
