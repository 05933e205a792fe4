package model

import (
	"time"
)

// Policy says whether masters on a peer box follow the VIP to this box.
type Policy string

const (
	// PolicyAuto is follow with two boxes and Redis 4.0 or newer, else stay.
	PolicyAuto Policy = "auto"
	// PolicyFollow moves every master to the box that holds the VIP.
	PolicyFollow Policy = "follow"
	// PolicyStay leaves a living master where it is.
	PolicyStay Policy = "stay"
)

// Times are the waits of the failover. DESIGN words: settle, stall_grace, fence_stop_after, busy_grace.
type Times struct {
	// Deadline bounds one run of chk-redis; below keepalived's interval.
	Deadline time.Duration
	// Settle is how long the VIP must have been held before living masters are moved.
	Settle time.Duration
	// StallGrace is how long a hook waits for a master that does not answer while its box still does. One that refuses connections
	// it waits for no longer than 300 ms.
	StallGrace time.Duration
	// FenceStopAfter is how long a fenced box stays isolated before its instances are stopped.
	FenceStopAfter time.Duration
	// BusyGrace is how long a BUSY instance counts as fit.
	BusyGrace time.Duration
	// HoldOff is how long a peer must answer before a fence lifts, the first time.
	HoldOff time.Duration
	// ColdStartWait is how long a cold box waits for its peer.
	ColdStartWait time.Duration
	// Dial bounds one dial to a peer or the witness on the fast path.
	Dial time.Duration
	// MaxStaleness is how long a master may have been seen alive while our link to it was down before our data is too old
	// to be promoted.
	MaxStaleness time.Duration
}

// Durability says what a master may acknowledge, in replication mode.
type Durability string

const (
	// DurabilityAsync: a master acknowledges writes with or without a replica.
	DurabilityAsync Durability = "async"
	// DurabilityReplicated: a master takes writes only while its replica is linked and at most 2 s behind. Only a
	// takeover, or the loss of the replica's box as seen by the box with the VIP, relaxes it.
	DurabilityReplicated Durability = "replicated"
)

// Restarts says what is started again.
type Restarts struct {
	// Never: nothing is.
	Never bool
	// HungAfter is how long an instance must have given no answer to be killed and started; 0 is for ever.
	HungAfter time.Duration
}
