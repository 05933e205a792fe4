package storm

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"

	"keepalived-redis/lab"
)

// Variant is what a storm rages on.
type Variant struct {
	// Name is how people call it.
	Name string
	Mode lab.Mode
	// Env is the environment of keepalived on both hosts.
	Env []string
	// Needs is how many replicas a master wants when all is well.
	Needs string
}

// Variants are all there are.
var Variants = []Variant{
	{"follow", lab.Cluster, []string{"KEEPALIVED_REDIS_POLICY=follow"}, "0"},
	{"stay", lab.Cluster, []string{"KEEPALIVED_REDIS_POLICY=stay"}, "0"},
	{"async", lab.Replication, []string{"KEEPALIVED_REDIS_DURABILITY=async"}, "0"},
	{"replicated", lab.Replication, []string{"KEEPALIVED_REDIS_DURABILITY=replicated"}, "1"},
}

// instances is how many there are on a host.
func (v Variant) instances() int {
	if v.Mode == lab.Replication {
		return 1
	}
	return 3
}

// Span is the time in which the faults of a round begin, counted from its beginning.
const span = 6 * time.Second

// minFaults and maxFaults bound how many a round has; each number is as likely as any other. The same twice at a time counts once.
const (
	minFaults = 2
	maxFaults = 6
)

// Plan makes the faults of a round, in the order of their beginnings. It depends on the arguments alone.
func Plan(seed uint64, v Variant, round int) []Fault {
	random := rand.New(rand.NewPCG(seed, uint64(round)+1))
	weights := 0
	for _, k := range kinds {
		weights += k.weight(v)
	}
	var all []Fault
	for range minFaults + random.IntN(maxFaults-minFaults+1) {
		// Everything is drawn for each fault, whether its kind asks for it or not.
		at, length, host, instance, which := random.Float64(), random.Float64(), random.IntN(2)+1, random.IntN(v.instances()), random.IntN(weights)
		k := pick(v, which)
		f := Fault{At: time.Duration(at * float64(span)).Round(time.Millisecond), Kind: k.name, Host: host}
		f.For = (k.min + time.Duration(length*float64(k.max-k.min))).Round(time.Millisecond)
		if k.instance {
			f.Instance = instance
		}
		// The same twice at a time would be one; each host has its own. One host always has power.
		if !slices.ContainsFunc(all, func(o Fault) bool { return o.Kind == f.Kind && (o.Host == f.Host || f.Kind == Power || k.everywhere) }) {
			all = append(all, f)
		}
	}
	slices.SortStableFunc(all, func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
	return all
}

// pick is the kind in whose share a number lies.
func pick(v Variant, which int) kind {
	for _, k := range kinds {
		if which -= k.weight(v); which < 0 {
			return k
		}
	}
	return kinds[len(kinds)-1]
}
