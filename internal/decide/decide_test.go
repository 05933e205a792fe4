package decide

import (
	"testing"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/testing/fixture"
)

// cutOffCluster is the usual cluster where no peer and no witness answers, for so long.
func cutOffCluster(o *model.Observation, s model.Stretch) {
	hostSilent(o, s)
	o.Witness.Answers, o.Alone = false, s
}

func TestWhatKeepsAHostFromActing(t *testing.T) {
	disks := model.Maintenance{Word: model.Hold, Reason: "disks"}
	checkPlans(t, fixture.Cluster, Decide, []planCase{
		{"keepalived does not live", func(o *model.Observation) {
			o.KeepalivedLives, o.Why = false, model.Clause{Reason: "no-keepalived"}
		}, "", "keep no-keepalived"},
		{"keepalived does not live on a fenced host", func(o *model.Observation) {
			o.KeepalivedLives, o.Why, o.Fence = false, model.Clause{Reason: "no-keepalived"}, &model.FenceView{}
		}, "", "warn fenced; keep no-keepalived"},
		{"a maintenance, the other host dies", func(o *model.Observation) { o.Hook, o.Maintenance = true, disks; hostSilent(o, forLong) },
			"", "keep maintenance"},
		{"a maintenance of a host that is cut off", func(o *model.Observation) { o.Maintenance = disks; cutOffCluster(o, forLong) },
			"", "warn cut-off; keep maintenance"},
		{"a maintenance of a fenced host", func(o *model.Observation) { o.Maintenance, o.Fence = disks, &model.FenceView{} },
			"", "warn fenced; keep maintenance"},
		{"this host is perhaps cut off", func(o *model.Observation) { cutOffCluster(o, firstLook) }, "", "wait perhaps-cut-off; again 100ms"},
		{"this host is cut off", func(o *model.Observation) { cutOffCluster(o, forLong) }, "fence", "fence cut-off; again 100ms"},
		{"no peer answers, and the witness could not be asked", func(o *model.Observation) {
			o.Hook = true
			hostSilent(o, forLong)
			o.Witness.Answers, o.Witness.Unasked = false, true
		}, "", "wait witness-unasked; again 100ms"},
		{"the same on a fenced host", func(o *model.Observation) {
			hostSilent(o, forLong)
			o.Witness.Answers, o.Witness.Unasked, o.Fence = false, true, &model.FenceView{For: time.Hour}
			o.Alone = model.Stretch{}
		}, "fence", "fence hold-off"},
		{"the same, and the lease is held", func(o *model.Observation) {
			hostSilent(o, forLong)
			o.Witness.Answers, o.Witness.Unasked, o.Lease = false, true, model.LeaseHeld
		}, "takeover B:7004, takeover B:7005", "takeover host-silent+no-majority B:7004 B:7005 of A:7000 A:7001"},
		{"the lease is perhaps lost", func(o *model.Observation) { hostSilent(o, firstLook); o.Lease, o.Alone = model.LeaseLost, firstLook }, "", "wait lease-lost; again 100ms"},
		{"the lease is lost, and the witness answers", func(o *model.Observation) { hostSilent(o, forLong); o.Lease, o.Alone = model.LeaseLost, forLong }, "fence", "fence lease-lost; again 100ms"},
		{"the lease is lost, and a peer answers", func(o *model.Observation) { fixture.PeersAre(o, model.Up, model.Stretch{}); o.Lease = model.LeaseLost }, "switchover B:7004 from A:7000, switchover B:7005 from A:7001", "switchover vip-here B:7004 B:7005 of A:7000 A:7001"},
		{"the lease is held, and the other host dies", func(o *model.Observation) { hostSilent(o, forLong); o.Lease = model.LeaseHeld },
			"takeover B:7004, takeover B:7005", "takeover host-silent+no-majority B:7004 B:7005 of A:7000 A:7001"},
		{"the silence is old", func(o *model.Observation) {
			hostSilent(o, forLong)
			for i := range o.Peers {
				o.Peers[i].Age = time.Second
			}
		}, "", "wait peer-unseen B:7004 B:7005 of A:7000 A:7001; again 100ms"},
		{"the silence is hearsay", func(o *model.Observation) {
			hostSilent(o, forLong)
			for i := range o.Peers {
				o.Peers[i].Source = model.Told
			}
		}, "", "wait peer-unseen B:7004 B:7005 of A:7000 A:7001; again 100ms"},
		{"no peer answers, and the witness never did", func(o *model.Observation) {
			o.Hook, o.Witness = true, model.Witness{Name: "192.168.9.1"}
			hostSilent(o, firstLook)
		}, "takeover B:7004, takeover B:7005", "takeover host-silent+no-majority B:7004 B:7005 of A:7000 A:7001"},
		{"a switchover was begun, and the other instance is decided as usual", func(o *model.Observation) { open(o, 0) },
			"undo-switchover, switchover B:7005 from A:7001", "undo-switchover switchover-unfinished; switchover vip-here B:7005 of A:7001"},
		{"its undo has failed", func(o *model.Observation) { open(o, 7*time.Second) },
			"switchover B:7005 from A:7001", "wait undo-failed A:7000 of B:7004; switchover vip-here B:7005 of A:7001; again 7s"},
		{"its undo has failed, and the other host dies", func(o *model.Observation) { open(o, 7*time.Second); hostSilent(o, forLong) },
			"takeover B:7004, takeover B:7005", "wait undo-failed A:7000 of B:7004; takeover host-silent+no-majority B:7004 B:7005 of A:7000 A:7001; again 7s"},
		{"its undo has failed, and its old master hangs", func(o *model.Observation) {
			open(o, 7*time.Second)
			masterIs(o, model.Stalled, forLong)
		}, "force B:7004, switchover B:7005 from A:7001", "wait undo-failed A:7000 of B:7004; force master-down+majority-answers B:7004 of A:7000; switchover vip-here B:7005 of A:7001; again 7s"},
		{"writes were left stopped", func(o *model.Observation) {
			o.LeftStopped = []model.Instance{o.Locals[0].Instance, o.Locals[1].Instance}
		}, "restore-writes B:7003, restore-writes B:7004, switchover B:7005 from A:7001",
			"restore-writes writes-left-stopped B:7003 B:7004; switchover vip-here B:7005 of A:7001"},
		{"BACKUP", func(o *model.Observation) { o.State = model.VRRPBackup; hostSilent(o, forLong) }, "", "keep not-master"},
		{"STOP", func(o *model.Observation) { o.State = model.VRRPStop; hostSilent(o, forLong) }, "", "keep not-master"},
		{"the VRRP state is not known", func(o *model.Observation) {
			o.State, o.Why = model.VRRPNone, model.Clause{Reason: "vip-unknown"}
			hostSilent(o, forLong)
		}, "", "keep vip-unknown"},
	})
}

// open: the switchover of A:7000 to B:7004 is open, and its undo has to wait.
func open(o *model.Observation, wait time.Duration) {
	o.Unfinished = []model.Unfinished{{From: o.Peers[0].Instance, To: o.Locals[1].Instance, Wait: wait}}
}

// The other host may have stopped the writes of a master here in a switchover, and have died. They are given back once it is certain that nobody else leads.
func TestWritesLeftStoppedOnAMaster(t *testing.T) {
	stopped := func() model.Observation {
		o := fixture.Cluster()
		o.State = model.VRRPBackup
		o.LeftStopped = []model.Instance{o.Locals[0].Instance}
		return o
	}
	const waits = "wait unconfirmed B:7003; keep not-master; again 100ms"
	led := func(o *model.Observation) { // its replica has taken over
		o.Peers[2].Info.Role = model.Master
		o.Peers[2].Nodes[2].Role, o.Peers[2].Nodes[2].MasterID, o.Peers[2].Nodes[2].Epoch = model.Master, "", 9
		o.Peers[2].Nodes[2].Slots, o.Peers[2].Nodes[3].Slots = o.Peers[2].Nodes[3].Slots, nil
	}
	checkPlans(t, stopped, Decide, []planCase{
		{"a peer agrees with it", func(*model.Observation) {}, "restore-writes B:7003", "restore-writes writes-left-stopped B:7003; keep not-master"},
		{"its replica leads, and another node has not heard of that", led, "", waits},
		{"nobody answers", func(o *model.Observation) { hostSilent(o, forLong) }, "", waits},
		{"nobody has answered for long", func(o *model.Observation) { hostSilent(o, forLong); o.LeftAlone.For = time.Minute },
			"restore-writes B:7003", "restore-writes writes-left-stopped B:7003; keep not-master"},
		{"it has no peers", func(o *model.Observation) { o.Peers = nil }, "restore-writes B:7003", "restore-writes writes-left-stopped B:7003; keep not-master"},
		{"a replica", func(o *model.Observation) { led(o); o.LeftStopped = []model.Instance{o.Locals[1].Instance} },
			"restore-writes B:7004", "restore-writes writes-left-stopped B:7004; keep not-master"},
	})
}

func TestFault(t *testing.T) {
	fault := func() model.Observation {
		o := fixture.Cluster()
		o.State, o.Hook = model.VRRPFault, true
		hostSilent(&o, forLong)
		return o
	}
	lost := "takeover host-silent+no-majority B:7004 B:7005 of A:7000 A:7001"
	checkPlans(t, fault, Decide, []planCase{
		{"every other host is lost", func(*model.Observation) {}, "takeover B:7004, takeover B:7005", lost},
		{"every other host is silent in one look", func(o *model.Observation) { hostSilent(o, firstLook) },
			"", "wait host-silent B:7004 B:7005 of A:7000 A:7001; again 100ms"},
		{"every other host is lost, and takeovers are done", func(o *model.Observation) { o.Locals, o.BumpGoal = o.Locals[:1], 11 },
			"bump", "bump old-epochs; again 1s"},
		{"a third host answers", func(o *model.Observation) { replicaOn72(o, model.Info{LinkUp: true, Offset: 500}) }, "", "keep not-master"},
		{"the other host lives", func(o *model.Observation) { *o = fixture.Cluster(); o.State = model.VRRPFault }, "", "keep not-master"},
		{"the other host refuses", func(o *model.Observation) { fixture.PeersAre(o, model.Refused, forLong) }, "", "keep not-master"},
		{"the other host stalls", func(o *model.Observation) { fixture.PeersAre(o, model.Stalled, forLong) }, "", "keep not-master"},
		{"nobody could look", func(o *model.Observation) { fixture.PeersAre(o, model.Unseen, forLong) }, "", "keep not-master"},
		{"the witness never answered", func(o *model.Observation) { o.Witness = model.Witness{Name: "192.168.9.1"} }, "", "keep not-master"},
	})
	pairFault := func() model.Observation {
		o := pairLost()
		o.State = model.VRRPFault
		hostSilent(&o, forLong)
		return o
	}
	checkPlans(t, pairFault, Decide, []planCase{
		{"the other host of a pair is lost", func(*model.Observation) {}, "promote B:6379", "promote host-silent B:6379 of A:6379"},
		{"the other host of a pair is lost, and it follows a third one", func(o *model.Observation) {
			o.Locals[0].Info.Master = fixture.Addr("192.168.9.72:6379")
		}, "", "keep not-master"},
	})
}

// What a run that died has not written into a file is written.
func TestARoleThatIsNotInItsFile(t *testing.T) {
	backup := func() model.Observation {
		o := plainPair()
		o.State, o.Unwritten = model.VRRPBackup, []model.Instance{o.Locals[0].Instance}
		return o
	}
	checkPlans(t, backup, Decide, []planCase{
		{"its run died", func(*model.Observation) {}, "rewrite B:6379", "rewrite role-unwritten B:6379"},
	})
}

// A master of a cluster that may be stale refuses writes, whatever else is decided, and takes them again.
func TestMastersThatMayBeStale(t *testing.T) {
	backup := func() model.Observation {
		o := fixture.Cluster()
		o.State = model.VRRPBackup
		return o
	}
	checkPlans(t, backup, Decide, []planCase{
		{"it stood still, and may be stale", func(o *model.Observation) {
			o.Gap, o.Unconfirmed = 5*time.Second, []model.Instance{o.Locals[0].Instance}
		},
			"refuse-writes B:7003", "refuse-writes stood-still B:7003; keep not-master; again 100ms"},
		{"it may be stale", func(o *model.Observation) { o.Unconfirmed = []model.Instance{o.Locals[0].Instance} },
			"refuse-writes B:7003", "refuse-writes unconfirmed B:7003; keep not-master; again 100ms"},
		{"it is confirmed", func(o *model.Observation) { o.Confirmed = []model.Instance{o.Locals[0].Instance} },
			"restore-writes B:7003", "restore-writes confirmed B:7003; keep not-master"},
	})
}

// A hook waits less for a master that refuses connections than for one that may still answer; a check run has its looks to wait for.
func TestARefusedMasterIsWaitedForLess(t *testing.T) {
	for _, test := range []struct {
		state    model.State
		lasts    time.Duration
		hook     bool
		grace    time.Duration
		promotes bool
	}{
		{model.Refused, 250 * time.Millisecond, true, 1500 * time.Millisecond, false},
		{model.Refused, 300 * time.Millisecond, true, 1500 * time.Millisecond, true},
		{model.Refused, 200 * time.Millisecond, true, 200 * time.Millisecond, true},
		{model.Refused, 300 * time.Millisecond, false, 1500 * time.Millisecond, false},
		{model.Stalled, 1400 * time.Millisecond, true, 1500 * time.Millisecond, false},
		{model.Stalled, 1500 * time.Millisecond, true, 1500 * time.Millisecond, true},
		{model.Dropped, 1400 * time.Millisecond, true, 1500 * time.Millisecond, false},
	} {
		cluster, plain := fixture.Cluster(), plainPair()
		cluster.Locals = cluster.Locals[1:2]
		plain.Locals[0].Info.LinkUp = false
		for name, o := range map[string]*model.Observation{"cluster": &cluster, "pair": &plain} {
			o.Hook, o.Times.StallGrace = test.hook, test.grace
			masterIs(o, test.state, model.Stretch{For: test.lasts, Looks: 2})
			if got := fixture.Promotes(Decide(*o)); got != test.promotes {
				t.Errorf("%s, %+v: %s", name, test, planText(Decide(*o)))
			}
		}
	}
}
