package decide

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/testing/fixture"
)

// oneLost is the usual cluster with one replica here, whose master's host has just fallen silent; a hook looks.
func oneLost() model.Observation {
	o := fixture.Cluster()
	oneReplica(&o)
	o.Hook, o.Times.MaxStaleness = true, time.Minute
	hostSilent(&o, firstLook)
	return o
}

// oneLives is the usual cluster with one replica here, whose master lives on the other host.
func oneLives() model.Observation {
	o := fixture.Cluster()
	oneReplica(&o)
	return o
}

// withoutSlots takes the slots of A:7000 away in every view, as between add-node and rebalance.
func withoutSlots(o *model.Observation) {
	for _, l := range o.Locals {
		l.Nodes[0].Slots = nil
	}
}

// Nobody misses a master without slots, so its replica is neither promoted nor is it moved.
func TestAMasterWithoutSlotsIsLeftAlone(t *testing.T) {
	lost := func() model.Observation {
		o := oneLost()
		withoutSlots(&o)
		return o
	}
	checkPlans(t, lost, Decide, []planCase{
		{"its host is silent", func(*model.Observation) {}, "", "keep no-slots B:7004 of A:7000"},
		{"its host is silent, in FAULT", func(o *model.Observation) { o.State = model.VRRPFault; hostSilent(o, forLong) }, "", "keep not-master"},
		{"it refuses connections", func(o *model.Observation) { masterIs(o, model.Refused, forLong) }, "", "keep no-slots B:7004 of A:7000"},
		{"it is a replica by now, and its own master has the slots", func(o *model.Observation) {
			for _, l := range o.Locals {
				l.Nodes[0].Role, l.Nodes[0].MasterID = model.Replica, "a1"
			}
		}, "takeover B:7004", "takeover host-silent+no-majority B:7004 of A:7000"},
	})
	checkPlans(t, lost, DecideForced, []planCase{
		{"by force", func(*model.Observation) {}, "", "no-promotion is-master B:7003; no-promotion no-slots B:7004 of A:7000"},
	})
}

func TestMasterOfAClusterIsLost(t *testing.T) {
	checkPlans(t, fixture.Cluster, Decide, []planCase{
		{"a hook, the host has just fallen silent, no majority", func(o *model.Observation) { o.Hook = true; hostSilent(o, firstLook) },
			"takeover B:7004, takeover B:7005", "takeover host-silent+no-majority B:7004 B:7005 of A:7000 A:7001"},
		{"a check, the host is silent in one look", func(o *model.Observation) { hostSilent(o, firstLook) },
			"", "wait host-silent B:7004 B:7005 of A:7000 A:7001; again 100ms"},
		{"a check, the host is silent in two looks too close together", func(o *model.Observation) { hostSilent(o, model.Stretch{For: 99 * time.Millisecond, Looks: 2}) },
			"", "wait host-silent B:7004 B:7005 of A:7000 A:7001; again 100ms"},
		{"a check, the host is silent in two looks", func(o *model.Observation) { hostSilent(o, model.Stretch{For: 100 * time.Millisecond, Looks: 2}) },
			"takeover B:7004, takeover B:7005", "takeover host-silent+no-majority B:7004 B:7005 of A:7000 A:7001"},
		{"its ports are silent and the host answers by itself", func(o *model.Observation) {
			o.Hook, o.Times.BusyGrace = true, 5*time.Second
			hostSilent(o, forLong)
			o.Answers = map[netip.Addr]bool{o.Peers[0].Instance.Addr.Addr(): true}
		}, "", "wait master-down B:7004 B:7005 of A:7000 A:7001; again 100ms"},
		{"refused master, hook, within the grace", func(o *model.Observation) {
			oneReplica(o)
			o.Hook = true
			masterIs(o, model.Refused, model.Stretch{For: 299 * time.Millisecond, Looks: 2})
		}, "", "wait master-down B:7004 of A:7000; again 100ms"},
		{"refused master, hook, the grace is over, a majority answers", func(o *model.Observation) {
			oneReplica(o)
			o.Hook = true
			masterIs(o, model.Refused, model.Stretch{For: 300 * time.Millisecond, Looks: 1})
		}, "force B:7004", "force master-down+majority-answers B:7004 of A:7000"},
		{"refused master, check, within the deadline", func(o *model.Observation) {
			oneReplica(o)
			masterIs(o, model.Refused, model.Stretch{For: 899 * time.Millisecond, Looks: 9})
		}, "", "wait master-down B:7004 of A:7000; again 100ms"},
		{"refused master, check, the deadline is over but in one look", func(o *model.Observation) {
			oneReplica(o)
			masterIs(o, model.Refused, model.Stretch{For: time.Second, Looks: 1})
		}, "", "wait master-down B:7004 of A:7000; again 100ms"},
		{"one master is dead, the other is switched over", func(o *model.Observation) { masterIs(o, model.Refused, forLong) },
			"force B:7004, switchover B:7005 from A:7001", "force master-down+majority-answers B:7004 of A:7000; switchover vip-here B:7005 of A:7001"},
		{"the master is loading for long", func(o *model.Observation) {
			oneReplica(o)
			masterIs(o, model.Loading, forLong)
		}, "force B:7004", "force master-down+majority-answers B:7004 of A:7000"},
		{"the master is itself a replica, for long", func(o *model.Observation) {
			oneReplica(o)
			fixture.PeersAre(o, model.Up, forLong)
			o.Peers[0].Info.Role = model.Replica
		}, "force B:7004", "force master-is-replica+majority-answers B:7004 of A:7000"},
		{"the master was not looked at", func(o *model.Observation) {
			oneReplica(o)
			masterIs(o, model.Unseen, forLong)
		}, "", "wait peer-unseen B:7004 of A:7000; again 100ms"},
		{"the master asks for a password", func(o *model.Observation) {
			oneReplica(o)
			masterIs(o, model.NoAuth, forLong)
		}, "", "no-promotion master-unusable B:7004 of A:7000"},
		{"nobody looked at the master", func(o *model.Observation) { oneReplica(o); o.Peers = o.Peers[1:] },
			"", "wait master-unknown B:7004; again 100ms"},
		{"the master is on this host", func(o *model.Observation) { replicaOf7003(o) },
			"", "keep master-here B:7004 of B:7003"},
		{"the master on this host is dead and is restarted", func(o *model.Observation) {
			replicaOf7003(o)
			o.Locals[0].State, o.Locals[0].Info = model.Refused, nil
		}, "restart B:7003", "wait master-restarts B:7004 of B:7003; restart died B:7003"},
		{"the master on this host is dead and given up", func(o *model.Observation) {
			replicaOf7003(o)
			o.Locals[0].State, o.Locals[0].Info = model.Refused, nil
			o.GivenUp, o.Restarts.Never = map[model.Instance]bool{o.Locals[0].Instance: true}, true
		}, "force B:7004", "force master-given-up+majority-answers B:7004 of B:7003"},
	})
}

// replicaOf7003 makes B:7004 a replica of B:7003, and leaves these two.
func replicaOf7003(o *model.Observation) {
	oneReplica(o)
	for i := range o.Locals {
		o.Locals[i].Nodes[4].MasterID = "b3"
	}
}

// masterOn72 is a master on a third host, and what it has of A:7000.
func masterOn72(o *model.Observation, sees model.Node) {
	self := model.Node{ID: "c6", Addr: fixture.Addr("192.168.9.72:7006"), Role: model.Master, Slots: []model.Slots{{First: 16000, Last: 16383}}}
	node(o, self)
	self.Myself, sees.ID = true, "a0"
	o.Peers = append(o.Peers, model.Look{Instance: model.At(self.Addr), State: model.Up, Info: &model.Info{Role: model.Master}, Nodes: model.Nodes{self, sees}})
}

func TestWhoIsPromotedInACluster(t *testing.T) {
	checkPlans(t, oneLost, Decide, []planCase{
		{"a third host, no majority: only a vote is safe", func(o *model.Observation) { masterOn72(o, model.Node{Failed: true}) },
			"force B:7004", "force host-silent+more-hosts B:7004 of A:7000"},
		{"it refuses CLUSTER while its link is down", func(o *model.Observation) {
			o.Locals[1].State, o.Locals[1].Nodes, o.Locals[1].Info.Master = model.MasterDown, nil, fixture.Addr("192.168.9.70:7000")
		}, "serve-stale B:7004, takeover B:7004", "serve-stale serves-no-stale B:7004; takeover host-silent+no-majority B:7004 of A:7000"},
		{"what answers in its master's place is no Redis", func(o *model.Observation) {
			masterIs(o, model.NotRedis, forLong)
			o.Locals[1].Info.LinkUp = false
		}, "takeover B:7004", "takeover master-down+no-majority B:7004 of A:7000"},
		{"its master answers us garbage, and is linked", func(o *model.Observation) {
			masterIs(o, model.NotRedis, forLong)
			o.Locals[1].Info.LinkUp = true
		}, "", "no-promotion master-unusable B:7004 of A:7000"},
		{"its disk is full", func(o *model.Observation) { o.NoRoom = map[model.Instance]bool{o.Locals[1].Instance: true} },
			"", "no-promotion no-room+host-silent B:7004 of A:7000; again 100ms"},
		{"a third host suspects the master as well", func(o *model.Observation) { masterOn72(o, model.Node{Suspected: true}) },
			"force B:7004", "force host-silent+more-hosts B:7004 of A:7000"},
		{"a third host sees the master alive", func(o *model.Observation) { masterOn72(o, model.Node{}) },
			"", "no-promotion others-see-master+host-silent B:7004 of A:7000; again 100ms"},
		{"dead nodes that nobody has forgotten", func(o *model.Observation) {
			node(o, model.Node{ID: "c6", Addr: fixture.Addr("192.168.9.72:7006"), Role: model.Master, Failed: true})
			node(o, model.Node{ID: "c7", Addr: fixture.Addr("192.168.9.73:7006"), Role: model.Replica, MasterID: "a0", Failed: true})
		}, "takeover B:7004", "takeover host-silent+no-majority B:7004 of A:7000"},
		{"a replica elsewhere has more of the data", func(o *model.Observation) { replicaOn72(o, model.Info{LinkUp: true, Offset: 900}) },
			"force C:7006", "force host-silent+fresher-replica+more-hosts C:7006 of A:7000"},
		{"a replica elsewhere has more of the data and is syncing", func(o *model.Observation) { replicaOn72(o, model.Info{Syncing: true, Offset: 900}) },
			"force B:7004", "force host-silent+more-hosts B:7004 of A:7000"},
		{"a replica elsewhere has as much of the data", func(o *model.Observation) { replicaOn72(o, model.Info{LinkUp: true, Offset: 500}) },
			"force B:7004", "force host-silent+more-hosts B:7004 of A:7000"},
		{"two replicas here, and the second one has more of the data", func(o *model.Observation) { twin(o, 501) },
			"takeover B:7006", "no-promotion less-data+host-silent B:7004 of A:7000; takeover host-silent+no-majority B:7006 of A:7000; again 100ms"},
		{"two replicas here with the same data, and the first one is chosen", func(o *model.Observation) { twin(o, 500) },
			"takeover B:7004", "takeover host-silent+no-majority B:7004 of A:7000; no-promotion less-data+host-silent B:7006 of A:7000; again 100ms"},
		{"two replicas here, and the best one is elsewhere", func(o *model.Observation) { twin(o, 501); replicaOn72(o, model.Info{LinkUp: true, Offset: 900}) },
			"force C:7006", "force host-silent+fresher-replica+more-hosts C:7006 of A:7000"},
		{"it never synced", func(o *model.Observation) { o.Locals[1].Info.LinkUp, o.Locals[1].Info.Offset = false, 0 },
			"", "no-promotion never-synced+host-silent B:7004 of A:7000; again 100ms"},
		{"it never synced, and its offset is 1", func(o *model.Observation) { o.Locals[1].Info.LinkUp, o.Locals[1].Info.Offset = false, 1 },
			"", "no-promotion never-synced+host-silent B:7004 of A:7000; again 100ms"},
		{"it started from its own file", func(o *model.Observation) {
			o.Locals[1].Info.LinkUp, o.Locals[1].Info.Offset, o.Locals[1].Info.Keys = false, 1, 9
		}, "takeover B:7004", "takeover host-silent+no-majority B:7004 of A:7000"},
		{"it synced with a master that had nothing", func(o *model.Observation) {
			o.Locals[1].Info.LinkUp, o.Locals[1].Info.WasLinked, o.Locals[1].Info.Offset = false, true, 0
		}, "takeover B:7004", "takeover host-silent+no-majority B:7004 of A:7000"},
		{"it is in the middle of a sync", func(o *model.Observation) { o.Locals[1].Info.Syncing = true },
			"", "no-promotion syncing+host-silent B:7004 of A:7000; again 100ms"},
		{"it is loading", func(o *model.Observation) { o.Locals[1].State = model.Loading },
			"", "no-promotion loading+host-silent B:7004 of A:7000; again 100ms"},
		{"its data is stale", func(o *model.Observation) {
			o.Locals[1].Info.LinkUp = false
			o.DataAge = map[model.Instance]model.DataAge{o.Locals[1].Instance: {Stale: time.Minute + 1}}
		}, "", "no-promotion data-stale+host-silent B:7004 of A:7000; again 100ms"},
		{"it was not linked since this host started", func(o *model.Observation) { unlinked(o, 59*time.Second) },
			"", "no-promotion waits-for-peer+host-silent B:7004 of A:7000; again 100ms"},
		{"it was not linked since this host started, and the wait is over", func(o *model.Observation) { unlinked(o, time.Minute) },
			"", "no-promotion never-linked+host-silent B:7004 of A:7000; again 100ms"},
		{"it was not linked since this host started, which held the VIP last", func(o *model.Observation) { unlinked(o, 0); o.Cold.HeldLast = true },
			"takeover B:7004", "takeover host-silent+no-majority B:7004 of A:7000"},
		{"it was not linked since this host was cut off", func(o *model.Observation) { o.Severed = o.Severed.With("192.168.9.71:7004") },
			"", "no-promotion severed+host-silent B:7004 of A:7000; again 100ms"},
		{"the cluster was down before", func(o *model.Observation) { o.Locals[1].Nodes[0].Failed = true },
			"takeover B:7004", "takeover host-silent+no-majority B:7004 of A:7000; keep cluster-was-down"},
		{"slots of the lost master were on their way here", func(o *model.Observation) {
			o.Locals[0].Nodes[3].Open = []model.OpenSlot{{Slot: 93, Importing: true, Other: "a0"}}
		}, "takeover B:7004", "takeover host-silent+no-majority B:7004 of A:7000; warn slots-left-open B:7004"},
	})
}

// twin adds B:7006, a second replica of A:7000 on this host, with that much of the data.
func twin(o *model.Observation, offset int64) {
	second := model.Node{ID: "b6", Addr: fixture.Addr("192.168.9.71:7006"), Role: model.Replica, MasterID: "a0"}
	node(o, second)
	l := o.Locals[1]
	info := *l.Info
	info.Offset = offset
	l.Instance, l.Info, l.Nodes = model.At(second.Addr), &info, append(model.Nodes(nil), l.Nodes...)
	l.Nodes[4].Myself, l.Nodes[6].Myself = false, true
	o.Locals = append(o.Locals, l)
}

// unlinked: B:7004 has not been linked since this host started, and its master has been missing for so long.
func unlinked(o *model.Observation, waited time.Duration) {
	o.DataAge = map[model.Instance]model.DataAge{o.Locals[1].Instance: {Unlinked: true, Waited: waited}}
}

func TestMasterOfAClusterLivesElsewhere(t *testing.T) {
	checkPlans(t, oneLives, Decide, []planCase{
		{"the VIP is here", func(*model.Observation) {}, "switchover B:7004 from A:7000", "switchover vip-here B:7004 of A:7000"},
		{"policy stay", func(o *model.Observation) { o.Policy = model.PolicyStay }, "", "no-switchover policy-stay B:7004 of A:7000"},
		{"policy auto, Redis 3.2", func(o *model.Observation) { o.Peers[0].Info.Version = model.Version{Major: 3, Minor: 2} },
			"", "no-switchover policy-stay B:7004 of A:7000"},
		{"policy auto, a third host", func(o *model.Observation) { masterOn72(o, model.Node{}) },
			"", "no-switchover policy-stay B:7004 of A:7000"},
		{"a Sentinel manages it", func(o *model.Observation) { o.Sentinel = map[model.Instance]bool{o.Locals[1].Instance: true} },
			"", "keep sentinel B:7004"},
		{"both hosts hold the VIP", func(o *model.Observation) { o.BothMaster = true }, "", "no-switchover both-hold-vip B:7004 of A:7000"},
		{"the VIP has just come", func(o *model.Observation) { o.HeldFor = 400 * time.Millisecond },
			"", "no-switchover settle B:7004 of A:7000; again 600ms"},
		{"the replica cannot write to its disk", func(o *model.Observation) { o.Locals[1].State = model.Misconf },
			"", "no-switchover misconf B:7004 of A:7000; again 100ms"},
		{"the last switchover failed", func(o *model.Observation) { o.SwitchoverWait = 12 * time.Second },
			"", "no-switchover switchover-failed B:7004 of A:7000"},
		{"slots are on their way from the master", func(o *model.Observation) { o.Peers[0].Nodes[0].Open = []model.OpenSlot{{Slot: 93, Other: "b3"}} },
			"", "no-switchover slots-move B:7004 of A:7000"},
		{"the master has no slots", withoutSlots, "", "keep no-slots B:7004 of A:7000"},
		{"the link is down", func(o *model.Observation) { o.Locals[1].Info.LinkUp = false }, "", "no-switchover link-down B:7004 of A:7000"},
		{"the replica is behind", func(o *model.Observation) { o.Peers[0].Info.Offset = 500 + 1<<20 + 1 },
			"", "no-switchover replica-behind B:7004 of A:7000"},
		{"the replica is as far behind as it may be", func(o *model.Observation) { o.Peers[0].Info.Offset = 500 + 1<<20 },
			"switchover B:7004 from A:7000", "switchover vip-here B:7004 of A:7000"},
		{"every master is on this host", func(o *model.Observation) { o.Locals = o.Locals[:1] }, "", "keep in-place"},
		{"no local instance is a node", func(o *model.Observation) { o.Locals[0].Nodes, o.Locals[1].Nodes = nil, nil }, "", "keep no-cluster"},
		{"epochs are to be raised", func(o *model.Observation) { o.Locals, o.BumpGoal = o.Locals[:1], 11 },
			"bump", "bump old-epochs; again 1s"},
		{"epochs are raised after the switchovers", func(o *model.Observation) { o.BumpGoal = 11 },
			"switchover B:7004 from A:7000", "switchover vip-here B:7004 of A:7000"},
	})
}

// In containers each instance has an address of its own: three and three are two hosts.
func TestHostsWhoseInstancesHaveAnAddressEach(t *testing.T) {
	o := fixture.Cluster()
	for i := range o.Locals {
		ns := slices.Clone(o.Locals[i].Nodes)
		for j := range ns {
			ns[j].Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(j)}), 6379)
		}
		o.Locals[i].Nodes = ns
	}
	if n := hosts(&o); n != 2 {
		t.Errorf("%d hosts", n)
	}
	o.Locals = o.Locals[:2]
	if n := hosts(&o); n != 3 {
		t.Errorf("%d hosts, of which one has two of six addresses", n)
	}
}

// One instance of this host has lost its nodes.conf: it knows only itself, and leads nothing. The others know the cluster.
func TestOneThatKnowsNobodyBlindsNobody(t *testing.T) {
	o := fixture.Cluster()
	o.Hook = true
	o.Locals[0].Nodes = model.Nodes{{ID: "new", Addr: o.Locals[0].Instance.Addr, Myself: true, Role: model.Master}}
	for _, l := range o.Peers {
		if _, known := o.View().ByID(l.Nodes[0].ID); !known {
			t.Errorf("node %s is not in view", l.Nodes[0].ID)
		}
	}
	if n := hosts(&o); n != 2 {
		t.Errorf("%d hosts", n)
	}
	hostSilent(&o, firstLook)
	if got := stepsText(Decide(o).Steps); got != "takeover B:7004, takeover B:7005" {
		t.Error(got)
	}
}
