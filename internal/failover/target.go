package failover

import (
	"net/netip"
	"time"

	"keepalived-redis/internal/redis"
)

// Bounds of one step.
const (
	commandTimeout  = 500 * time.Millisecond
	takeoverTimeout = 700 * time.Millisecond
	// voteWithin is how long a vote may take. It takes a tenth of a second where it is granted.
	voteWithin    = 700 * time.Millisecond
	forceAskAgain = 500 * time.Millisecond
	pollPause     = 500 * time.Microsecond
	betweenMoves  = 50 * time.Millisecond
)

// conn opens a connection to an instance of this box or of another.
func (r *Reconciler) conn(a netip.AddrPort) *redis.Conn {
	return redis.Open(r.target(a), redis.Limits{Dial: replyTimeout, Reply: commandTimeout})
}

// target is how to get into the instance of an address. A peer is spoken to as the first instance of this box is, with its
// password and with TLS if that has it.
func (r *Reconciler) target(a netip.AddrPort) redis.Target {
	t := redis.Target{Addr: a, Paired: len(r.Config.Peers) > 0}
	for i, in := range r.Config.Instances {
		if in.Addr == a {
			return redis.TargetOf(in)
		}
		if i == 0 {
			t = redis.TargetOf(in)
			t.Addr, t.Socket, t.Paired = a, "", len(r.Config.Peers) > 0
		}
	}
	return t
}
