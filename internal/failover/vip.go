package failover

import "keepalived-redis/internal/vrrp"

// VIPHeld tells whether the VIP is on this box; known is false where we do not know which address that is.
func (s Surroundings) VIPHeld() (held, known bool) {
	return vrrp.Held(s.vips, s.own), len(s.vips) > 0
}
