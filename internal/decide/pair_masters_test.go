package decide

import (
	"testing"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/testing/fixture"
)

func lost(o *model.Observation) { changePair(o, func(p *model.Pair) { p.TermLost = true }) }

func TestMasterOfAPair(t *testing.T) {
	checkPlans(t, masterHere, Decide, []planCase{
		{"the VIP is here", func(*model.Observation) {}, "", "keep in-place"},
		{"the VIP is here again", func(o *model.Observation) { o.Locals[0].Term.Released = true }, "claim B:6379", "claim vip-back B:6379"},
		{"its data has lost its term", lost, "renew-term B:6379", "renew-term term-lost B:6379 of A:6379; again 100ms"},
		{"its data has lost its term, FAULT", func(o *model.Observation) { lost(o); o.State = model.VRRPFault },
			"renew-term B:6379", "renew-term term-lost B:6379 of A:6379; again 100ms"},
		{"its data has lost its term, a Sentinel manages it", func(o *model.Observation) {
			lost(o)
			o.Sentinel = map[model.Instance]bool{o.Locals[0].Instance: true}
		}, "", "keep sentinel B:6379"},
		{"durability replicated, its replica is linked", func(o *model.Observation) { o.Durability = model.DurabilityReplicated },
			"need-replica B:6379", "need-replica peer-linked B:6379 of A:6379"},
		{"durability replicated, its replica is not linked", func(o *model.Observation) {
			o.Durability, o.Peers[0].Info.LinkUp = model.DurabilityReplicated, false
		}, "", "keep in-place"},
		{"durability replicated, its replica is behind", func(o *model.Observation) {
			o.Durability, o.Peers[0].Info.Offset = model.DurabilityReplicated, 500-2<<20
		}, "", "keep in-place"},
		{"durability replicated, its replica refuses in one look", func(o *model.Observation) {
			o.Durability, o.Locals[0].Info.MinReplicas = model.DurabilityReplicated, true
			masterIs(o, model.Refused, firstLook)
		}, "", "wait peer-waited-for B:6379 of A:6379; again 100ms"},
		{"durability replicated, its replica refuses", func(o *model.Observation) {
			o.Durability, o.Locals[0].Info.MinReplicas = model.DurabilityReplicated, true
			masterIs(o, model.Refused, forLong)
		}, "relax B:6379", "relax peer-lost B:6379 of A:6379"},
		{"durability replicated, the host of its replica is silent", func(o *model.Observation) {
			o.Durability, o.Locals[0].Info.MinReplicas = model.DurabilityReplicated, true
			hostSilent(o, forLong)
		}, "relax B:6379", "relax peer-lost B:6379 of A:6379"},
		{"a cold start", func(o *model.Observation) {
			o.Cold = model.Cold{Peerless: true, For: 59 * time.Second}
			hostSilent(o, forLong)
		}, "", "wait cold-start; again 100ms"},
		{"a cold start, and the wait is over", func(o *model.Observation) {
			o.Cold = model.Cold{Peerless: true, For: time.Minute}
			hostSilent(o, forLong)
		}, "", "keep in-place"},
		{"a cold start of the only survivor", func(o *model.Observation) {
			o.Cold = model.Cold{Peerless: true, Survivor: true, For: time.Second}
			hostSilent(o, forLong)
		}, "", "keep in-place"},
		{"it may be stale, and its peer was lost before the VIP came", func(o *model.Observation) {
			o.Unconfirmed = []model.Instance{o.Locals[0].Instance}
			changePair(o, func(p *model.Pair) { p.Unheard = true })
			hostSilent(o, forLong)
		}, "refuse-writes B:6379", "refuse-writes unconfirmed B:6379; again 100ms"},
		{"its peer was lost before the VIP came, in one look", func(o *model.Observation) {
			changePair(o, func(p *model.Pair) { p.Unheard = true })
			hostSilent(o, firstLook)
		}, "", "keep in-place; again 100ms"},
		{"its peer was lost before the VIP came", func(o *model.Observation) {
			changePair(o, func(p *model.Pair) { p.Unheard = true })
			hostSilent(o, forLong)
		}, "promote B:6379", "promote peer-lost-unheard B:6379 of A:6379"},
	})
	checkPlans(t, masterBehind, Decide, []planCase{
		{"the VIP has left", func(*model.Observation) {}, "release B:6379", "release vip-left B:6379 of A:6379"},
		{"the VIP has left, in one look", func(o *model.Observation) { changePair(o, func(p *model.Pair) { p.Left = firstLook }) },
			"", "keep not-master; again 100ms"},
		{"the VIP has left, policy stay", func(o *model.Observation) { o.Policy = model.PolicyStay }, "", "keep not-master"},
		{"the VIP has left, nobody hears of it", func(o *model.Observation) { masterIs(o, model.Refused, forLong) }, "", "keep not-master"},
	})
}

func TestTwoMastersOfAPair(t *testing.T) {
	follows := "follow outranked B:6379 of A:6379"
	checkPlans(t, twoMasters, Decide, []planCase{
		{"the peer has raised the term of both", func(*model.Observation) {}, "follow B:6379 from A:6379", follows},
		{"the peer has a higher term", func(o *model.Observation) { o.Peers[0].Term.N = 5 }, "follow B:6379 from A:6379", follows},
		{"the peer has a higher term, in one look", func(o *model.Observation) {
			o.Peers[0].Term.N = 5
			changePair(o, func(p *model.Pair) { p.Overruled = firstLook })
		}, "", "wait outranked B:6379 of A:6379; again 100ms"},
		{"the peer has a higher term, BACKUP", func(o *model.Observation) { o.State = model.VRRPBackup }, "follow B:6379 from A:6379", follows},
		{"the peer has a higher term, FAULT", func(o *model.Observation) { o.State = model.VRRPFault }, "follow B:6379 from A:6379", follows},
		{"the peer has a higher term, FAULT, a Sentinel manages it", func(o *model.Observation) {
			o.State, o.Sentinel = model.VRRPFault, map[model.Instance]bool{o.Locals[0].Instance: true}
		}, "", "keep not-master"},
		{"the peer has a higher term, and it was released", func(o *model.Observation) { o.Locals[0].Term.Released = true }, "follow B:6379 from A:6379", follows},
		{"this host has raised the term of both", func(o *model.Observation) { o.Locals[0].Term.Own, o.Peers[0].Term.Own = true, false },
			"", "keep peer-outranked B:6379 of A:6379"},
		{"the peer has a higher term than the one that was lost", func(o *model.Observation) { lost(o); o.Peers[0].Term.N = 5 }, "follow B:6379 from A:6379", follows},
		{"the peer has a lower term than the one that was lost", func(o *model.Observation) { lost(o); o.Peers[0].Term.N = 3 },
			"renew-term B:6379", "renew-term term-lost B:6379 of A:6379; keep peer-outranked B:6379 of A:6379; again 100ms"},
		{"the peer has a lower term", func(o *model.Observation) { o.Peers[0].Term.N = 3 }, "", "keep peer-outranked B:6379 of A:6379"},
		{"none was ever promoted", func(o *model.Observation) { o.Locals[0].Term.N, o.Peers[0].Term = 0, model.Term{Known: true} }, "", "keep same-term B:6379 of A:6379"},
		{"a term cannot be read", func(o *model.Observation) { o.Peers[0].Term = model.Term{} }, "", "wait term-unreadable B:6379 of A:6379; again 100ms"},
	})
}

// Writes were left stopped on a master of a pair, by a switchover of the other host perhaps.
func TestWritesLeftStoppedOnAMasterOfAPair(t *testing.T) {
	stopped := func(o *model.Observation) { o.LeftStopped = []model.Instance{o.Locals[0].Instance} }
	const restores = "restore-writes writes-left-stopped B:6379"
	checkPlans(t, masterHere, Decide, []planCase{
		{"its peer is a replica", stopped, "restore-writes B:6379", restores},
		{"its peer hangs", func(o *model.Observation) { stopped(o); masterIs(o, model.Stalled, forLong) }, "",
			"wait claim-unknown B:6379 of A:6379; again 100ms"},
		{"its peer has not answered for long, and its host has", func(o *model.Observation) {
			stopped(o)
			masterIs(o, model.Refused, model.Stretch{For: time.Minute, Looks: 60})
		}, "restore-writes B:6379", restores},
		{"the host of its peer has been silent for long, and the witness answers", func(o *model.Observation) {
			stopped(o)
			hostSilent(o, model.Stretch{For: time.Minute, Looks: 60})
		}, "", "wait claim-unknown B:6379 of A:6379; again 100ms"},
		{"so it has been since", func(o *model.Observation) {
			stopped(o)
			hostSilent(o, model.Stretch{For: time.Minute, Looks: 60})
			o.LeftAlone.For = time.Minute
		}, "restore-writes B:6379", restores},
	})
	checkPlans(t, masterHere, DecideForced, []planCase{
		{"by force", stopped, "restore-writes B:6379", "no-promotion is-master B:6379; restore-writes by-hand B:6379"},
	})
}

func TestReplicaOfAPairInBackup(t *testing.T) {
	third := fixture.Addr("192.168.9.72:6379")
	backup := func() model.Observation {
		o := plainPair()
		o.State = model.VRRPBackup
		return o
	}
	checkPlans(t, backup, Decide, []planCase{
		{"its link to a third instance is down", func(o *model.Observation) { o.Locals[0].Info.Master, o.Locals[0].Info.LinkUp = third, false },
			"follow B:6379 from A:6379", "follow peer-is-master B:6379 of A:6379"},
		{"its link to a third instance is up", func(o *model.Observation) { o.Locals[0].Info.Master = third }, "", "keep strange-master B:6379 of A:6379"},
		{"its link to a third instance is down, and its term is newer", func(o *model.Observation) {
			o.Locals[0].Info.Master, o.Locals[0].Info.LinkUp, o.Locals[0].Term.N = third, false, 5
		}, "", "keep strange-master B:6379 of A:6379"},
		{"its link to a third instance is down, and its peer is a replica", func(o *model.Observation) {
			o.Locals[0].Info.Master, o.Locals[0].Info.LinkUp, o.Peers[0].Info.Role = third, false, model.Replica
		}, "", "keep not-master"},
		{"it is loading", func(o *model.Observation) { o.Locals[0].State, o.Locals[0].Info.Master = model.Loading, third }, "", "keep not-master"},
		{"durability replicated", func(o *model.Observation) { o.Durability = model.DurabilityReplicated },
			"need-replica B:6379", "need-replica peer-linked B:6379 of A:6379"},
		{"durability replicated, which it is set to", func(o *model.Observation) {
			o.Durability, o.Locals[0].Info.MinReplicas = model.DurabilityReplicated, true
		}, "", "keep not-master"},
	})
}

// A master of a pair is promoted once more only if the VIP came to it while its peer was lost already, and is lost for sure.
func TestAMasterIsPromotedOnceMoreOnlyWhereItsPeerIsLost(t *testing.T) {
	for name, test := range map[string]struct {
		change   func(*model.Observation)
		promotes bool
	}{
		"lost":        {func(*model.Observation) {}, true},
		"heard since": {func(o *model.Observation) { changePair(o, func(p *model.Pair) { p.Unheard = false }) }, false},
		"one look":    {func(o *model.Observation) { hostSilent(o, firstLook) }, false},
		"it hangs for less": {func(o *model.Observation) {
			fixture.PeersAre(o, model.Stalled, model.Stretch{For: time.Second, Looks: 3})
		}, false},
		"it hangs for long":   {func(o *model.Observation) { fixture.PeersAre(o, model.Stalled, forLong) }, true},
		"nobody looked":       {func(o *model.Observation) { fixture.PeersAre(o, model.Unseen, forLong) }, false},
		"the VIP is not here": {func(o *model.Observation) { o.State = model.VRRPBackup }, false},
		"perhaps cut off":     {func(o *model.Observation) { o.Witness.Answers = false }, false},
		"cold":                {func(o *model.Observation) { o.Cold = model.Cold{Peerless: true} }, false},
	} {
		o := masterHere()
		o.Hook = true
		hostSilent(&o, forLong)
		changePair(&o, func(p *model.Pair) { p.Unheard = true })
		test.change(&o)
		if got := stepsText(Decide(o).Steps) == "promote B:6379"; got != test.promotes {
			t.Errorf("%s: %s: %s", name, stepsText(Decide(o).Steps), planText(Decide(o)))
		}
	}
}
