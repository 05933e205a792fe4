package observe

import (
	"fmt"
	"testing"
	"time"

	"keepalived-redis/internal/decide"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/reason"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/testing/fixture"
	"keepalived-redis/internal/testing/redistest"
)

// run is one run of the check on host B of the usual cluster: it sees o, after d, with what earlier runs left.
func (h *history) run(o model.Observation, d time.Duration, held bool) model.Observation {
	h.t.Helper()
	h.now.Mono += d
	h.now.Wall = h.now.Wall.Add(d)
	h.r.Memory = h.r.Store.LoadMemory()
	if held && h.r.Memory.HeldSince == nil {
		since := h.now
		h.r.Memory.HeldSince = &since
	}
	h.r.SeeDataAge(&o, held, h.now)
	h.r.Store.Keep(h.r.Memory)
	return o
}

// reboot is a new boot: what is volatile is gone.
func (h *history) reboot() {
	h.now = state.Stamp{Boot: h.now.Boot + "+", Wall: h.now.Wall}
	h.r.Store.Remove(h.r.Store.Run, session.MemoryFile)
}

// replica7004 is a local replica of fixture.Cluster.
var replica7004 = model.At(fixture.Addr("192.168.9.71:7004"))

type history struct {
	t   *testing.T
	r   *Observer
	now state.Stamp
}

func newHistory(t *testing.T) *history {
	r := observer(t)
	r.Config.Times.MaxStaleness, r.Config.Times.ColdStartWait = time.Minute, time.Minute
	return &history{t: t, r: r, now: state.Stamp{Boot: "first", Wall: time.Unix(1e9, 0)}}
}

// A host that was linked before its peer fell silent promotes; one that has just booted and never was waits, and then asks for a
// person.
func TestAColdReplicaIsNotPromoted(t *testing.T) {
	h := newHistory(t)
	h.run(fixture.Cluster(), 0, false)
	if p := decide.Decide(h.run(fixture.LostHost(), time.Second, true)); !fixture.Promotes(p) {
		t.Errorf("not promoted though it was linked: %s", reason.Lines(p.Clauses))
	}
	h = newHistory(t)
	if p := decide.Decide(h.run(fixture.LostHost(), 0, true)); fixture.Promotes(p) || !fixture.Says(p, model.NoPromotion, reason.WaitsForPeer, replica7004) {
		t.Errorf("a cold replica: %s", reason.Lines(p.Clauses))
	}
	if p := decide.Decide(h.run(fixture.LostHost(), time.Minute, true)); fixture.Promotes(p) || !fixture.Says(p, model.NoPromotion, reason.NeverLinked, replica7004) {
		t.Errorf("a cold replica after its wait: %s", reason.Lines(p.Clauses))
	}
	if p := decide.DecideForced(h.run(fixture.LostHost(), time.Second, true)); len(p.Steps) != 2 || p.Steps[0].Do != model.Takeover {
		t.Errorf("by force: %s", reason.Lines(p.Clauses))
	}
	// Its own server says that it was linked before.
	h = newHistory(t)
	o := fixture.LostHost()
	o.Locals[1].Info.WasLinked, o.Locals[2].Info.WasLinked = true, true
	if p := decide.Decide(h.run(o, 0, true)); !fixture.Promotes(p) {
		t.Errorf("not promoted though its link was lost: %s", reason.Lines(p.Clauses))
	}
}

// What a server reads from its disk at a start may be older than what it had, as after a save that failed. So one that died after it was linked, and
// was not linked again before its master was lost, is as cold as after a boot. (Found by a storm.)
func TestAReplicaThatWasRestartedIsCold(t *testing.T) {
	restarted := fixture.LostHost()
	restarted.Locals[1].Info.Uptime = 0
	dead := fixture.Cluster()
	dead.Locals[1].State, dead.Locals[1].Info, dead.Locals[1].Nodes = model.Refused, nil, nil
	for name, before := range map[string]model.Observation{"it was seen dead": dead, "it was not": restarted} {
		h := newHistory(t)
		h.run(fixture.Cluster(), 0, false)
		h.run(before, time.Second, false)
		p := decide.Decide(h.run(fixture.LostHost(), 3*time.Second, true))
		if !fixture.Says(p, model.NoPromotion, reason.WaitsForPeer, replica7004) || len(p.Steps) != 1 {
			t.Errorf("%s: %s", name, reason.Lines(p.Clauses))
		}
		h.run(fixture.Cluster(), time.Second, true)
		if p := decide.Decide(h.run(fixture.LostHost(), time.Second, true)); len(p.Steps) != 2 {
			t.Errorf("%s, and it was linked again: %s", name, reason.Lines(p.Clauses))
		}
	}
}

// After a reboot the host that held the VIP last promotes at once, also if it is cold.
func TestTheHostThatHeldTheVIPLastIsNotCold(t *testing.T) {
	h := newHistory(t)
	h.run(fixture.Cluster(), 0, true)
	h.reboot()
	if p := decide.Decide(h.run(fixture.LostHost(), 0, false)); !fixture.Promotes(p) {
		t.Errorf("not promoted: %s", reason.Lines(p.Clauses))
	}
	// It has heard of the other host, which holds the VIP now.
	h.run(fixture.Cluster(), time.Second, false)
	h.reboot()
	if p := decide.Decide(h.run(fixture.LostHost(), 0, true)); fixture.Promotes(p) {
		t.Errorf("promoted, though the VIP was elsewhere before the reboot: %s", reason.Lines(p.Clauses))
	}
	// A VIP that is given away by STOP is not held.
	h = newHistory(t)
	h.run(fixture.Cluster(), 0, true)
	h.r.Event = &model.Event{Name: "VI_1", State: model.VRRPStop}
	h.run(fixture.Cluster(), time.Second, true)
	h.r.Event = nil
	h.reboot()
	if p := decide.Decide(h.run(fixture.LostHost(), 0, true)); fixture.Promotes(p) {
		t.Errorf("promoted after a STOP: %s", reason.Lines(p.Clauses))
	}
}

// A replica whose master was seen alive for longer than max_staleness without a link is not promoted, also after a reboot; time
// in which nobody saw the master does not count.
func TestAStaleReplicaIsNotPromoted(t *testing.T) {
	behind := func() model.Observation {
		o := fixture.Cluster()
		o.Locals[1].Info.LinkUp = false
		return o
	}
	stale := func(o model.Observation) bool {
		return fixture.Says(decide.Decide(o), model.NoPromotion, reason.DataStale, replica7004)
	}
	h := newHistory(t)
	h.run(fixture.Cluster(), 0, false)
	for range 60 {
		h.run(behind(), time.Second, false)
	}
	if stale(h.run(fixture.LostHost(), time.Hour, true)) {
		t.Error("stale after 59 s, and an hour in which nobody saw the master")
	}
	for range 3 {
		h.run(behind(), time.Second, false)
	}
	h.reboot()
	o := h.run(fixture.LostHost(), 0, true)
	if !stale(o) {
		t.Errorf("not stale: %s", reason.Lines(decide.Decide(o).Clauses))
	}
	if p := decide.DecideForced(o); len(p.Steps) == 0 || p.Steps[0].Do != model.Takeover {
		t.Errorf("by force: %s", reason.Lines(p.Clauses))
	}
	h.run(fixture.Cluster(), time.Second, false)
	if stale(h.run(fixture.LostHost(), time.Second, true)) {
		t.Error("stale although it was linked meanwhile")
	}
}

// An instance that stands still, or is dead, falls behind as well: when it wakes it has the data of the time before.
func TestAnInstanceThatDoesNotAnswerGrowsStale(t *testing.T) {
	replica := func(o *model.Observation) {}
	// It led itself: the other host has its slots, and its line has no master.
	led := func(o *model.Observation) {
		for _, looks := range [][]model.Look{o.Locals, o.Peers} {
			for i := range looks {
				for k, n := range looks[i].Nodes {
					switch n.ID {
					case "a0":
						looks[i].Nodes[k].Role = model.Master
					case "b4":
						looks[i].Nodes[k].Role, looks[i].Nodes[k].MasterID = model.Master, ""
					}
				}
			}
		}
	}
	unserved := func(o *model.Observation) {
		led(o)
		for i := range o.Locals {
			o.Locals[i].Nodes[1].Slots = nil
		}
		for i := range o.Peers {
			o.Peers[i].Nodes[1].Slots = nil
		}
	}
	owner := func(o *model.Observation) {
		led(o)
		for _, looks := range [][]model.Look{o.Locals, o.Peers} {
			for i := range looks {
				looks[i].Nodes[4].Slots, looks[i].Nodes[0].Slots = looks[i].Nodes[0].Slots, nil
			}
		}
	}
	masterGone := func(o *model.Observation) {
		o.Peers[0].State, o.Peers[0].Info, o.Peers[0].Nodes = model.Refused, nil, nil
	}
	for name, test := range map[string]struct {
		state  model.State
		change func(*model.Observation)
		stale  bool
	}{
		"a replica that hangs":              {model.Stalled, replica, true},
		"a dead replica":                    {model.Refused, replica, true},
		"one that led, and others lead now": {model.Stalled, led, true},
		"its master is dead as well":        {model.Stalled, masterGone, false},
		"nobody has its slots":              {model.Stalled, unserved, false},
		"it leads":                          {model.Stalled, owner, false},
		"nobody looked":                     {model.Unseen, replica, false},
		"it asks for a password":            {model.NoAuth, replica, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t)
			h.run(fixture.Cluster(), 0, false)
			for range 63 {
				o := fixture.Cluster()
				test.change(&o)
				o.Locals[1].State, o.Locals[1].Info, o.Locals[1].Nodes = test.state, nil, nil
				h.run(o, time.Second, false)
			}
			o := h.run(fixture.LostHost(), time.Second, true)
			if got := o.DataAge[o.Locals[1].Instance].Stale > o.Times.MaxStaleness; got != test.stale {
				t.Errorf("%+v: %s", o.DataAge, reason.Lines(decide.Decide(o).Clauses))
			}
			// One that wakes and does not know yet that it leads no more is not whole for that.
			woken := fixture.Cluster()
			test.change(&woken)
			woken.Locals[1].Info.Role = model.Master
			for k, n := range woken.Locals[1].Nodes {
				if n.ID == "b4" {
					woken.Locals[1].Nodes[k].Role, woken.Locals[1].Nodes[k].Slots = model.Master, []model.Slots{{First: 0, Last: 5460}}
				}
			}
			h.run(woken, time.Second, false)
			o = h.run(fixture.LostHost(), time.Second, true)
			if got := o.DataAge[o.Locals[1].Instance].Stale > o.Times.MaxStaleness; got != test.stale {
				t.Errorf("after it woke: %+v", o.DataAge)
			}
		})
	}
}

// A check of a quiet host reads and writes no file for the age of its data.
func TestAQuietHostKeepsItsDataAgeWithoutAFile(t *testing.T) {
	for _, held := range []bool{true, false} {
		h := newHistory(t)
		h.run(fixture.Cluster(), 0, held)
		lineagePath := h.r.Store.Durable.Path(session.LineageFile)
		if err := h.r.Store.Durable.StoreBytes(session.LineageFile, []byte("garbage")); err != nil { // whoever reads it sets it aside
			t.Fatal(err)
		}
		before := h.r.Store.LoadMemory()
		h.run(fixture.Cluster(), time.Second, held)
		if session.Text(before) != session.Text(h.r.Memory) {
			t.Errorf("held %v: the memory changes from look to look: %s, %s", held, session.Text(before), session.Text(h.r.Memory))
		}
		if found, err := h.r.Store.Durable.Load(session.LineageFile, &session.Lineage{}); found || err == nil {
			t.Errorf("held %v: %s was read or written", held, lineagePath)
		}
	}
}

// A master that is taken away from us while the VIP is here ends the following, for a minute or until the VIP has left.
func TestBothHostsActAsMaster(t *testing.T) {
	ours := func() model.Observation { // 7004 has been switched over to this host
		o := fixture.Cluster()
		nodes := append(model.Nodes(nil), o.Locals[1].Nodes...)
		nodes[0].Role, nodes[0].MasterID, nodes[0].Slots = model.Replica, "b4", nil
		nodes[4].Role, nodes[4].MasterID, nodes[4].Slots = model.Master, "", []model.Slots{{First: 0, Last: 5460}}
		o.Locals[1].Nodes, o.Locals[1].Info.Role = nodes, model.Master
		o.Peers[0].Info.Role = model.Replica
		return o
	}
	takenAway := func(o model.Observation) bool {
		return fixture.Says(decide.Decide(o), model.NoSwitchover, reason.BothHoldVIP)
	}
	h := newHistory(t)
	h.run(ours(), 0, true)
	for _, d := range []time.Duration{time.Second, 58 * time.Second} {
		if o := h.run(fixture.Cluster(), d, true); !takenAway(o) || fixture.Promotes(decide.Decide(o)) {
			t.Errorf("taken away: %s", reason.Lines(decide.Decide(o).Clauses))
		}
	}
	if o := h.run(fixture.Cluster(), 2*time.Second, true); takenAway(o) || !fixture.Promotes(decide.Decide(o)) {
		t.Errorf("a minute later: %s", reason.Lines(decide.Decide(o).Clauses))
	}
	// A lost master is promoted all the same.
	h.run(ours(), time.Second, true)
	h.run(fixture.Cluster(), time.Second, true)
	if o := h.run(fixture.LostHost(), time.Second, true); !fixture.Promotes(decide.Decide(o)) {
		t.Errorf("lost: %s", reason.Lines(decide.Decide(o).Clauses))
	}
	// The VIP was away for a look.
	h.run(ours(), time.Second, true)
	h.run(fixture.Cluster(), time.Second, true)
	h.run(fixture.Cluster(), time.Second, false)
	if o := h.run(fixture.Cluster(), time.Second, true); takenAway(o) {
		t.Errorf("after the VIP was away: %s", reason.Lines(decide.Decide(o).Clauses))
	}
	// It followed the VIP, as it should.
	h.run(ours(), time.Second, true)
	h.run(ours(), time.Second, false)
	if o := h.run(fixture.Cluster(), time.Second, true); takenAway(o) {
		t.Errorf("it was switched over while the VIP was away: %s", reason.Lines(decide.Decide(o).Clauses))
	}
}

// The words that a real server uses for a link that was never up, and for one that was.
func TestARealServerTellsWhetherItWasLinked(t *testing.T) {
	master := redistest.Start(t)
	replica := redistest.Start(t, fmt.Sprintf("replicaof 127.0.0.1 %d", master.Addr.Port()))
	redistest.Await(t, "the link is up", func() bool { return replica.Look().Info.LinkUp })
	master.Kill()
	redistest.Await(t, "the link is lost", func() bool { i := replica.Look().Info; return !i.LinkUp && i.WasLinked })
	replica.Kill()
	replica.Run(t)
	redistest.Await(t, "the link was never up", func() bool { i := replica.Look().Info; return i.Role == model.Replica && !i.LinkUp && !i.WasLinked })
}
