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

// Judge gives the verdict on the instances of this box. busyTooLong names the instances that have been BUSY for longer
// than busy_grace. It is pure.
func Judge(looks []redis.Look, busyTooLong map[string]bool) Verdict {
	var bad, warn []string
	for _, l := range looks {
		name := l.Target.Name()
		switch {
		case l.State == redis.Busy && busyTooLong[name]:
			bad = append(bad, name+" is busy with a script for too long; hint: SCRIPT KILL")
		case l.State == redis.Misconf && l.Role() == redis.Replica:
			warn = append(warn, name+" "+l.State.String()+"; hint: mend that before it becomes a master")
		case fits(l.State):
			if w := warning(l.State); w != "" {
				warn = append(warn, name+" "+l.State.String()+w)
			}
		default:
			bad = append(bad, name+" "+l.State.String()+words(l))
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
	case redis.NoTLS, redis.WantsTLS, redis.UnknownCA, redis.ExpiredCert, redis.BadName, redis.WantsCert, redis.RefusesCert, redis.OtherTLS:
		return true // it lives, and a certificate that expires on both boxes must not take the VIP from both
	}
	return false
}

// warning is what an operator should do about a state that is fit and not well.
func warning(s redis.State) string {
	switch s {
	case redis.NoAuth:
		return "; hint: set password_file"
	case redis.WrongPassword:
		return "; hint: correct password_file, or requirepass in the instance's own configuration"
	case redis.NoPerm:
		return "; hint: allow this user PING, INFO, CLUSTER, CONFIG and CLIENT"
	case redis.Denied:
		return "; hint: set a password, or protected-mode no"
	case redis.TooManyClients:
		return "; hint: raise maxclients"
	case redis.NoTLS:
		return "; hint: set enabled = false below [tls], or tls-port in the instance's own configuration"
	case redis.WantsTLS:
		return "; hint: set enabled = true below [tls]"
	case redis.UnknownCA:
		return "; hint: set ca below [tls] to the authority that issued it, for servers"
	case redis.ExpiredCert:
		return "; hint: renew it, or correct the clock of this box"
	case redis.BadName:
		return "; hint: correct server_name below [tls], or issue a certificate with that name as a subject alternative name"
	case redis.WantsCert:
		return "; hint: set cert and key below [tls], readable by the user of the check, or tls-auth-clients no"
	case redis.RefusesCert:
		return "; hint: cert below [tls] must be of an authority in tls-ca-cert-file, and not expired"
	case redis.OtherTLS:
		return "; hint: see the log of Redis, and tls-protocols and tls-ciphers in its configuration"
	}
	return ""
}

// words are those of the error, where the state alone says too little.
func words(l redis.Look) string {
	if l.Err == nil || l.State != redis.OtherError && l.State != redis.Unseen {
		return ""
	}
	text := strings.Join(strings.Fields(l.Err.Error()), " ")
	const most = 100
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return ": " + text
}
