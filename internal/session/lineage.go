package session

import (
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/state"
)

// LineageFile keeps what must be known about the data after a reboot. Durable.
const LineageFile = "lineage.json"

// Lineage is what the runs of this host leave behind about its data.
type Lineage struct {
	// Held: the last that was known of the VIP is that it was here, with a master behind it. At is when it was seen so.
	Held bool        `json:"held,omitempty"`
	At   state.Stamp `json:"at,omitempty"`
	// Survivor: see Cold.
	Survivor bool `json:"survivor,omitempty"`
	// Stale is per local instance.
	Stale map[string]Staleness `json:"stale,omitempty"`
	// Terms are the highest that were ever seen of the local instances. The key in the data may be deleted.
	Terms map[string]uint64 `json:"terms,omitempty"`
}

// Highest notes the term of a local instance, and returns the highest that was ever seen of it.
func (lin *Lineage) Highest(name string, t model.Term) uint64 {
	if t.N > lin.Terms[name] {
		if lin.Terms == nil {
			lin.Terms = map[string]uint64{}
		}
		lin.Terms[name] = t.N
	}
	return lin.Terms[name]
}

// Staleness adds up the time in which the master was seen alive while the link to it was down.
type Staleness struct {
	For time.Duration `json:"for_ns"`
	// Last is the last look of a stretch that goes on; nil between two stretches. Time when nobody saw the master does not
	// count.
	Last *state.Stamp `json:"last,omitempty"`
}

// stale adds one look to the staleness of an instance and returns it.
func (lin *Lineage) GrowStale(name string, linked, behind bool, now state.Stamp) time.Duration {
	s := lin.Stale[name]
	switch {
	case linked:
		delete(lin.Stale, name)
		return 0
	case behind:
		if s.Last != nil && s.Last.Boot == now.Boot {
			d := now.Since(*s.Last)
			if d < time.Second {
				return s.For // a hook looks every 100 ms, and each addition is a write to the disk
			}
			s.For += d
		}
		s.Last = &now
	case s.Last != nil:
		s.Last = nil
	default:
		return s.For
	}
	lin.Stale[name] = s
	return s.For
}

// Memo is what there is to know of a lineage without reading it.
func (lin *Lineage) Memo(now state.Stamp) *lineageMemo {
	return &lineageMemo{Boot: now.Boot, Held: lin.Held, HeldBoot: lin.At.Boot, Stale: len(lin.Stale) > 0, Survivor: lin.Survivor}
}

// lineageMemo is what the runs of this boot know of the lineage file, so that it is read only when something changes.
type lineageMemo struct {
	Boot string `json:"boot"`
	// Held is that of the file, HeldBoot the boot in which it was written; Stale: the staleness of an instance is in it.
	Held     bool   `json:"held,omitempty"`
	HeldBoot string `json:"held_boot,omitempty"`
	Stale    bool   `json:"stale,omitempty"`
	Survivor bool   `json:"survivor,omitempty"`
}
