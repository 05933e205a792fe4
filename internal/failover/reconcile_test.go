package failover

import (
	"context"
	"sync"
	"testing"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/testing/fixture"
)

// watchedContext tells when somebody begins to wait on it.
type watchedContext struct {
	context.Context
	once  sync.Once
	asked chan struct{}
}

func (w *watchedContext) Done() <-chan struct{} {
	w.once.Do(func() { close(w.asked) })
	return w.Context.Done()
}

// A hook that had to wait for another one looks anew: what it saw before is what the other one has just changed.
func TestAHookThatWaitedLooksAgain(t *testing.T) {
	r := reconciler(t)
	r.Event = &model.Event{Name: "VI_1", State: model.VRRPMaster}
	unlock, err := state.Dir(r.Config.RunDir).TryLock(actLock)
	if err != nil {
		t.Fatal(err)
	}
	ctx := &watchedContext{Context: within(t, 10*time.Second), asked: make(chan struct{})}
	go func() {
		<-ctx.asked
		unlock()
	}()
	out, err := r.Reconcile(ctx, model.Observation{Why: "what was seen before"})
	if err != nil || out.Sentence != "keepalived does not run here, so nothing is decided" {
		t.Errorf("%q, %v", out.Sentence, err)
	}
}

func TestATickDoesNotWait(t *testing.T) {
	r := reconciler(t)
	unlock, err := state.Dir(r.Config.RunDir).TryLock(actLock)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	out, err := r.Reconcile(within(t, 10*time.Second), model.Observation{Why: "what was seen before"})
	if err != nil || out.Sentence != "another run is acting" {
		t.Errorf("%q, %v", out.Sentence, err)
	}
}

// BUSY counts from the first look that saw it, across runs, and anew after a look that did not.
func TestBusyForTooLong(t *testing.T) {
	look := model.Look{Instance: model.Instance{Addr: fixture.Addr("127.0.0.1:7000")}, State: model.Busy}
	r := reconciler(t)
	r.Config.Times.BusyGrace = 5 * time.Second
	observe := func() bool {
		t.Helper()
		return r.Observe(within(t, time.Second), []model.Look{look}, Surroundings{}).BusyFor["127.0.0.1:7000"] >= r.Config.Times.BusyGrace
	}
	if observe() {
		t.Error("too long at the first look")
	}
	since := r.memory.Instances["one command 127.0.0.1:7000"]
	since.Since.Mono -= 6 * time.Second
	r.memory.Instances["one command 127.0.0.1:7000"] = since
	r.store.saveMemory(r.memory)
	r.memory = nil // the next run
	if !observe() {
		t.Error("not too long after 6 s")
	}
	look.State = model.Up
	observe()
	look.State = model.Busy
	if observe() {
		t.Error("the time before a good look counts")
	}
}
