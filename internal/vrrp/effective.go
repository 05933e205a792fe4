package vrrp

import (
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/state"
)

// RecordFile is the name of the record in the volatile state directory.
const RecordFile = "event.json"

// Record is the last event that a hook was told. It wakes up; it is never the truth.
type Record struct {
	// Seq grows by one with each event; a running hook that finds a higher one has been superseded.
	Seq   uint64     `json:"seq"`
	Name  string     `json:"name"`
	State model.VRRP `json:"state"`
	// Keepalived that told us.
	Keepalived Process `json:"keepalived"`
	// Held: the VIP was on this host when the record was written.
	Held bool `json:"held"`
	// AfterMaster: the same keepalived said MASTER before, and the VIP has been seen here ever since.
	AfterMaster bool        `json:"after_master"`
	At          state.Stamp `json:"at"`
}

// Next is the record of the event after r, told by keepalived k; held says whether the VIP is on this host.
func (r Record) Next(e model.Event, k Process, held bool) Record {
	// Late hooks can come in a row, so one MASTER counts until the VIP has been seen gone.
	since := r.State == model.VRRPMaster || r.AfterMaster && r.Held
	return Record{Seq: r.Seq + 1, Name: e.Name, State: e.State, Keepalived: k, Held: held, AfterMaster: since && r.Keepalived == k, At: state.Now()}
}

// Facts are what a look at the host finds.
type Facts struct {
	// Keepalived that lives now; zero if none.
	Keepalived Process
	// VIPKnown: we know which address is the VIP.
	VIPKnown bool
	// Held: it is on an interface of this host.
	Held bool
	// Since is when the VIP was seen here first, on the monotonic clock since boot; it has been here at every look since then. 0 if that is
	// not known.
	Since time.Duration
	// Record is nil when no hook has written one since boot.
	Record *Record
}

// Effective is the state to act on, and one sentence why. None means: act on nothing. It is pure.
//
// keepalived's hooks overlap, come late, twice or not at all, so the truth is what can be seen: our keepalived lives and
// the VIP is here. The one exception is a stale VIP that a killed keepalived left behind.
func Effective(f Facts) (model.VRRP, string) {
	switch {
	case f.Keepalived.Zero():
		return model.VRRPNone, "keepalived does not run here, so nothing is decided"
	case !f.VIPKnown:
		return model.VRRPNone, "the VIP is not known, so nothing is decided; hint: set vip in keepalived-redis.toml"
	case f.Record == nil && f.Held:
		return model.VRRPMaster, "the VIP is on this host; no hook has told us so: are the notify lines in keepalived.conf?"
	case f.Record == nil:
		return model.VRRPNone, "the VIP is not on this host and no hook has run yet"
	case f.Held:
		return held(f)
	case f.Record.State == model.VRRPMaster:
		return model.VRRPNone, "the last hook said MASTER but the VIP is not on this host, so nothing is decided"
	}
	return f.Record.State, "the last hook said " + string(f.Record.State) + " and the VIP is not on this host"
}

// held decides with the VIP on this host.
func held(f Facts) (model.VRRP, string) {
	same := f.Record.Keepalived == f.Keepalived
	switch {
	case f.Record.State == model.VRRPMaster && same:
		return model.VRRPMaster, "the VIP is on this host"
	case f.Record.State == model.VRRPMaster:
		return model.VRRPMaster, "the VIP is on this host since an earlier keepalived; it may be stale"
	case !f.Record.Held:
		return model.VRRPMaster, "the VIP came to this host after the last hook said " + string(f.Record.State)
	case f.Record.AfterMaster && same:
		return model.VRRPMaster, "the VIP is on this host; the hook that said " + string(f.Record.State) + " came late"
	}
	// The hook that said so was late, and that for MASTER has not come: both happen, also together (seen in the lab).
	if f.Since > f.Keepalived.Started() {
		return model.VRRPMaster, "the VIP came to this host under this keepalived; the hook that said " + string(f.Record.State) + " came late"
	}
	return f.Record.State, model.StaleVIP + ": it is on this host, but the last hook said " + string(f.Record.State) +
		" and this keepalived never held it; hint: remove the address or restart keepalived"
}
