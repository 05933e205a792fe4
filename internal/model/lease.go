package model

// Lease is the right to lead while the peer is silent, as an arbiter gives it. Its zero value is that there is no arbiter: then the witness alone
// says whether this host is cut off.
type Lease int

// The leases.
const (
	NoArbiter Lease = iota
	// LeaseHeld: this host has renewed it in time.
	LeaseHeld
	// LeaseLost: the other host has it, or nobody could be asked in time.
	LeaseLost
)
