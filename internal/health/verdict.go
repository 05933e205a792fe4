// Package health says whether this box is fit to hold the VIP, and revives instances that died.
package health

import (
	"fmt"
	"strings"

	"keepalived-redis/internal/redis"
)

// Verdict is fit or not, and one sentence why.
type Verdict struct {
	Fit      bool
	Sentence string
}

// Judge gives the verdict on the instances of this box. stale says for how many looks of busy_grace a BUSY instance has
// been busy too long. It is pure.
func Judge(looks []redis.Look, busyTooLong map[string]bool) Verdict {
	var bad, warn []string
	for _, l := range looks {
		name := l.Target.Name()
		switch {
		case l.State == redis.Busy && busyTooLong[name]:
			bad = append(bad, name+" is busy with a script for too long; hint: SCRIPT KILL")
		case fits(l.State):
			if w := warning(l.State); w != "" {
				warn = append(warn, name+" "+l.State.String()+w)
			}
		default:
			bad = append(bad, name+" "+l.State.String())
		}
	}
	switch {
	case len(looks) == 0:
		return Verdict{false, "unfit: no instance is configured"}
	case len(bad) > 0:
		return Verdict{false, "unfit: " + strings.Join(append(bad, warn...), ", ")}
	case len(warn) > 0:
		return Verdict{true, "fit, with a warning: " + strings.Join(warn, ", ")}
	}
	return Verdict{true, fmt.Sprintf("fit: %s", count(len(looks)))}
}

func count(n int) string {
	if n == 1 {
		return "the instance answers"
	}
	return fmt.Sprintf("all %d instances answer", n)
}

// fits: an instance in this state does not keep the VIP away.
func fits(s redis.State) bool {
	switch s {
	case redis.Up, redis.MasterDown, redis.Busy, redis.NoAuth, redis.WrongPassword, redis.NoPerm, redis.Denied, redis.TooManyClients:
		return true
	}
	return false
}

// warning is what an operator should do about a state that is fit and not well.
func warning(s redis.State) string {
	switch s {
	case redis.NoAuth, redis.WrongPassword:
		return "; hint: set password_file"
	case redis.NoPerm:
		return "; hint: allow this user PING, INFO, CLUSTER, CONFIG and CLIENT"
	case redis.Denied:
		return "; hint: set a password, or protected-mode no"
	case redis.TooManyClients:
		return "; hint: raise maxclients"
	}
	return ""
}
