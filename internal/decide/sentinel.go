package decide

import (
	"fmt"

	"keepalived-redis/internal/model"
)

// Watched says what there is to say of a local instance that a Sentinel watches, or nothing.
func Watched(o *model.Observation, l model.Look) string {
	if !o.Sentinel[l.Instance] {
		return ""
	}
	return fmt.Sprintf("a Sentinel manages %s, so its role is not changed; hint: let one of the two do it: SENTINEL FAILOVER there, or SENTINEL REMOVE and this program alone", model.LocalAddr(l))
}
