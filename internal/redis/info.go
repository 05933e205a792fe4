package redis

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
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
type Version struct{ Major, Minor int }

// AtLeast compares.
func (v Version) AtLeast(major, minor int) bool {
	return v.Major > major || v.Major == major && v.Minor >= minor
}

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

func figure(v string) Figure {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < 0 {
		return Figure{}
	}
	return Figure{n, true}
}

func status(v string) Status {
	if s := Status(v); s == StatusOK || s == StatusErr {
		return s
	}
	return ""
}

// initials are the first letters of the fields that we use. Half of INFO's lines begin with another.
var initials = [256]bool{'a': true, 'c': true, 'd': true, 'l': true, 'm': true, 'p': true, 'r': true, 's': true, 'u': true}

// ErrInfo: the text is not an INFO reply.
var ErrInfo = errors.New("not an INFO reply")

// ParseInfo reads an INFO reply of any version. Lines that it does not know are passed over; a known field with a value
// that cannot be read is an error, because a decision would stand on it.
func ParseInfo(text string) (Info, error) {
	var i Info
	var host string
	var port uint16
	var bad error
	num := func(key, v string, least, most int64) int64 {
		n, err := strconv.ParseInt(v, 10, 64)
		if (err != nil || n < least || n > most) && bad == nil {
			bad = fmt.Errorf("%w: field %s has the value %.40q", ErrInfo, key, v)
		}
		return n
	}
	var replicaOffset int64
	for line, rest := "", text; rest != ""; {
		if n := strings.IndexByte(rest, '\n'); n >= 0 {
			line, rest = rest[:n], rest[n+1:]
		} else {
			line, rest = rest, ""
		}
		if line == "" || !initials[line[0]] {
			continue
		}
		colon := strings.IndexByte(line, ':')
		if colon < 0 {
			continue
		}
		key, v := line[:colon], line[colon+1:]
		for strings.HasSuffix(v, "\r") {
			v = v[:len(v)-1]
		}
		switch key {
		case "redis_version":
			i.VersionText, i.Version = v, parseVersion(v)
		case "process_id":
			i.PID = int(num(key, v, 0, math.MaxInt32))
		case "uptime_in_seconds":
			i.Uptime = time.Duration(figure(v).Value) * time.Second
		case "redis_mode":
			i.Cluster = v == "cluster"
		case "cluster_enabled":
			i.Cluster = v == "1"
		case "loading":
			i.Loading = v == "1"
		case "role":
			switch v {
			case "master":
				i.Role = Master
			case "slave", "replica":
				i.Role = Replica
			default:
				bad = fmt.Errorf("%w: role %.40q", ErrInfo, v)
			}
		case "master_host":
			host = v
		case "master_port":
			port = uint16(num(key, v, 0, math.MaxUint16))
		case "master_link_status":
			i.LinkUp = v == "up"
		case "master_link_down_since_seconds":
			i.WasLinked = linkEnded(v)
		case "pubsub_channels":
			i.Channels = v != "0"
		case "master_sync_in_progress":
			i.Syncing = v == "1"
		case "slave_repl_offset":
			replicaOffset = num(key, v, math.MinInt64, math.MaxInt64)
		case "master_repl_offset":
			i.Offset = num(key, v, math.MinInt64, math.MaxInt64)
		case "min_slaves_good_slaves", "min_replicas_good_replicas":
			i.MinReplicas = true
		case "connected_slaves":
			i.Replicas = int(num(key, v, 0, math.MaxInt32))
		default:
			if n, ok := keyspace(key, v); ok {
				i.Keys += num(key, n, 0, math.MaxInt64/1024)
			} else {
				i.Shown.read(key, v)
			}
		}
	}
	if bad != nil {
		return Info{}, bad
	}
	if i.Role == "" {
		return Info{}, fmt.Errorf("%w: no role in it", ErrInfo)
	}
	if i.Role == Replica {
		i.Offset = replicaOffset
		// A server that was never linked says -1, and before 6.2 the time of day.
		if a, err := netip.ParseAddr(host); err == nil && port != 0 {
			i.Master = netip.AddrPortFrom(a.Unmap(), port)
		}
	}
	return i, nil
}

// linkEnded: the seconds are those since a link ended. Without one they are -1, and a wall clock before 6.2.
func linkEnded(v string) bool {
	n, err := strconv.ParseInt(v, 10, 64)
	return err == nil && n >= 0 && n < 1_000_000_000
}

// NeverSynced: this replica has nothing from its master yet. An offset of 0 does not tell: so it is also after the first sync with a
// master that has nothing, and it is 1 before it, and after a start from an append only file.
func (i Info) NeverSynced() bool {
	return !i.LinkUp && !i.WasLinked && (i.Offset <= 0 || i.Offset == 1 && i.Keys == 0)
}

// parseVersion reads the first two numbers of "7.0.15". What does not parse is 0.0: the oldest, for which we use what every
// version knows.
func parseVersion(s string) (v Version) {
	major, rest, _ := strings.Cut(s, ".")
	minor, _, _ := strings.Cut(rest, ".")
	var err1, err2 error
	v.Major, err1 = strconv.Atoi(major)
	v.Minor, err2 = strconv.Atoi(minor)
	if err1 != nil || err2 != nil || v.Major < 0 || v.Minor < 0 {
		return Version{}
	}
	return v
}

// keyspace reads "db0:keys=12,expires=0,avg_ttl=0"; n is how many keys that database has.
func keyspace(key, v string) (n string, ok bool) {
	if len(key) < 3 || key[:2] != "db" || key[2] < '0' || key[2] > '9' {
		return "", false
	}
	n, ok = strings.CutPrefix(v, "keys=")
	n, _, _ = strings.Cut(n, ",")
	return n, ok
}

func (s *Shown) read(key, v string) {
	switch key {
	case "used_memory":
		s.UsedMemory = figure(v)
	case "connected_clients":
		s.Clients = figure(v)
	case "rdb_last_save_time":
		s.LastSave = figure(v)
	case "rdb_last_bgsave_status":
		s.SaveStatus = status(v)
	case "aof_enabled":
		s.AOF = figure(v)
	case "aof_last_write_status":
		s.AOFStatus = status(v)
	}
}
