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
	"keepalived-redis/internal/reason"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/testing/fixture"
)

// world is a model of two hosts with one plain pair: what the servers, the network and keepalived do, and what a run that is
// killed at any point leaves.
type world struct {
	hosts [2]*modelHost
	// cut: the hosts do not see each other, but both see the witness.
	cut bool
	// clock counts looks.
	clock int
	log   []string
}

// modelHost is one host. A look takes a second.
type modelHost struct {
	addr  netip.AddrPort
	state model.VRRP
	// down: the host is off. dead: only its server is. alone: it sees neither its peer nor the witness.
	down, dead, alone bool
	// The server. conf is the role that a restart brings.
	role, conf model.Role
	term       uint64
	released   bool
	offset     int64
	stopped    bool
	// readOnly: its configuration file cannot be written.
	readOnly bool
	// mem is what a run leaves for the next of the same boot, as far as the model has no field of its own.
	mem session.Memory
	// What the looks have found so far, of this boot and durably.
	linked, answered, heldLast, switching, fenced, fenceStopped                                                  bool
	looks, noMaster, overruled, left, silent, notServing, apart, heardFor, unansweredFor, leftStopped, fencedFor int
}

func newWorld() *world {
	a := &modelHost{addr: fixture.Addr("10.0.0.1:6379"), state: model.VRRPMaster, role: model.Master, conf: model.Master, offset: 1}
	b := &modelHost{addr: fixture.Addr("10.0.0.2:6379"), state: model.VRRPBackup, role: model.Replica, conf: model.Replica, offset: 1}
	return &world{hosts: [2]*modelHost{a, b}}
}

func (w *world) other(b *modelHost) *modelHost {
	if b == w.hosts[0] {
		return w.hosts[1]
	}
	return w.hosts[0]
}

func (w *world) sees(b *modelHost) bool {
	return !w.cut && !b.alone && !w.other(b).alone && !w.other(b).down
}

// link: the server of b is a replica that has all that its master has.
func (w *world) link(b *modelHost) bool {
	o := w.other(b)
	return !b.down && !b.dead && b.role == model.Replica && w.sees(b) && !o.dead && o.role == model.Master
}

func (w *world) sync() {
	for _, b := range w.hosts {
		if w.link(b) {
			b.term, b.released, b.offset = w.other(b).term, w.other(b).released, w.other(b).offset
		}
	}
}

func (w *world) look(b *modelHost) model.Look {
	l := model.Look{Instance: model.Instance{Addr: b.addr}, State: model.Refused}
	if b.dead {
		return l
	}
	l.State, l.Term = model.Up, model.Term{N: b.term, Known: true, Released: b.released}
	l.Info = &model.Info{Version: model.Version{Major: 3, Minor: 2}, VersionText: "3.2.4", Role: b.role, Offset: b.offset, LinkUp: w.link(b)}
	if b.role == model.Replica {
		l.Info.Master = w.other(b).addr
	}
	return l
}

func count(n *int, on bool) model.Stretch {
	if *n++; !on {
		*n = 0
	}
	return model.Stretch{For: time.Duration(*n) * time.Second, Looks: *n}
}

// observe is the observation that host b would make, by the same rules.
func (w *world) observe(b *modelHost) model.Observation {
	o := model.Observation{State: b.state, Why: model.Clause{Action: model.Keep, Reason: reason.VIPHere}, KeepalivedLives: b.state != model.VRRPNone, SwitchoverOpen: b.switching,
		Hosts: map[netip.Addr]model.Stretch{}, Instances: map[netip.AddrPort]model.Stretch{}, MaxLag: 1 << 20, HeldFor: time.Hour,
		Witness: model.Witness{Name: "w", Counts: true, Answers: !b.alone}}
	o.Times.ColdStartWait, o.Times.HoldOff, o.Times.FenceStopAfter, o.Times.MaxStaleness = 4*time.Second, time.Second, 2*time.Second, time.Minute
	l, p := w.look(b), model.Look{Instance: model.Instance{Addr: w.other(b).addr}, State: model.Silent}
	if w.sees(b) {
		p = w.look(w.other(b))
	}
	o.Locals, o.Peers = []model.Look{l}, []model.Look{p}
	b.linked = b.linked || l.Info != nil && l.Info.LinkUp || p.Info != nil && p.Info.LinkUp
	b.answered = b.answered || p.State.Alive()
	if b.state == model.VRRPMaster && l.Role() == model.Master {
		b.heldLast = true
	} else if l.Info != nil && l.Info.LinkUp {
		b.heldLast = false
	}
	b.looks++
	w.clock++
	now := state.Stamp{Boot: "model", Mono: time.Duration(w.clock) * time.Second}
	if held := b.state == model.VRRPMaster; !held {
		b.mem.HeldSince = nil
	} else if b.mem.HeldSince == nil {
		b.mem.HeldSince = &now
	}
	o.Cold = model.Cold{Peerless: !b.answered, For: time.Duration(b.looks) * time.Second, HeldLast: b.heldLast}
	o.Pairs = map[model.Instance]model.Pair{model.At(b.addr): {Peer: w.other(b).addr, Linked: b.linked,
		NoMaster: count(&b.noMaster, model.WithoutMaster(l, p)), Overruled: count(&b.overruled, model.Outranked(l, p)),
		Left:      count(&b.left, model.LeftBehind(b.state, b.state == model.VRRPMaster, l)),
		TakenAway: b.mem.TakenAway(b.addr.String(), b.state == model.VRRPMaster, l, p, now), Unheard: b.mem.Unheard(b.addr.String(), l)}}
	o.Hosts[p.Instance.Addr.Addr()] = count(&b.silent, p.State == model.Silent)
	o.Instances[p.Instance.Addr] = count(&b.notServing, !p.State.Serves())
	o.Alone = count(&b.apart, o.CutOff())
	heardFor := count(&b.heardFor, b.fenced && o.Heard())
	unansweredFor := count(&b.unansweredFor, b.fenced && !p.State.Alive() && (o.Heard() || !b.alone))
	fencedFor := count(&b.fencedFor, b.fenced)
	if b.fenced {
		o.Fence = &model.FenceView{For: fencedFor.For, Stopped: b.fenceStopped, HeardFor: heardFor.For, HoldOff: o.Times.HoldOff, UnansweredFor: unansweredFor.For}
	} else if leftStopped := count(&b.leftStopped, b.stopped && !b.dead && !b.switching); leftStopped.Looks > 3 {
		o.LeftStopped = []model.Instance{model.At(b.addr)}
	}
	return o
}

// checkRun is one run on host b, which is killed before its nth change; negative: it is not.
func (w *world) checkRun(b *modelHost, kill int) model.Plan {
	if b.down {
		return model.Plan{}
	}
	if b.dead && !b.fenced {
		b.dead, b.role, b.stopped = false, b.conf, false // restarted
	}
	w.sync()
	o := w.observe(b)
	plan := decide.Decide(o)
	w.log = append(w.log, fmt.Sprintf("%s %s (killed before change %d): %s", b.addr, b.state, kill, reason.Lines(plan.Clauses)))
	w.apply(b, o, plan, func() bool { kill--; return kill == -1 })
	w.sync()
	return plan
}

// apply does what apply does. Each call of killed is a point at which the run may end.
func (w *world) apply(b *modelHost, o model.Observation, plan model.Plan, killed func() bool) {
	peer := w.other(b)
	reached := w.sees(b) && !peer.dead
	term := func(x *modelHost) uint64 {
		own := o.Locals[0].Term
		if x == b && o.Locals[0].Role() == model.Master {
			own.N += act.UnseenTerms
		}
		return model.NextTerm(x.addr, w.other(x).addr, own, o.Peers[0].Term, model.Term{N: x.term})
	}
	for _, s := range plan.Steps {
		if killed() {
			return
		}
		switch s.Do {
		case model.Promote:
			x := b
			if s.Instance == model.At(peer.addr) {
				x = peer
			}
			if x == peer && !reached || x.dead {
				return
			}
			x.role, x.term, x.released = model.Master, term(x), false
			x.mem.Heard(x.addr.String())
			if killed() {
				return
			}
			x.rewrite()
		case model.Follow:
			if !reached || peer.role != model.Master {
				return
			}
			if b.stopped = true; killed() {
				return
			}
			if b.role = model.Replica; killed() {
				return
			}
			delete(b.mem.Takings, b.addr.String())
			b.stopped = b.fenced
			b.rewrite()
		case model.Release, model.Claim:
			if b.role == model.Master && !b.stopped {
				b.released = s.Do == model.Release
			}
		case model.Switchover:
			if !w.switchover(b, peer, reached, term, killed) {
				return
			}
		case model.UndoSwitchover:
			w.undo(b, peer, reached)
		case model.Fence:
			b.stopped, b.fenced = !b.dead, true
		case model.FenceStop:
			b.dead, b.fenceStopped = true, true
		case model.LiftStart:
			b.dead, b.fenceStopped, b.role, b.stopped = false, false, b.conf, false
		case model.Restore:
			b.stopped = false
			b.rewrite()
		case model.LiftDone:
			b.fenced, b.fenceStopped = false, false
		}
	}
}

func (w *world) switchover(b, peer *modelHost, reached bool, term func(*modelHost) uint64, killed func() bool) bool {
	if b.switching = true; killed() {
		return false
	}
	if !reached || !w.link(b) {
		w.undo(b, peer, reached)
		return true
	}
	if peer.stopped = true; killed() {
		return false
	}
	if b.role, b.term, b.released = model.Master, term(b), false; killed() {
		return false
	}
	w.undo(b, peer, reached)
	if killed() {
		return false
	}
	b.rewrite()
	peer.rewrite()
	return true
}

// rewrite is CONFIG REWRITE.
func (b *modelHost) rewrite() {
	if !b.stopped && !b.readOnly {
		b.conf = b.role
	}
}

func (w *world) undo(b, peer *modelHost, reached bool) {
	if b.switching = false; !reached {
		return
	}
	if b.role == model.Master && !b.dead && peer.role == model.Master {
		peer.role = model.Replica
	}
	peer.stopped = peer.fenced
}

// event is one thing that happens.
func (w *world) event(t *rapid.T) {
	b := w.hosts[rapid.IntRange(0, 1).Draw(t, "host")]
	what := rapid.SampledFrom([]string{"check run", "check run", "check run", "check run", "check run killed", "write", "write", "vip", "vip", "state", "kill server", "power", "reboot", "cut", "heal", "alone", "file"}).Draw(t, "event")
	w.log = append(w.log, fmt.Sprintf("%s %s", b.addr, what))
	switch what {
	case "check run":
		w.checkRun(b, -1)
	case "check run killed":
		w.checkRun(b, rapid.IntRange(0, 5).Draw(t, "killed before change"))
	case "write":
		if !b.down && !b.dead && !b.stopped && b.role == model.Master {
			b.offset++
		}
	case "vip":
		b.state = model.VRRPMaster
		if rapid.Bool().Draw(t, "the other one lets go") {
			w.other(b).state = model.VRRPBackup
		}
	case "state":
		b.state = rapid.SampledFrom([]model.VRRP{model.VRRPBackup, model.VRRPFault, model.VRRPStop, model.VRRPNone}).Draw(t, "state")
	case "kill server":
		b.dead = true
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
	case "file":
		b.readOnly = !b.readOnly
	}
	w.sync()
}

// boot turns a host on that was off, with what is durable.
func (w *world) boot(b *modelHost) {
	if !b.down {
		return
	}
	*b = modelHost{addr: b.addr, state: model.VRRPBackup, role: b.conf, conf: b.conf, term: b.term, released: b.released, offset: b.offset, alone: b.alone, dead: b.fenced, readOnly: b.readOnly,
		heldLast: b.heldLast, switching: b.switching, fenced: b.fenced, fenceStopped: b.fenced}
}

// TestAnyOrderOfEventsIsRepaired: whatever happens, in whatever order, and wherever runs are killed: nothing is promoted but by
// the host that is MASTER, and once both hosts are well the check runs come to one master, where the VIP is, with a linked replica.
func TestAnyOrderOfEventsIsRepaired(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		defer func() {
			if t.Failed() {
				t.Log(strings.Join(w.log, "\n"))
			}
		}()
		for range rapid.IntRange(1, 40).Draw(t, "events") {
			w.event(t)
		}
		w.cut = false
		for _, b := range w.hosts {
			b.alone = false
			w.boot(b)
			b.state = model.VRRPBackup
		}
		home := w.hosts[rapid.IntRange(0, 1).Draw(t, "VIP in the end")]
		home.state = model.VRRPMaster
		for range 20 {
			for _, b := range w.hosts {
				if p := w.checkRun(b, -1); b.state != model.VRRPMaster && fixture.Promotes(p) {
					t.Fatalf("%s promotes on %s: %s", b.addr, b.state, reason.Lines(p.Clauses))
				}
			}
		}
		away := w.other(home)
		if home.role != model.Master || !w.link(away) || home.stopped || away.fenced || home.fenced || home.switching || away.switching || away.stopped {
			t.Errorf("not repaired: VIP %+v, other %+v", *home, *away)
		}
		if p := w.checkRun(home, -1); len(p.Steps) > 0 {
			t.Errorf("never at rest: %s", reason.Lines(p.Clauses))
		}
	})
}

// While both hosts hold the VIP the master stays where it was taken to, and it comes back at once when that host has lost the VIP.
func TestHoldEndsWhenTheOtherHostHasLeft(t *testing.T) {
	w := newWorld()
	a, b := w.hosts[0], w.hosts[1]
	round := func() {
		w.checkRun(a, -1)
		w.checkRun(b, -1)
	}
	round()
	for range 3 { // the VIP comes and goes on b, and a holds it all the while
		b.state = model.VRRPMaster
		for range 10 {
			round()
		}
		if a.role != model.Replica || b.role != model.Master {
			t.Fatalf("both MASTER: a is %s, b is %s\n%s", a.role, b.role, strings.Join(w.log, "\n"))
		}
		b.state = model.VRRPBackup
		for range 3 {
			round()
		}
		if a.role != model.Master || b.role != model.Replica || a.released || b.released {
			t.Fatalf("b is BACKUP: a is %s, b is %s, released %v, %v\n%s", a.role, b.role, a.released, b.released, strings.Join(w.log, "\n"))
		}
	}
}

// A mark that is left on the data of two hosts that both hold the VIP causes one switchover at most.
func TestStaleMarkSwitchesNothingToAndFro(t *testing.T) {
	w := newWorld()
	a, b := w.hosts[0], w.hosts[1]
	b.state = model.VRRPMaster
	for range 3 {
		w.checkRun(a, -1)
		w.checkRun(b, -1)
	}
	b.released = true
	switchovers := 0
	for range 25 { // two looks each, less than takenAwayFor
		for _, x := range w.hosts {
			for _, s := range w.checkRun(x, -1).Steps {
				if s.Do == model.Switchover {
					switchovers++
				}
			}
		}
	}
	if switchovers > 1 {
		t.Errorf("%d switchovers\n%s", switchovers, strings.Join(w.log, "\n"))
	}
}
