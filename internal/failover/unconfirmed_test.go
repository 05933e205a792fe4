package failover

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/redistest"
	"keepalived-redis/internal/state"
)

// master is the only local master of pair().
var master7003 = addr("192.168.9.71:7003")

// booted is pair() as a box sees it that has just booted: its master has run for so long.
func booted(peers redis.State, uptime time.Duration) Observation {
	o := pair()
	o.Times.ColdStartWait = time.Minute
	o.peersAre(peers, Ail{})
	o.Locals[0].Info.Uptime = uptime
	return o
}

// looker lets one run after the other see a box at the times that it is told.
type looker struct {
	r   *Reconciler
	now state.Stamp
}

func newLooker(t *testing.T) *looker {
	return &looker{r: reconciler(t), now: state.Stamp{Boot: "this", Mono: time.Hour, Wall: noon}}
}

// noon is the wall clock of every look.
var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

func (l *looker) see(after time.Duration, o Observation) Observation {
	l.now.Mono += after
	o.Unconfirmed, o.Confirmed = nil, nil
	l.r.seeUnconfirmed(&o, l.now)
	return o
}

// refuses: the plan refuses writes on the local master.
func refuses(o Observation) bool {
	return slices.Contains(Decide(o).Steps, Step{Do: Refuse, Instance: redis.At(master7003)})
}

func TestMasterThatBootsWaitsForAWord(t *testing.T) {
	l := newLooker(t)
	alone := booted(redis.Silent, time.Second)
	if o := l.see(0, alone); !refuses(o) {
		t.Fatalf("alone after a boot: %s", Decide(o).Sentence)
	}
	if !l.r.memory.guarded(redis.At(master7003)) {
		t.Error("the next run would take its refusal for a stray one")
	}
	if o := l.see(59*time.Second, alone); !refuses(o) {
		t.Errorf("before cold_start_wait is over: %s", Decide(o).Sentence)
	}
	o := l.see(time.Second, alone)
	if p := Decide(o); refuses(o) || !slices.Contains(p.Steps, Step{Do: Restore, Instance: redis.At(master7003)}) {
		t.Errorf("cold_start_wait is over: %s", p.Sentence)
	}
	// And that is that, until it starts anew.
	l.r.memory.Guarded = ""
	if o := l.see(time.Hour, booted(redis.Silent, time.Hour)); refuses(o) || len(o.Confirmed) > 0 {
		t.Errorf("an hour later: %s", Decide(o).Sentence)
	}
	dead := booted(redis.Silent, 0)
	dead.Locals[0].State, dead.Locals[0].Info, dead.Locals[0].Nodes = redis.Refused, nil, nil
	l.see(time.Second, dead)
	if o := l.see(time.Second, booted(redis.Silent, 0)); !refuses(o) {
		t.Errorf("it was started once more: %s", Decide(o).Sentence)
	}
}

func TestWhoIsConfirmed(t *testing.T) {
	disagree := func(o *Observation) {
		for i := range o.Peers {
			o.Peers[i].Nodes[3].Role, o.Peers[i].Nodes[3].MasterID, o.Peers[i].Nodes[3].Slots = redis.Replica, "a2", nil
		}
	}
	hideViews := func(o *Observation) {
		for i := range o.Peers {
			o.Peers[i].State, o.Peers[i].Nodes, o.Peers[i].Info = redis.WrongPassword, nil, nil
		}
	}
	answered := func(o *Observation, ago time.Duration) { o.Locals[0].Nodes[0].Answered = noon.Add(-ago) }
	peersRun := func(o *Observation, d time.Duration) {
		for i := range o.Peers {
			o.Peers[i].Info.Uptime = d
		}
	}
	for name, c := range map[string]struct {
		peers   redis.State
		uptime  time.Duration
		change  func(*Observation)
		refuses bool
	}{
		"a peer agrees":                               {redis.Up, time.Second, func(*Observation) {}, false},
		"a peer knows better":                         {redis.Up, time.Second, disagree, true},
		"its epoch is older than a peer knows":        {redis.Up, time.Second, func(o *Observation) { o.Locals[0].Nodes[3].Epoch = 2 }, true},
		"peers refuse":                                {redis.Refused, time.Second, func(*Observation) {}, true},
		"peers close the connection":                  {redis.Dropped, time.Second, func(*Observation) {}, true},
		"peers answer garbage":                        {redis.NotRedis, time.Second, func(*Observation) {}, true},
		"peers are silent":                            {redis.Silent, time.Second, func(*Observation) {}, true},
		"the only survivor":                           {redis.Silent, time.Second, func(o *Observation) { o.Cold.Survivor = true }, false},
		"a survivor without a witness":                {redis.Silent, time.Second, func(o *Observation) { o.Cold.Survivor, o.Witness.Answers = true, false }, true},
		"a survivor whose peer is back":               {redis.Refused, time.Second, func(o *Observation) { o.Cold.Survivor = true }, true},
		"peers keep their view, nobody on the bus":    {redis.Up, time.Second, hideViews, true},
		"peers keep their view, the bus is heard":     {redis.Up, 5 * time.Second, func(o *Observation) { hideViews(o); answered(o, time.Second) }, false},
		"they do, and it was heard before this start": {redis.Up, 5 * time.Second, func(o *Observation) { hideViews(o); answered(o, 5*time.Second) }, true},
		"one of them is loading, and may know better": {redis.Up, 5 * time.Second, func(o *Observation) {
			hideViews(o)
			answered(o, time.Second)
			o.Peers[2].State = redis.Loading
		}, true},
		"one of them is not there yet": {redis.Up, 5 * time.Second, func(o *Observation) {
			hideViews(o)
			answered(o, time.Second)
			o.Peers[2].State = redis.Refused
		}, true},
		"peers are loading, the bus is heard":           {redis.Loading, 5 * time.Second, func(o *Observation) { hideViews(o); o.peersAre(redis.Loading, Ail{}); answered(o, time.Second) }, true},
		"a peer agrees that has only just been started": {redis.Up, time.Second, func(o *Observation) { peersRun(o, time.Second) }, true},
		"it has run for long, seen for the first time":  {redis.Silent, time.Hour, func(*Observation) {}, false},
		"it leads nothing":                              {redis.Silent, time.Second, func(o *Observation) { o.Locals[0].Nodes[3].Slots = nil }, false},
		"a replica":                                     {redis.Silent, time.Second, func(o *Observation) { o.Locals[0].Info.Role = redis.Replica }, false},
		"no other box in the cluster":                   {redis.Silent, time.Second, func(o *Observation) { o.Peers = nil }, false},
		"a fence judges":                                {redis.Silent, time.Second, func(o *Observation) { o.Fence = &FenceView{} }, false},
	} {
		l := newLooker(t)
		o := booted(c.peers, c.uptime)
		c.change(&o)
		if o = l.see(0, o); (len(o.Unconfirmed) > 0) != c.refuses {
			t.Errorf("%s: unconfirmed %v", name, o.Unconfirmed)
		}
	}
}

// A server that was seen loading for longer than cold_start_wait has served nobody in that time.
func TestLoadingIsNotServing(t *testing.T) {
	l := newLooker(t)
	loading := booted(redis.Silent, 0)
	loading.Locals[0].State = redis.Loading
	l.see(0, loading)
	if o := l.see(2*time.Minute, booted(redis.Silent, 2*time.Minute)); !refuses(o) {
		t.Errorf("%s", Decide(o).Sentence)
	}
}

// A replica is in no doubt, so that its promotion while everybody is silent does not stop its writes.
func TestPromotedWhileAlone(t *testing.T) {
	l := newLooker(t)
	o := pair()
	l.see(0, o)
	o.peersAre(redis.Silent, Ail{})
	o.Locals[1].Info.Role = redis.Master
	o.Locals[1].Nodes[4].Role, o.Locals[1].Nodes[4].MasterID, o.Locals[1].Nodes[4].Slots = redis.Master, "", []redis.Slots{{First: 0, Last: 5460}}
	if o = l.see(time.Second, o); len(o.Unconfirmed) > 0 {
		t.Errorf("unconfirmed %v", o.Unconfirmed)
	}
}

// TestRefuseOnARealServer: the step bites, is given back as the configuration says, and is no stray refusal meanwhile.
func TestRefuseOnARealServer(t *testing.T) {
	s := redistest.Start(t)
	r := reconciler(t, s)
	r.memory.Guarded = r.memory.Guarded.with(s.Addr.String())
	o := Observation{Locals: []redis.Look{s.Look()}}
	do := func(v Verb) {
		t.Helper()
		if err := r.apply(within(t, time.Second), o, Plan{Steps: []Step{{Do: v, Instance: redis.At(s.Addr)}}}); err != nil {
			t.Fatal(err)
		}
	}
	do(Refuse)
	do(Refuse)
	if v, err := r.conn(redis.At(s.Addr)).MinReplicas(within(t, time.Second)); err != nil || v != redis.StopWrites {
		t.Errorf("min-slaves-to-write %s, %v", v, err)
	}
	do(Restore)
	s.Do(t, "set", "k", "v")
	if r.memory.guarded(redis.At(s.Addr)) {
		t.Error("it is still guarded")
	}
	if err := r.apply(within(t, time.Second), o, Plan{Steps: []Step{{Do: Refuse, Instance: redis.At(netip.MustParseAddrPort("127.0.0.1:1"))}}}); err == nil {
		t.Error("an instance of nobody: no error")
	}
}

// TestSurvivor: who has led alone for a moment is the survivor, also after a reboot, until a peer answers.
func TestSurvivor(t *testing.T) {
	r := reconciler(t)
	now := state.Stamp{Boot: "this", Mono: time.Hour}
	see := func(after time.Duration, o Observation) bool {
		t.Helper()
		now.Mono += after
		r.seeStanding(&o, true, now)
		r.seeUnconfirmed(&o, now)
		return o.Cold.Survivor
	}
	well := pair()
	well.Locals[0].Info.Uptime = time.Hour
	if see(0, well) || see(time.Second, well) {
		t.Error("a survivor beside living peers")
	}
	alone := pair()
	alone.peersAre(redis.Silent, Ail{})
	alone.Locals[0].Info.Uptime = time.Hour
	if see(time.Second, alone) {
		t.Error("a survivor at the first silent look")
	}
	if !see(time.Second, alone) {
		t.Error("no survivor after a second")
	}
	now.Boot, r.memory = "next", r.store.loadMemory()
	boots := booted(redis.Silent, time.Second)
	if !see(0, boots) {
		t.Error("the survivor does not know after its own reboot")
	}
	if see(time.Second, pair()) || see(time.Second, alone) {
		t.Error("a peer has answered, and it is the survivor all the same")
	}
}

// Who boots alone is no survivor while its masters are in doubt.
func TestStaleIsNoSurvivor(t *testing.T) {
	r := reconciler(t)
	now := state.Stamp{Boot: "this", Mono: time.Hour}
	for range 30 {
		o := booted(redis.Silent, 3*time.Second)
		now.Mono += time.Second
		r.seeStanding(&o, true, now)
		r.seeUnconfirmed(&o, now)
		if o.Cold.Survivor || len(o.Unconfirmed) != 1 {
			t.Fatalf("survivor %v, unconfirmed %v", o.Cold.Survivor, o.Unconfirmed)
		}
	}
}
