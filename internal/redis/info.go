package redis

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"keepalived-redis/internal/model"
)

func figure(v string) model.Figure {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < 0 {
		return model.Figure{}
	}
	return model.Figure{Value: n, Known: true}
}

func status(v string) model.Status {
	if s := model.Status(v); s == model.StatusOK || s == model.StatusErr {
		return s
	}
	return ""
}

// initials are the first letters of the fields that we use. Half of INFO's lines begin with another.
var initials = [256]bool{'a': true, 'c': true, 'd': true, 'l': true, 'm': true, 'p': true, 'r': true, 's': true, 'u': true}

// runIDSize is the size of a run_id (CONFIG_RUN_ID_SIZE in server.h, all versions).
const runIDSize = 40

// ErrInfo: the text is not an INFO reply.
var ErrInfo = errors.New("not an INFO reply")

// ParseInfo reads an INFO reply of any version. Lines that it does not know are passed over; a known field with a value
// that cannot be read is an error, because a decision would stand on it.
func ParseInfo(text string) (model.Info, error) {
	var i model.Info
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
		case "run_id":
			if len(v) == runIDSize {
				i.RunID = v
			}
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
				i.Role = model.Master
			case "slave", "replica":
				i.Role = model.Replica
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
				readShown(&i.Shown, key, v)
			}
		}
	}
	if bad != nil {
		return model.Info{}, bad
	}
	if i.Role == "" {
		return model.Info{}, fmt.Errorf("%w: no role in it", ErrInfo)
	}
	if i.Role == model.Replica {
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

// parseVersion reads "7.0.15". What does not parse is 0.0: the oldest, for which we use what every version knows. A last number that does not
// parse is 0.
func parseVersion(s string) (v model.Version) {
	major, rest, _ := strings.Cut(s, ".")
	minor, patch, _ := strings.Cut(rest, ".")
	var err1, err2, err3 error
	v.Major, err1 = strconv.Atoi(major)
	v.Minor, err2 = strconv.Atoi(minor)
	if err1 != nil || err2 != nil || v.Major < 0 || v.Minor < 0 {
		return model.Version{}
	}
	if v.Patch, err3 = strconv.Atoi(patch); err3 != nil {
		v.Patch = 0
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

func readShown(s *model.Shown, key, v string) {
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
