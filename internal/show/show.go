// Package show renders what one check saw: a table for people, JSON for programs, and a text file for Prometheus. It
// only renders; nothing here looks or decides.
package show

import (
	"net/netip"
	"os"
	"strings"
	"time"
	"unicode"

	"keepalived-redis/internal/program"
	"keepalived-redis/internal/redis"
)

// Scene is what one check saw, and what came of it.
type Scene struct {
	Fit      bool
	Sentence string
	// Decision is what the reconciliation came to, State the VRRP state that it stands on, Why where that is known from.
	Decision, State, Why string
	// VIPHeld is nil when the VIP is not known.
	VIPHeld *bool
	// Fenced: writes are refused on this box because it was cut off.
	Fenced bool
	// Maintenance is the reason of a maintenance, empty without one.
	Maintenance string
	Instances   []Instance
	Peers       []redis.Look
	Witness     Witness
	Warnings    []string
	// At is when the check was done, Took how long it took.
	At      time.Time
	Took    time.Duration
	Version string
}

// Instance is one of this box, and whether it is fit by itself.
type Instance struct {
	redis.Look
	Fit bool
}

// Witness is the address outside both boxes; Name is empty without one.
type Witness struct {
	Name            string
	Counts, Answers bool
}

// keys name the states for programs, and in the table. They never change.
var keys = [...]string{redis.Unseen: "unseen", redis.Up: "up", redis.Refused: "refused", redis.Silent: "silent", redis.Stalled: "stalled",
	redis.Dropped: "dropped", redis.Loading: "loading", redis.Busy: "busy", redis.Misconf: "misconf", redis.NoAuth: "no_auth",
	redis.WrongPassword: "wrong_password", redis.NoPerm: "no_perm", redis.Denied: "denied", redis.TooManyClients: "too_many_clients",
	redis.MasterDown: "master_down", redis.OtherError: "other_error", redis.NotRedis: "not_redis", redis.Working: "working",
	redis.NoTLS: "no_tls", redis.WantsTLS: "wants_tls", redis.UnknownCA: "unknown_ca", redis.ExpiredCert: "expired_cert", redis.BadName: "bad_name",
	redis.WantsCert: "wants_cert", redis.RefusesCert: "refuses_cert", redis.OtherTLS: "other_tls"}

// key is the name of a state. One that was added and not named here shows as its words.
func key(s redis.State) string {
	if int(s) < len(keys) && keys[s] != "" {
		return keys[s]
	}
	return s.String()
}

// master is the address of a replica's master, as the cluster says it or, outside a cluster, as INFO does.
func master(l redis.Look) netip.AddrPort {
	if l.Role() != redis.Replica {
		return netip.AddrPort{}
	}
	if self, ok := l.Self(); ok {
		if m, ok := l.Nodes.ByID(self.MasterID); ok && m.Addr.IsValid() {
			return m.Addr
		}
	}
	return l.Info.Master
}

// lag is by how many bytes a replica is behind its master. It is known when the master was looked at in the same check.
func (s *Scene) lag(l redis.Look) (bytes int64, known bool) {
	addr := master(l)
	if !addr.IsValid() {
		return 0, false
	}
	behind := func(m redis.Look) bool {
		self, ok := m.Self()
		known = m.Role() == redis.Master && (m.Instance.Addr == addr || ok && self.Addr == addr)
		if known {
			// The looks are not of the same instant: the replica may have been asked a little later.
			bytes = max(0, m.Info.Offset-l.Info.Offset)
		}
		return known
	}
	for _, in := range s.Instances {
		if behind(in.Look) {
			return bytes, true
		}
	}
	for _, p := range s.Peers {
		if behind(p) {
			return bytes, true
		}
	}
	return 0, false
}

// Plain keeps one line one line, and a terminal a terminal: what a server said may hold anything.
func Plain(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}

// Colours tells whether what is written to f may have colours: on a terminal that knows them, unless NO_COLOR is set
// (https://no-color.org).
func Colours(f *os.File) bool {
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && program.Terminal(f)
}
