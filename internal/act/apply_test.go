package act

import (
	"errors"
	"strings"
	"testing"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/testing/redistest"
	"keepalived-redis/internal/testing/sessiontest"
)

func TestTakeoverBumpAndSwitchoverOnARealCluster(t *testing.T) {
	t.Parallel()
	c := redistest.Cluster(t, 3)
	masters, replicas := c[:3], c[3:]
	r := actor(t, replicas...)
	for _, s := range masters[:2] {
		s.Kill()
	}
	o := sessiontest.Looks(replicas, masters)
	plan := model.Plan{Steps: []model.Step{{Do: model.Takeover, Instance: model.At(replicas[0].Addr)}, {Do: model.Takeover, Instance: model.At(replicas[1].Addr)}}}
	if err := r.Apply(sessiontest.Within(t, 5*time.Second), o, plan); err != nil {
		t.Fatal(err)
	}
	for _, s := range replicas[:2] {
		if l := s.Look(); l.Role() != model.Master {
			t.Errorf("%s is %s", s.Addr, l.Role())
		}
	}
	if r.Memory.BumpGoal < BumpMargin {
		t.Fatalf("no goal for the config epochs: %d", r.Memory.BumpGoal)
	}
	goal := r.Memory.BumpGoal
	redistest.Await(t, "the config epochs reach their goal", func() bool {
		o = sessiontest.Looks(replicas, nil)
		o.BumpGoal = goal
		if err := r.Apply(sessiontest.Within(t, 5*time.Second), o, model.Plan{Steps: []model.Step{{Do: model.Bump}}}); err != nil {
			t.Fatal(err)
		}
		redistest.Meet(t, replicas[:2]) // a node raises its epoch once it has heard of a higher one
		return r.Memory.BumpGoal == 0
	})
	for _, s := range replicas[:2] {
		if self, _ := s.Look().Self(); self.Epoch < goal {
			t.Errorf("%s has epoch %d, wanted %d", s.Addr, self.Epoch, goal)
		}
	}
	// The third master lives: it is switched over, and then takes no writes any more.
	o = sessiontest.Looks(replicas, masters[2:])
	switchover := model.Plan{Steps: []model.Step{{Do: model.Switchover, Instance: model.At(replicas[2].Addr), From: model.At(masters[2].Addr)}}}
	if err := r.Apply(sessiontest.Within(t, 5*time.Second), o, switchover); err != nil {
		t.Fatal(err)
	}
	if replicas[2].Look().Role() != model.Master || masters[2].Look().Role() != model.Replica {
		t.Error("the switchover did not change the roles")
	}
	if r.Store.Load(r.Store.Durable, session.SwitchoverFile, &session.Switchovers{}) {
		t.Error("the undo of a finished switchover is still on record")
	}
}

// A plan that was carried out, and is carried out once more by a run that saw the same, changes nothing and is no failure.
func TestAPlanTwiceEqualsOnce(t *testing.T) {
	t.Parallel()
	c := redistest.Cluster(t, 3)
	r := actor(t, c[3:]...)
	c[0].Kill()
	sessiontest.AwaitClose(t, c[4], c[1])
	o := sessiontest.Looks(c[3:], c[:3])
	plan := model.Plan{Steps: []model.Step{{Do: model.Takeover, Instance: model.At(c[3].Addr)}, {Do: model.Switchover, Instance: model.At(c[4].Addr), From: model.At(c[1].Addr)}}}
	var epochs [2]uint64
	for i := range epochs {
		if err := r.Apply(sessiontest.Within(t, 5*time.Second), o, plan); err != nil {
			t.Errorf("time %d: %v", i+1, err)
		}
		if c[3].Look().Role() != model.Master || c[4].Look().Role() != model.Master || c[1].Look().Role() != model.Replica {
			t.Errorf("time %d: the roles are not as planned", i+1)
		}
		self, _ := c[4].Look().Self()
		epochs[i] = self.Epoch
	}
	if epochs[0] != epochs[1] || r.Memory.SwitchoverFailures != 0 {
		t.Errorf("epochs %v, %d failures", epochs, r.Memory.SwitchoverFailures)
	}
}

func TestSwitchAway(t *testing.T) {
	t.Parallel()
	c := redistest.Cluster(t, 3)
	master, replica := c[0], c[3]
	r := actor(t, master)
	sessiontest.AwaitClose(t, replica, master)
	to, err := r.SwitchAway(sessiontest.Within(t, 10*time.Second), model.At(master.Addr))
	if err != nil || to != model.At(replica.Addr) {
		t.Fatalf("switched over to %s, %v", to, err)
	}
	if a, b := master.Look().Role(), replica.Look().Role(); a != model.Replica || b != model.Master {
		t.Errorf("roles %s and %s", a, b)
	}
	// A replica has nothing to switch over, and a master without replicas nobody.
	if to, err := r.SwitchAway(sessiontest.Within(t, 10*time.Second), model.At(master.Addr)); err != nil || to.Known() {
		t.Errorf("a replica was switched over to %s, %v", to, err)
	}
	master.Kill()
	r = actor(t, replica)
	if _, err := r.SwitchAway(sessiontest.Within(t, 10*time.Second), model.At(replica.Addr)); !errors.Is(err, ErrNoReplica) {
		t.Errorf("without a replica: %v", err)
	}
}

// TestClosestReplica: whom a node follows it says itself, for its master may not have heard of that yet; and what stands against one is said.
func TestClosestReplica(t *testing.T) {
	t.Parallel()
	c := redistest.Cluster(t, 3)
	master, replica := c[0], c[3]
	sessiontest.AwaitClose(t, replica, master)
	r := actor(t, master)
	me := master.Look()
	for i, n := range me.Nodes {
		if n.Addr == replica.Addr {
			me.Nodes[i].Role, me.Nodes[i].MasterID = model.Master, "" // as it was before it came
		}
	}
	if got, err := r.closest(sessiontest.Within(t, time.Second), me); err != nil || got.Instance != model.At(replica.Addr) {
		t.Errorf("%s, %v", got.Instance, err)
	}
	me.Info.Offset += 2 << 20
	if _, err := r.closest(sessiontest.Within(t, time.Second), me); !errors.Is(err, ErrNoReplica) || !strings.Contains(err.Error(), replica.Addr.String()+" is ") {
		t.Errorf("it is far behind: %v", err)
	}
	replica.Kill()
	if _, err := r.closest(sessiontest.Within(t, time.Second), me); !errors.Is(err, ErrNoReplica) || !strings.Contains(err.Error(), replica.Addr.String()+" refuses connections") {
		t.Errorf("it is dead: %v", err)
	}
}

func TestSwitchAwayAll(t *testing.T) {
	t.Parallel()
	c := redistest.Cluster(t, 3)
	r := actor(t, c[:3]...)
	for n := range 3 {
		sessiontest.AwaitClose(t, c[n+3], c[n])
	}
	o := sessiontest.Looks(c[:3], c[3:])
	if err := r.SwitchAwayAll(sessiontest.Within(t, switchoverRoom), o.Locals); err != nil || c[0].Look().Role() != model.Master {
		t.Errorf("without the time for it: %v", err)
	}
	if err := r.SwitchAwayAll(sessiontest.Within(t, 10*time.Second), o.Locals); err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		if a, b := c[n].Look().Role(), c[n+3].Look().Role(); a != model.Replica || b != model.Master {
			t.Errorf("roles %s and %s", a, b)
		}
	}
	// The looks are old: there is nothing left to switch over.
	if err := r.SwitchAwayAll(sessiontest.Within(t, 10*time.Second), o.Locals); err != nil {
		t.Error(err)
	}
}

// A switchover that has no time is none: who waits for it to stop the master must know. A check run says and counts nothing.
func TestSwitchoverWithoutTheTime(t *testing.T) {
	c := redistest.Cluster(t, 3)
	r := actor(t, c[0])
	sessiontest.AwaitClose(t, c[3], c[0])
	short := switchoverRoom - 50*time.Millisecond
	if _, err := r.SwitchAway(sessiontest.Within(t, short), model.At(c[0].Addr)); err == nil || !strings.Contains(err.Error(), "too little time") {
		t.Errorf("away: %v", err)
	}
	if err := r.Apply(sessiontest.Within(t, short), sessiontest.Looks(c[3:], c[:3]), model.Plan{Steps: []model.Step{
		{Do: model.Switchover, Instance: model.At(c[3].Addr), From: model.At(c[0].Addr)}}}); err != nil || r.Memory.SwitchoverFailures != 0 || r.complained != "" {
		t.Errorf("in the loop: %v, %d failures, complained %q", err, r.Memory.SwitchoverFailures, r.complained)
	}
	if c[0].Look().Role() != model.Master {
		t.Error("it was switched over")
	}
}

func TestForceNeedsAndGetsAVote(t *testing.T) {
	t.Parallel()
	c := redistest.Cluster(t, 3)
	r := actor(t, c[3:]...)
	c[0].Kill()
	if err := r.Apply(sessiontest.Within(t, 5*time.Second), sessiontest.Looks(c[3:], c[1:3]), model.Plan{Steps: []model.Step{{Do: model.Force, Instance: model.At(c[3].Addr)}}}); err != nil {
		t.Fatal(err)
	}
	if c[3].Look().Role() != model.Master {
		t.Error("the replica was not elected")
	}
}

// One cause makes one failure: the switchovers behind a failed one wait for the next plan.
func TestAFailedSwitchoverStopsTheOthers(t *testing.T) {
	t.Parallel()
	c := redistest.Cluster(t, 3)
	r := actor(t, c[3:]...)
	o := sessiontest.Looks(c[3:], c[:3])
	switchovers := model.Plan{Steps: []model.Step{{Do: model.Switchover, Instance: model.At(c[3].Addr), From: model.At(c[0].Addr)}, {Do: model.Switchover, Instance: model.At(c[4].Addr), From: model.At(c[1].Addr)}}}
	c[3].Do(t, "acl", "setuser", "default", "-cluster|failover")
	if err := r.Apply(sessiontest.Within(t, 5*time.Second), o, switchovers); err == nil || r.Memory.SwitchoverFailures != 1 {
		t.Errorf("begun and undone: %d failures: %v", r.Memory.SwitchoverFailures, err)
	}
	c[0].Kill()
	// One that was not begun holds back no other try.
	if err := r.Apply(sessiontest.Within(t, 5*time.Second), o, switchovers); err == nil || r.Memory.SwitchoverFailures != 1 {
		t.Errorf("not begun: %d failures: %v", r.Memory.SwitchoverFailures, err)
	}
	if c[4].Look().Role() != model.Replica {
		t.Error("the second switchover was made all the same")
	}
	if r.Store.Load(r.Store.Durable, session.SwitchoverFile, &session.Switchovers{}) {
		t.Error("the undo is still on record although the old master is gone")
	}
}

func TestASwitchoverThatDiesIsUndone(t *testing.T) {
	s := redistest.Start(t)
	r := actor(t, s)
	for _, m := range []session.SwitchoverRecord{{From: model.At(s.Addr), Pause: true}, {From: model.At(s.Addr)}} {
		c := r.Conn(model.At(s.Addr))
		stop, _, err := r.PrepareStop(sessiontest.Within(t, time.Second), c, m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stop(); err != nil {
			t.Fatal(err)
		}
		c.Close()
		r.Store.Save(r.Store.Durable, session.SwitchoverFile, session.Switchovers{Open: []session.SwitchoverRecord{m}})
		if err := r.Apply(sessiontest.Within(t, time.Second), model.Observation{}, model.Plan{Steps: []model.Step{{Do: model.UndoSwitchover}}}); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		s.Do(t, "set", "k", "v")
		if took := time.Since(begun); took > PauseFor/2 {
			t.Errorf("a write still waited %s", took)
		}
	}
}

// A link that broke since the look: the switchover is not begun, costs the writers nothing, and is tried again by the next check run.
func TestSwitchoverIsNotBegunWithoutALink(t *testing.T) {
	t.Parallel()
	c := redistest.Cluster(t, 3)
	r := actor(t, c[3:]...)
	o := sessiontest.Looks(c[3:], c[:3])
	sessiontest.BreakLink(t, c[0], c[3])
	before := sessiontest.Stops(t, c[0])
	err := r.Apply(sessiontest.Within(t, 5*time.Second), o, model.Plan{Steps: []model.Step{{Do: model.Switchover, Instance: model.At(c[3].Addr), From: model.At(c[0].Addr)}}})
	if err == nil || r.Memory.SwitchoverFailures != 0 || !strings.Contains(err.Error(), "not linked to it any more") {
		t.Errorf("%d failures: %v", r.Memory.SwitchoverFailures, err)
	}
	if after := sessiontest.Stops(t, c[0]); after != before {
		t.Errorf("writes were stopped: %s, before: %s", after, before)
	}
	if c[0].Look().Role() != model.Master || c[3].Look().Role() != model.Replica {
		t.Error("the roles have changed")
	}
	if r.Store.Load(r.Store.Durable, session.SwitchoverFile, &session.Switchovers{}) {
		t.Error("an undo is on record")
	}
}

// actor changes the given servers as the instances of this host.
func actor(t *testing.T, locals ...*redistest.Server) *Actor {
	t.Helper()
	return &Actor{Session: sessiontest.New(t, locals...)}
}
