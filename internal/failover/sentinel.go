package failover

import (
	"context"

	"keepalived-redis/internal/model"
)

// decide decides, and where roles would change it first asks whether a Sentinel watches our instances, because that would change
// them back. INFO tells whether anybody is subscribed to a channel at all, as every Sentinel is to that of its greetings: so a
// look costs nothing more, and a takeover one question to an instance of this box where clients use channels themselves.
func (r *Reconciler) decide(ctx context.Context, o *model.Observation, how func(model.Observation) model.Plan) model.Plan {
	plan := how(*o)
	if !plan.ChangesRoles() {
		return plan
	}
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	for _, l := range o.Locals {
		if l.Info == nil || !l.Info.Channels {
			continue
		}
		c := r.conn(l.Instance)
		watched, err := c.Watched(ctx)
		c.Close()
		if err != nil {
			r.Log.Debug().Err(err).Msg("whether a Sentinel watches it is not known")
		}
		if !watched {
			continue
		}
		if o.Sentinel == nil {
			o.Sentinel = map[model.Instance]bool{}
		}
		o.Sentinel[l.Instance] = true
	}
	if len(o.Sentinel) == 0 {
		return plan
	}
	return how(*o)
}
