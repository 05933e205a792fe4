package model

import (
	"net/netip"
	"time"
)

// Role of an instance.
type Role string

// The roles. Redis 3.2 says slave on the wire.
const (
	Master  Role = "master"
	Replica Role = "replica"
)

// Version of a server. Valkey counts as the Redis version that it says it is compatible with.
type Version struct{ Major, Minor, Patch int }

// AtLeast compares.
func (v Version) AtLeast(major, minor int) bool {
	return v.Major > major || v.Major == major && v.Minor >= minor
}

// ScriptsPass: what a script writes is not refused by min-slaves-to-write, which EVAL and EVALSHA heed from 6.0.17, 6.2.7 and 7.0 on (the sources of
// scripting.c tag by tag; tried on 3.2.4, 5.0.14, 6.2.16 and 7.4.1).
func (v Version) ScriptsPass() bool {
	switch {
	case v.Major == 6 && v.Minor == 0:
		return v.Patch < 17
	case v.Major == 6 && v.Minor == 2:
		return v.Patch < 7
	}
	return v.Major < 7
}

// QueuedPass: what a MULTI has queued before writes were refused is written by its EXEC. 6.0 and newer look again (multi.c).
func (v Version) QueuedPass() bool { return !v.AtLeast(6, 0) }

// Info is what we use of INFO. https://redis.io/commands/info
type Info struct {
	Version Version
	// VersionText is the version as the server says it.
	VersionText string
	Cluster     bool
	Role        Role
	// Master is the address of a replica's master; its zero value if there is none, or a host name.
	Master netip.AddrPort
	LinkUp bool
	// WasLinked: the link to a master is down now and was up before, so that a first sync is done. replication.c sets repl_down_since
	// when a link ends, and clears it when a replica becomes a master (tried on 7.0.15; another SLAVEOF leaves it).
	WasLinked bool
	// Channels: somebody is subscribed to a channel, as a Sentinel is.
	Channels bool
	// Syncing: a sync from the master is under way.
	Syncing bool
	Loading bool
	// Offset is how much of the replication stream this instance has: a master's own, or what a replica has read.
	Offset int64
	// Replicas is how many are connected.
	Replicas int
	// MinReplicas: a min-slaves-to-write above 0 is in force.
	MinReplicas bool
	// Keys is how many keys all databases have together.
	Keys int64
	PID  int
	// RunID is another one after each start; empty if it does not say.
	RunID string
	// Uptime is how long the server has run, loading included, in whole seconds; 0 if it does not say.
	Uptime time.Duration
	Shown
}

// Shown is what people and graphs want to know of an instance and no decision stands on. What a server does not say, or
// says in a way that cannot be read, is unknown.
type Shown struct {
	// UsedMemory is in bytes.
	UsedMemory Figure
	Clients    Figure
	// LastSave is when the data set was last written to disk whole, in seconds since 1970.
	LastSave Figure
	// SaveStatus is how the last such write ended, AOFStatus how the last write to the append only file did.
	SaveStatus, AOFStatus Status
	// AOF is 1 when there is an append only file, else 0.
	AOF Figure
}

// Figure is a number from 0 on that may be unknown.
type Figure struct {
	Value int64
	Known bool
}

// Status is ok or err, and empty when it is unknown.
type Status string

// The words of a Status.
const (
	StatusOK  Status = "ok"
	StatusErr Status = "err"
)

// NeverSynced: this replica has nothing from its master yet. An offset of 0 does not tell: so it is also after the first sync with a
// master that has nothing, and it is 1 before it, and after a start from an append only file.
func (i Info) NeverSynced() bool {
	return !i.LinkUp && !i.WasLinked && (i.Offset <= 0 || i.Offset == 1 && i.Keys == 0)
}
