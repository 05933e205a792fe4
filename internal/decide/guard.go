package decide

import (
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/reason"
)

// guard ends what a run that died has left, refuses writes on masters that may be stale, and gives them back.
func (p *planner) guard(o *model.Observation) {
	for _, a := range o.Unwritten {
		p.do(model.Step{Do: model.Rewrite, Instance: a}, model.Clause{Reason: reason.RoleUnwritten})
	}
	for _, l := range o.Locals {
		if l.State == model.MasterDown && l.Info != nil && l.Info.Cluster && l.Nodes == nil {
			p.do(model.Step{Do: model.ServeStale, Instance: l.Instance}, about(l, reason.ServesNoStale))
		}
	}
	for _, a := range o.Unconfirmed {
		p.do(model.Step{Do: model.Refuse, Instance: a}, model.Clause{Reason: reason.Unconfirmed, For: o.Times.ColdStartWait})
		p.in(LookAgain)
	}
	for _, a := range o.Confirmed {
		p.do(model.Step{Do: model.Restore, Instance: a}, model.Clause{Reason: reason.Confirmed, For: o.Times.ColdStartWait})
	}
}
