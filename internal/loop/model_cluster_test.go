package loop

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"keepalived-redis/internal/act"
	"keepalived-redis/internal/decide"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/observe"
	"keepalived-redis/internal/reason"
	"keepalived-redis/internal/testing/fixture"
)

// shards is how many masters the cluster of the model has. Each has one instance on either host.
const shards = 3

// clusterWorld is a model of two hosts with a cluster: what the servers, the network and keepalived do, and what a run that is
// killed at any point leaves.
type clusterWorld struct {
	hosts [2]*clusterHost
	// cut: the hosts do not see each other, but both see the witness. dumb: no vote is granted.
	cut, dumb bool
	log       []string
}

// belief is who owns a shard, by what the nodes of one host know.
type belief struct {
	owner int
	epoch uint64
}

// clusterHost is one host. A look takes a second.
type clusterHost struct {
	at    int
	state model.VRRP
	// down: the host is off. alone: it sees neither the other one nor the witness.
	down, alone bool
	knows       [shards]belief
	nodes       [shards]clusterNode
	// switching is the shard of a switchover that was begun and not ended, and one more than it; 0 is none.
	switching                                int
	fenced, fenceStopped, heldLast           bool
	apart, heardFor, unansweredFor, fenceFor int
	takenAway                                int
	bump                                     uint64
}

type clusterNode struct {
	// broken: it is dead, and no start helps.
	dead, broken, stopped, linked, led                bool
	offset                                            int64
	silent, notServing, leftStopped, waited, voteWait int
}

func newClusterWorld() *clusterWorld {
	w := &clusterWorld{}
	for i := range w.hosts {
		b := &clusterHost{at: i, state: model.VRRPBackup}
		for s := range shards {
			b.knows[s] = belief{owner: s % 2, epoch: uint64(s + 1)}
		}
		w.hosts[i] = b
	}
	w.hosts[0].state = model.VRRPMaster
	return w
}

func nodeAddr(host, shard int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(1 + host)}), uint16(7000+shard))
}

func (w *clusterWorld) other(b *clusterHost) *clusterHost { return w.hosts[1-b.at] }

func (w *clusterWorld) sees(b *clusterHost) bool {
	return !w.cut && !b.alone && !w.other(b).alone && !w.other(b).down
}

func (b *clusterHost) leads(s int) bool { return b.knows[s].owner == b.at }

func (b *clusterHost) lives() bool {
	for s := range b.nodes {
		if !b.nodes[s].dead {
			return !b.down
		}
	}
	return false
}

func (w *clusterWorld) link(b *clusterHost, s int) bool {
	o := w.other(b)
	return !b.down && !b.nodes[s].dead && !b.leads(s) && w.sees(b) && !o.nodes[s].dead && o.leads(s)
}

// gossip lets the hosts agree where they see each other: the higher epoch wins, and of equal ones the first host raises its own.
func (w *clusterWorld) gossip() {
	a, b := w.hosts[0], w.hosts[1]
	if w.sees(a) && w.sees(b) && a.lives() && b.lives() {
		for s := range shards {
			x, y := &a.knows[s], &b.knows[s]
			switch {
			case x.epoch > y.epoch:
				*y = *x
			case y.epoch > x.epoch:
				*x = *y
			case *x != *y:
				x.epoch = max(a.highest(), b.highest()) + 1
				*y = *x
			}
		}
	}
	for _, b := range w.hosts {
		for s := range shards {
			if w.link(b, s) {
				b.nodes[s].offset = w.other(b).nodes[s].offset
			}
		}
	}
}

func (b *clusterHost) highest() uint64 {
	var e uint64
	for _, k := range b.knows {
		e = max(e, k.epoch)
	}
	return e
}

// list is CLUSTER NODES as the node of host b says it.
func (w *clusterWorld) list(b *clusterHost, shard int) model.Nodes {
	var ns model.Nodes
	for host := range w.hosts {
		for s := range shards {
			n := model.Node{ID: fmt.Sprint(host, s), Addr: nodeAddr(host, s), Epoch: b.knows[s].epoch, Role: model.Master, Myself: host == b.at && s == shard}
			if b.knows[s].owner == host {
				n.Slots = []model.Slots{{First: s, Last: s}}
			} else {
				n.Role, n.MasterID = model.Replica, fmt.Sprint(1-host, s)
			}
			ns = append(ns, n)
		}
	}
	return ns
}

func (w *clusterWorld) look(b *clusterHost, s int) model.Look {
	l := model.Look{Instance: model.Instance{Addr: nodeAddr(b.at, s)}, State: model.Refused}
	if b.nodes[s].dead {
		return l
	}
	l.State, l.Nodes = model.Up, w.list(b, s)
	l.Info = &model.Info{Version: model.Version{Major: 7}, VersionText: "7.0.15", Cluster: true, Uptime: 10 * time.Second, Role: model.Master, Offset: 100 + b.nodes[s].offset}
	if !b.leads(s) {
		l.Info.Role, l.Info.Master, l.Info.LinkUp = model.Replica, nodeAddr(1-b.at, s), w.link(b, s)
		l.Info.WasLinked = b.nodes[s].linked && !l.Info.LinkUp
	}
	return l
}

// observe is the observation that host b would make, by the same rules.
func (w *clusterWorld) observe(b *clusterHost) model.Observation {
	o := model.Observation{State: b.state, Why: model.Clause{Action: model.Keep, Reason: reason.VIPHere}, KeepalivedLives: b.state != model.VRRPNone, SwitchoverOpen: b.switching > 0, BumpGoal: b.bump,
		Hosts: map[netip.Addr]model.Stretch{}, Instances: map[netip.AddrPort]model.Stretch{}, VoteWait: map[model.Instance]time.Duration{}, DataAge: map[model.Instance]model.DataAge{},
		MaxLag: 1 << 20, HeldFor: time.Hour, Policy: "follow", Witness: model.Witness{Name: "w", Counts: true, Answers: !b.alone}}
	o.Times.ColdStartWait, o.Times.HoldOff, o.Times.FenceStopAfter, o.Times.MaxStaleness = 4*time.Second, time.Second, 2*time.Second, time.Minute
	peer := w.other(b)
	cold, leads := false, false
	for s := range shards {
		l, p := w.look(b, s), model.Look{Instance: model.Instance{Addr: nodeAddr(peer.at, s)}, State: model.Silent}
		if w.sees(b) {
			p = w.look(peer, s)
		}
		o.Locals, o.Peers = append(o.Locals, l), append(o.Peers, p)
		n := &b.nodes[s]
		held, claims := b.state == model.VRRPMaster, p.Role() == model.Master
		n.linked = n.linked || l.Info != nil && l.Info.LinkUp
		unlinked := l.Role() == model.Replica && !n.linked
		waited := count(&n.waited, unlinked && !claims)
		o.DataAge[l.Instance] = model.DataAge{Unlinked: unlinked, Waited: waited.For}
		cold, leads = cold || unlinked, leads || l.Role() == model.Master
		o.Instances[p.Instance.Addr] = count(&n.notServing, !p.State.Serves() || p.Role() == model.Replica && observe.Followed(&o, p.Instance.Addr))
		if n.voteWait > 0 {
			o.VoteWait[l.Instance] = count(&n.voteWait, l.Role() == model.Replica && !claims).For
		}
		switch {
		case !held:
			n.led = false
		case l.Role() == model.Master:
			n.led = true
		case n.led && claims:
			n.led, b.takenAway = false, 5
		}
		if leftStopped := count(&n.leftStopped, n.stopped && !n.dead && b.switching == 0 && !b.fenced); leftStopped.Looks > 3 {
			o.LeftStopped = append(o.LeftStopped, l.Instance)
		}
	}
	switch {
	case b.state == model.VRRPStop:
		b.heldLast = false
	case b.state == model.VRRPMaster && leads && !cold:
		b.heldLast = true
	case b.state != model.VRRPMaster && o.PeerAlive():
		b.heldLast = false
	}
	o.Cold.HeldLast = b.heldLast
	if b.takenAway = max(0, b.takenAway-1); b.state != model.VRRPMaster {
		b.takenAway = 0
	}
	o.BothMaster = b.takenAway > 0
	o.Hosts[nodeAddr(peer.at, 0).Addr()] = count(&b.nodes[0].silent, o.PeersSilent())
	o.Alone = count(&b.apart, o.CutOff())
	heardFor := count(&b.heardFor, b.fenced && o.Heard())
	unansweredFor := count(&b.unansweredFor, b.fenced && !o.PeerAlive() && (o.Heard() || !b.alone))
	fencedFor := count(&b.fenceFor, b.fenced)
	if b.fenced {
		o.LeftStopped = nil
		o.Fence = &model.FenceView{For: fencedFor.For, Stopped: b.fenceStopped, HeardFor: heardFor.For, HoldOff: o.Times.HoldOff, UnansweredFor: unansweredFor.For}
	}
	return o
}

// checkRun is one run on host b, which is killed before its nth change; negative: it is not.
func (w *clusterWorld) checkRun(t *rapid.T, b *clusterHost, kill int) model.Plan {
	if b.down {
		return model.Plan{}
	}
	for s := range b.nodes {
		if b.nodes[s].dead && !b.nodes[s].broken && !b.fenced {
			b.nodes[s].dead, b.nodes[s].stopped = false, false // restarted
		}
	}
	w.gossip()
	o := w.observe(b)
	plan := decide.Decide(o)
	w.log = append(w.log, fmt.Sprintf("host %d %s (killed before change %d): %s", b.at, b.state, kill, reason.Lines(plan.Clauses)))
	lost := b.state == model.VRRPFault && !w.sees(b)
	if fixture.Promotes(plan) && (b.state != model.VRRPMaster && !lost || b.fenced || b.alone && !w.sees(b)) {
		t.Fatalf("host %d promotes on %s: %s", b.at, b.state, reason.Lines(plan.Clauses))
	}
	w.apply(b, o, plan, func() bool { kill--; return kill == -1 })
	w.gossip()
	return plan
}

// takeOver is what a node of host b does on TAKEOVER, or when it is elected; a master refuses.
func (b *clusterHost) takeOver(s int) {
	if !b.nodes[s].dead && !b.leads(s) {
		b.knows[s] = belief{b.at, b.highest() + 1}
		b.nodes[s].voteWait = 0
	}
}

// elects: more than half of the masters that host b knows answer it.
func (w *clusterWorld) elects(b *clusterHost) bool {
	n := 0
	for s, k := range b.knows {
		if k.owner == b.at && !b.nodes[s].dead || k.owner != b.at && w.sees(b) && !w.other(b).nodes[s].dead && w.other(b).leads(s) {
			n++
		}
	}
	return n > shards/2
}

// apply does what apply does. Each call of killed is a point at which the run may end.
func (w *clusterWorld) apply(b *clusterHost, o model.Observation, plan model.Plan, killed func() bool) {
	peer := w.other(b)
	for _, step := range plan.Steps {
		if killed() {
			return
		}
		s := int(step.Instance.Addr.Port()) - 7000
		switch step.Do {
		case model.Takeover, model.Force:
			if b.bump == 0 {
				b.bump = o.View().HighestEpoch() + act.BumpMargin
			}
			if step.Do == model.Force && !b.leads(s) && (w.dumb || !w.elects(b)) {
				b.nodes[s].voteWait = max(b.nodes[s].voteWait, 1)
				continue
			}
			b.takeOver(s)
		case model.Switchover:
			if b.switching = 1 + s; killed() {
				return
			}
			if !w.link(b, s) {
				b.switching = 0
				return
			}
			if peer.nodes[s].stopped = true; killed() {
				return
			}
			b.takeOver(s)
			if w.gossip(); killed() {
				return
			}
			w.undo(b)
		case model.UndoSwitchover:
			w.undo(b)
		case model.Bump:
			for s := range shards {
				if b.leads(s) && !b.nodes[s].dead && b.knows[s].epoch < b.bump {
					b.knows[s].epoch = max(b.highest()+1, b.bump)
				}
			}
			b.bump = 0
		case model.Fence:
			b.fenced = true
			for i := range b.nodes {
				if (!step.Instance.Known() || i == s) && o.Locals[i].State.Alive() {
					b.nodes[i].stopped = !b.nodes[i].dead
				}
			}
		case model.FenceStop:
			b.fenceStopped = true
			for i := range b.nodes {
				b.nodes[i].dead = true
			}
		case model.LiftStart:
			b.fenceStopped = false
			for i := range b.nodes {
				if b.nodes[i].dead && !b.nodes[i].broken {
					b.nodes[i].dead, b.nodes[i].stopped = false, false
				}
			}
		case model.Restore:
			b.nodes[s].stopped = false
		case model.LiftDone:
			b.fenced, b.fenceStopped = false, false
		}
	}
}

// undo gives the writers of the old master back, if it can be reached; where not, its own host finds out.
func (w *clusterWorld) undo(b *clusterHost) {
	if s, peer := b.switching-1, w.other(b); s >= 0 && w.sees(b) && !peer.nodes[s].dead {
		peer.nodes[s].stopped = peer.fenced
	}
	b.switching = 0
}

// event is one thing that happens.
func (w *clusterWorld) event(t *rapid.T) {
	b := w.hosts[rapid.IntRange(0, 1).Draw(t, "host")]
	s := rapid.IntRange(0, shards-1).Draw(t, "shard")
	what := rapid.SampledFrom([]string{"check run", "check run", "check run", "check run", "check run killed", "write", "write", "vip", "vip", "state", "kill server", "power", "reboot", "cut", "heal", "alone", "election", "no votes", "votes"}).Draw(t, "event")
	w.log = append(w.log, fmt.Sprintf("host %d shard %d %s", b.at, s, what))
	switch what {
	case "check run":
		w.checkRun(t, b, -1)
	case "check run killed":
		w.checkRun(t, b, rapid.IntRange(0, 8).Draw(t, "killed before change"))
	case "write":
		if n := &b.nodes[s]; !b.down && !n.dead && !n.stopped && b.leads(s) {
			n.offset++
		}
	case "vip":
		b.state = model.VRRPMaster
		if rapid.Bool().Draw(t, "the other one lets go") {
			w.other(b).state = model.VRRPBackup
		}
	case "state":
		b.state = rapid.SampledFrom([]model.VRRP{model.VRRPBackup, model.VRRPFault, model.VRRPStop, model.VRRPNone}).Draw(t, "state")
	case "kill server":
		b.nodes[s].dead = true
	case "power":
		b.down, b.state = true, model.VRRPNone
	case "reboot":
		w.boot(b)
	case "cut":
		w.cut = true
	case "heal":
		w.cut, b.alone = false, false
	case "alone":
		b.alone = true
	case "election": // Redis' own, after cluster-node-timeout
		if !b.down && !b.leads(s) && !w.link(b, s) && w.elects(b) {
			b.takeOver(s)
		}
	case "no votes":
		w.dumb = true
	case "votes":
		w.dumb = false
	}
	w.gossip()
}

// boot turns a host on that was off, with what is durable.
func (w *clusterWorld) boot(b *clusterHost) {
	if !b.down {
		return
	}
	fresh := clusterHost{at: b.at, state: model.VRRPBackup, alone: b.alone, knows: b.knows, switching: b.switching, fenced: b.fenced, fenceStopped: b.fenced, heldLast: b.heldLast}
	for s := range b.nodes {
		fresh.nodes[s] = clusterNode{offset: b.nodes[s].offset, dead: b.fenced}
	}
	*b = fresh
}

// TestAnyOrderOfEventsOnAClusterIsRepaired: whatever happens, in whatever order, and wherever runs are killed: nothing is promoted
// but by a host that is MASTER and not cut off, and once both hosts are well the check runs come to one master for every shard, where the
// VIP is, with a linked replica. A plan that is carried out twice does what it does once.
func TestAnyOrderOfEventsOnAClusterIsRepaired(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newClusterWorld()
		defer func() {
			if t.Failed() {
				t.Log(strings.Join(w.log, "\n"))
			}
		}()
		for range rapid.IntRange(1, 40).Draw(t, "events") {
			w.event(t)
		}
		w.cut = false // whether votes are granted stays as it is
		for _, b := range w.hosts {
			b.alone = false
			w.boot(b)
			b.state = model.VRRPBackup
		}
		home := w.hosts[rapid.IntRange(0, 1).Draw(t, "VIP in the end")]
		home.state = model.VRRPMaster
		w.gossip()
		away := w.other(home)
		if s := rapid.IntRange(0, 2*shards).Draw(t, "a server of the other host that stays dead"); s < shards && !away.fenced && (home.nodes[s].linked || home.leads(s) && !away.leads(s)) { // a cold replica needs a person, and a fence stays until every server answers
			away.nodes[s].dead, away.nodes[s].broken, away.nodes[s].stopped = true, true, false
		}
		for range 25 {
			for _, b := range w.hosts {
				w.checkRun(t, b, -1)
			}
		}
		for s := range shards {
			if !home.leads(s) || !away.nodes[s].broken && !w.link(away, s) || home.nodes[s].stopped || away.nodes[s].stopped {
				t.Errorf("shard %d is not repaired: VIP %+v, other %+v", s, *home, *away)
			}
		}
		if home.fenced || away.fenced || home.switching > 0 || away.switching > 0 {
			t.Errorf("not repaired: VIP %+v, other %+v", *home, *away)
		}
		if p := w.checkRun(t, home, -1); len(p.Steps) > 0 {
			t.Errorf("never at rest: %s", reason.Lines(p.Clauses))
		}
	})
}

// TestAPlanTwiceIsAPlanOnce: whatever a look finds, the plan carried out twice leaves what it leaves once.
func TestAPlanTwiceIsAPlanOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newClusterWorld()
		for range rapid.IntRange(1, 30).Draw(t, "events") {
			w.event(t)
		}
		b := w.hosts[rapid.IntRange(0, 1).Draw(t, "host")]
		if b.down {
			return
		}
		o := w.observe(b)
		plan := decide.Decide(o)
		never := func() bool { return false }
		w.apply(b, o, plan, never)
		w.gossip()
		once := [2]clusterHost{*w.hosts[0], *w.hosts[1]}
		w.apply(b, o, plan, never)
		w.gossip()
		if twice := [2]clusterHost{*w.hosts[0], *w.hosts[1]}; twice != once {
			t.Errorf("%s\nonce  %+v\ntwice %+v", reason.Lines(plan.Clauses), once, twice)
		}
	})
}

func count(n *int, on bool) model.Stretch {
	if *n++; !on {
		*n = 0
	}
	return model.Stretch{For: time.Duration(*n) * time.Second, Looks: *n}
}
