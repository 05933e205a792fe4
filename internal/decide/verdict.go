package decide

import (
	"net/netip"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/reason"
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
	var bad, warn []model.Clause
	for _, l := range f.Locals {
		switch c := of(l, f); {
		case !f.Healthy(l):
			bad = append(bad, c)
		case c.Reason != "":
			warn = append(warn, c)
		}
	}
	n := len(f.Locals)
	healthy, short := f.Serving()
	because := func(h model.Health, r model.Reason) model.Verdict {
		head := model.Clause{Reason: r, Count: int64(healthy), Of: int64(n), Need: int64(f.Require)}
		return model.Verdict{Health: h, Parts: append([]model.Clause{head}, model.Join(append(bad, warn...))...)}
	}
	switch {
	case n == 0:
		return because(model.Unhealthy, reason.NoInstance)
	case short && healthy > 0 && !f.better(healthy):
		return because(model.Degraded, reason.NoBetterHost)
	case short && healthy == 0 && !f.better(healthy) && f.peersNoBetter(len(bad)):
		return because(model.Degraded, reason.SameFault)
	case short && f.Require > 0 && f.Require < n:
		return because(model.Unhealthy, reason.TooFew)
	case short:
		return model.Verdict{Health: model.Unhealthy, Parts: model.Join(append(bad, warn...))}
	case len(bad) > 0:
		return because(model.Degraded, reason.Enough)
	case len(warn) > 0:
		return model.Verdict{Health: model.Degraded, Parts: model.Join(warn)}
	}
	return because(model.Healthy, reason.AllAnswer)
}

// VerdictOn joins what the instances, a maintenance and the loop say. That the host is cut off, or fenced, nothing overrides. last is the health
// that the check run before has found, which a maintenance holds; nil where there was none.
func VerdictOn(o *model.Observation, out model.Outcome, f Facts, last *model.Health) model.Verdict {
	m := o.Maintenance
	switch {
	case out.MayNotServe():
		return model.Verdict{Health: model.Unhealthy, Parts: unhealthy(o, out)}
	case m.Word == model.Drain:
		return model.Verdict{Health: model.Unhealthy, Parts: []model.Clause{{Reason: reason.Drain, Name: m.String()}}}
	case m.Word == model.Hold && last != nil:
		return model.Verdict{Health: *last, Parts: []model.Clause{{Reason: reason.Hold, Name: m.String()}}}
	case len(out.Outranked) > 0:
		return model.Verdict{Health: model.Unhealthy, Parts: unhealthy(o, out)}
	}
	return Judge(f)
}

// Abandoned is the verdict of a host that takes the VIP, worse than another one, because it answers nowhere.
func Abandoned(v model.Verdict) model.Verdict {
	return model.Verdict{Health: model.Degraded, Parts: append([]model.Clause{{Reason: reason.VIPNowhere}}, v.Parts...)}
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

// of is what there is to say of an instance; it has no reason when all is well.
func of(l model.Look, f Facts) model.Clause {
	c := model.Clause{Instances: []model.Instance{l.Instance}, Reason: reason.Of(l.State), State: l.State}
	switch {
	case model.IsBusy(l.State) && !f.Healthy(l):
		c.Reason, c.For = reason.BusyTooLong, f.BusyGrace
	case l.State == model.Working && f.BusyFor[l.Instance.Name()] < worthAWord && !f.ByHand:
		return model.Clause{}
	case l.State == model.Misconf && f.Healthy(l):
		c.Reason = reason.ReplicaNoDisk
	case !f.Healthy(l):
		c.Name = words(l)
	case reason.Hint(c) == "":
		return model.Clause{}
	}
	return c
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

// words are those of the error, where the state alone says too little.
func words(l model.Look) string {
	if l.Err == nil || l.State != model.OtherError && l.State != model.Unseen {
		return ""
	}
	return reason.OneLine(l.Err.Error())
}
