package observe

import (
	"slices"
	"testing"
	"time"

	"keepalived-redis/internal/decide"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/reason"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/testing/fixture"
)

// watcher lets one check run after the other look at a host, each in a process of its own.
type watcher struct{ *looker }

func newWatcher(t *testing.T) watcher {
	w := watcher{newLooker(t)}
	for range 3 {
		w.run(time.Second, fixture.Cluster())
	}
	return w
}

// run is a check run some time after the last one.
func (w watcher) run(after time.Duration, o model.Observation) model.Observation {
	w.r.Memory = nil
	w.r.Begin()
	return w.look(after, o)
}

func (w watcher) look(after time.Duration, o model.Observation) model.Observation {
	w.now.Mono += after
	w.now.Wall = w.now.Wall.Add(after)
	o.Times.ColdStartWait = time.Minute
	w.r.seeGap(&o, w.now)
	w.r.SeeDataAge(&o, true, w.now)
	w.r.seeUnconfirmed(&o, w.now)
	w.r.Store.Keep(w.r.Memory)
	return o
}

// with is the usual cluster with its peers in that state.
func with(peers model.State) model.Observation {
	o := fixture.Cluster()
	fixture.PeersAre(&o, peers, model.Stretch{})
	return o
}

func TestHostThatStoodStillWaitsForAWord(t *testing.T) {
	for name, c := range map[string]struct {
		after   time.Duration
		o       model.Observation
		refuses bool
	}{
		"it did not, and a peer is silent": {time.Second, with(model.Silent), false},
		"it was a little late":             {3800 * time.Millisecond, with(model.Silent), false},
		"it stood still, peers agree":      {5 * time.Second, fixture.Cluster(), false},
		"it stood still, they are silent":  {5 * time.Second, with(model.Silent), true},
		"it stood still, they refuse":      {5 * time.Second, with(model.Refused), true},
	} {
		w := newWatcher(t)
		if o := w.run(c.after, c.o); refuses(o) != c.refuses {
			t.Errorf("%s: %s", name, reason.Lines(decide.Decide(o).Clauses))
		}
	}
	w := newWatcher(t)
	if o := w.run(5*time.Second, with(model.Silent)); !fixture.Says(decide.Decide(o), model.Refuse, reason.StoodStill) {
		t.Errorf("%s", reason.Lines(decide.Decide(o).Clauses))
	}
	for range 58 {
		if o := w.run(time.Second, with(model.Silent)); !refuses(o) || o.Cold.Survivor {
			t.Fatalf("it waits no longer: survivor %v, %s", o.Cold.Survivor, reason.Lines(decide.Decide(o).Clauses))
		}
	}
	if o := w.run(time.Second, fixture.Cluster()); refuses(o) || len(o.Confirmed) != 1 || o.Gap != 0 {
		t.Errorf("a peer agrees: gap %s, %s", o.Gap, reason.Lines(decide.Decide(o).Clauses))
	}
	if o := w.run(time.Second, with(model.Silent)); refuses(o) {
		t.Errorf("a peer has agreed: %s", reason.Lines(decide.Decide(o).Clauses))
	}
}

func TestStandstillEndsTheWaitOfABoot(t *testing.T) {
	w := newWatcher(t)
	w.run(5*time.Second, with(model.Silent))
	if o := w.run(time.Hour, with(model.Silent)); !refuses(o) {
		t.Error("time in which nobody looked counts")
	}
}

// The only survivor goes on: its peers were silent, and the witness answered, before and after.
func TestSurvivorThatStoodStillGoesOn(t *testing.T) {
	for name, c := range map[string]struct {
		after   func(*model.Observation)
		refuses bool
	}{
		"as before":                  {func(*model.Observation) {}, false},
		"its witness is silent":      {func(o *model.Observation) { o.Witness.Answers = false }, true},
		"a peer's host is back":      {func(o *model.Observation) { *o = with(model.Refused) }, true},
		"a peer is back, and agrees": {func(o *model.Observation) { *o = fixture.Cluster() }, false},
	} {
		w := newWatcher(t)
		for range 3 {
			w.run(time.Second, with(model.Silent))
		}
		o := with(model.Silent)
		c.after(&o)
		if o = w.run(time.Minute, o); len(o.Unconfirmed) > 0 != c.refuses {
			t.Errorf("%s: unconfirmed %v", name, o.Unconfirmed)
		}
	}
}

// What peers said before the standstill says nothing of what they have done since.
func TestLookThatStoodStill(t *testing.T) {
	w := newWatcher(t)
	w.r.Memory = nil
	w.r.Begin()
	w.r.begun = time.Now().Add(-5 * time.Second)
	if o := w.look(5*time.Second, fixture.Cluster()); !refuses(o) {
		t.Errorf("%s", reason.Lines(decide.Decide(o).Clauses))
	}
	lost := with(model.Silent)
	lost.Hook = true
	w.now.Mono -= 100 * time.Millisecond
	if o := w.look(100*time.Millisecond, lost); fixture.Promotes(decide.Decide(o)) {
		t.Errorf("a silence of before the standstill: %s", reason.Lines(decide.Decide(o).Clauses))
	}
	w.r.begun = time.Now()
	if o := w.look(100*time.Millisecond, fixture.Cluster()); refuses(o) {
		t.Errorf("the next look: %s", reason.Lines(decide.Decide(o).Clauses))
	}
}

// An answer on the bus counts from the end of the standstill on.
func TestBusAfterAStandstill(t *testing.T) {
	hidden := func(w watcher, ago time.Duration) model.Observation {
		o := fixture.Cluster()
		for i := range o.Peers {
			o.Peers[i].State, o.Peers[i].Nodes, o.Peers[i].Info = model.WrongPassword, nil, nil
		}
		o.Locals[0].Nodes[0].Answered = w.now.Wall.Add(-ago)
		return o
	}
	w := newWatcher(t)
	w.now.Wall = w.now.Wall.Add(time.Second)
	if o := w.run(5*time.Second, hidden(w, 0)); !refuses(o) {
		t.Error("an answer of before the standstill counts")
	}
	w.now.Wall = w.now.Wall.Add(time.Second)
	if o := w.run(time.Second, hidden(w, 0)); refuses(o) {
		t.Errorf("an answer since then: %s", reason.Lines(decide.Decide(o).Clauses))
	}
}

// keepalived's own word that somebody else was master counts as a standstill, once in a run, and also where no check run has come late.
func TestAnotherMasterWasHeard(t *testing.T) {
	w := newWatcher(t)
	w.r.Event = &model.Event{State: model.VRRPMaster, Rival: true}
	if o := w.run(time.Second, fixture.Cluster()); refuses(o) {
		t.Errorf("peers agree: %s", reason.Lines(decide.Decide(o).Clauses))
	}
	if o := w.look(100*time.Millisecond, with(model.Silent)); refuses(o) {
		t.Errorf("the same run, and they have agreed: %s", reason.Lines(decide.Decide(o).Clauses))
	}
	w.r.rivalSeen = false
	if o := w.run(time.Second, with(model.Refused)); !refuses(o) {
		t.Error("nobody agrees, and writes are taken")
	}
	// A check run that comes next goes on from there.
	w.r.Event = nil
	if o := w.run(time.Second, with(model.Refused)); !refuses(o) {
		t.Error("the next check run takes writes")
	}
}

// A pair is no different.
func TestPairThatStoodStill(t *testing.T) {
	p := newPairLooker(t)
	see := func(after time.Duration) model.Observation {
		p.now.Mono += after
		own := pairInfo(pairOwn, model.Master, 5)
		o := fixture.Cluster()
		o.Times.ColdStartWait = time.Minute
		o.Locals, o.Peers = []model.Look{own}, []model.Look{p.peer}
		p.r.seeGap(&o, p.now)
		p.r.seePairs(&o, true, p.now)
		p.r.seeUnconfirmed(&o, p.now)
		p.r.Store.Keep(p.r.Memory)
		return o
	}
	see(time.Second)
	see(time.Second)
	p.peer = pairInfo(pairPeer, model.Master, 6)
	o := see(5 * time.Second)
	if !refusesPair(o) || slices.ContainsFunc(decide.Decide(o).Steps, func(s model.Step) bool { return s.Do == model.Follow }) {
		t.Errorf("%s", reason.Lines(decide.Decide(o).Clauses))
	}
}

// The time of a look is kept in one write: what cannot be read is as if nobody had looked.
func TestMarkOfALook(t *testing.T) {
	r := observer(t)
	now := state.Stamp{Boot: "this boot", Mono: 1234567 * time.Second}
	if _, ok := r.Store.LastLook(); ok {
		t.Error("somebody has looked")
	}
	for range 2 {
		r.Store.MarkLater(now)
		r.Store.Keep(r.Memory)
		if got, ok := r.Store.LastLook(); !ok || got.Boot != now.Boot || got.Mono != now.Mono {
			t.Errorf("%+v, %v", got, ok)
		}
		now.Boot, now.Mono = "b", 5*time.Second
	}
}
