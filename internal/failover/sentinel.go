package failover

import (
	"context"
	"fmt"

	"keepalived-redis/internal/redis"
)

// changesRoles: a step of the plan would make a master or a replica of an instance.
func (p Plan) changesRoles() bool {
	for _, s := range p.Steps {
		switch s.Do {
		case Takeover, Force, Move, Promote, Follow:
			return true
		}
	}
	return false
}

// decide decides, and where roles would change it first asks whether a Sentinel watches our instances, because that would change
// them back. INFO tells whether anybody is subscribed to a channel at all, as every Sentinel is to that of its greetings: so a
// look costs nothing more, and a takeover one question to an instance of this box where clients use channels themselves.
func (r *Reconciler) decide(ctx context.Context, o *Observation, how func(Observation) Plan) Plan {
	plan := how(*o)
	if !plan.changesRoles() {
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
			o.Sentinel = map[redis.Instance]bool{}
		}
		o.Sentinel[l.Instance] = true
	}
	if len(o.Sentinel) == 0 {
		return plan
	}
	return how(*o)
}

// watched says what there is to say of a local instance that a Sentinel watches, or nothing.
func (o *Observation) watched(l redis.Look) string {
	if !o.Sentinel[l.Instance] {
		return ""
	}
	return fmt.Sprintf("a Sentinel manages %s, so its role is not changed; hint: let one of the two do it: SENTINEL FAILOVER there, or SENTINEL REMOVE and this program alone", localAddr(l))
}
