package model

import (
	"net/netip"
	"time"
)

// Slots is a range of hash slots, both ends included.
type Slots struct{ First, Last int }

// Node is one line of CLUSTER NODES. https://redis.io/commands/cluster-nodes
type Node struct {
	ID string
	// Addr is not valid for a node without a known address.
	Addr   netip.AddrPort
	Myself bool
	Role   Role
	// MasterID is set for a replica.
	MasterID string
	// Failed: marked as failed by the cluster (fail), or suspected by this node (fail?).
	Failed, Suspected bool
	// Unknown: in handshake or without an address.
	Unknown bool
	// Answered is when the node that was asked had its last answer on the cluster's bus; zero: never. As it starts, it sets this to now for
	// every node that had answered before (clusterLoadConfig in cluster.c).
	Answered time.Time
	// Mute: the node that was asked has no connection to it on the bus, or waits for its answer there.
	Mute  bool
	Epoch uint64
	Slots []Slots
	// Open are its slots on their way in or out. Only the node that was asked says so.
	Open []OpenSlot
}

// OpenSlot is a slot on its way between a node and another one.
type OpenSlot struct {
	Slot int
	// Importing: it comes from the other node; else it goes there.
	Importing bool
	// Other is that node's id.
	Other string
}

// Nodes is the cluster as one node sees it.
type Nodes []Node

// Myself is the node that was asked.
func (ns Nodes) Myself() (Node, bool) {
	for _, n := range ns {
		if n.Myself {
			return n, true
		}
	}
	return Node{}, false
}

// ByID finds a node.
func (ns Nodes) ByID(id string) (Node, bool) {
	for _, n := range ns {
		if n.ID == id {
			return n, true
		}
	}
	return Node{}, false
}

// Masters are the masters that own slots: those whose votes count.
func (ns Nodes) Masters() Nodes {
	var out Nodes
	for _, n := range ns {
		if n.Role == Master && len(n.Slots) > 0 {
			out = append(out, n)
		}
	}
	return out
}

// HighestEpoch is the highest config epoch in this view.
func (ns Nodes) HighestEpoch() uint64 {
	var e uint64
	for _, n := range ns {
		e = max(e, n.Epoch)
	}
	return e
}

// Unserved is how many slots no master has.
func (ns Nodes) Unserved() int {
	n := 16384
	for _, m := range ns.Masters() {
		for _, s := range m.Slots {
			n -= s.Last - s.First + 1
		}
	}
	return max(0, n)
}

// Down: this node answers no clients any more (cluster_state:fail), as far as its list of nodes shows: a master is marked as
// failed, or half of them or more are suspected. cluster-require-full-coverage no would still serve in the first case.
func (ns Nodes) Down() bool {
	masters, away := ns.Masters(), 0
	for _, m := range masters {
		if m.Failed {
			return true
		}
		if m.Suspected {
			away++
		}
	}
	return len(masters) > 0 && 2*(len(masters)-away) <= len(masters)
}
