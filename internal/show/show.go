// Package show renders what one check saw: a table for people, JSON for programs, and a text file for Prometheus. It
// only renders; nothing here looks or decides.
package show

import (
	"net/netip"
	"os"
	"strings"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/program"
	"keepalived-redis/internal/reason"
)

// Scene is what one check saw, and what came of it.
type Scene struct {
	model.Verdict
	// Decision is what the loop came to, State the VRRP state that it stands on, Why where that is known from.
	Decision []model.Clause
	State    string
	Why      model.Clause
	// VIPHeld is nil when the VIP is not known.
	VIPHeld *bool
	// Fenced: writes are refused on this host because it was cut off.
	Fenced bool
	// Maintenance is the reason of a maintenance, empty without one.
	Maintenance string
	Instances   []Instance
	Peers       []model.Look
	Witness     Witness
	Warnings    []string
	// Done counts what was done here, ever.
	Done map[model.Verb]uint64
	// At is when the check was done, Took how long it took.
	At      time.Time
	Took    time.Duration
	Version string
}

// Instance is one of this host, and whether it is healthy by itself.
type Instance struct {
	model.Look
	Healthy bool
}

// Witness is the address outside both hosts; Name is empty without one.
type Witness struct {
	Name            string
	Counts, Answers bool
}

// key names a state for programs, and in the table. It never changes.
func key(s model.State) string {
	if s == model.MasterDown {
		return "master_down" // the reason of that word is another one
	}
	return strings.ReplaceAll(string(reason.Of(s)), "-", "_")
}

// master is the address of a replica's master, as the cluster says it or, outside a cluster, as INFO does.
func master(l model.Look) netip.AddrPort {
	if l.Role() != model.Replica {
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
func (s *Scene) lag(l model.Look) (bytes int64, known bool) {
	addr := master(l)
	if !addr.IsValid() {
		return 0, false
	}
	behind := func(m model.Look) bool {
		self, ok := m.Self()
		known = m.Role() == model.Master && (m.Instance.Addr == addr || ok && self.Addr == addr)
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

// Colours tells whether what is written to f may have colours: on a terminal that knows them, unless NO_COLOR is set
// (https://no-color.org).
func Colours(f *os.File) bool {
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && program.Terminal(f)
}
