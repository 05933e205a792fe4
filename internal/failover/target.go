package failover

import (
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
)

// Bounds of one step.
const (
	commandTimeout  = 500 * time.Millisecond
	takeoverTimeout = 700 * time.Millisecond
	forceAskAgain   = 500 * time.Millisecond
	pollPause       = 500 * time.Microsecond
	betweenMoves    = 50 * time.Millisecond
)

// conn opens a connection to an instance of this box or of another.
func (r *Reconciler) conn(i model.Instance) *redis.Conn {
	return redis.Open(r.target(i), redis.Limits{Dial: replyTimeout, Reply: commandTimeout})
}

// target is how to get into an instance. A peer is spoken to as the first instance of this box is, with its password and with TLS if that
// has it.
func (r *Reconciler) target(i model.Instance) redis.Target {
	t := redis.Target{}
	for n, in := range r.Config.Instances {
		own := redis.TargetOf(in)
		if own.Name() == i.Name() {
			return own
		}
		if n == 0 {
			t = own
		}
	}
	t.Instance, t.Paired = i, len(r.Config.Peers) > 0
	return t
}
