package decide

import (
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/reason"
)

// Outcome is what a look and its plan come to.
func Outcome(o *model.Observation, plan model.Plan) model.Outcome {
	return model.Outcome{Isolated: o.Isolated(), Fenced: o.Fence != nil, Cold: o.WaitsCold(), Clauses: plan.Clauses}
}

// unhealthy is what makes the host so, whatever its instances do.
func unhealthy(o *model.Observation, out model.Outcome) (parts []model.Clause) {
	if out.Isolated {
		parts = append(parts, cutOff(o))
	}
	if out.Fenced {
		parts = append(parts, model.Clause{Reason: reason.Fenced})
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
