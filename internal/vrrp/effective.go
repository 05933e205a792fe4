package vrrp

import (
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/reason"
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

// Effective is the state to act on, and why. None means: act on nothing. It is pure.
//
// keepalived's hooks overlap, come late, twice or not at all, so the truth is what can be seen: our keepalived lives and
// the VIP is here. The one exception is a stale VIP that a killed keepalived left behind.
func Effective(f Facts) (model.VRRP, model.Clause) {
	switch {
	case f.Keepalived.Zero():
		return model.VRRPNone, because(reason.NoKeepalived)
	case !f.VIPKnown:
		return model.VRRPNone, because(reason.VIPUnknown)
	case f.Record == nil && f.Held:
		return model.VRRPMaster, because(reason.NoHookForVIP)
	case f.Record == nil:
		return model.VRRPNone, because(reason.NoHookYet)
	case f.Held:
		return held(f)
	case f.Record.State == model.VRRPMaster:
		return model.VRRPNone, because(reason.VIPGone)
	}
	return f.Record.State, f.said(reason.VIPElsewhere)
}

// held decides with the VIP on this host.
func held(f Facts) (model.VRRP, model.Clause) {
	same := f.Record.Keepalived == f.Keepalived
	switch {
	case f.Record.State == model.VRRPMaster && same:
		return model.VRRPMaster, because(reason.VIPHere)
	case f.Record.State == model.VRRPMaster:
		return model.VRRPMaster, because(reason.VIPOld)
	case !f.Record.Held:
		return model.VRRPMaster, f.said(reason.VIPCame)
	case f.Record.AfterMaster && same:
		return model.VRRPMaster, f.said(reason.HookLate)
	}
	// The hook that said so was late, and that for MASTER has not come: both happen, also together (seen in the lab).
	if f.Since > f.Keepalived.Started() {
		return model.VRRPMaster, f.said(reason.HookLate)
	}
	return f.Record.State, f.said(reason.VIPStale)
}

func because(r model.Reason) model.Clause { return model.Clause{Action: model.Keep, Reason: r} }

// said is because with what the last hook said.
func (f Facts) said(r model.Reason) model.Clause {
	c := because(r)
	c.Name = string(f.Record.State)
	return c
}
