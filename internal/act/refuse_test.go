package act

import (
	"net/netip"
	"testing"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/testing/redistest"
	"keepalived-redis/internal/testing/sessiontest"
)

// TestRefuseOnARealServer: the step bites, is given back as the configuration says, and is no stray refusal meanwhile.
func TestRefuseOnARealServer(t *testing.T) {
	s := redistest.Start(t)
	r := actor(t, s)
	r.Memory.Guarded = r.Memory.Guarded.With(s.Addr.String())
	o := model.Observation{Locals: []model.Look{s.Look()}}
	do := func(v model.Verb) {
		t.Helper()
		if err := r.Apply(sessiontest.Within(t, time.Second), o, model.Plan{Steps: []model.Step{{Do: v, Instance: model.At(s.Addr)}}}); err != nil {
			t.Fatal(err)
		}
	}
	do(model.Refuse)
	do(model.Refuse)
	if v, err := r.Conn(model.At(s.Addr)).WriteRule(sessiontest.Within(t, time.Second)); err != nil || v.Replicas != redis.StopWrites {
		t.Errorf("the rule is %v, %v", v, err)
	}
	do(model.Restore)
	s.Do(t, "set", "k", "v")
	if r.Memory.IsGuarded(model.At(s.Addr)) {
		t.Error("it is still guarded")
	}
	if err := r.Apply(sessiontest.Within(t, time.Second), o, model.Plan{Steps: []model.Step{{Do: model.Refuse, Instance: model.At(netip.MustParseAddrPort("127.0.0.1:1"))}}}); err == nil {
		t.Error("an instance of nobody: no error")
	}
}
