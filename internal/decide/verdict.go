package decide

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"keepalived-redis/internal/model"
)

// Verdict is fit or not, and one sentence why.
type Verdict struct {
	Fit      bool
	Sentence string
}

// Facts are what a verdict stands on.
type Facts struct {
	// Locals are the instances of this box, Peers those of the other boxes.
	Locals, Peers []model.Look
	// Require is how many local instances must be fit; 0 means all.
	Require int
	// Able is how many instances of each other box were seen able to serve, in two looks.
	Able map[netip.Addr]int
	// BusyFor is how long local instances have been busy, by name; up to BusyGrace that is no reason to give the VIP away.
	BusyFor   map[string]time.Duration
	BusyGrace time.Duration
	// ByHand: a person asks, to whom also what has just begun is worth a word.
	ByHand bool
}

// Judge gives the verdict on the instances of this box. It is pure.
func Judge(f Facts) Verdict {
	var bad, warn []string
	for _, l := range f.Locals {
		switch text := about(l, f); {
		case !f.Fit(l):
			bad = append(bad, text)
		case text != "":
			warn = append(warn, text)
		}
	}
	n := len(f.Locals)
	fit, short := f.Serving()
	text := strings.Join(append(bad, warn...), ", ")
	switch {
	case n == 0:
		return Verdict{false, "unfit: no instance is configured"}
	case short && fit > 0 && !f.better(fit):
		return Verdict{true, fmt.Sprintf("fit, with a warning: %d of %d instances %s fit, and no other box is seen to serve more, so the VIP stays: %s", fit, n, are(fit), text)}
	case short && fit == 0 && !f.better(fit) && f.peersNoBetter(len(bad)):
		return Verdict{true, fmt.Sprintf("fit, with a warning: every peer is alive and just as unfit, so the VIP stays: %s; hint: look at what the boxes share", text)}
	case short && f.Require > 0 && f.Require < n:
		return Verdict{false, fmt.Sprintf("unfit: %d of %d instances %s fit and %d must be: %s", fit, n, are(fit), f.Require, text)}
	case short:
		return Verdict{false, "unfit: " + text}
	case len(bad) > 0:
		return Verdict{true, fmt.Sprintf("fit, with a warning: %d of %d instances %s fit, which is enough: %s", fit, n, are(fit), text)}
	case len(warn) > 0:
		return Verdict{true, "fit, with a warning: " + text}
	}
	return Verdict{true, "fit: " + count(n)}
}

// Serving is how many local instances are fit, and short whether those are fewer than must be.
func (f Facts) Serving() (fit int, short bool) {
	for _, l := range f.Locals {
		if f.Fit(l) {
			fit++
		}
	}
	need := len(f.Locals)
	if f.Require > 0 {
		need = min(f.Require, need)
	}
	return fit, fit < need
}

// better: another box is seen to serve more. What is not known of it is not better, and a tie stays: an address that comes and goes for nothing
// helps nobody.
func (f Facts) better(fit int) bool {
	for _, n := range f.Able {
		if n > fit {
			return true
		}
	}
	return false
}

// Fit: this instance does not keep the VIP away.
func (f Facts) Fit(l model.Look) bool {
	switch {
	case busy(l):
		return f.BusyFor[l.Instance.Name()] < f.BusyGrace
	case l.State == model.Misconf:
		return l.Role() == model.Replica // a master cannot write
	}
	return fits(l.State)
}

// busy: by its own word, or by what the kernel says of its process.
func busy(l model.Look) bool { return l.State == model.Busy || l.State == model.Working }

// worthAWord is how long an instance is busy without a warning: a command of some hundred milliseconds is daily life.
const worthAWord = time.Second

// about is what there is to say of an instance; nothing when all is well.
func about(l model.Look, f Facts) string {
	name := l.Instance.Name()
	switch {
	case busy(l) && !f.Fit(l):
		return fmt.Sprintf("%s %s for longer than %s%s", name, l.State, f.BusyGrace, warning(l.State))
	case l.State == model.Working && f.BusyFor[name] < worthAWord && !f.ByHand:
		return ""
	case l.State == model.Misconf && f.Fit(l):
		return name + " " + l.State.String() + "; hint: mend that before it becomes a master"
	case !f.Fit(l):
		return name + " " + l.State.String() + words(l)
	}
	if w := warning(l.State); w != "" {
		return name + " " + l.State.String() + w
	}
	return ""
}

// peersNoBetter: each of the other boxes is alive, and at least as many of its instances as seen from here are unfit. A box
// is alive when a Redis on it answers; an instance of which nothing certain is known counts as fit.
func (f Facts) peersNoBetter(unfit int) bool {
	type box struct {
		alive bool
		unfit int
	}
	boxes := map[netip.Addr]box{}
	for _, p := range f.Peers {
		b := boxes[p.Instance.Addr.Addr()]
		b.alive = b.alive || p.State.Alive()
		// A replica with a full disk does not keep the VIP away there, but no master could move to it: the VIP would come for nothing.
		if p.State == model.Refused || p.State == model.Misconf || p.State.Alive() && !f.Fit(p) {
			b.unfit++
		}
		boxes[p.Instance.Addr.Addr()] = b
	}
	for _, b := range boxes {
		if !b.alive || b.unfit < unfit {
			return false
		}
	}
	return len(boxes) > 0
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

// fits: an instance in this state does not keep the VIP away.
func fits(s model.State) bool {
	switch s {
	case model.Up, model.MasterDown, model.Busy, model.Working, model.NoAuth, model.WrongPassword, model.NoPerm, model.Denied, model.TooManyClients:
		return true
	case model.NoTLS, model.WantsTLS, model.UnknownCA, model.ExpiredCert, model.BadName, model.WantsCert, model.RefusesCert, model.OtherTLS:
		return true // it lives, and a certificate that expires on both boxes must not take the VIP from both
	}
	return false
}

// warning is what an operator should do about a state that is fit and not well.
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
		return "; hint: renew it, or correct the clock of this box"
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
