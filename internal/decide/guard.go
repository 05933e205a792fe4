package decide

import (
	"time"

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

// unfinished ends the switchovers that are open. Of their two instances nothing else is decided, while the old master answers: one that does not is
// lost, perhaps, and its own host has stopped writes there. Other instances have nothing to do with it.
func (p *planner) unfinished(o *model.Observation) {
	due := false
	for _, u := range o.Unfinished {
		from, _, known := o.Find(u.From.Addr)
		if l, local := o.Local(u.From); local {
			from, known = l, true
		}
		if known && from.State.Alive() {
			p.held = append(p.held, u.From, u.To)
		}
		if u.Wait == 0 {
			due = true
			continue
		}
		why := model.Clause{Reason: reason.UndoFailed, Instances: []model.Instance{u.From}, Others: []model.Instance{u.To}}
		why.For = u.Wait.Truncate(time.Second) + time.Second
		p.say(model.Wait, why)
		p.in(u.Wait)
	}
	if due {
		p.do(model.Step{Do: model.UndoSwitchover}, model.Clause{Reason: reason.SwitchoverUnfinished})
	}
}

// leftStopped gives writes back where no fence and no switchover of this host stops them. The other host may have done so in a switchover, and have died
// before it could end that: so who leads is compared first, as behind a fence.
func (p *planner) leftStopped(o *model.Observation) {
	for _, a := range o.LeftStopped {
		l, _ := o.Local(a)
		alone := len(o.Peers) == 0 || l.Info != nil && !l.Info.Cluster && !o.Replication()
		if doubt := notYet(o, l); !alone && doubt.Reason != "" {
			p.wait(doubt)
			continue
		}
		p.held = append(p.held, a)
		p.do(model.Step{Do: model.Restore, Instance: a}, model.Clause{Reason: reason.WritesLeftStopped})
	}
}
