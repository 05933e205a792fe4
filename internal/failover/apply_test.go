package failover

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/redistest"
	"keepalived-redis/internal/state"
)

// reconciler drives the given servers as the instances of this box.
func reconciler(t *testing.T, locals ...*redistest.Server) *Reconciler {
	t.Helper()
	log := zerolog.New(zerolog.NewTestWriter(t))
	cfg := &config.Config{RunDir: t.TempDir(), StateDir: t.TempDir(), Policy: model.PolicyFollow, MaxLag: 1 << 20,
		Times: model.Times{Deadline: 900 * time.Millisecond, Settle: time.Second, Dial: 50 * time.Millisecond, HoldOff: 3 * time.Second}}
	for _, s := range locals {
		cfg.Instances = append(cfg.Instances, config.Instance{Addr: s.Addr, Port: s.Addr.Port(), Conf: s.Conf})
	}
	r := &Reconciler{Config: cfg, Log: &log}
	r.begin()
	return r
}

// looks gives an observation with these servers here and those elsewhere.
func looks(locals, peers []*redistest.Server) model.Observation {
	o := model.Observation{BumpGoal: 0}
	for _, s := range locals {
		o.Locals = append(o.Locals, s.Look())
	}
	for _, s := range peers {
		o.Peers = append(o.Peers, s.Look())
	}
	return o
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestTakeoverBumpAndMoveOnARealCluster(t *testing.T) {
	c := redistest.Cluster(t, 3)
	masters, replicas := c[:3], c[3:]
	r := reconciler(t, replicas...)
	for _, s := range masters[:2] {
		s.Kill()
	}
	o := looks(replicas, masters)
	plan := model.Plan{Steps: []model.Step{{Do: model.Takeover, Instance: model.At(replicas[0].Addr)}, {Do: model.Takeover, Instance: model.At(replicas[1].Addr)}}}
	if err := r.apply(within(t, 5*time.Second), o, plan); err != nil {
		t.Fatal(err)
	}
	for _, s := range replicas[:2] {
		if l := s.Look(); l.Role() != model.Master {
			t.Errorf("%s is %s", s.Addr, l.Role())
		}
	}
	if r.memory.BumpGoal < bumpMargin {
		t.Fatalf("no goal for the config epochs: %d", r.memory.BumpGoal)
	}
	goal := r.memory.BumpGoal
	redistest.Await(t, "the config epochs reach their goal", func() bool {
		o = looks(replicas, nil)
		o.BumpGoal = goal
		if err := r.apply(within(t, 5*time.Second), o, model.Plan{Steps: []model.Step{{Do: model.Bump}}}); err != nil {
			t.Fatal(err)
		}
		return r.memory.BumpGoal == 0
	})
	for _, s := range replicas[:2] {
		if self, _ := s.Look().Self(); self.Epoch < goal {
			t.Errorf("%s has epoch %d, wanted %d", s.Addr, self.Epoch, goal)
		}
	}
	// The third master lives: it is moved, and then takes no writes any more.
	o = looks(replicas, masters[2:])
	move := model.Plan{Steps: []model.Step{{Do: model.Move, Instance: model.At(replicas[2].Addr), From: model.At(masters[2].Addr)}}}
	if err := r.apply(within(t, 5*time.Second), o, move); err != nil {
		t.Fatal(err)
	}
	if replicas[2].Look().Role() != model.Master || masters[2].Look().Role() != model.Replica {
		t.Error("the move did not change the roles")
	}
	if r.store.load(r.store.durable, moveFile, &moveRecord{}) {
		t.Error("the undo of a finished move is still on record")
	}
}

// A plan that was carried out, and is carried out once more by a run that saw the same, changes nothing and is no failure.
func TestAPlanTwiceEqualsOnce(t *testing.T) {
	c := redistest.Cluster(t, 3)
	r := reconciler(t, c[3:]...)
	c[0].Kill()
	redistest.Await(t, "the replica is close", func() bool { return c[4].Look().Info.Offset >= c[1].Look().Info.Offset })
	o := looks(c[3:], c[:3])
	plan := model.Plan{Steps: []model.Step{{Do: model.Takeover, Instance: model.At(c[3].Addr)}, {Do: model.Move, Instance: model.At(c[4].Addr), From: model.At(c[1].Addr)}}}
	var epochs [2]uint64
	for i := range epochs {
		if err := r.apply(within(t, 5*time.Second), o, plan); err != nil {
			t.Errorf("time %d: %v", i+1, err)
		}
		if c[3].Look().Role() != model.Master || c[4].Look().Role() != model.Master || c[1].Look().Role() != model.Replica {
			t.Errorf("time %d: the roles are not as planned", i+1)
		}
		self, _ := c[4].Look().Self()
		epochs[i] = self.Epoch
	}
	if epochs[0] != epochs[1] || r.memory.MoveFailures != 0 {
		t.Errorf("epochs %v, %d failures", epochs, r.memory.MoveFailures)
	}
}

func TestHandOver(t *testing.T) {
	c := redistest.Cluster(t, 3)
	master, replica := c[0], c[3]
	r := reconciler(t, master)
	redistest.Await(t, "the replica is close", func() bool { i := replica.Look().Info; return i.LinkUp && i.Offset >= master.Look().Info.Offset })
	to, err := r.HandOver(within(t, 10*time.Second), model.At(master.Addr))
	if err != nil || to != model.At(replica.Addr) {
		t.Fatalf("handed over to %s, %v", to, err)
	}
	if a, b := master.Look().Role(), replica.Look().Role(); a != model.Replica || b != model.Master {
		t.Errorf("roles %s and %s", a, b)
	}
	// A replica has nothing to hand over, and a master without replicas nobody.
	if to, err := r.HandOver(within(t, 10*time.Second), model.At(master.Addr)); err != nil || to.Known() {
		t.Errorf("a replica was handed over to %s, %v", to, err)
	}
	master.Kill()
	r = reconciler(t, replica)
	if _, err := r.HandOver(within(t, 10*time.Second), model.At(replica.Addr)); !errors.Is(err, ErrNoReplica) {
		t.Errorf("without a replica: %v", err)
	}
}

func TestHandOverAll(t *testing.T) {
	c := redistest.Cluster(t, 3)
	r := reconciler(t, c[:3]...)
	for n := range 3 {
		redistest.Await(t, "the replica is close", func() bool { return c[n+3].Look().Info.Offset >= c[n].Look().Info.Offset })
	}
	o := looks(c[:3], c[3:])
	if err := r.HandOverAll(within(t, moveRoom), o.Locals); err != nil || c[0].Look().Role() != model.Master {
		t.Errorf("without the time for it: %v", err)
	}
	if err := r.HandOverAll(within(t, 10*time.Second), o.Locals); err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		if a, b := c[n].Look().Role(), c[n+3].Look().Role(); a != model.Replica || b != model.Master {
			t.Errorf("roles %s and %s", a, b)
		}
	}
	// The looks are old: there is nothing left to hand over.
	if err := r.HandOverAll(within(t, 10*time.Second), o.Locals); err != nil {
		t.Error(err)
	}
}

func TestForceNeedsAndGetsAVote(t *testing.T) {
	c := redistest.Cluster(t, 3)
	r := reconciler(t, c[3:]...)
	c[0].Kill()
	if err := r.apply(within(t, 5*time.Second), looks(c[3:], c[1:3]), model.Plan{Steps: []model.Step{{Do: model.Force, Instance: model.At(c[3].Addr)}}}); err != nil {
		t.Fatal(err)
	}
	if c[3].Look().Role() != model.Master {
		t.Error("the replica was not elected")
	}
}

// One cause makes one failure: the moves behind a failed one wait for the next plan.
func TestAFailedMoveStopsTheOthers(t *testing.T) {
	c := redistest.Cluster(t, 3)
	r := reconciler(t, c[3:]...)
	o := looks(c[3:], c[:3])
	moves := model.Plan{Steps: []model.Step{{Do: model.Move, Instance: model.At(c[3].Addr), From: model.At(c[0].Addr)}, {Do: model.Move, Instance: model.At(c[4].Addr), From: model.At(c[1].Addr)}}}
	c[3].Do(t, "acl", "setuser", "default", "-cluster")
	if err := r.apply(within(t, 5*time.Second), o, moves); err == nil || r.memory.MoveFailures != 1 {
		t.Errorf("begun and undone: %d failures: %v", r.memory.MoveFailures, err)
	}
	c[0].Kill()
	// One that was not begun holds back no other try.
	if err := r.apply(within(t, 5*time.Second), o, moves); err == nil || r.memory.MoveFailures != 1 {
		t.Errorf("not begun: %d failures: %v", r.memory.MoveFailures, err)
	}
	if c[4].Look().Role() != model.Replica {
		t.Error("the second move was made all the same")
	}
	if r.store.load(r.store.durable, moveFile, &moveRecord{}) {
		t.Error("the undo is still on record although the old master is gone")
	}
}

func TestAMoverThatDiesIsUndone(t *testing.T) {
	s := redistest.Start(t)
	r := reconciler(t, s)
	for _, m := range []moveRecord{{From: model.At(s.Addr), Pause: true}, {From: model.At(s.Addr), Value: "0"}} {
		c := r.conn(model.At(s.Addr))
		if _, err := stopWrites(within(t, time.Second), c, m); err != nil {
			t.Fatal(err)
		}
		c.Close()
		r.store.save(r.store.durable, moveFile, m)
		if err := r.apply(within(t, time.Second), model.Observation{}, model.Plan{Steps: []model.Step{{Do: model.UndoMove}}}); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		s.Do(t, "set", "k", "v")
		if took := time.Since(begun); took > pauseFor/2 {
			t.Errorf("a write still waited %s", took)
		}
	}
}

func TestFenceRefusesWritesAndGivesThemBack(t *testing.T) {
	s := redistest.Start(t)
	s.Do(t, "config", "set", "min-slaves-max-lag", "7")
	r := reconciler(t, s)
	o := looks([]*redistest.Server{s}, nil)
	for range 2 { // twice equals once
		if err := r.apply(within(t, time.Second), o, model.Plan{Steps: []model.Step{{Do: model.Fence}}}); err != nil {
			t.Fatal(err)
		}
	}
	c := r.conn(model.At(s.Addr))
	defer c.Close()
	if _, err := c.Do(within(t, time.Second), "set", "k", "v"); err == nil {
		t.Fatal("a fenced instance took a write")
	}
	if r.seeFence(&o, state.Now()) == nil {
		t.Fatal("the fence is not on record")
	}
	lift := model.Plan{Steps: []model.Step{{Do: model.Restore, Instance: model.At(s.Addr)}, {Do: model.LiftDone}}}
	if err := r.apply(within(t, time.Second), o, lift); err != nil {
		t.Fatal(err)
	}
	s.Do(t, "set", "k", "v")
	if r.seeFence(&o, state.Now()) != nil {
		t.Error("the fence is still on record")
	}
	if next := nextFence(fenceRecord{Count: 1, Lifted: ptr(state.Now())}); next.holdOff(3*time.Second) != 6*time.Second {
		t.Errorf("the second fence in a row has the hold-off %s", next.holdOff(3*time.Second))
	}
}

func ptr[T any](v T) *T { return &v }

func TestDamagedStateIsSetAsideAndSaid(t *testing.T) {
	r := reconciler(t)
	r.memory = nil
	if err := r.store.run.StoreBytes(memoryFile, []byte("{garbage")); err != nil {
		t.Fatal(err)
	}
	r.begin()
	if r.memory == nil || len(r.memory.Boxes) != 0 {
		t.Error("a damaged memory was used")
	}
	var again memory
	if found, err := r.store.run.Load(memoryFile, &again); found || err != nil {
		t.Errorf("the damaged file is still there: %v, %v", found, err)
	}
}

func TestWitnessAnswersOnLoopback(t *testing.T) {
	ctx := within(t, time.Second)
	for _, a := range []string{"127.0.0.1", "::1", "::ffff:127.0.0.1"} {
		survey, answered := redis.NewSurvey(ctx), false
		ask(ctx, survey, netip.MustParseAddr(a), witnessTimeout, &answered)
		if survey.Run(); !answered {
			t.Errorf("%s does not answer as a witness", a)
		}
	}
}

// Whoever may not ask by ICMP dials: a refusal is an answer, silence is none.
func TestWitnessIsDialled(t *testing.T) {
	ctx := within(t, time.Second)
	for a, want := range map[string]bool{"127.0.0.1": true, "::1": true, "255.255.255.255": false} {
		survey, answered := redis.NewSurvey(ctx), false
		if q, err := dial(netip.AddrPortFrom(netip.MustParseAddr(a), 80), &answered); err == nil {
			q.End = time.Now().Add(witnessTimeout)
			survey.Ask(q)
		}
		if survey.Run(); answered != want {
			t.Errorf("%s: answered is %v, want %v", a, answered, want)
		}
	}
}

// asked is what the witnesses of r say.
func asked(t *testing.T, r *Reconciler) model.Witness {
	ctx := within(t, time.Second)
	survey := redis.NewSurvey(ctx)
	heard := r.askWitness(ctx, survey, nil, nil)
	survey.Run()
	return heard()
}

// A box that loses its carrier may lose its routes as well. It must still find out that it is cut off.
func TestTheWitnessOutlivesTheRoute(t *testing.T) {
	old := gateway
	t.Cleanup(func() { gateway = old })
	gateway = func() (netip.Addr, bool) { return netip.Addr{}, false }
	r := reconciler(t)
	if w := asked(t, r); w.Counts || w.Name != "" {
		t.Errorf("without a route and a past there is a witness: %+v", w)
	}
	// Nothing can be sent to this address.
	r.store.save(r.store.durable, witnessFile, map[string]bool{"255.255.255.255": true, "not an address": true})
	if w := asked(t, r); !w.Counts || w.Answers || w.Name != "255.255.255.255" {
		t.Errorf("got %+v", w)
	}
}

// A link that broke since the look: the move is not begun, costs the writers nothing, and is tried again by the next tick.
func TestMoveIsNotBegunWithoutALink(t *testing.T) {
	c := redistest.Cluster(t, 3)
	r := reconciler(t, c[3:]...)
	o := looks(c[3:], c[:3])
	breakLink(t, c[0], c[3])
	before := stops(t, c[0])
	err := r.apply(within(t, 5*time.Second), o, model.Plan{Steps: []model.Step{{Do: model.Move, Instance: model.At(c[3].Addr), From: model.At(c[0].Addr)}}})
	if err == nil || r.memory.MoveFailures != 0 || !strings.Contains(err.Error(), "not linked to it any more") {
		t.Errorf("%d failures: %v", r.memory.MoveFailures, err)
	}
	if after := stops(t, c[0]); after != before {
		t.Errorf("writes were stopped: %s, before: %s", after, before)
	}
	if c[0].Look().Role() != model.Master || c[3].Look().Role() != model.Replica {
		t.Error("the roles have changed")
	}
	if r.store.load(r.store.durable, moveFile, &moveRecord{}) {
		t.Error("an undo is on record")
	}
}

// breakLink makes a master refuse its replica from now on.
func breakLink(t *testing.T, master, replica *redistest.Server) {
	t.Helper()
	replica.Do(t, "config", "set", "masterauth", "wrong")
	replica.Do(t, "config", "set", "masteruser", "nobody")
	master.Do(t, "client", "kill", "type", "slave")
	redistest.Await(t, "the link is down", func() bool { l := replica.Look(); return l.Info != nil && !l.Info.LinkUp })
}

// stops counts how often writes were stopped on a server.
func stops(t *testing.T, s *redistest.Server) string {
	t.Helper()
	var calls []string
	for _, line := range strings.Split(s.Do(t, "info", "commandstats"), "\n") {
		if name, rest, _ := strings.Cut(line, ":"); strings.Contains(name, "pause") || strings.Contains(name, "config|set") {
			calls = append(calls, name+" "+strings.Split(rest, ",")[0])
		}
	}
	return strings.Join(calls, " ")
}
