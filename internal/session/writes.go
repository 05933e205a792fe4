package session

import (
	"slices"

	"keepalived-redis/internal/redis"
)

// WritesFile in the durable directory is what we have told instances about refusing writes, by name.
const WritesFile = "writes.json"

// Refusal is a reason why an instance refuses writes.
type Refusal string

// The refusals. All but the last stop writes at all.
const (
	RefusedByFence      Refusal = "fence"      // its host is cut off, or was
	RefusedBySwitchover Refusal = "switchover" // it is the old master of one, on a server that cannot pause its writers
	RefusedToKeepData   Refusal = "keeping"    // its data set is written out before it follows another master
	RefusedAsStale      Refusal = "stale"      // another node may have led since it was up
	RefusedAlone        Refusal = "no-replica" // durability replicated: it takes writes only with a replica at hand
)

// Stops are the refusals that stop writes at all.
var Stops = []Refusal{RefusedByFence, RefusedBySwitchover, RefusedToKeepData, RefusedAsStale}

// Writes is what an instance was told by its own configuration or a person, and our reasons to have it refuse writes.
type Writes struct {
	Own redis.WriteRule `json:"own"`
	Why []Refusal       `json:"why"`
}

// Rule is what the instance is to be told. Without a lag Redis does not look at the number of replicas (refreshGoodSlavesCount in replication.c, 3.2
// to 8), so there is one where writes are to stop.
func (w Writes) Rule() redis.WriteRule {
	rule := w.Own
	if slices.Contains(w.Why, RefusedAlone) {
		rule = redis.WriteRule{Replicas: "1", MaxLag: redis.ReplicaMaxLag}
	}
	if w.Stops() {
		if rule.Replicas = redis.StopWrites; rule.MaxLag == "0" {
			rule.MaxLag = redis.DefaultMaxLag
		}
	}
	return rule
}

// Stops: one of the reasons stops writes at all.
func (w Writes) Stops() bool {
	return slices.ContainsFunc(w.Why, func(r Refusal) bool { return r != RefusedAlone })
}

// With and Without are w with one reason more, or without some.
func (w Writes) With(why Refusal) Writes {
	if !slices.Contains(w.Why, why) {
		w.Why = append(slices.Clone(w.Why), why)
	}
	return w
}

// Without is w without these reasons.
func (w Writes) Without(why ...Refusal) Writes {
	w.Why = slices.DeleteFunc(slices.Clone(w.Why), func(r Refusal) bool { return slices.Contains(why, r) })
	return w
}
