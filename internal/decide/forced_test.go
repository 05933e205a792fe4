package decide

import (
	"testing"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/testing/fixture"
)

func TestForcedInAPair(t *testing.T) {
	checkPlans(t, plainPair, DecideForced, []planCase{
		{"its master is alive and linked", func(*model.Observation) {}, "", "no-promotion master-linked B:6379 of A:6379"},
		{"its link is down", func(o *model.Observation) { o.Locals[0].Info.LinkUp = false }, "promote B:6379", "promote by-hand B:6379"},
		{"its master is lost, durability replicated", func(o *model.Observation) {
			o.Durability = model.DurabilityReplicated
			hostSilent(o, firstLook)
		}, "promote B:6379, relax B:6379", "promote by-hand B:6379"},
		{"it never synced", func(o *model.Observation) { o.Locals[0].Info.LinkUp, o.Locals[0].Info.Offset = false, 0 },
			"promote B:6379", "promote by-hand B:6379"},
		{"it is in the middle of a sync", func(o *model.Observation) { o.Locals[0].Info.Syncing = true }, "", "no-promotion syncing B:6379"},
		{"it is loading", func(o *model.Observation) { o.Locals[0].State = model.Loading }, "", "no-promotion loading B:6379"},
		{"it is dead", func(o *model.Observation) { o.Locals[0].State, o.Locals[0].Info = model.Refused, nil }, "", "no-promotion refused B:6379"},
		{"it has no peer", func(o *model.Observation) {
			o.Pairs = map[model.Instance]model.Pair{model.At(fixture.Addr("192.168.9.71:1")): {Peer: fixture.Addr("192.168.9.70:1")}}
		}, "", "no-promotion no-peer B:6379"},
		{"a Sentinel manages it", func(o *model.Observation) { o.Sentinel = map[model.Instance]bool{o.Locals[0].Instance: true} },
			"", "no-promotion sentinel B:6379"},
		{"a maintenance", func(o *model.Observation) { o.Maintenance = model.Maintenance{Word: model.Drain, Reason: "disks"} }, "", "keep maintenance"},
	})
	checkPlans(t, twoMasters, DecideForced, []planCase{
		{"two masters, and the other one has the better claim", func(*model.Observation) {},
			"promote B:6379", "promote by-hand+higher-term B:6379 of A:6379"},
		{"two masters, and a term cannot be read", func(o *model.Observation) { o.Peers[0].Term = model.Term{} },
			"promote B:6379", "promote by-hand+higher-term B:6379 of A:6379"},
		{"two masters, and it has the higher term", func(o *model.Observation) { o.Locals[0].Term.N = 5 }, "", "no-promotion is-master B:6379"},
		{"it is the only master", func(o *model.Observation) { hostSilent(o, firstLook) }, "", "no-promotion is-master B:6379"},
	})
}

func TestForcedBehindAFence(t *testing.T) {
	fenced := func() model.Observation {
		o := plainPair()
		o.Fence = &model.FenceView{For: time.Minute, HoldOff: 3 * time.Second}
		cutOffCluster(&o, forLong)
		return o
	}
	checkPlans(t, fenced, DecideForced, []planCase{
		{"a fence", func(*model.Observation) {}, "promote B:6379, restore-writes B:6379, lift", "promote by-hand B:6379; lift by-hand"},
		{"a fence, and it is dead", func(o *model.Observation) { o.Locals[0].State, o.Locals[0].Info = model.Refused, nil },
			"lift", "no-promotion refused B:6379; lift by-hand"},
		{"a fence that stopped it", func(o *model.Observation) { o.Fence.Stopped = true }, "lift-start", "lift-start by-hand-again"},
	})
}

func TestForcedInACluster(t *testing.T) {
	isMaster := "no-promotion is-master B:7003"
	checkPlans(t, fixture.Cluster, DecideForced, []planCase{
		{"masters that are alive and linked", func(*model.Observation) {},
			"", isMaster + "; no-promotion master-linked B:7004 B:7005 of A:7000 A:7001"},
		{"the other host is silent", func(o *model.Observation) { hostSilent(o, firstLook) },
			"takeover B:7004, takeover B:7005", isMaster + "; takeover by-hand B:7004 B:7005"},
		{"a master that may be stale", func(o *model.Observation) {
			o.Locals, o.Unconfirmed = o.Locals[:1], []model.Instance{o.Locals[0].Instance}
		},
			"restore-writes B:7003", isMaster + "; restore-writes by-hand B:7003"},
	})
}
