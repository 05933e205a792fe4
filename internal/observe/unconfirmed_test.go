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
	"keepalived-redis/internal/testing/redistest"
	"keepalived-redis/internal/vrrp"
)

// booted is pair() as a host sees it that has just booted: its master has run for so long.
func booted(peers model.State, uptime time.Duration) model.Observation {
	o := fixture.Cluster()
	o.Times.ColdStartWait = time.Minute
	fixture.PeersAre(&o, peers, model.Stretch{})
	o.Locals[0].Info.Uptime = uptime
	return o
}

// looker lets one run after the other see a host at the times that it is told.
type looker struct {
	r   *Observer
	now state.Stamp
}

func newLooker(t *testing.T, locals ...*redistest.Server) *looker {
	return &looker{r: observer(t, locals...), now: state.Stamp{Boot: "this", Mono: time.Hour, Wall: noon}}
}

// noon is the wall clock of every look.
var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

func (l *looker) see(after time.Duration, o model.Observation) model.Observation {
	l.now.Mono += after
	o.Unconfirmed, o.Confirmed = nil, nil
	l.r.seeUnconfirmed(&o, l.now)
	return o
}

// refuses: the plan refuses writes on the local master.
func refuses(o model.Observation) bool {
	return slices.Contains(decide.Decide(o).Steps, model.Step{Do: model.Refuse, Instance: model.At(fixture.Master7003)})
}

func TestMasterThatBootsWaitsForAWord(t *testing.T) {
	l := newLooker(t)
	alone := booted(model.Silent, time.Second)
	if o := l.see(0, alone); !refuses(o) {
		t.Fatalf("alone after a boot: %s", reason.Lines(decide.Decide(o).Clauses))
	}
	if !l.r.Memory.IsGuarded(model.At(fixture.Master7003)) {
		t.Error("the next run would take its refusal for a stray one")
	}
	if o := l.see(59*time.Second, alone); !refuses(o) {
		t.Errorf("before cold_start_wait is over: %s", reason.Lines(decide.Decide(o).Clauses))
	}
	o := l.see(time.Second, alone)
	if p := decide.Decide(o); refuses(o) || !slices.Contains(p.Steps, model.Step{Do: model.Restore, Instance: model.At(fixture.Master7003)}) {
		t.Errorf("cold_start_wait is over: %s", reason.Lines(p.Clauses))
	}
	// And that is that, until it starts again.
	l.r.Memory.Guarded = nil
	if o := l.see(time.Hour, booted(model.Silent, time.Hour)); refuses(o) || len(o.Confirmed) > 0 {
		t.Errorf("an hour later: %s", reason.Lines(decide.Decide(o).Clauses))
	}
	dead := booted(model.Silent, 0)
	dead.Locals[0].State, dead.Locals[0].Info, dead.Locals[0].Nodes = model.Refused, nil, nil
	l.see(time.Second, dead)
	if o := l.see(time.Second, booted(model.Silent, 0)); !refuses(o) {
		t.Errorf("it was started once more: %s", reason.Lines(decide.Decide(o).Clauses))
	}
}

func TestWhoIsConfirmed(t *testing.T) {
	disagree := func(o *model.Observation) {
		for i := range o.Peers {
			o.Peers[i].Nodes[3].Role, o.Peers[i].Nodes[3].MasterID, o.Peers[i].Nodes[3].Slots = model.Replica, "a2", nil
		}
	}
	hideViews := func(o *model.Observation) {
		for i := range o.Peers {
			o.Peers[i].State, o.Peers[i].Nodes, o.Peers[i].Info = model.WrongPassword, nil, nil
		}
	}
	answered := func(o *model.Observation, ago time.Duration) { o.Locals[0].Nodes[0].Answered = noon.Add(-ago) }
	peersRun := func(o *model.Observation, d time.Duration) {
		for i := range o.Peers {
			o.Peers[i].Info.Uptime = d
		}
	}
	for name, c := range map[string]struct {
		peers   model.State
		uptime  time.Duration
		change  func(*model.Observation)
		refuses bool
	}{
		"a peer agrees":                               {model.Up, time.Second, func(*model.Observation) {}, false},
		"a peer knows better":                         {model.Up, time.Second, disagree, true},
		"its epoch is older than a peer knows":        {model.Up, time.Second, func(o *model.Observation) { o.Locals[0].Nodes[3].Epoch = 2 }, true},
		"peers refuse":                                {model.Refused, time.Second, func(*model.Observation) {}, true},
		"peers close the connection":                  {model.Dropped, time.Second, func(*model.Observation) {}, true},
		"peers answer garbage":                        {model.NotRedis, time.Second, func(*model.Observation) {}, true},
		"peers are silent":                            {model.Silent, time.Second, func(*model.Observation) {}, true},
		"the only survivor":                           {model.Silent, time.Second, func(o *model.Observation) { o.Cold.Survivor = true }, false},
		"a survivor without a witness":                {model.Silent, time.Second, func(o *model.Observation) { o.Cold.Survivor, o.Witness.Answers = true, false }, true},
		"a survivor whose peer is back":               {model.Refused, time.Second, func(o *model.Observation) { o.Cold.Survivor = true }, true},
		"peers keep their view, nobody on the bus":    {model.Up, time.Second, hideViews, true},
		"peers keep their view, the bus is heard":     {model.Up, 5 * time.Second, func(o *model.Observation) { hideViews(o); answered(o, time.Second) }, false},
		"they do, and it was heard before this start": {model.Up, 5 * time.Second, func(o *model.Observation) { hideViews(o); answered(o, 5*time.Second) }, true},
		"one of them is loading, and may know better": {model.Up, 5 * time.Second, func(o *model.Observation) {
			hideViews(o)
			answered(o, time.Second)
			o.Peers[2].State = model.Loading
		}, true},
		"one of them is not there yet": {model.Up, 5 * time.Second, func(o *model.Observation) {
			hideViews(o)
			answered(o, time.Second)
			o.Peers[2].State = model.Refused
		}, true},
		"peers are loading, the bus is heard": {model.Loading, 5 * time.Second, func(o *model.Observation) {
			hideViews(o)
			fixture.PeersAre(o, model.Loading, model.Stretch{})
			answered(o, time.Second)
		}, true},
		"a peer agrees that has only just been started": {model.Up, time.Second, func(o *model.Observation) { peersRun(o, time.Second) }, true},
		"it has run for long, seen for the first time":  {model.Silent, time.Hour, func(*model.Observation) {}, true},
		"it leads nothing":             {model.Silent, time.Second, func(o *model.Observation) { o.Locals[0].Nodes[3].Slots = nil }, false},
		"a replica":                    {model.Silent, time.Second, func(o *model.Observation) { o.Locals[0].Info.Role = model.Replica }, false},
		"no other host in the cluster": {model.Silent, time.Second, func(o *model.Observation) { o.Peers = nil }, false},
		"a fence judges":               {model.Silent, time.Second, func(o *model.Observation) { o.Fence = &model.FenceView{} }, false},
	} {
		l := newLooker(t)
		o := booted(c.peers, c.uptime)
		c.change(&o)
		if o = l.see(0, o); (len(o.Unconfirmed) > 0) != c.refuses {
			t.Errorf("%s: unconfirmed %v", name, o.Unconfirmed)
		}
	}
}

// keepalived starts only when the server has loaded its data, as with a unit of Type=notify: an uptime says nothing of how long it has served. Where
// hooks have come in this boot for as long as anybody would wait, as after an upgrade, it says enough.
func TestUptimeIsNotServing(t *testing.T) {
	for name, c := range map[string]struct {
		told    state.Stamp
		uptime  time.Duration
		refuses bool
	}{
		"no hook has come yet":             {state.Stamp{}, 2 * time.Minute, true},
		"the first one has just come":      {state.Stamp{Boot: "this", Mono: time.Hour - time.Second}, 2 * time.Minute, true},
		"it came long ago":                 {state.Stamp{Boot: "this", Mono: time.Hour - time.Minute}, 2 * time.Minute, false},
		"it came long ago, before a boot":  {state.Stamp{Boot: "last", Mono: time.Hour - time.Minute}, 2 * time.Minute, true},
		"it came, and the server was dead": {state.Stamp{Boot: "this", Mono: time.Minute}, 59 * time.Second, true},
	} {
		l := newLooker(t)
		if c.told.Boot != "" {
			l.r.Store.Save(l.r.Store.Run, vrrp.RecordFile, vrrp.Record{At: c.told})
		}
		if got := refuses(l.see(0, booted(model.Silent, c.uptime))); got != c.refuses {
			t.Errorf("%s: refused %v", name, got)
		}
	}
}

// A server that was seen loading for longer than cold_start_wait has served nobody in that time.
func TestLoadingIsNotServing(t *testing.T) {
	l := newLooker(t)
	loading := booted(model.Silent, 0)
	loading.Locals[0].State = model.Loading
	l.see(0, loading)
	if o := l.see(2*time.Minute, booted(model.Silent, 2*time.Minute)); !refuses(o) {
		t.Errorf("%s", reason.Lines(decide.Decide(o).Clauses))
	}
}

// A replica is in no doubt, so that its promotion while everybody is silent does not stop its writes.
func TestPromotedWhileAlone(t *testing.T) {
	l := newLooker(t)
	o := fixture.Cluster()
	l.see(0, o)
	fixture.PeersAre(&o, model.Silent, model.Stretch{})
	o.Locals[1].Info.Role = model.Master
	o.Locals[1].Nodes[4].Role, o.Locals[1].Nodes[4].MasterID, o.Locals[1].Nodes[4].Slots = model.Master, "", []model.Slots{{First: 0, Last: 5460}}
	if o = l.see(time.Second, o); len(o.Unconfirmed) > 0 {
		t.Errorf("unconfirmed %v", o.Unconfirmed)
	}
}

// So it is with one that was started a moment ago: it is the server that was a replica. Another one that came up in its place is not.
func TestPromotedRightAfterItsStart(t *testing.T) {
	for id, refused := range map[string]bool{"one": false, "two": true, "": true} {
		l := newLooker(t)
		o := booted(model.Up, 0)
		o.Locals[0].Info.Role, o.Locals[0].Info.RunID = model.Replica, "one"
		l.see(0, o)
		o = booted(model.Silent, time.Second)
		o.Locals[0].Info.RunID = id
		if got := refuses(l.see(time.Second, o)); got != refused {
			t.Errorf("%q: refused %v", id, got)
		}
	}
}

// TestSurvivor: who has led alone for a moment is the survivor, also after a reboot, until a peer answers.
func TestSurvivor(t *testing.T) {
	r := observer(t)
	now := state.Stamp{Boot: "this", Mono: time.Hour}
	see := func(after time.Duration, o model.Observation) bool {
		t.Helper()
		now.Mono += after
		r.SeeDataAge(&o, true, now)
		r.Store.Keep(r.Memory)
		r.seeUnconfirmed(&o, now)
		r.Store.Keep(r.Memory)
		return o.Cold.Survivor
	}
	well := fixture.Cluster()
	well.Locals[0].Info.Uptime = time.Hour
	if see(0, well) || see(time.Second, well) {
		t.Error("a survivor beside living peers")
	}
	alone := fixture.Cluster()
	fixture.PeersAre(&alone, model.Silent, model.Stretch{})
	alone.Locals[0].Info.Uptime = time.Hour
	if see(time.Second, alone) {
		t.Error("a survivor at the first silent look")
	}
	if !see(time.Second, alone) {
		t.Error("no survivor after a second")
	}
	now.Boot, r.Memory = "next", r.Store.LoadMemory()
	boots := booted(model.Silent, time.Second)
	if !see(0, boots) {
		t.Error("the survivor does not know after its own reboot")
	}
	if see(time.Second, fixture.Cluster()) || see(time.Second, alone) {
		t.Error("a peer has answered, and it is the survivor all the same")
	}
}

// Who boots alone is no survivor while its masters are in doubt.
func TestStaleIsNoSurvivor(t *testing.T) {
	r := observer(t)
	now := state.Stamp{Boot: "this", Mono: time.Hour}
	for range 30 {
		o := booted(model.Silent, 3*time.Second)
		now.Mono += time.Second
		r.SeeDataAge(&o, true, now)
		r.Store.Keep(r.Memory)
		r.seeUnconfirmed(&o, now)
		r.Store.Keep(r.Memory)
		if o.Cold.Survivor || len(o.Unconfirmed) != 1 {
			t.Fatalf("survivor %v, unconfirmed %v", o.Cold.Survivor, o.Unconfirmed)
		}
	}
}
