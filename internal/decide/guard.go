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
	why := reason.Unconfirmed
	if o.Gap > 0 {
		why = reason.StoodStill
	}
	for _, a := range o.Unconfirmed {
		p.do(model.Step{Do: model.Refuse, Instance: a}, model.Clause{Reason: why, For: o.Times.ColdStartWait})
		p.in(LookAgain)
	}
	for _, a := range o.Confirmed {
		p.do(model.Step{Do: model.Restore, Instance: a}, model.Clause{Reason: reason.Confirmed, For: o.Times.ColdStartWait})
	}
}
