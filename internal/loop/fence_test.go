package loop

import (
	"testing"
	"time"

	"keepalived-redis/internal/act"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/testing/redistest"
	"keepalived-redis/internal/testing/sessiontest"
)

func TestFenceRefusesWritesAndGivesThemBack(t *testing.T) {
	s := redistest.Start(t)
	s.Do(t, "config", "set", "min-slaves-max-lag", "7")
	r := reconciler(t, s)
	o := sessiontest.Looks([]*redistest.Server{s}, nil)
	for range 2 { // twice equals once
		if err := r.Apply(sessiontest.Within(t, time.Second), o, model.Plan{Steps: []model.Step{{Do: model.Fence}}}); err != nil {
			t.Fatal(err)
		}
	}
	c := r.Conn(model.At(s.Addr))
	defer c.Close()
	if _, err := c.Do(sessiontest.Within(t, time.Second), "set", "k", "v"); err == nil {
		t.Fatal("a fenced instance took a write")
	}
	if r.SeeFence(&o, state.Now()) == nil {
		t.Fatal("the fence is not on record")
	}
	lift := model.Plan{Steps: []model.Step{{Do: model.Restore, Instance: model.At(s.Addr)}, {Do: model.LiftDone}}}
	if err := r.Apply(sessiontest.Within(t, time.Second), o, lift); err != nil {
		t.Fatal(err)
	}
	s.Do(t, "set", "k", "v")
	if r.SeeFence(&o, state.Now()) != nil {
		t.Error("the fence is still on record")
	}
	if next := act.NextFence(session.FenceRecord{Count: 1, Lifted: ptr(state.Now())}); next.HoldOff(3*time.Second) != 6*time.Second {
		t.Errorf("the second fence in a row has the hold-off %s", next.HoldOff(3*time.Second))
	}
}

func ptr[T any](v T) *T { return &v }
