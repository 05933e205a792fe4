package decide

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"keepalived-redis/internal/model"
)

// Facts are what a verdict stands on.
type Facts struct {
	// Locals are the instances of this host, Peers those of the other hosts.
	Locals, Peers []model.Look
	// Require is how many local instances must be healthy; 0 means all.
	Require int
	// Able is how many instances of each other host were seen able to serve, in two looks.
	Able map[netip.Addr]int
	// BusyFor is how long local instances have been busy, by name; up to BusyGrace that is no reason to give the VIP away.
	BusyFor   map[string]time.Duration
	BusyGrace time.Duration
	// ByHand: a person asks, to whom also what has just begun is worth a word.
	ByHand bool
}

// Judge gives the verdict on the instances of this host. It is pure.
func Judge(f Facts) model.Verdict {
	var bad, warn []string
	for _, l := range f.Locals {
		switch text := about(l, f); {
		case !f.Healthy(l):
			bad = append(bad, text)
		case text != "":
			warn = append(warn, text)
		}
	}
	n := len(f.Locals)
	healthy, short := f.Serving()
	text := strings.Join(append(bad, warn...), ", ")
	switch {
	case n == 0:
		return model.NewVerdict(model.Unhealthy, "no instance is configured")
	case short && healthy > 0 && !f.better(healthy):
		return model.NewVerdict(model.Degraded, fmt.Sprintf("%d of %d instances %s healthy, and no other host is seen to serve more, so the VIP stays: %s", healthy, n, are(healthy), text))
	case short && healthy == 0 && !f.better(healthy) && f.peersNoBetter(len(bad)):
		return model.NewVerdict(model.Degraded, fmt.Sprintf("every peer is alive and just as unhealthy, so the VIP stays: %s; hint: look at what the hosts share", text))
	case short && f.Require > 0 && f.Require < n:
		return model.NewVerdict(model.Unhealthy, fmt.Sprintf("%d of %d instances %s healthy and %d must be: %s", healthy, n, are(healthy), f.Require, text))
	case short:
		return model.NewVerdict(model.Unhealthy, text)
	case len(bad) > 0:
		return model.NewVerdict(model.Degraded, fmt.Sprintf("%d of %d instances %s healthy, which is enough: %s", healthy, n, are(healthy), text))
	case len(warn) > 0:
		return model.NewVerdict(model.Degraded, text)
	}
	return model.NewVerdict(model.Healthy, count(n))
}

// VerdictOn joins what the instances, a maintenance and the loop say. That the host is cut off, or fenced, nothing overrides. last is the verdict
// of the check run before, which a maintenance holds.
func VerdictOn(o *model.Observation, out model.Outcome, f Facts, last model.Verdict) model.Verdict {
	m := o.Maintenance
	switch {
	case out.Unhealthy():
		return model.NewVerdict(model.Unhealthy, out.Sentence)
	case m.Word == model.Drain:
		return model.NewVerdict(model.Unhealthy, "maintenance ("+m.String()+")")
	case m.Word == model.Hold && last.Sentence != "":
		return model.Verdict{Health: last.Health, Sentence: last.Health.String() + " as before: maintenance (" + m.String() + ")"}
	}
	return Judge(f)
}

// Serving is how many local instances are healthy, and short whether those are fewer than must be.
func (f Facts) Serving() (healthy int, short bool) {
	for _, l := range f.Locals {
		if f.Healthy(l) {
			healthy++
		}
	}
	need := len(f.Locals)
	if f.Require > 0 {
		need = min(f.Require, need)
	}
	return healthy, healthy < need
}

// better: another host is seen to serve more. What is not known of it is not better, and a tie stays: an address that comes and goes for nothing
// helps nobody.
func (f Facts) better(healthy int) bool {
	for _, n := range f.Able {
		if n > healthy {
			return true
		}
	}
	return false
}

// Healthy: this instance does not keep the VIP away.
func (f Facts) Healthy(l model.Look) bool {
	switch {
	case model.IsBusy(l.State):
		return f.BusyFor[l.Instance.Name()] < f.BusyGrace
	case l.State == model.Misconf:
		return l.Role() == model.Replica // a master cannot write
	}
	return healthyState(l.State)
}

// worthAWord is how long an instance is busy without a warning: a command of some hundred milliseconds is daily life.
const worthAWord = time.Second

// about is what there is to say of an instance; nothing when all is well.
func about(l model.Look, f Facts) string {
	name := l.Instance.Name()
	switch {
	case model.IsBusy(l.State) && !f.Healthy(l):
		return fmt.Sprintf("%s %s for longer than %s%s", name, l.State, f.BusyGrace, warning(l.State))
	case l.State == model.Working && f.BusyFor[name] < worthAWord && !f.ByHand:
		return ""
	case l.State == model.Misconf && f.Healthy(l):
		return name + " " + l.State.String() + "; hint: repair it before it becomes a master"
	case !f.Healthy(l):
		return name + " " + l.State.String() + words(l)
	}
	if w := warning(l.State); w != "" {
		return name + " " + l.State.String() + w
	}
	return ""
}

// peersNoBetter: each of the other hosts is alive, and at least as many of its instances as seen from here are unhealthy. A host
// is alive when a Redis on it answers; an instance of which nothing certain is known counts as healthy.
func (f Facts) peersNoBetter(unhealthy int) bool {
	type host struct {
		alive     bool
		unhealthy int
	}
	hosts := map[netip.Addr]host{}
	for _, p := range f.Peers {
		b := hosts[p.Instance.Addr.Addr()]
		b.alive = b.alive || p.State.Alive()
		// A replica with a full disk does not keep the VIP away there, but no master could be switched over to it: the VIP would come for nothing.
		if p.State == model.Refused || p.State == model.Misconf || p.State.Alive() && !f.Healthy(p) {
			b.unhealthy++
		}
		hosts[p.Instance.Addr.Addr()] = b
	}
	for _, b := range hosts {
		if !b.alive || b.unhealthy < unhealthy {
			return false
		}
	}
	return len(hosts) > 0
}

func are(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

func count(n int) string {
	if n == 1 {
		return "the instance answers"
	}
	return fmt.Sprintf("all %d instances answer", n)
}

// healthyState: an instance in this state does not keep the VIP away.
func healthyState(s model.State) bool {
	switch s {
	case model.Up, model.MasterDown, model.Busy, model.Working, model.NoAuth, model.WrongPassword, model.NoPerm, model.Denied, model.TooManyClients:
		return true
	case model.NoTLS, model.WantsTLS, model.UnknownCA, model.ExpiredCert, model.BadName, model.WantsCert, model.RefusesCert, model.OtherTLS:
		return true // it lives, and a certificate that expires on both hosts must not take the VIP from both
	}
	return false
}

// warning is what an operator should do about a state that is healthy and not well: the host is degraded.
func warning(s model.State) string {
	switch s {
	case model.Busy:
		return "; hint: SCRIPT KILL"
	case model.Working:
		return "; hint: once it answers, SLOWLOG GET and INFO persistence say what it was"
	case model.NoAuth:
		return "; hint: set password_file"
	case model.WrongPassword:
		return "; hint: correct password_file, or requirepass in the instance's own configuration"
	case model.NoPerm:
		return "; hint: allow this user PING, INFO, CLUSTER, CONFIG and CLIENT"
	case model.Denied:
		return "; hint: set a password, or protected-mode no"
	case model.TooManyClients:
		return "; hint: raise maxclients"
	case model.NoTLS:
		return "; hint: set enabled = false below [tls], or tls-port in the instance's own configuration"
	case model.WantsTLS:
		return "; hint: set enabled = true below [tls]"
	case model.UnknownCA:
		return "; hint: set ca below [tls] to the authority that issued it, for servers"
	case model.ExpiredCert:
		return "; hint: renew it, or correct the clock of this host"
	case model.BadName:
		return "; hint: correct server_name below [tls], or issue a certificate with that name as a subject alternative name"
	case model.WantsCert:
		return "; hint: set cert and key below [tls], readable by the user of the check, or tls-auth-clients no"
	case model.RefusesCert:
		return "; hint: cert below [tls] must be of an authority in tls-ca-cert-file, and not expired"
	case model.OtherTLS:
		return "; hint: see the log of Redis, and tls-protocols and tls-ciphers in its configuration"
	}
	return ""
}

// words are those of the error, where the state alone says too little.
func words(l model.Look) string {
	if l.Err == nil || l.State != model.OtherError && l.State != model.Unseen {
		return ""
	}
	text := strings.Join(strings.Fields(l.Err.Error()), " ")
	const most = 100
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return ": " + text
}
