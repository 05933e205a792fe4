package observe

import (
	"net/netip"
	"testing"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/testing/fixture"
	"keepalived-redis/internal/testing/nettest"
	"keepalived-redis/internal/testing/redistest"
	"keepalived-redis/internal/testing/sessiontest"
)

// TestAbleInTwoLooks: what was seen once, or is not known now, is not able.
func TestAbleInTwoLooks(t *testing.T) {
	r := observer(t)
	now := state.Stamp{Boot: "this", Mono: time.Hour}
	peer := netip.MustParseAddr("192.168.9.70")
	see := func(o model.Observation) model.Observation {
		r.seeAble(&o, now)
		r.Store.Keep(r.Memory)
		r.Memory = r.Store.LoadMemory() // the next run
		return o
	}
	if o := see(fixture.Cluster()); o.SeenAble || o.Able[peer] != 0 {
		t.Errorf("the first look: %v, %d able", o.SeenAble, o.Able[peer])
	}
	if o := see(fixture.Cluster()); !o.SeenAble || o.Able[peer] != 3 {
		t.Errorf("the second look: %v, %d able", o.SeenAble, o.Able[peer])
	}
	silent := fixture.Cluster()
	fixture.PeersAre(&silent, model.Silent, model.Stretch{})
	if o := see(silent); o.Able[peer] != 0 {
		t.Errorf("silent: %d able", o.Able[peer])
	}
	if o := see(fixture.Cluster()); o.Able[peer] != 0 {
		t.Errorf("back for one look: %d able", o.Able[peer])
	}
	now.Boot = "next"
	if o := see(fixture.Cluster()); o.SeenAble {
		t.Error("what was seen before a reboot counts")
	}
}

// TestAble: every state of an instance on another host.
func TestAble(t *testing.T) {
	replica := func(change func(*model.Info)) model.Look {
		i := &model.Info{Role: model.Replica, Master: fixture.Master7003, LinkUp: true, Offset: 500}
		change(i)
		return model.Look{State: model.Up, Info: i}
	}
	masterDead := func(o *model.Observation) {
		o.Locals[0].State, o.Locals[0].Info = model.Refused, nil
	}
	asItIs := func(*model.Observation) {}
	for name, c := range map[string]struct {
		peer   model.Look
		change func(*model.Observation)
		want   bool
	}{
		"a master":                         {model.Look{State: model.Up, Info: &model.Info{Role: model.Master}}, asItIs, true},
		"a master that cannot write":       {model.Look{State: model.Misconf, Info: &model.Info{Role: model.Master}}, asItIs, false},
		"a linked replica":                 {replica(func(*model.Info) {}), asItIs, true},
		"a replica whose link is down":     {replica(func(i *model.Info) { i.LinkUp = false }), asItIs, false},
		"the same, and its master is dead": {replica(func(i *model.Info) { i.LinkUp = false }), masterDead, true},
		"a replica in a sync":              {replica(func(i *model.Info) { i.LinkUp, i.Syncing = false, true }), masterDead, false},
		"a replica without data":           {replica(func(i *model.Info) { i.LinkUp, i.Offset = false, 0 }), masterDead, false},
		"it loads":                         {model.Look{State: model.Loading, Info: &model.Info{Role: model.Master, Loading: true}}, asItIs, false},
		"it refuses":                       {model.Look{State: model.Refused}, asItIs, false},
		"it closes the connection":         {model.Look{State: model.Dropped}, asItIs, false},
		"it answers garbage":               {model.Look{State: model.NotRedis}, asItIs, false},
		"it stalls":                        {model.Look{State: model.Stalled}, asItIs, false},
		"it refuses our password":          {model.Look{State: model.WrongPassword}, asItIs, false},
	} {
		o := fixture.Cluster()
		c.change(&o)
		if got := ableToServe(&o, c.peer); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestSeeAbleTwice: the first run of a boot looks once more, at real servers.
func TestSeeAbleTwice(t *testing.T) {
	s := redistest.Start(t)
	r := observer(t)
	o := model.Observation{Peers: []model.Look{s.Look()}}
	r.seeAble(&o, state.Now())
	if r.SeeAbleTwice(sessiontest.Within(t, time.Second), &o); !o.SeenAble || o.Able[s.Addr.Addr()] != 1 {
		t.Errorf("seen %v, able %v", o.SeenAble, o.Able)
	}
}

// TestTakesAbandonedVIP: only where another host could serve more, after 3 s in which the VIP answers nowhere, and not for ever.
func TestTakesAbandonedVIP(t *testing.T) {
	nettest.Run(t, takesAbandonedVIP)
}

func takesAbandonedVIP(t *testing.T) {
	nettest.Neighbours(t)
	r := observer(t)
	nowhere := model.Observation{VIPs: []netip.Addr{netip.MustParseAddr("10.9.0.2")}} // nobody answers for that
	here := model.Observation{VIPs: nowhere.VIPs, VIPHere: true}
	elsewhere := model.Observation{VIPs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}}
	takes := func(o model.Observation, worse bool) bool {
		t.Helper()
		return r.TakesAbandoned(sessiontest.Within(t, time.Second), &o, worse)
	}
	age := func(d time.Duration) {
		if s, ok := r.Memory.Stretches[session.Topic{Kind: session.VIPNowhere}]; ok {
			s.Since.Mono -= d
			r.Memory.Stretches[session.Topic{Kind: session.VIPNowhere}] = s
		}
		if took := r.Memory.TookVIP; took != nil {
			took.Mono -= d
		}
	}
	if takes(nowhere, true) {
		t.Fatal("at the first look")
	}
	age(2 * time.Second)
	if takes(nowhere, true) {
		t.Fatal("before 3 s")
	}
	if takes(nowhere, false) || r.Memory.Stretches[session.Topic{Kind: session.VIPNowhere}].Looks != 0 {
		t.Fatal("all is well, and yet")
	}
	takes(nowhere, true)
	age(3 * time.Second)
	if takes(elsewhere, true) {
		t.Fatal("it answers elsewhere")
	}
	takes(nowhere, true)
	age(3 * time.Second)
	for _, at := range []model.Observation{nowhere, nowhere, here} {
		if !takes(at, true) {
			t.Fatal("it is not taken, or not kept")
		}
	}
	age(11 * time.Minute)
	if takes(here, true) {
		t.Error("kept for ever")
	}
	takes(nowhere, true)
	age(3 * time.Second)
	if !takes(nowhere, true) {
		t.Fatal("not taken again")
	}
	if takes(elsewhere, true) || r.Memory.TookVIP != nil {
		t.Error("the better host has it, and this one stays healthy")
	}
	nettest.DropOutput(t)
	takes(nowhere, true)
	age(3 * time.Second)
	if takes(nowhere, true) {
		t.Error("it could not be asked, and is taken")
	}
}

// observer looks at the given servers as the instances of this host.
func observer(t *testing.T, locals ...*redistest.Server) *Observer {
	t.Helper()
	return &Observer{Session: sessiontest.New(t, locals...)}
}
