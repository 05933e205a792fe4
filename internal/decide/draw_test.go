package decide

import (
	"flag"
	"net/netip"
	"time"

	"pgregory.net/rapid"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/reason"
	"keepalived-redis/internal/testing/fixture"
)

// Decisions are fast, and what breaks a rule may take many things at once: so more than the usual 100 checks. The flag wins.
func init() {
	if err := flag.Set("rapid.checks", "10000"); err != nil {
		panic(err)
	}
}

// pick draws one of several. What is likely stands there more than once.
func pick[V any](t *rapid.T, label string, of ...V) V { return rapid.SampledFrom(of).Draw(t, label) }

func rarely(t *rapid.T, label string) bool {
	return pick(t, label, false, false, false, false, false, false, false, false, false, false, false, true)
}

func drawStretch(t *rapid.T, label string) model.Stretch {
	return pick(t, label, forLong, forLong, firstLook, model.Stretch{For: 99 * time.Millisecond, Looks: 2}, model.Stretch{For: 10 * time.Minute, Looks: 99}, model.Stretch{})
}

// drawObservation draws what one look may find, in a cluster or in pairs. It may be more than can be so at once, but a look is whole in itself: an
// instance that does not answer says nothing.
func drawObservation(t *rapid.T) model.Observation {
	o := fixture.Cluster()
	if pairs := rapid.Bool().Draw(t, "pairs"); pairs {
		o = twoPairs()
		drawPairs(t, &o)
	} else {
		drawNodes(t, &o)
	}
	o.Times.BusyGrace, o.Times.MaxStaleness, o.Times.Settle = 5*time.Second, time.Minute, time.Second
	peers := pick(t, "peers", model.Unseen, model.Unseen, model.Up, model.Silent, model.Silent, model.Refused) // Unseen: each its own
	for i := range o.Locals {
		drawLook(t, &o.Locals[i], drawState(t, model.Unseen))
	}
	o.Hosts, o.Instances, o.Answers = map[netip.Addr]model.Stretch{}, map[netip.AddrPort]model.Stretch{}, map[netip.Addr]bool{}
	for i := range o.Peers {
		p := &o.Peers[i]
		if rarely(t, "old news") {
			p.Evidence = model.Evidence{Source: pick(t, "source", model.Asked, model.Held, model.Told), Age: pick(t, "age", 0, time.Second)}
		}
		drawLook(t, p, drawState(t, peers))
		o.Instances[p.Instance.Addr], o.Hosts[p.Instance.Addr.Addr()] = drawStretch(t, "instance"), drawStretch(t, "host")
		o.Answers[p.Instance.Addr.Addr()] = rarely(t, "the host answers by itself")
	}
	for i := range o.Locals {
		if o.Replication() && o.Locals[i].Term.N == o.Peers[i].Term.N && o.Peers[i].Term.N > 0 {
			own := rapid.Bool().Draw(t, "it raised the term")
			o.Locals[i].Term.Own, o.Peers[i].Term.Own = own, !own
		}
	}
	drawHost(t, &o)
	for _, l := range o.Locals {
		drawLocal(t, &o, l)
	}
	return o
}

// twoPairs is plainPair with a second pair.
func twoPairs() model.Observation {
	o := plainPair()
	second := plainPair()
	for _, l := range []*model.Look{&second.Locals[0], &second.Peers[0]} {
		l.Instance.Addr = netip.AddrPortFrom(l.Instance.Addr.Addr(), 6380)
	}
	second.Locals[0].Info.Master = second.Peers[0].Instance.Addr
	o.Locals, o.Peers = append(o.Locals, second.Locals[0]), append(o.Peers, second.Peers[0])
	return o
}

func drawPairs(t *rapid.T, o *model.Observation) {
	for i := range o.Locals {
		l, peer := &o.Locals[i], &o.Peers[i]
		o.Pairs[l.Instance] = model.Pair{Peer: peer.Instance.Addr, NoMaster: drawStretch(t, "no master"), Overruled: drawStretch(t, "overruled"),
			Stale: pick(t, "stale", 0, 0, 2*time.Minute), TakenAway: rarely(t, "taken away"), TermLost: rarely(t, "term lost"), Unheard: rarely(t, "unheard"), Linked: !rarely(t, "not linked")}
		l.Info.Role = pick(t, "its role", model.Replica, model.Master)
		if l.Info.Role == model.Master && rapid.Bool().Draw(t, "the peer follows") {
			peer.Info.Role, peer.Info.Master = model.Replica, l.Instance.Addr
		}
		if rarely(t, "a third master") {
			l.Info.Master = fixture.Addr("192.168.9.72:6379")
		}
		if rarely(t, "it has no peer") {
			delete(o.Pairs, l.Instance)
		}
	}
	if len(o.Pairs) == 0 {
		o.Pairs[model.At(fixture.Addr("192.168.9.71:1"))] = model.Pair{Peer: fixture.Addr("192.168.9.70:1")}
	}
	o.Durability = pick(t, "durability", model.DurabilityAsync, model.DurabilityReplicated)
}

// drawNodes draws what the nodes of the cluster know of each other.
func drawNodes(t *rapid.T, o *model.Observation) {
	if pick(t, "a third host", false, false, false, true) {
		replicaOn72(o, model.Info{LinkUp: true, Offset: 500})
	}
	looks := [...][]model.Look{o.Locals, o.Peers}
	for n := range o.Locals[0].Nodes {
		failed, suspected := rarely(t, "failed"), rarely(t, "suspected")
		var open []model.OpenSlot
		if rarely(t, "slots move") {
			open = []model.OpenSlot{{Slot: 1, Other: pick(t, "with", "a0", "a1", "b3")}}
		}
		master := ""
		if rarely(t, "another master") {
			master = pick(t, "its master", "a0", "a1", "b3")
		}
		for _, side := range looks {
			for i := range side {
				if n >= len(side[i].Nodes) {
					continue // it has not heard of the third host
				}
				seen := &side[i].Nodes[n]
				seen.Failed, seen.Suspected = failed, suspected
				if seen.Myself {
					seen.Open = open
				}
				if master != "" && seen.Role == model.Replica {
					seen.MasterID = master
				}
			}
		}
	}
	for i := range o.Locals {
		if rarely(t, "by its socket") {
			o.Locals[i].Instance = model.Instance{Socket: "/run/redis/redis-" + o.Locals[i].Instance.Addr.String()[13:] + ".sock"}
		}
	}
	o.BothMaster, o.BumpGoal = rarely(t, "both master"), pick[uint64](t, "bump goal", 0, 0, 0, 11)
}

// drawState draws the state of an instance, unless all are the same.
func drawState(t *rapid.T, all model.State) model.State {
	if all != model.Unseen {
		return all
	}
	return pick(t, "state", model.Up, model.Up, model.Up, model.Up, model.Up, model.Up, model.Up, model.Refused, model.Silent, model.Stalled, model.Dropped,
		model.Loading, model.Busy, model.Working, model.Misconf, model.NoAuth, model.MasterDown, model.Unseen, model.NotRedis)
}

func drawLook(t *rapid.T, l *model.Look, s model.State) {
	l.State = s
	if !s.Serves() && s != model.Loading && s != model.MasterDown {
		l.Info, l.Nodes, l.Term = nil, nil, model.Term{}
		return
	}
	i := l.Info
	if rarely(t, "the other role") {
		i.Role = map[model.Role]model.Role{model.Master: model.Replica, model.Replica: model.Master}[i.Role]
	}
	i.LinkUp, i.WasLinked = pick(t, "linked", true, true, false), rapid.Bool().Draw(t, "was linked")
	i.Syncing = !i.LinkUp && pick(t, "syncing", false, false, true)
	i.Offset, i.Keys = pick[int64](t, "offset", 500, 500, 500, 900, 0, 1, -2<<20), pick[int64](t, "keys", 9, 0)
	i.MinReplicas = rapid.Bool().Draw(t, "needs a replica")
	if rarely(t, "old") {
		i.Version = model.Version{Major: 3, Minor: 2}
	}
	if l.Nodes == nil {
		l.Term = model.Term{N: pick[uint64](t, "term", 4, 4, 5, 6, 0, 0), Known: true}
		l.Term.Released = l.Term.N > 0 && rarely(t, "released")
	}
	if s == model.Loading || rarely(t, "term unreadable") {
		l.Term = model.Term{}
	}
	if rarely(t, "no nodes") {
		l.Nodes = nil
	}
}

// drawHost draws how this host stands.
func drawHost(t *rapid.T, o *model.Observation) {
	o.State = pick(t, "VRRP", model.VRRPMaster, model.VRRPMaster, model.VRRPMaster, model.VRRPMaster, model.VRRPMaster, model.VRRPBackup, model.VRRPFault, model.VRRPStop, model.VRRPNone)
	o.Hook = rapid.Bool().Draw(t, "hook")
	o.Event.State = pick(t, "event", model.VRRPNone, model.VRRPMaster, model.VRRPBackup)
	o.Witness.Answers = pick(t, "the witness answers", true, true, true, false)
	o.Lease = pick(t, "lease", model.NoArbiter, model.NoArbiter, model.NoArbiter, model.LeaseHeld, model.LeaseLost)
	o.Witness.Counts = o.Witness.Answers || rapid.Bool().Draw(t, "it has answered before")
	o.Witness.Unasked = o.Witness.Counts && !o.Witness.Answers && rarely(t, "it cannot be asked")
	if o.CutOff() {
		o.Alone = drawStretch(t, "alone")
	}
	o.Policy = pick(t, "policy", model.PolicyFollow, model.PolicyAuto, model.PolicyStay)
	o.HeldFor = pick(t, "held for", time.Hour, time.Hour, 500*time.Millisecond)
	o.SwitchoverWait = pick(t, "switchover wait", 0, 0, 0, 12*time.Second)
	o.Restarts = model.Restarts{Never: rapid.Bool().Draw(t, "no restarts"), HungAfter: pick(t, "hung after", 0, time.Minute)}
	switch pick(t, "what keeps it from acting", "", "", "", "", "", "", "", "", "", "a fence", "a fence", "a maintenance", "no keepalived", "an open switchover") {
	case "a fence":
		o.Fence = &model.FenceView{For: pick(t, "fenced for", time.Second, time.Hour), Stopped: rapid.Bool().Draw(t, "stopped"), HoldOff: 3 * time.Second,
			HeardFor: pick(t, "heard for", 0, 4*time.Second, 13*time.Second, time.Hour), UnansweredFor: pick(t, "unanswered for", 0, time.Hour)}
	case "a maintenance":
		o.Maintenance = model.Maintenance{Word: pick(t, "word", model.Drain, model.Hold), Reason: "new disks"}
	case "no keepalived":
		o.KeepalivedLives = false
	case "an open switchover":
		l := pick(t, "new master", o.Locals...)
		m := o.PeerOf(l)
		if !o.Replication() {
			m, _, _, _ = o.MasterOf(l)
		}
		// It is of a replica here and its master elsewhere. Any other record would hold up what is decided for another master.
		if _, here, known := o.Find(m.Instance.Addr); known && !here {
			o.Unfinished = []model.Unfinished{{From: m.Instance, To: l.Instance, Wait: pick(t, "undo wait", 0, 7*time.Second)}}
		}
	}
	o.Cold = model.Cold{Peerless: rapid.Bool().Draw(t, "peerless"), For: pick(t, "cold for", 0, time.Hour), HeldLast: rapid.Bool().Draw(t, "held last")}
	o.Why.Reason = pick(t, "why", reason.VIPHere, reason.VIPUnknown)
}

// drawLocal draws what is remembered of a local instance.
func drawLocal(t *rapid.T, o *model.Observation, l model.Look) {
	set := func(m *map[model.Instance]bool, label string) {
		if *m == nil {
			*m = map[model.Instance]bool{}
		}
		(*m)[l.Instance] = rarely(t, label)
	}
	set(&o.Sentinel, "a Sentinel manages it")
	set(&o.GivenUp, "given up")
	set(&o.Tried, "tried")
	if rarely(t, "severed") {
		o.Severed = o.Severed.With(l.Instance.Name())
	}
	if rarely(t, "left stopped") && rarely(t, "still") {
		o.LeftStopped = append(o.LeftStopped, l.Instance)
	}
	if o.HungFor == nil {
		o.HungFor, o.VoteWait, o.DataAge = map[model.Instance]time.Duration{}, map[model.Instance]time.Duration{}, map[model.Instance]model.DataAge{}
	}
	o.HungFor[l.Instance] = pick(t, "hung for", 0, 0, time.Hour)
	if rarely(t, "taken over") {
		o.TakenOver = map[model.Instance]model.Stretch{l.Instance: drawStretch(t, "for")}
	}
	o.VoteWait[l.Instance] = pick(t, "vote wait", 0, VoteWithin-1, VoteWithin)
	o.DataAge[l.Instance] = model.DataAge{Unlinked: rarely(t, "unlinked"), Waited: pick(t, "waited", 0, time.Hour), Stale: pick(t, "stale", 0, 0, 0, time.Hour)}
	if o.Replication() && l.Info != nil && rarely(t, "unwritten") {
		o.Unwritten = append(o.Unwritten, l.Instance)
	}
	if !o.Replication() && l.Role() == model.Master && o.Fence == nil {
		switch pick(t, "confirmed", "", "", "", "", "", "", "", "", "unconfirmed", "confirmed") {
		case "unconfirmed":
			o.Unconfirmed = append(o.Unconfirmed, l.Instance)
		case "confirmed":
			o.Confirmed = append(o.Confirmed, l.Instance)
		}
	}
	if p, ok := o.Pairs[l.Instance]; ok && model.LeftBehind(o.State, false, l) {
		p.Left = drawStretch(t, "left")
		o.Pairs[l.Instance] = p
	}
}
