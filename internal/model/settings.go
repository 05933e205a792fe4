package model

import (
	"time"
)

// Policy says whether masters on a peer host follow the VIP to this host.
type Policy string

const (
	// PolicyAuto is follow with two hosts and Redis 4.0 or newer, else stay.
	PolicyAuto Policy = "auto"
	// PolicyFollow switches every master over to the host that holds the VIP.
	PolicyFollow Policy = "follow"
	// PolicyStay leaves a living master where it is.
	PolicyStay Policy = "stay"
)

// Times are the waits of the failover. DESIGN words: settle, stall_grace, fence_stop_after, busy_grace.
type Times struct {
	// Deadline bounds one run of chk-redis; below keepalived's interval.
	Deadline time.Duration
	// Settle is how long the VIP must have been held before living masters are switched over.
	Settle time.Duration
	// StallGrace is how long a hook waits for a master that does not answer while its host still does. One that refuses connections
	// it waits for no longer than 300 ms.
	StallGrace time.Duration
	// FenceStopAfter is how long a fenced host stays isolated before its instances are stopped.
	FenceStopAfter time.Duration
	// BusyGrace is how long a BUSY instance counts as healthy.
	BusyGrace time.Duration
	// HoldOff is how long a peer must answer before a fence lifts, the first time.
	HoldOff time.Duration
	// ColdStartWait is how long a cold host waits for its peer.
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
	// takeover, or the loss of the replica's host as seen by the host with the VIP, relaxes it.
	DurabilityReplicated Durability = "replicated"
)

// Restarts says what is started again.
type Restarts struct {
	// Never: nothing is.
	Never bool
	// HungAfter is how long an instance must have given no answer to be killed and started; 0 is for ever.
	HungAfter time.Duration
}
