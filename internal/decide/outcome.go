package decide

import (
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/reason"
)

// Outcome is what a look and its plan come to.
func Outcome(o *model.Observation, plan model.Plan) model.Outcome {
	return model.Outcome{Isolated: o.Isolated(), Fenced: o.Fence != nil, Cold: o.WaitsCold(), Outranked: outranked(o), Clauses: plan.Clauses}
}

// followsWithin is how long an outranked master may take to follow its peer before its host gives the VIP away: to keep a large data set aside takes
// longer, and where it cannot be saved at all it never ends.
const followsWithin = 3 * time.Second

// outranked are the local masters whose peers serve with a better claim, for longer than they need to follow.
func outranked(o *model.Observation) (found []model.Instance) {
	for _, l := range o.Locals {
		if o.Replication() && model.Overruled(o, l) && o.Pairs[l.Instance].Overruled.For >= followsWithin {
			found = append(found, l.Instance)
		}
	}
	return found
}

// unhealthy is what makes the host so, whatever its instances do.
func unhealthy(o *model.Observation, out model.Outcome) (parts []model.Clause) {
	if out.Isolated {
		parts = append(parts, cutOff(o))
	}
	if out.Fenced {
		parts = append(parts, model.Clause{Reason: reason.Fenced})
	}
	if len(out.Outranked) > 0 && len(parts) == 0 {
		parts = append(parts, model.Clause{Instances: out.Outranked, Reason: reason.PeerServes, For: followsWithin})
	}
	if out.Cold && len(parts) == 0 {
		parts = append(parts, coldStart(o))
	}
	if o.Maintenance.Word != "" {
		parts = append(parts, maintained(o.Maintenance))
	}
	return parts
}

func coldStart(o *model.Observation) model.Clause {
	return model.Clause{Reason: reason.ColdStart, For: o.Times.ColdStartWait}
}
