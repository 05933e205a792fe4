package decide

import (
	"net/netip"
	"testing"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/testing/fixture"
)

// plainPair is the view of host B, whose only instance replicates from host A. Both know the term 4, which host A raised: even terms are its.
func plainPair() model.Observation {
	a, b := fixture.Addr("192.168.9.70:6379"), fixture.Addr("192.168.9.71:6379")
	look := func(at netip.AddrPort, info model.Info) model.Look {
		info.Version, info.VersionText = model.Version{Major: 7}, "7.0.15"
		return model.Look{Instance: model.At(at), State: model.Up, Info: &info, Term: model.Term{N: 4, Known: true}}
	}
	o := fixture.Cluster()
	o.Times.Settle, o.Times.MaxStaleness = 0, time.Minute
	o.Locals = []model.Look{look(b, model.Info{Role: model.Replica, Master: a, LinkUp: true, Offset: 500})}
	o.Peers = []model.Look{look(a, model.Info{Role: model.Master, Offset: 500})}
	o.Pairs = map[model.Instance]model.Pair{model.At(b): {Peer: a, Linked: true}}
	return o
}

func changePair(o *model.Observation, change func(*model.Pair)) {
	for a, p := range o.Pairs {
		change(&p)
		o.Pairs[a] = p
	}
}

// pairLost is the pair after the other host fell silent; a hook looks.
func pairLost() model.Observation {
	o := plainPair()
	o.Hook, o.Locals[0].Info.LinkUp = true, false
	hostSilent(&o, firstLook)
	return o
}

// masterHere is the pair with the VIP and the master on this host, of term 5, which this host raised, and a linked replica on the other one.
func masterHere() model.Observation {
	o := plainPair()
	o.Locals[0].Info.Role, o.Locals[0].Term.N = model.Master, 5
	o.Peers[0].Info.Role, o.Peers[0].Info.LinkUp, o.Peers[0].Info.Master, o.Peers[0].Term.N = model.Replica, true, o.Locals[0].Instance.Addr, 5
	return o
}

// masterBehind is masterHere after the VIP has left this host.
func masterBehind() model.Observation {
	o := masterHere()
	o.State = model.VRRPBackup
	changePair(&o, func(p *model.Pair) { p.Left = forLong })
	return o
}

// twoMasters are masters of the same term, which the peer has raised, seen for long.
func twoMasters() model.Observation {
	o := plainPair()
	o.Locals[0].Info.Role, o.Peers[0].Term.Own = model.Master, true
	changePair(&o, func(p *model.Pair) { p.Overruled = forLong })
	return o
}

// twoReplicas are a pair without a master, seen for long.
func twoReplicas() model.Observation {
	o := plainPair()
	o.Locals[0].Info.LinkUp, o.Peers[0].Info.Role = false, model.Replica
	changePair(&o, func(p *model.Pair) { p.NoMaster = forLong })
	return o
}

func TestReplicaOfAPair(t *testing.T) {
	checkPlans(t, plainPair, Decide, []planCase{
		{"the VIP is here", func(*model.Observation) {}, "switchover B:6379 from A:6379", "switchover vip-here B:6379 of A:6379"},
		{"the VIP is not here", func(o *model.Observation) { o.State = model.VRRPBackup }, "", "keep not-master"},
		{"policy stay", func(o *model.Observation) { o.Policy = model.PolicyStay }, "", "no-switchover policy-stay B:6379 of A:6379"},
		{"the replica is behind", func(o *model.Observation) { o.Locals[0].Info.Offset -= 2 << 20 }, "", "no-switchover replica-behind B:6379 of A:6379"},
		{"the link is down", func(o *model.Observation) { o.Locals[0].Info.LinkUp = false }, "", "no-switchover link-down B:6379 of A:6379; again 100ms"},
		{"it was taken from a host with the VIP", func(o *model.Observation) { changePair(o, func(p *model.Pair) { p.TakenAway = true }) },
			"", "no-switchover both-hold-vip B:6379 of A:6379"},
		{"the other host could not follow the address", func(o *model.Observation) {
			o.Locals[0].Instance = model.At(fixture.Addr("127.0.0.1:6379"))
			o.Pairs = map[model.Instance]model.Pair{o.Locals[0].Instance: {Peer: o.Peers[0].Instance.Addr, Linked: true}}
		}, "", "no-switchover loopback-address 127.0.0.1:6379 of A:6379"},
		{"it has no peer", func(o *model.Observation) {
			o.Pairs = map[model.Instance]model.Pair{model.At(fixture.Addr("192.168.9.71:1")): {Peer: fixture.Addr("192.168.9.70:1")}}
		}, "", "keep no-peer B:6379"},
		{"a Sentinel manages it", func(o *model.Observation) { o.Sentinel = map[model.Instance]bool{o.Locals[0].Instance: true} }, "", "keep sentinel B:6379"},
		{"it asks for a password", func(o *model.Observation) { o.Locals[0].State, o.Locals[0].Info = model.NoAuth, nil }, "", "keep no-auth B:6379"},
		{"it asks for a password, and the VIP is not here", func(o *model.Observation) {
			o.State, o.Locals[0].State, o.Locals[0].Info = model.VRRPBackup, model.NoAuth, nil
		}, "", "keep not-master"},
		{"it follows a third instance", func(o *model.Observation) { o.Locals[0].Info.Master = fixture.Addr("192.168.9.72:6379") },
			"", "keep strange-master B:6379 of A:6379"},
		{"nobody looked at its peer", func(o *model.Observation) { o.Peers = nil }, "", "wait peer-unseen B:6379 of A:6379; again 100ms"},
		{"its peer asks for a password", func(o *model.Observation) { masterIs(o, model.NoAuth, forLong) }, "", "no-promotion master-unusable B:6379 of A:6379"},
		{"its peer is a master of an older term", func(o *model.Observation) { o.Locals[0].Info.LinkUp, o.Locals[0].Term.N = false, 5 },
			"promote B:6379", "promote older-term B:6379 of A:6379"},
	})
	checkPlans(t, twoReplicas, Decide, []planCase{
		{"its peer is a replica, in one look", func(o *model.Observation) { changePair(o, func(p *model.Pair) { p.NoMaster = firstLook }) },
			"", "wait no-master B:6379 of A:6379; again 100ms"},
		{"its peer is a replica", func(*model.Observation) {}, "promote B:6379", "promote no-master B:6379 of A:6379"},
		{"its peer is a replica of a newer term", func(o *model.Observation) { o.Peers[0].Term.N = 6 },
			"promote A:6379", "promote no-master-fresher A:6379 of B:6379"},
		{"its peer is a replica that has read more", func(o *model.Observation) { o.Peers[0].Info.Offset = 501 },
			"promote A:6379", "promote no-master-fresher A:6379 of B:6379"},
		{"its peer is a replica of a master elsewhere", func(o *model.Observation) { o.Peers[0].Info.LinkUp = true },
			"", "keep master-elsewhere B:6379 of A:6379"},
		{"the two follow each other, and say that they are linked", func(o *model.Observation) {
			o.Locals[0].Info.LinkUp, o.Peers[0].Info.LinkUp, o.Peers[0].Info.Master = true, true, o.Locals[0].Instance.Addr
		}, "promote B:6379", "promote no-master B:6379 of A:6379"},
	})
}

func TestMasterOfAPairIsLost(t *testing.T) {
	checkPlans(t, pairLost, Decide, []planCase{
		{"a hook, the host has just fallen silent", func(*model.Observation) {}, "promote B:6379", "promote host-silent B:6379 of A:6379"},
		{"a check, the host is silent in one look", func(o *model.Observation) { o.Hook = false }, "", "wait host-silent B:6379 of A:6379; again 100ms"},
		{"a Sentinel manages it", func(o *model.Observation) { o.Sentinel = map[model.Instance]bool{o.Locals[0].Instance: true} }, "", "keep sentinel B:6379"},
		{"durability replicated", func(o *model.Observation) { o.Durability = model.DurabilityReplicated },
			"promote B:6379, relax B:6379", "promote host-silent B:6379 of A:6379"},
		{"refused master, hook, within the grace", func(o *model.Observation) {
			masterIs(o, model.Refused, model.Stretch{For: 299 * time.Millisecond, Looks: 2})
		}, "", "wait master-down B:6379 of A:6379; again 100ms"},
		{"refused master, hook, the grace is over", func(o *model.Observation) {
			masterIs(o, model.Refused, model.Stretch{For: 300 * time.Millisecond, Looks: 2})
		}, "promote B:6379", "promote master-down B:6379 of A:6379"},
		{"the master is loading for long", func(o *model.Observation) { masterIs(o, model.Loading, forLong) },
			"promote B:6379", "promote master-down B:6379 of A:6379"},
		{"it is loading", func(o *model.Observation) { o.Locals[0].State = model.Loading }, "", "no-promotion loading+host-silent B:6379 of A:6379; again 100ms"},
		{"it is in the middle of a sync", func(o *model.Observation) { o.Locals[0].Info.Syncing = true },
			"", "no-promotion syncing+host-silent B:6379 of A:6379; again 100ms"},
		{"it never synced", func(o *model.Observation) {
			o.Locals[0].Info.Offset, o.Locals[0].Term.N = 0, 0
			changePair(o, func(p *model.Pair) { p.Linked = false })
			o.Cold.HeldLast = true
		}, "", "no-promotion never-synced+host-silent B:6379 of A:6379; again 100ms"},
		{"it never synced since its server started, and has a term", func(o *model.Observation) { o.Locals[0].Info.Offset = 0 },
			"promote B:6379", "promote host-silent B:6379 of A:6379"},
		{"it was not linked since this host was cut off", func(o *model.Observation) { o.Severed = o.Severed.With("192.168.9.71:6379") },
			"", "no-promotion severed+host-silent B:6379 of A:6379; again 100ms"},
		{"its data is stale", func(o *model.Observation) { changePair(o, func(p *model.Pair) { p.Stale = time.Minute + 1 }) },
			"", "no-promotion data-stale+host-silent B:6379 of A:6379; again 100ms"},
		{"it was not linked since this host started", func(o *model.Observation) {
			changePair(o, func(p *model.Pair) { p.Linked = false })
			o.Cold = model.Cold{Peerless: true, For: 59 * time.Second}
		}, "", "no-promotion waits-for-peer+host-silent B:6379 of A:6379; again 100ms"},
		{"it was not linked since this host started, and the wait is over", func(o *model.Observation) {
			changePair(o, func(p *model.Pair) { p.Linked = false })
			o.Cold = model.Cold{Peerless: true, For: time.Minute}
		}, "", "no-promotion never-linked+host-silent B:6379 of A:6379; again 100ms"},
		{"it was restarted and not linked since", func(o *model.Observation) {
			changePair(o, func(p *model.Pair) { p.Restarted = model.Stretch{For: time.Hour, Looks: 9} })
			o.Hosts[fixture.Addr("192.168.9.70:6379").Addr()] = model.Stretch{For: 59 * time.Second, Looks: 9}
		}, "", "no-promotion waits-for-peer+host-silent B:6379 of A:6379; again 100ms"},
		{"it was restarted and not linked since, and its peer has been missing for long", func(o *model.Observation) {
			changePair(o, func(p *model.Pair) { p.Restarted = model.Stretch{For: time.Hour, Looks: 9} })
			o.Hosts[fixture.Addr("192.168.9.70:6379").Addr()] = model.Stretch{For: time.Minute, Looks: 9}
		}, "", "no-promotion never-linked+host-silent B:6379 of A:6379; again 100ms"},
		{"it was restarted on the host that held the VIP last", func(o *model.Observation) {
			changePair(o, func(p *model.Pair) { p.Restarted = model.Stretch{For: time.Hour, Looks: 9} })
			o.Cold.HeldLast = true
		}, "promote B:6379", "promote host-silent B:6379 of A:6379"},
		{"it was not linked since this host started, which held the VIP last", func(o *model.Observation) {
			changePair(o, func(p *model.Pair) { p.Linked = false })
			o.Cold = model.Cold{Peerless: true, HeldLast: true}
		}, "promote B:6379", "promote host-silent B:6379 of A:6379"},
	})
}
