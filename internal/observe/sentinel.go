package observe

import (
	"context"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/session"
)

// SeeSentinels finds out whether a Sentinel watches our instances, because that would change roles back. INFO tells whether anybody is
// subscribed to a channel at all, as every Sentinel is to that of its greetings: so a look costs nothing more, and a takeover one question
// to an instance of this host where clients use channels themselves.
func (r *Observer) SeeSentinels(ctx context.Context, o *model.Observation) {
	ctx, cancel := context.WithTimeout(ctx, session.ReplyTimeout)
	defer cancel()
	for _, l := range o.Locals {
		if l.Info == nil || !l.Info.Channels {
			continue
		}
		c := r.Conn(l.Instance)
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
}
