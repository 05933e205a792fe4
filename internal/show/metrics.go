package show

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/program"
	"keepalived-redis/internal/reason"
)

// exposition is text in Prometheus' format, as node_exporter's textfile collector reads it.
// https://prometheus.io/docs/instrumenting/exposition_formats
type exposition struct{ strings.Builder }

// Metrics is the scene for Prometheus. What is unknown has no sample. The label of an instance is address, because
// Prometheus keeps instance for what it scrapes.
func Metrics(s Scene) string {
	var e exposition
	e.one("healthy", "Whether this host is healthy enough for the VIP.", bit(s.Health.EnoughForVIP()))
	e.one("degraded", "Whether this host is healthy enough for the VIP, but something is wrong.", bit(s.Health == model.Degraded))
	for i, r := range reason.Words(s.Verdict) {
		if i == 0 {
			e.head("reason", "What the verdict stands on: 1 for each reason of docs/reasons.md that holds.")
		}
		e.sample("reason", 1, "reason", r)
	}
	e.one("fenced", "Whether writes are refused on this host because it was cut off.", bit(s.Fenced))
	if s.VIPHeld != nil {
		e.one("vip_held", "Whether the VIP is on this host.", bit(*s.VIPHeld))
	}
	e.each(s, "up", "Whether the instance answers as Redis.", func(in Instance) (float64, bool) {
		return bit(in.State.Alive()), true
	})
	e.each(s, "healthy", "Whether the instance by itself lets the host hold the VIP.", func(in Instance) (float64, bool) {
		return bit(in.Healthy), true
	})
	// One metric whose label is the role, so that a query can select by it.
	e.each(s, "role", "The role of the instance, in a label.", func(in Instance) (float64, bool) {
		return 1, in.Role() != ""
	}, func(in Instance) []string { return []string{"role", string(in.Role())} })
	e.each(s, "latency_seconds", "Time from the dial to the last reply of the check.", func(in Instance) (float64, bool) {
		return in.Took.Seconds(), in.State.Alive()
	})
	e.each(s, "replication_lag_bytes", "By how much the replica is behind its master.", func(in Instance) (float64, bool) {
		n, known := s.lag(in.Look)
		return float64(n), known
	})
	e.each(s, "replication_link_up", "Whether the replica's link to its master is up.", func(in Instance) (float64, bool) {
		if in.Role() != model.Replica {
			return 0, false
		}
		return bit(in.Info.LinkUp), true
	})
	e.each(s, "used_memory_bytes", "Memory in use, by the allocator's count.", func(in Instance) (float64, bool) {
		return said(in, func(i *model.Info) model.Figure { return i.UsedMemory })
	})
	e.each(s, "last_save_timestamp_seconds", "When the data set was last written to disk whole.", func(in Instance) (float64, bool) {
		return said(in, func(i *model.Info) model.Figure { return i.LastSave })
	})
	e.one("check_duration_seconds", "How long this check took, from its start to its verdict.", s.Took.Seconds())
	e.one("check_timestamp_seconds", "When this check was done; older than a few intervals: no check gets to its end.", float64(s.At.UnixMilli())/1000)
	for i, do := range slices.Sorted(maps.Keys(s.Done)) {
		if i == 0 {
			e.begin("actions_total", "counter", "What was done, by the action of the history.")
		}
		e.sample("actions_total", float64(s.Done[do]), "action", string(do))
	}
	e.head("build_info", "The version of chk-redis.")
	e.sample("build_info", 1, "version", s.Version)
	return e.String()
}

func said(in Instance, of func(*model.Info) model.Figure) (float64, bool) {
	if in.Info == nil {
		return 0, false
	}
	f := of(in.Info)
	return float64(f.Value), f.Known
}

// one is a metric of the host.
func (e *exposition) one(name, help string, value float64) {
	e.head(name, help)
	e.sample(name, value)
}

// each is a metric of the instances, perhaps with more labels than their address. Its head is left out where no instance has a value.
func (e *exposition) each(s Scene, name, help string, of func(Instance) (float64, bool), more ...func(Instance) []string) {
	begun := false
	for _, in := range s.Instances {
		v, known := of(in)
		if !known {
			continue
		}
		if !begun {
			e.head("instance_"+name, help)
			begun = true
		}
		labels := []string{"address", in.Instance.Name()}
		for _, m := range more {
			labels = append(labels, m(in)...)
		}
		e.sample("instance_"+name, v, labels...)
	}
}

const prefix = "keepalived_redis_"

// head begins a gauge.
func (e *exposition) head(name, help string) { e.begin(name, "gauge", help) }

func (e *exposition) begin(name, kind, help string) {
	e.WriteString("# HELP " + prefix + name + " " + help + "\n# TYPE " + prefix + name + " " + kind + "\n")
}

// sample is one line; labels are names and values in turn.
func (e *exposition) sample(name string, value float64, labels ...string) {
	e.WriteString(prefix + name)
	for i := 0; i+1 < len(labels); i += 2 {
		e.WriteString([]string{"{", ","}[min(i, 1)] + labels[i] + `="` + escape(labels[i+1]) + `"`)
	}
	if len(labels) > 0 {
		e.WriteString("}")
	}
	e.WriteString(" " + strconv.FormatFloat(value, 'f', -1, 64) + "\n")
}

// escape makes a text fit between the quotes of a label. What cannot be printed has no place there: people read the file
// on terminals.
func escape(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(program.Plain(s))
}

func bit(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
