// Package storm lets random faults loose on the lab, and checks after each of them what was promised.
//
// A storm is a row of rounds. In each a few faults come at random instants, alone or together; then they end, and there must be a quiet time in which
// all recovers by itself. Clients write and read all the time. The faults depend on the seed alone.
package storm

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fault is one fault of a round.
type Fault struct {
	// At is when it begins, counted from the begin of the round; For is how long it lasts, 0 for what lasts no time.
	At, For time.Duration
	Kind    Kind
	// Host is 1 or 2.
	Host int
	// Instance is which of the host's instances, 0 and up; only some kinds ask for it.
	Instance int
}

// Kind is what kind of fault it is.
type Kind string

// The kinds of faults.
const (
	KillRedis      Kind = "kill-redis"
	HangRedis      Kind = "hang-redis"
	SlowFork       Kind = "slow-fork"
	KillKeepalived Kind = "kill-keepalived"
	StopKeepalived Kind = "stop-keepalived"
	HUPKeepalived  Kind = "hup-keepalived"
	KillCheck      Kind = "kill-check"
	KillHook       Kind = "kill-hook"
	Power          Kind = "power"
	Cable          Kind = "cable"
	Isolate        Kind = "isolate"
	CutIn          Kind = "cut-in"
	CutOut         Kind = "cut-out"
	CutPeer        Kind = "cut-peer"
	CutPeerOneWay  Kind = "cut-peer-one-way"
	CutWitness     Kind = "cut-witness"
	CutVRRP        Kind = "cut-vrrp"
	CutRedis       Kind = "cut-redis"
	CutBus         Kind = "cut-bus"
	SwitchReboots  Kind = "switch-reboots"
	Loss           Kind = "loss"
	Delay          Kind = "delay"
	Disorder       Kind = "disorder"
	DiskFull       Kind = "disk-full"
	StateFull      Kind = "state-disk-full"
	Password       Kind = "password"
	BrokenConfig   Kind = "broken-config"
	BurnCPU        Kind = "burn-cpu"
	FailBGSAVE     Kind = "fail-bgsave"
	BulkLoad       Kind = "bulk-load"
	SlowKeys       Kind = "slow-keys"
	BigDel         Kind = "big-del"
	FsyncStall     Kind = "fsync-stall"
	HostStands     Kind = "host-stands"
	BumpMove       Kind = "bump-move"
	CutBusMove     Kind = "cut-bus-move"
	Prohibit       Kind = "prohibit"
)

// String is the fault as ParseFaults reads it: "1.25s hang-redis 2.0 for 3s".
func (f Fault) String() string {
	text := fmt.Sprintf("%s %s %d", f.At, f.Kind, f.Host)
	if f.Kind.asksForInstance() {
		text += fmt.Sprintf(".%d", f.Instance)
	}
	if f.For > 0 {
		text += fmt.Sprintf(" for %s", f.For)
	}
	return text
}

// Format is the faults of a round as ParseFaults reads them.
func Format(faults []Fault) string {
	all := make([]string, len(faults))
	for i, f := range faults {
		all[i] = f.String()
	}
	return strings.Join(all, "; ")
}

var errFault = errors.New("a fault is: WHEN KIND HOST[.INSTANCE] [for HOW LONG], as in 1.2s hang-redis 2.0 for 3s")

// ParseFaults reads what Format writes.
func ParseFaults(text string) ([]Fault, error) {
	var all []Fault
	for _, one := range strings.Split(text, ";") {
		f, err := parseFault(strings.Fields(one))
		if err != nil {
			return nil, fmt.Errorf("read the fault %q: %w", strings.TrimSpace(one), err)
		}
		all = append(all, f)
	}
	return all, nil
}

func parseFault(w []string) (f Fault, err error) {
	if len(w) != 3 && len(w) != 5 || len(w) == 5 && w[3] != "for" {
		return f, errFault
	}
	if f.At, err = time.ParseDuration(w[0]); err != nil {
		return f, err
	}
	f.Kind = Kind(w[1])
	if !slices.ContainsFunc(kinds, func(k kind) bool { return k.name == f.Kind }) {
		return f, fmt.Errorf("there is no kind %q", f.Kind)
	}
	host, instance, named := strings.Cut(w[2], ".")
	if f.Host, err = strconv.Atoi(host); err != nil || f.Host < 1 || f.Host > 2 || named != f.Kind.asksForInstance() {
		return f, errFault
	}
	if named {
		if f.Instance, err = strconv.Atoi(instance); err != nil || f.Instance < 0 {
			return f, errFault
		}
	}
	if len(w) == 5 {
		f.For, err = time.ParseDuration(w[4])
	}
	return f, err
}
