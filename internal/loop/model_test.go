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
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/testing/fixture"
)

// world is a model of two boxes with one plain pair: what the servers, the network and keepalived do, and what a run that is
// killed at any point leaves.
type world struct {
	boxes [2]*modelBox
	// cut: the boxes do not see each other, but both see the witness.
	cut bool
	// clock counts looks.
	clock int
	log   []string
}

// modelBox is one box. A look takes a second.
type modelBox struct {
	addr  netip.AddrPort
	state model.VRRP
	// down: the box is off. dead: only its server is. alone: it sees neither its peer nor the witness.
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
	linked, answered, heldLast, moving, fenced, fenceStopped                                              bool
	looks, leaderless, overruled, left, silent, ailing, apart, heardFor, unansweredFor, orphan, fencedFor int
}

func newWorld() *world {
	a := &modelBox{addr: fixture.Addr("10.0.0.1:6379"), state: model.VRRPMaster, role: model.Master, conf: model.Master, offset: 1}
	b := &modelBox{addr: fixture.Addr("10.0.0.2:6379"), state: model.VRRPBackup, role: model.Replica, conf: model.Replica, offset: 1}
	return &world{boxes: [2]*modelBox{a, b}}
}

func (w *world) other(b *modelBox) *modelBox {
	if b == w.boxes[0] {
		return w.boxes[1]
	}
	return w.boxes[0]
}

func (w *world) sees(b *modelBox) bool {
	return !w.cut && !b.alone && !w.other(b).alone && !w.other(b).down
}

// link: the server of b is a replica that has all that its master has.
func (w *world) link(b *modelBox) bool {
	o := w.other(b)
	return !b.down && !b.dead && b.role == model.Replica && w.sees(b) && !o.dead && o.role == model.Master
}

func (w *world) sync() {
	for _, b := range w.boxes {
		if w.link(b) {
			b.term, b.released, b.offset = w.other(b).term, w.other(b).released, w.other(b).offset
		}
	}
}

func (w *world) look(b *modelBox) model.Look {
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

func count(n *int, on bool) model.Ail {
	if *n++; !on {
		*n = 0
	}
	return model.Ail{For: time.Duration(*n) * time.Second, Looks: *n}
}

// observe is the observation that box b would make, by the same rules.
func (w *world) observe(b *modelBox) model.Observation {
	o := model.Observation{State: b.state, Why: "the model says so", KeepalivedLives: b.state != model.VRRPNone, MoveOpen: b.moving,
		Boxes: map[netip.Addr]model.Ail{}, Instances: map[netip.AddrPort]model.Ail{}, MaxLag: 1 << 20, HeldFor: time.Hour,
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
		Leaderless: count(&b.leaderless, model.NobodyLeads(l, p)), Overruled: count(&b.overruled, model.Outranked(l, p)),
		Left:   count(&b.left, model.LeftBehind(b.state, b.state == model.VRRPMaster, l)),
		Pulled: b.mem.Pulled(b.addr.String(), b.state == model.VRRPMaster, l, p, now), Unheard: b.mem.Unheard(b.addr.String(), l)}}
	o.Boxes[p.Instance.Addr.Addr()] = count(&b.silent, p.State == model.Silent)
	o.Instances[p.Instance.Addr] = count(&b.ailing, !p.State.Serves())
	o.Alone = count(&b.apart, o.CutOff())
	heardFor := count(&b.heardFor, b.fenced && o.Heard())
	unansweredFor := count(&b.unansweredFor, b.fenced && !p.State.Alive() && (o.Heard() || !b.alone))
	fencedFor := count(&b.fencedFor, b.fenced)
	if b.fenced {
		o.Fence = &model.FenceView{For: fencedFor.For, Stopped: b.fenceStopped, HeardFor: heardFor.For, HoldOff: o.Times.HoldOff, UnansweredFor: unansweredFor.For}
	} else if orphan := count(&b.orphan, b.stopped && !b.dead && !b.moving); orphan.Looks > 3 {
		o.Orphans = []model.Instance{model.At(b.addr)}
	}
	return o
}

// tick is one run on box b, which is killed before its nth change; negative: it is not.
func (w *world) tick(b *modelBox, kill int) model.Plan {
	if b.down {
		return model.Plan{}
	}
	if b.dead && !b.fenced {
		b.dead, b.role, b.stopped = false, b.conf, false // revived
	}
	w.sync()
	o := w.observe(b)
	plan := decide.Decide(o)
	w.log = append(w.log, fmt.Sprintf("%s %s (killed before change %d): %s", b.addr, b.state, kill, plan.Sentence))
	w.apply(b, o, plan, func() bool { kill--; return kill == -1 })
	w.sync()
	return plan
}

// apply does what apply does. Each call of killed is a point at which the run may end.
func (w *world) apply(b *modelBox, o model.Observation, plan model.Plan, killed func() bool) {
	peer := w.other(b)
	reached := w.sees(b) && !peer.dead
	term := func(x *modelBox) uint64 {
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
			delete(b.mem.Pulls, b.addr.String())
			b.stopped = b.fenced
			b.rewrite()
		case model.Release, model.Claim:
			if b.role == model.Master && !b.stopped {
				b.released = s.Do == model.Release
			}
		case model.Move:
			if !w.move(b, peer, reached, term, killed) {
				return
			}
		case model.UndoMove:
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

func (w *world) move(b, peer *modelBox, reached bool, term func(*modelBox) uint64, killed func() bool) bool {
	if b.moving = true; killed() {
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
func (b *modelBox) rewrite() {
	if !b.stopped && !b.readOnly {
		b.conf = b.role
	}
}

func (w *world) undo(b, peer *modelBox, reached bool) {
	if b.moving = false; !reached {
		return
	}
	if b.role == model.Master && !b.dead && peer.role == model.Master {
		peer.role = model.Replica
	}
	peer.stopped = peer.fenced
}

// event is one thing that happens.
func (w *world) event(t *rapid.T) {
	b := w.boxes[rapid.IntRange(0, 1).Draw(t, "box")]
	what := rapid.SampledFrom([]string{"tick", "tick", "tick", "tick", "tick killed", "write", "write", "vip", "vip", "state", "kill server", "power", "reboot", "cut", "heal", "alone", "file"}).Draw(t, "event")
	w.log = append(w.log, fmt.Sprintf("%s %s", b.addr, what))
	switch what {
	case "tick":
		w.tick(b, -1)
	case "tick killed":
		w.tick(b, rapid.IntRange(0, 5).Draw(t, "killed before change"))
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

// boot turns a box on that was off, with what is durable.
func (w *world) boot(b *modelBox) {
	if !b.down {
		return
	}
	*b = modelBox{addr: b.addr, state: model.VRRPBackup, role: b.conf, conf: b.conf, term: b.term, released: b.released, offset: b.offset, alone: b.alone, dead: b.fenced, readOnly: b.readOnly,
		heldLast: b.heldLast, moving: b.moving, fenced: b.fenced, fenceStopped: b.fenced}
}

// TestAnyOrderOfEventsIsMended: whatever happens, in whatever order, and wherever runs are killed: nothing is promoted but by
// the box that is MASTER, and once both boxes are well the ticks come to one master, where the VIP is, with a linked replica.
func TestAnyOrderOfEventsIsMended(t *testing.T) {
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
		for _, b := range w.boxes {
			b.alone = false
			w.boot(b)
			b.state = model.VRRPBackup
		}
		home := w.boxes[rapid.IntRange(0, 1).Draw(t, "VIP in the end")]
		home.state = model.VRRPMaster
		for range 20 {
			for _, b := range w.boxes {
				if p := w.tick(b, -1); b.state != model.VRRPMaster && fixture.Promotes(p) {
					t.Fatalf("%s promotes on %s: %s", b.addr, b.state, p.Sentence)
				}
			}
		}
		away := w.other(home)
		if home.role != model.Master || !w.link(away) || home.stopped || away.fenced || home.fenced || home.moving || away.moving || away.stopped {
			t.Errorf("not mended: VIP %+v, other %+v", *home, *away)
		}
		if p := w.tick(home, -1); len(p.Steps) > 0 {
			t.Errorf("never at rest: %s", p.Sentence)
		}
	})
}

// While both boxes hold the VIP the master stays where it was pulled to, and it comes back at once when that box has lost the VIP.
func TestHoldEndsWhenTheOtherBoxHasLeft(t *testing.T) {
	w := newWorld()
	a, b := w.boxes[0], w.boxes[1]
	round := func() {
		w.tick(a, -1)
		w.tick(b, -1)
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

// A mark that is left on the data of two boxes that both hold the VIP moves the master once at most.
func TestStaleMarkMovesNothingToAndFro(t *testing.T) {
	w := newWorld()
	a, b := w.boxes[0], w.boxes[1]
	b.state = model.VRRPMaster
	for range 3 {
		w.tick(a, -1)
		w.tick(b, -1)
	}
	b.released = true
	moves := 0
	for range 25 { // two looks each, less than pulledFor
		for _, x := range w.boxes {
			for _, s := range w.tick(x, -1).Steps {
				if s.Do == model.Move {
					moves++
				}
			}
		}
	}
	if moves > 1 {
		t.Errorf("%d moves\n%s", moves, strings.Join(w.log, "\n"))
	}
}
