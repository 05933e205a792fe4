package failover

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/redistest"
	"keepalived-redis/internal/service"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/vrrp"
)

// fencedPair is pair() behind a fence of some time ago.
func fencedPair(stopped bool, heard, unanswered time.Duration, peers redis.State) Observation {
	o := pair()
	o.peersAre(peers, Ail{For: time.Hour, Looks: 99})
	o.Fence = &FenceView{For: time.Minute, Stopped: stopped, HoldOff: 3 * time.Second, HeardFor: heard, UnansweredFor: unanswered}
	if stopped {
		for i := range o.Locals {
			o.Locals[i].State, o.Locals[i].Info, o.Locals[i].Nodes = redis.Refused, nil, nil
		}
	}
	return o
}

// TestFenceLiftsInTwoSteps: any answer of the other box for the hold-off lets what was stopped start; only a word of a Redis there, or
// cold_start_wait, gives writes back.
func TestFenceLiftsInTwoSteps(t *testing.T) {
	const s = time.Second
	for name, c := range map[string]struct {
		o             Observation
		starts, gives bool
	}{
		"stopped, the other refuses":                       {fencedPair(true, 3*s, 3*s, redis.Refused), true, false},
		"stopped, the other closes the connection":         {fencedPair(true, 3*s, 3*s, redis.Dropped), true, false},
		"stopped, the other answers garbage":               {fencedPair(true, 3*s, 3*s, redis.NotRedis), true, false},
		"stopped, the other stalls":                        {fencedPair(true, 3*s, 3*s, redis.Stalled), true, false},
		"stopped, not for the hold-off":                    {fencedPair(true, 2*s, 2*s, redis.Refused), false, false},
		"stopped, the other is silent, the witness is not": {fencedPair(true, 0, 59*s, redis.Silent), false, false},
		"the same for cold_start_wait":                     {fencedPair(true, 0, 60*s, redis.Silent), true, false},
		"started, the other refuses":                       {fencedPair(false, 9*s, 9*s, redis.Refused), false, false},
		"started, the other refuses for cold_start_wait":   {fencedPair(false, 60*s, 60*s, redis.Refused), false, true},
		"started, the other answers and agrees":            {fencedPair(false, 9*s, 0, redis.Up), false, true},
		"alone for cold_start_wait":                        {fencedPair(false, 0, 60*s, redis.Silent), false, true},
	} {
		p := Decide(c.o)
		starts := slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Do == LiftStart })
		gives := slices.Contains(p.Steps, Step{Do: Restore, Instance: redis.At(master7003)})
		if starts != c.starts || gives != c.gives {
			t.Errorf("%s: starts %v, gives writes back %v: %s", name, starts, gives, p.Sentence)
		}
	}
}

// A box whose ports are all silent has answered by itself: the network is whole, and this box is not cut off.
func TestBoxThatAnswersByItself(t *testing.T) {
	o := fencedPair(true, 3*time.Second, 3*time.Second, redis.Silent)
	o.Witness.Answers = false
	o.Alone = Ail{For: time.Minute, Looks: 9}
	if o.Answers = map[netip.Addr]bool{o.Peers[0].Instance.Addr.Addr(): true}; o.peersSilent() || o.cutOff() {
		t.Error("it counts as silent")
	}
	o.Alone = Ail{}
	if p := Decide(o); !slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Do == LiftStart }) {
		t.Errorf("it starts nothing: %s", p.Sentence)
	}
	// Nor is its master lost: the queue of its port may be full.
	lost := pair()
	lost.Hook, lost.HeldFor, lost.Times.BusyGrace = true, time.Hour, 5*time.Second
	lost.peersAre(redis.Silent, Ail{For: time.Second, Looks: 9})
	lost.Answers = o.Answers
	if p := Decide(lost); promotes(p) || !strings.Contains(p.Sentence, "waiting for it") {
		t.Errorf("promotes: %s", p.Sentence)
	}
}

// A master that a serving peer outranks follows it in FAULT as well, in two looks.
func TestOutrankedFollowsInFault(t *testing.T) {
	var seen int
	plainPairs(func(key string, o Observation) {
		if o.State != vrrp.Fault || o.Fence != nil || o.Maintenance.Word != "" || o.cutOff() || o.Isolated() || !o.KeepalivedLives || o.MoveOpen || len(o.Orphans) > 0 {
			return
		}
		l := o.Locals[0]
		a := o.Pairs[l.Instance].Overruled
		want := o.replication() && overruled(&o, l) && a.Looks >= 2 && a.For >= minLookGap && o.watched(l) == ""
		got := slices.ContainsFunc(Decide(o).Steps, func(s Step) bool { return s.Do == Follow })
		if got != want {
			t.Errorf("%s: follows %v: %s", key, got, Decide(o).Sentence)
		}
		if got {
			seen++
		}
	})
	if seen == 0 {
		t.Error("no such case")
	}
}

// TestFaultPromotesOnceAllIsLost: only with the witness, and in two looks.
func TestFaultPromotesOnceAllIsLost(t *testing.T) {
	two := Ail{For: time.Second, Looks: 2}
	for name, c := range map[string]struct {
		peers   redis.State
		ail     Ail
		witness bool
		want    bool
	}{
		"the other box lives":      {redis.Up, Ail{}, true, false},
		"it refuses":               {redis.Refused, two, true, false},
		"it is silent":             {redis.Silent, two, true, true},
		"it is silent in one look": {redis.Silent, Ail{Looks: 1}, true, false},
		"so is the witness":        {redis.Silent, two, false, false},
		"nobody could look":        {redis.Unseen, two, true, false},
		"it stalls":                {redis.Stalled, two, true, false},
	} {
		o := pair()
		o.State, o.Hook = "FAULT", true
		o.peersAre(c.peers, c.ail)
		o.Witness.Answers = c.witness
		if p := Decide(o); promotes(p) != c.want {
			t.Errorf("%s: %s", name, p.Sentence)
		}
	}
}

// One instance that never starts again holds back the end of the fence for a while, and then only itself.
func TestFenceLiftsWithoutTheDead(t *testing.T) {
	for name, c := range map[string]struct {
		heard time.Duration
		lifts bool
	}{
		"a moment after the hold-off": {4 * time.Second, false},
		"long after the hold-off":     {13 * time.Second, true},
	} {
		o := fencedPair(false, c.heard, 0, redis.Up)
		o.Locals[1].State, o.Locals[1].Info, o.Locals[1].Nodes = redis.Refused, nil, nil
		p := Decide(o)
		if lifts := slices.Contains(p.Steps, Step{Do: LiftDone}); lifts != c.lifts {
			t.Errorf("%s: lifts %v: %s", name, lifts, p.Sentence)
		}
		if tries := slices.Contains(p.Steps, Step{Do: LiftStart}); tries == c.lifts {
			t.Errorf("%s: tries to start it %v: %s", name, tries, p.Sentence)
		}
		if !slices.Contains(p.Steps, Step{Do: Restore, Instance: redis.At(master7003)}) {
			t.Errorf("%s: the others wait for it: %s", name, p.Sentence)
		}
	}
}

// startsAllBut starts every instance but one.
type startsAllBut struct {
	service.Manager
	broken uint16
	mu     sync.Mutex
	began  []uint16
}

func (m *startsAllBut) Start(_ context.Context, in config.Instance) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.began = append(m.began, in.Port)
	if in.Port == m.broken {
		return errors.New("it does not start")
	}
	return nil
}

// Each start is tried, one that fails is an error, and the record says that nothing is stopped any more; what answers is left alone.
func TestLiftStartsWhatIsStopped(t *testing.T) {
	up := redistest.Start(t)
	r := reconciler(t, up)
	m := &startsAllBut{broken: redistest.FreePort(t)}
	r.Service = m
	dead := netip.AddrPortFrom(up.Addr.Addr(), m.broken)
	r.Config.Instances = append(r.Config.Instances, config.Instance{Addr: dead, Port: m.broken})
	r.store.save(r.store.durable, fenceFile, fenceRecord{Since: state.Now(), Stopped: true, Count: 1})
	o := Observation{Locals: []redis.Look{up.Look(), {Instance: redis.Instance{Addr: dead}, State: redis.Refused}}}
	if err := r.liftStart(within(t, 5*time.Second), o); err == nil || !strings.Contains(err.Error(), "it does not start") {
		t.Errorf("error %v", err)
	}
	if !slices.Equal(m.began, []uint16{m.broken}) {
		t.Errorf("started %v", m.began)
	}
	var f fenceRecord
	if r.store.load(r.store.durable, fenceFile, &f); f.Stopped {
		t.Error("the record still says stopped")
	}
}

// A replica that was cut off from its master is not promoted because that one refuses connections: its own fence may have stopped it, with what it
// acknowledged meanwhile. Once the master says what it has, or has been waited for, the usual rules hold.
func TestSeveredReplicaWaits(t *testing.T) {
	r := reconciler(t)
	o := pair()
	o.peersAre(redis.Refused, Ail{For: time.Hour, Looks: 9})
	if err := r.fence(within(t, time.Second), Observation{Locals: []redis.Look{{Instance: o.Locals[1].Instance, State: redis.Refused}}}, redis.Instance{}); err != nil {
		t.Fatal(err)
	}
	see := func(lifted time.Duration) Observation {
		at := state.Now()
		at.Mono -= lifted
		r.store.save(r.store.durable, fenceFile, fenceRecord{Since: at, Lifted: &at, Count: 1})
		seen := o
		r.Config.Times.ColdStartWait = time.Minute
		seen.Fence = r.seeFence(&seen, state.Now())
		return seen
	}
	waits := func(o Observation) bool { return !strings.Contains(Decide(o).Sentence, "promote 192.168.9.71:7004 by") }
	if p := see(time.Second); !waits(p) {
		t.Errorf("just after the fence: %s", Decide(p).Sentence)
	}
	if p := see(61 * time.Second); waits(p) {
		t.Errorf("after cold_start_wait: %s", Decide(p).Sentence)
	}
	linked := pair()
	r.seeStanding(&linked, true, state.Now())
	if p := see(time.Second); waits(p) {
		t.Errorf("linked since: %s", Decide(p).Sentence)
	}
}

// TestSocketsAreTwoInstances: instances behind unix sockets have no address, and each is known by its name.
func TestSocketsAreTwoInstances(t *testing.T) {
	o := pair()
	for i := range o.Locals {
		o.Locals[i].Instance = redis.Instance{Socket: fmt.Sprintf("/run/redis/%d.sock", i)}
	}
	o.Unconfirmed = []redis.Instance{o.Locals[1].Instance}
	if p := Decide(o); !slices.Contains(p.Steps, Step{Do: Refuse, Instance: redis.Instance{Socket: "/run/redis/1.sock"}}) || strings.Contains(p.Sentence, "invalid") {
		t.Errorf("%v: %s", p.Steps, p.Sentence)
	}
	r := reconciler(t)
	r.Config.Instances = []config.Instance{{Socket: "/run/redis/0.sock"}, {Socket: "/run/redis/1.sock"}}
	for i, in := range r.Config.Instances {
		if got := r.target(redis.TargetOf(in).Instance); got.Socket != in.Socket {
			t.Errorf("instance %d is asked at %q", i, got.Socket)
		}
	}
}

// TestRefuseOnTheSecondSocket: on real servers behind unix sockets, a step reaches the instance that it names.
func TestRefuseOnTheSecondSocket(t *testing.T) {
	sockets := []string{filepath.Join(t.TempDir(), "a.sock"), filepath.Join(t.TempDir(), "b.sock")}
	servers := []*redistest.Server{redistest.Start(t, "unixsocket "+sockets[0]), redistest.Start(t, "unixsocket "+sockets[1])}
	r := reconciler(t, servers...)
	for i, path := range sockets {
		r.Config.Instances[i].Socket, r.Config.Instances[i].Addr = path, netip.AddrPort{}
	}
	refused := func() (all [2]bool) {
		for i, s := range servers {
			all[i] = strings.Contains(s.Do(t, "config", "get", "min-slaves-to-write"), redis.StopWrites)
		}
		return all
	}
	second := redis.TargetOf(r.Config.Instances[1]).Instance
	if err := r.refuse(within(t, time.Second), second); err != nil || refused() != [2]bool{false, true} {
		t.Errorf("%v, writes are refused: %v", err, refused())
	}
	if err := r.restore(within(t, time.Second), second); err != nil || refused() != [2]bool{} {
		t.Errorf("%v, writes are refused: %v", err, refused())
	}
}
