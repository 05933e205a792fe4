package decide

import (
	"net/netip"
	"testing"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/testing/fixture"
)

// fencedCluster is the usual cluster behind a fence that has not stopped anything. Host A answers, and the hold-off is over.
func fencedCluster() model.Observation {
	o := fixture.Cluster()
	fixture.PeersAre(&o, model.Up, model.Stretch{})
	o.Fence = &model.FenceView{For: time.Minute, HoldOff: 3 * time.Second, HeardFor: 4 * time.Second}
	return o
}

// stoppedCluster is the same after the fence has stopped every local instance. Host A refuses connections.
func stoppedCluster() model.Observation {
	o := fencedCluster()
	fixture.PeersAre(&o, model.Refused, model.Stretch{For: time.Hour, Looks: 99})
	o.Fence.Stopped = true
	for i := range o.Locals {
		isDead(&o.Locals[i])
	}
	return o
}

func isDead(l *model.Look) { l.State, l.Info, l.Nodes = model.Refused, nil, nil }

// fenceIs sets for how long the fence is there, and for how long no peer and no witness has answered.
func fenceIs(o *model.Observation, fenced, alone time.Duration) {
	cutOffCluster(o, model.Stretch{For: alone, Looks: 8})
	o.Fence.For, o.Fence.HeardFor = fenced, 0
}

// A fence stops Redis once no peer and no witness has answered for fence_stop_after, 5 s here. A flap of the network counts as an answer, and while
// the stop comes near the host looks often enough to see one.
func TestFenceHoldsAndStops(t *testing.T) {
	checkPlans(t, fencedCluster, Decide, []planCase{
		{"cut off for fence_stop_after", func(o *model.Observation) { fenceIs(o, 20*time.Second, 5*time.Second) }, "fence-stop", "fence-stop still-cut-off"},
		{"cut off for fence_stop_after, and nobody else has served for long", func(o *model.Observation) { fenceIs(o, 20*time.Second, 5*time.Second); o.LongGone = true },
			"fence", "fence cut-off"},
		{"the witness is back, and nobody else has served for long", func(o *model.Observation) {
			fenceIs(o, 20*time.Second, 0)
			o.LongGone, o.Alone, o.Witness.Answers = true, model.Stretch{}, true
		}, "restore-writes B:7003, restore-writes B:7004, restore-writes B:7005, lift", "lift peers-long-gone"},
		{"cut off, and a master runs scripts that pass the refusal", func(o *model.Observation) { fenceIs(o, time.Second, time.Second); o.Fence.Scripts = true },
			"fence-stop", "fence-stop scripts-pass"},
		{"cut off in this look, and a master runs scripts", func(o *model.Observation) { fenceIs(o, time.Second, 0); o.Alone.Looks = 1; o.Fence.Scripts = true }, "fence", "fence cut-off"},
		{"heard, and a master runs scripts", func(o *model.Observation) { o.Fence.HeardFor, o.Fence.Scripts = 2*time.Second, true }, "fence", "fence hold-off"},
		{"cut off, and others were seen since", func(o *model.Observation) { fenceIs(o, 20*time.Second, 4*time.Second) },
			"fence", "fence cut-off; again 10ms"},
		{"cut off, and the fence is new", func(o *model.Observation) { fenceIs(o, time.Second, time.Second) }, "fence", "fence cut-off"},
		{"cut off in this look", func(o *model.Observation) { fenceIs(o, time.Second, 0); o.Alone.Looks = 1 }, "fence", "fence cut-off"},
		{"cut off, and the boot has started what was stopped", func(o *model.Observation) { fenceIs(o, time.Hour, time.Second); o.Fence.Stopped = true }, "fence", "fence cut-off; again 10ms"},
		{"cut off for fence_stop_after, and the boot has started what was stopped", func(o *model.Observation) { fenceIs(o, time.Hour, time.Hour); o.Fence.Stopped = true },
			"fence-stop", "fence-stop still-cut-off"},
		{"heard, and the boot has started what was stopped", func(o *model.Observation) { o.Fence.HeardFor, o.Fence.Stopped = 2*time.Second, true }, "fence", "fence hold-off"},
		{"cut off, and all is stopped", func(o *model.Observation) { *o = stoppedCluster(); fenceIs(o, time.Hour, time.Hour) }, "", "warn cut-off"},
		{"heard, not for the hold-off", func(o *model.Observation) { o.Fence.HeardFor = 2 * time.Second }, "fence", "fence hold-off"},
		{"heard for the hold-off, and not in this look", func(o *model.Observation) { hostSilent(o, firstLook) }, "fence", "fence hold-off"},
	})
}

// Any answer of the other host for the hold-off lets what was stopped start.
func TestFenceStartsWhatItStopped(t *testing.T) {
	starts := "lift-start peer-heard; again 100ms"
	checkPlans(t, stoppedCluster, Decide, []planCase{
		{"the other host refuses", func(*model.Observation) {}, "lift-start", starts},
		{"the other host closes the connection", func(o *model.Observation) { fixture.PeersAre(o, model.Dropped, forLong) }, "lift-start", starts},
		{"the other host answers garbage", func(o *model.Observation) { fixture.PeersAre(o, model.NotRedis, forLong) }, "lift-start", starts},
		{"the other host stalls", func(o *model.Observation) { fixture.PeersAre(o, model.Stalled, forLong) }, "lift-start", starts},
		{"its ports are silent and the host answers by itself", func(o *model.Observation) {
			o.Witness.Answers = false
			hostSilent(o, forLong)
			o.Answers = map[netip.Addr]bool{o.Peers[0].Instance.Addr.Addr(): true}
		}, "lift-start", starts},
		{"not for the hold-off", func(o *model.Observation) { o.Fence.HeardFor = 2 * time.Second }, "", "warn hold-off"},
		{"the other host is silent, the witness is not", func(o *model.Observation) {
			hostSilent(o, forLong)
			o.Fence.HeardFor, o.Fence.UnansweredFor = 0, 59*time.Second
		}, "", "warn hold-off"},
		{"the same for cold_start_wait", func(o *model.Observation) {
			hostSilent(o, forLong)
			o.Fence.HeardFor, o.Fence.UnansweredFor = 0, time.Minute
		}, "lift-start", "lift-start peer-never-answered; again 100ms"},
	})
}

// Only a word of a Redis on the other host, or cold_start_wait, gives writes back.
func TestFenceGivesWritesBack(t *testing.T) {
	all := "restore-writes B:7003, restore-writes B:7004, restore-writes B:7005, lift"
	checkPlans(t, fencedCluster, Decide, []planCase{
		{"the other host agrees", func(*model.Observation) {}, all, "lift peer-heard"},
		{"the other host refuses", func(o *model.Observation) { fixture.PeersAre(o, model.Refused, forLong) },
			"fence B:7003, restore-writes B:7004, restore-writes B:7005", "fence unconfirmed B:7003; again 100ms"},
		{"the other host closes the connection", func(o *model.Observation) { fixture.PeersAre(o, model.Dropped, forLong) },
			"fence B:7003, restore-writes B:7004, restore-writes B:7005", "fence unconfirmed B:7003; again 100ms"},
		{"the other host answers garbage", func(o *model.Observation) { fixture.PeersAre(o, model.NotRedis, forLong) },
			"fence B:7003, restore-writes B:7004, restore-writes B:7005", "fence unconfirmed B:7003; again 100ms"},
		{"the other host refuses for cold_start_wait", func(o *model.Observation) {
			fixture.PeersAre(o, model.Refused, forLong)
			o.Fence.UnansweredFor = time.Minute
		}, all, "lift peer-never-answered"},
		{"the other host is silent for cold_start_wait", func(o *model.Observation) {
			hostSilent(o, forLong)
			o.Fence.HeardFor, o.Fence.UnansweredFor = 0, time.Minute
		}, all, "lift peer-never-answered"},
		{"one is loading", func(o *model.Observation) { o.Locals[1].State = model.Loading },
			"restore-writes B:7003, fence B:7004, restore-writes B:7005", "fence loading B:7004; again 100ms"},
		{"one is dead", func(o *model.Observation) { isDead(&o.Locals[1]) },
			"restore-writes B:7003, fence B:7004, restore-writes B:7005, lift-start", "fence no-answer-yet B:7004; again 100ms"},
		{"one is dead, and has had its time to start", func(o *model.Observation) { isDead(&o.Locals[1]); o.Fence.HeardFor = 13 * time.Second },
			"restore-writes B:7003, restore-writes B:7005, lift", "keep does-not-start B:7004; lift peer-heard"},
	})
}

// fencedPair is a pair behind a fence, with a master on each side. Host A answers, and the hold-off is over.
func fencedPair() model.Observation {
	o := twoMasters()
	o.Fence = fencedCluster().Fence
	return o
}

func TestFenceOfAPair(t *testing.T) {
	lifts := "restore-writes B:6379, lift"
	checkPlans(t, fencedPair, Decide, []planCase{
		{"the peer has the better claim", func(*model.Observation) {},
			"fence B:6379, follow B:6379 from A:6379", "fence outranked B:6379 of A:6379; follow outranked B:6379 of A:6379; again 100ms"},
		{"the peer has the better claim, a Sentinel manages it", func(o *model.Observation) {
			o.Sentinel = map[model.Instance]bool{o.Locals[0].Instance: true}
		}, "fence B:6379", "fence outranked B:6379 of A:6379; again 100ms"},
		{"this host has the better claim", func(o *model.Observation) { o.Locals[0].Term.N = 5 }, lifts, "lift peer-heard"},
		{"none was ever promoted", func(o *model.Observation) { o.Locals[0].Term.N, o.Peers[0].Term = 0, model.Term{Known: true} },
			"fence B:6379", "fence same-term B:6379 of A:6379; again 100ms"},
		{"a term cannot be read", func(o *model.Observation) { o.Peers[0].Term = model.Term{} },
			"fence B:6379", "fence term-unreadable B:6379 of A:6379; again 100ms"},
		{"the peer refuses", func(o *model.Observation) { masterIs(o, model.Refused, forLong) },
			"fence B:6379", "fence claim-unknown B:6379 of A:6379; again 100ms"},
		{"the peer closes the connection", func(o *model.Observation) { masterIs(o, model.Dropped, forLong) },
			"fence B:6379", "fence claim-unknown B:6379 of A:6379; again 100ms"},
		{"the peer answers garbage", func(o *model.Observation) { masterIs(o, model.NotRedis, forLong) },
			"fence B:6379", "fence claim-unknown B:6379 of A:6379; again 100ms"},
		{"the peer refuses for cold_start_wait, and its host answered", func(o *model.Observation) {
			masterIs(o, model.Refused, model.Stretch{For: time.Minute, Looks: 60})
			o.Fence.HeardFor = time.Minute
		}, lifts, "lift peer-heard"},
		{"the peer is a replica", func(o *model.Observation) { o.Peers[0].Info.Role = model.Replica }, lifts, "lift peer-heard"},
		{"it is a replica", func(o *model.Observation) { o.Locals[0].Info.Role = model.Replica }, lifts, "lift peer-heard"},
		{"it is loading", func(o *model.Observation) { o.Locals[0].State, o.Locals[0].Term = model.Loading, model.Term{} },
			"fence B:6379", "fence loading B:6379; again 100ms"},
		{"it asks for a password", func(o *model.Observation) { o.Locals[0].State, o.Locals[0].Info = model.NoAuth, nil },
			"fence B:6379", "fence no-answer-yet B:6379; again 100ms"},
	})
}
