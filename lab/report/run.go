// Package report turns what happened in a run of the lab into numbers, a table and a picture.
package report

import (
	"time"

	"keepalived-redis/lab/host"
	"keepalived-redis/lab/probe"
)

// Event is something that happened on a host, or a step of the scenario (Kind "step", Host empty). It has the fields of the lab's own
// event, so that one converts to the other.
type Event struct {
	// Host is the name of the host, empty for the lab itself.
	Host string `json:"host,omitempty"`
	host.Event
}

// Run is one run of a scenario, as recorded.
type Run struct {
	// System is what ran on the hosts, in the words of the table: "keepalived-redis", "old scripts".
	System string
	// Fault is the instant of the fault, or of the first one. FaultText says what it was: "power cut: redis1".
	Fault     host.Mono
	FaultText string
	// Heal is when the cut was repaired, 0 if never. Only what the cut-off host acknowledged before it counts as LastCutAck.
	Heal host.Mono
	// End is when writing was stopped.
	End host.Mono
	// Takeover and Whole are those of the Result, as the lab measured them.
	Takeover, Whole *time.Duration
	// Client is the Source of the probe on the third host; Cut that of the writer in the host that is cut off, empty if there is none.
	Client, Cut string
	// Others are the Sources of the writers on the third host that write by scripts and transactions: their writes count in what was
	// acknowledged and what of it is lost, and in no time. CutOthers are those in the host that is cut off.
	Others, CutOthers []string
	// Probe are the events of all writers, Events those of the hosts; both in any order.
	Probe  []probe.Event
	Events []Event
	// Instances are the instances in the order in which the picture shows them.
	Instances []Instance
}

// Instance is one redis-server of the lab.
type Instance struct {
	// Addr is its address and port, Host the name of its host.
	Addr, Host string
}
