// Package model has the plain types that the others share: what was seen, and what can be done about it. It has no I/O, no clock and no log.
package model

import (
	"net/netip"
	"slices"
	"time"
)

// Stretch is how long, and in how many looks, something has been in a bad state without a break.
type Stretch struct {
	For   time.Duration
	Looks int
}

// Witness is the address outside both hosts that tells whether we are the ones cut off.
type Witness struct {
	Name string
	// Counts: it has answered at least once, ever.
	Counts bool
	// Answers now.
	Answers bool
	// Unasked: it counts, and this host could not ask it, for want of permission or of descriptors. It is neither silent nor answering then.
	Unasked bool
	// Virtual names those that answered by a hardware address that several routers share. Each side of a broken link may have one of them.
	Virtual string
}

// FenceView is what a decision needs of a fence.
type FenceView struct {
	For time.Duration
	// Stopped: our instances were stopped by it.
	Stopped bool
	// Scripts: a master here runs scripts, whose writes are not refused.
	Scripts bool
	// HeardFor is how long the host of a peer has answered without a break, be it by refusing connections: the network is whole.
	HeardFor time.Duration
	// HoldOff is how long it must.
	HoldOff time.Duration
	// UnansweredFor is how long no Redis of a peer has answered, while its host or the witness did.
	UnansweredFor time.Duration
}

// Observation is everything that one look found. It is taken once and handed down.
type Observation struct {
	// State to act on, and why. KeepalivedLives is false when nothing may be done.
	State           VRRP
	Why             Clause
	KeepalivedLives bool
	// Hook: a VRRP transition woke us, so silence of a host counts at once; a check run wants a second look.
	Hook bool
	// Event is what keepalived told a hook, with the name of the vrrp_instance; its zero value where a check looks.
	Event Event
	// VIPs are the addresses that move; none where they are not known. VIPHere: one of them is on this host.
	VIPs    []netip.Addr
	VIPHere bool
	// Locals are the instances of this host, Peers those of the other hosts.
	Locals, Peers []Look
	// Answers are the other hosts that answered by themselves, whatever their instances did: an instance whose queue of connections is full drops a
	// SYN without a word, and looks as silent as a host that is off.
	Answers map[netip.Addr]bool
	// Hosts and Instances say how long a peer host has been silent, and a peer instance not serving.
	Hosts     map[netip.Addr]Stretch
	Instances map[netip.AddrPort]Stretch
	// Alone is how long no peer and no witness has answered.
	Alone Stretch
	// LongGone: every other host has been silent while the witness answered, for cold_start_wait, and none has been heard since: nobody else serves.
	LongGone bool
	Witness  Witness
	Lease    Lease
	Policy   Policy
	Times    Times
	MaxLag   int64
	// HeldFor is how long the VIP has been on this host.
	HeldFor time.Duration
	// SwitchoverWait is how long the next switchover has to wait after a failed one.
	SwitchoverWait time.Duration
	// Restarts says what is started again. HungFor is how long a local instance that takes connections has given no answer, and does not
	// work. Tried are those that this run has tried to start already.
	Restarts Restarts
	HungFor  map[Instance]time.Duration
	Tried    map[Instance]bool
	// TakenOver is for how long a local master that hangs has been seen to be taken over by an instance of another host.
	TakenOver map[Instance]Stretch
	// GivenUp: the starts of this instance are used up, or it must not be started.
	GivenUp     map[Instance]bool
	Fence       *FenceView
	Maintenance Maintenance
	// MaintenanceWarning is what there is to say of the file of the maintenance.
	MaintenanceWarning string
	// BumpGoal is the config epoch that our masters are to reach after a takeover; 0 for none.
	BumpGoal uint64
	// Unfinished are the switchovers that were begun and not ended.
	Unfinished []Unfinished
	// Able is how many instances of each other host were able to serve, in this look and in the last one. SeenAble: there was a last one.
	Able     map[netip.Addr]int
	SeenAble bool
	// BusyFor is how long the local instances that are busy now have been so with one command, by name: by a script, or by /proc.
	BusyFor map[string]time.Duration
	// LeftStopped are local instances whose writes are stopped while no fence and no switchover of ours is on record.
	LeftStopped []Instance
	// LeftAlone is for how long no Redis of a peer has answered while there are such, and this host was not cut off.
	LeftAlone Stretch
	// Gap is for how long this host has stood still, while masters here wait for a peer's word since then; else it is 0.
	Gap time.Duration
	// Unconfirmed are local masters that may be stale, so that they must take no writes; Confirmed are those that take them again.
	Unconfirmed, Confirmed []Instance
	// Unwritten are local instances whose role a run has changed, or was about to, and may not have put into their configuration files.
	Unwritten []Instance
	// HeardOnBus: a node on another host has answered a local one on the cluster's bus since that one was started.
	HeardOnBus bool
	// Severed are the local instances that have not been linked since this host was cut off, for cold_start_wait after the end of that.
	Severed NameSet
	// VoteWait is how long a local replica has asked for votes in vain.
	VoteWait map[Instance]time.Duration
	// DataAge is what is known of the data of the local replicas of a cluster, by instance. Its zero value is good.
	DataAge map[Instance]DataAge
	// BothMaster: a master was taken away from this host while it held the VIP without a break, less than takenAwayFor ago.
	BothMaster bool
	// NoRoom names the local nodes of a cluster that would end themselves if their role changed, because they could not write it down.
	NoRoom map[Instance]bool
	// Sentinel names the local instances that a Sentinel watches.
	Sentinel map[Instance]bool
	// Pairs are the local instances with their peers, in replication mode; else it is empty.
	Pairs      map[Instance]Pair
	Durability Durability
	Cold       Cold
}

// Unfinished is a switchover that was begun and not ended.
type Unfinished struct {
	From, To Instance
	// Wait is how long its undo has to wait after one that failed.
	Wait time.Duration
}

// InDoubt: the writes of a local instance are stopped, by a switchover perhaps, so another one may lead.
func (o *Observation) InDoubt(i Instance) bool {
	return slices.Contains(o.LeftStopped, i) || slices.ContainsFunc(o.Unfinished, func(u Unfinished) bool { return u.From == i })
}

// MinLookGap is the least time between two looks that together prove silence.
const MinLookGap = 100 * time.Millisecond

// Isolated: this host is cut off, in two looks at least 100 ms apart.
func (o *Observation) Isolated() bool {
	return o.Alone.Looks >= 2 && o.Alone.For >= MinLookGap
}

// CutOff: in this very look no peer answers, and the witness, which counts, does not either; or the lease is lost, whatever the witness says.
func (o *Observation) CutOff() bool {
	if o.Lease == LeaseLost {
		return o.PeersSilent()
	}
	return o.Witness.Counts && !o.Witness.Answers && !o.Witness.Unasked && o.PeersSilent()
}

// Unjudged: no peer answers, and nobody could be asked whether this host is the one cut off.
func (o *Observation) Unjudged() bool {
	return o.Lease == NoArbiter && o.Witness.Unasked && o.PeersSilent()
}

// PeersSilent: there are peers, and the network to none of them works: not even a refusal came, and no host answered by itself. A peer that we could not look
// at, for want of time or of descriptors, proves nothing.
func (o *Observation) PeersSilent() bool {
	for _, p := range o.Peers {
		if !p.ShowsSilence() || o.Answers[p.Instance.Addr.Addr()] {
			return false
		}
	}
	return len(o.Peers) > 0
}

// PeerAlive: a peer's Redis answered.
func (o *Observation) PeerAlive() bool {
	for _, p := range o.Peers {
		if p.State.Alive() {
			return true
		}
	}
	return false
}

// Heard: the host of a peer answered, also by refusing or closing the connection, or in words that are not Redis': so the network is
// whole, which says nothing of whose data is newer.
func (o *Observation) Heard() bool {
	for _, p := range o.Peers {
		if p.State != Silent && p.State != Unseen || o.Answers[p.Instance.Addr.Addr()] {
			return true
		}
	}
	return false
}

// Unanswered: for so long no Redis of a peer has answered a host whose writes are stopped, and that is not cut off, that nobody can be leading
// elsewhere; or none has since long before that.
func (o *Observation) Unanswered() bool {
	unanswered := o.LeftAlone.For
	if o.Fence != nil {
		unanswered = o.Fence.UnansweredFor
	}
	return !o.PeerAlive() && (unanswered >= o.Times.ColdStartWait || o.LongGone && o.Witness.Answers)
}

// HostSilent: no SYN answered and no refusal from any instance of that host, nor an answer of the host itself.
func (o *Observation) HostSilent(host netip.Addr) bool {
	if o.Answers[host] {
		return false
	}
	for _, p := range o.Peers {
		if p.Instance.Addr.Addr() == host && !p.ShowsSilence() {
			return false
		}
	}
	return true
}

// Find gives the look at an address, and whether it is on this host.
func (o *Observation) Find(a netip.AddrPort) (look Look, local, ok bool) {
	for _, l := range o.Locals {
		if LocalAddr(l) == a {
			return l, true, true
		}
	}
	for _, p := range o.Peers {
		if p.Instance.Addr == a {
			return p, false, true
		}
	}
	return Look{}, false, false
}

// Local gives the look at a local instance.
func (o *Observation) Local(i Instance) (Look, bool) { return o.LocalNamed(i.Name()) }

// LocalNamed gives the look at the local instance of a name.
func (o *Observation) LocalNamed(name string) (Look, bool) {
	for _, l := range o.Locals {
		if l.Instance.Name() == name {
			return l, true
		}
	}
	return Look{}, false
}

// MasterOf gives the master of a local replica, by CLUSTER NODES or else by INFO, and the look at it. found is false where nobody
// looked, and then a may not be valid.
func (o *Observation) MasterOf(l Look) (m Look, a netip.AddrPort, local, found bool) {
	self, _ := l.Self()
	node, _ := l.Nodes.ByID(self.MasterID)
	a = node.Addr
	if !a.IsValid() && l.Info != nil {
		a = l.Info.Master
	}
	m, local, found = o.Find(a)
	return m, a, local, found && a.IsValid()
}

// LocalAddr is the address by which the cluster knows a local instance.
func LocalAddr(l Look) netip.AddrPort {
	if n, ok := l.Self(); ok && n.Addr.IsValid() {
		return n.Addr
	}
	return l.Instance.Addr
}

// Called is the name by which people know a local instance: that of the cluster, else that of the configuration.
func Called(l Look) Instance {
	if n, ok := l.Self(); ok && n.Addr.IsValid() {
		return At(n.Addr)
	}
	return l.Instance
}

// View is the cluster as this host sees it, the union of what its instances see: one that has lost its nodes.conf, was reset or has not joined
// yet knows only itself, and must not blind the others. It is nil outside cluster mode or with every local instance dead.
func (o *Observation) View() Nodes {
	best := -1
	for i, l := range o.Locals {
		if l.Nodes != nil && (best < 0 || l.Nodes.HighestEpoch() > o.Locals[best].Nodes.HighestEpoch()) {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	all := o.Locals[best].Nodes[:len(o.Locals[best].Nodes):len(o.Locals[best].Nodes)]
	for _, l := range o.Locals {
		for _, n := range l.Nodes {
			if _, known := all.ByID(n.ID); !known {
				all = append(all, n)
			}
		}
	}
	return all
}
