package act

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/testing/fakeredis"
	"keepalived-redis/internal/testing/redistest"
	"keepalived-redis/internal/testing/sessiontest"
)

// fakeOf is an actor whose only instance is a fake server of a version.
func fakeOf(t *testing.T, version string) (*Actor, *fakeredis.Server) {
	t.Helper()
	w := fakeredis.NewWorld()
	t.Cleanup(w.Close)
	s, err := w.Start(t.TempDir(), version, netip.MustParseAddr("127.0.0.1"), netip.AddrPort{})
	if err != nil {
		t.Fatal(err)
	}
	w.Begin("secret", s.Addr.Addr(), nil, nil)
	r := actor(t)
	r.Config.Instances = []config.Instance{{Addr: s.Addr, Port: s.Addr.Port(), Password: "secret"}}
	return r, s
}

// fenced fences the only instance, and says whether the record asks for more than a refusal.
func fenced(t *testing.T, r *Actor) (scripts bool) {
	t.Helper()
	l := redis.LookAt(sessiontest.Within(t, time.Second), redis.TargetOf(r.Config.Instances[0]), r.LocalLimits())
	if err := r.Fence(sessiontest.Within(t, time.Second), model.Observation{Locals: []model.Look{l}}, model.Instance{}); err != nil {
		t.Fatal(err)
	}
	var f session.FenceRecord
	r.Store.Load(r.Store.Durable, session.FenceFile, &f)
	return f.Scripts
}

// What a script writes passes a refusal of old servers. A fence finds those that run scripts, so that they are stopped at once.
func TestAFenceFindsScriptsThatPass(t *testing.T) {
	for version, passes := range map[string]bool{"3.2.4": true, "5.0.14": true, "6.0.16": true, "6.0.17": false, "6.2.6": true, "6.2.7": false, "7.0.0": false, "": true} {
		r, s := fakeOf(t, version)
		if fenced(t, r) {
			t.Errorf("%q: it runs no script", version)
		}
		s.RunScript()
		if got := fenced(t, r); got != passes {
			t.Errorf("%q: scripts pass: %v", version, got)
		}
	}
}

// What a MULTI has queued before the refusal is written by its EXEC up to 5.0: there its connection ends, once.
func TestARefusalEndsTransactions(t *testing.T) {
	for version, times := range map[string]int{"3.2.4": 1, "5.0.14": 1, "6.0.0": 0, "7.0.15": 0} {
		r, s := fakeOf(t, version)
		fenced(t, r)
		fenced(t, r)
		if got := s.Killed(); got != times {
			t.Errorf("%s: clients were thrown out %d times", version, got)
		}
	}
}

// A refusal that does not bite is an error, not a success.
func TestARefusalThatDoesNotBite(t *testing.T) {
	s := redistest.Start(t, "min-slaves-max-lag 0")
	c := actor(t, s).Conn(model.At(s.Addr))
	defer c.Close()
	none, all := redis.WriteRule{Replicas: "0", MaxLag: "0"}, redis.WriteRule{Replicas: redis.StopWrites, MaxLag: "0"}
	if _, err := c.SetWriteRule(sessiontest.Within(t, time.Second), none, all); !errors.Is(err, redis.ErrStillWrites) {
		t.Errorf("without a lag: %v", err)
	}
	s.Do(t, "config", "set", "min-slaves-max-lag", "10")
	if v, err := c.SetWriteRule(sessiontest.Within(t, time.Second), none, all); err != nil || !v.AtLeast(6, 0) || v.ScriptsPass() {
		t.Errorf("with a lag: %+v, %v", v, err)
	}
}

// A refusal that somebody wrote into the configuration file is never what a person has set, however often the server starts anew.
func TestARefusalInTheConfigurationFile(t *testing.T) {
	r := newRefuser(t)
	r.refuse(session.RefusedByFence)
	r.s.Do(t, "config", "rewrite") // by somebody, while it refuses writes
	for range 2 {
		r.s.Kill()
		r.s.Run(t)
		r.allow(session.Stops...)
		r.is("0", "10", true)
	}
	if got := r.configured(model.At(r.s.Addr)).Replicas; got != redis.StopWrites {
		t.Fatalf("the file says %q: it shows nothing", got)
	}
	if err := r.restore(sessiontest.Within(t, time.Second), model.At(r.s.Addr)); err != nil {
		t.Fatal(err)
	}
	if got := r.configured(model.At(r.s.Addr)).Replicas; got != "0" {
		t.Errorf("the file says %q behind the end of all refusals", got)
	}
}

// Up to 6.0 a replica with slave-serve-stale-data no refuses CLUSTER once its master is gone. It is promoted all the same.
func TestATakeoverOfAReplicaThatServesNoStaleData(t *testing.T) {
	w := fakeredis.NewWorld()
	t.Cleanup(w.Close)
	here, there := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")
	dir := t.TempDir()
	start := func(host netip.Addr) *fakeredis.Server {
		s, err := w.Start(dir, "5.0.14", host, netip.AddrPort{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	master, replica := start(there), start(here)
	w.Join([]*fakeredis.Server{master, replica})
	w.Begin("secret", here, nil, nil)
	r := actor(t)
	r.Config.Instances = []config.Instance{{Addr: replica.Addr, Port: replica.Addr.Port(), Password: "secret"}}
	look := func() model.Look {
		return redis.LookAt(sessiontest.Within(t, time.Second), redis.TargetOf(r.Config.Instances[0]), r.LocalLimits())
	}
	o := model.Observation{Locals: []model.Look{look()}}
	replica.ServeNoStale()
	master.Crash(false)
	if l := look(); l.State != model.MasterDown || l.Nodes != nil {
		t.Fatalf("it %s", l.State)
	}
	if err := r.Apply(sessiontest.Within(t, time.Second), o, model.Plan{Steps: []model.Step{{Do: model.Takeover, Instance: model.At(replica.Addr)}}}); err != nil {
		t.Fatal(err)
	}
	if !replica.View().Master {
		t.Error("it is no master")
	}
}
