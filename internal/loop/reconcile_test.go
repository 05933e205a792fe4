package loop

import (
	"context"
	"sync"
	"testing"
	"time"

	"keepalived-redis/internal/act"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/observe"
	"keepalived-redis/internal/reason"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/testing/fixture"
	"keepalived-redis/internal/testing/redistest"
	"keepalived-redis/internal/testing/sessiontest"
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

// A hook that had to wait for another one looks again: what it saw before is what the other one has just changed.
func TestAHookThatWaitedLooksAgain(t *testing.T) {
	r := reconciler(t)
	r.Event = &model.Event{Name: "VI_1", State: model.VRRPMaster}
	unlock, err := state.Dir(r.Config.RunDir).TryLock(session.ActLock)
	if err != nil {
		t.Fatal(err)
	}
	ctx := &watchedContext{Context: sessiontest.Within(t, 10*time.Second), asked: make(chan struct{})}
	go func() {
		<-ctx.asked
		unlock()
	}()
	_, out, err := r.reconcile(ctx, model.Observation{Why: model.Clause{Reason: reason.VIPHere}})
	if err != nil || len(out.Clauses) != 1 || out.Clauses[0].Reason != reason.NoKeepalived {
		t.Errorf("%v, %v", out.Clauses, err)
	}
}

func TestATickDoesNotWait(t *testing.T) {
	r := reconciler(t)
	unlock, err := state.Dir(r.Config.RunDir).TryLock(session.ActLock)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	_, out, err := r.reconcile(sessiontest.Within(t, 10*time.Second), model.Observation{})
	if err != nil || len(out.Clauses) != 1 || out.Clauses[0].Reason != reason.AnotherRun {
		t.Errorf("%v, %v", out.Clauses, err)
	}
}

// A fence waits for no lock: neither that of a check run that hangs, nor in a hook that waits. It waits for no disk either: what a look has found to
// write is written behind it.
func TestAFenceWaitsForNothing(t *testing.T) {
	for name, event := range map[string]*model.Event{"check run": nil, "hook": {Name: "VI_1", State: model.VRRPBackup}} {
		t.Run(name, func(t *testing.T) {
			s := redistest.Start(t)
			r := reconciler(t, s)
			r.Event = event
			unlock, err := state.Dir(r.Config.RunDir).TryLock(session.ActLock)
			if err != nil {
				t.Fatal(err)
			}
			defer unlock()
			r.Begin()
			r.Store.Later(r.Store.Durable, session.PeersFile, []string{})
			o := sessiontest.Looks([]*redistest.Server{s}, nil)
			o.KeepalivedLives, o.State, o.Alone = true, model.VRRPMaster, model.Stretch{For: time.Second, Looks: 2}
			o.Peers, o.Witness = []model.Look{{Instance: model.At(fixture.Addr("192.168.9.70:7000")), State: model.Silent}}, model.Witness{Name: "192.168.9.1", Counts: true}
			_, out, err := r.reconcile(sessiontest.Within(t, time.Second), o)
			if event == nil && (err != nil || !out.Fenced) {
				t.Errorf("%+v, %v", out, err)
			}
			if l := s.Look(); !l.Info.MinReplicas {
				t.Error("writes are not refused")
			}
			for _, file := range []string{session.FenceFile, session.PeersFile} {
				if _, found, _ := r.Store.Durable.Text(file); !found {
					t.Errorf("%s is not written", file)
				}
			}
		})
	}
}

// BUSY counts from the first look that saw it, across runs, and again after a look that did not.
func TestBusyForTooLong(t *testing.T) {
	look := model.Look{Instance: model.Instance{Addr: fixture.Addr("127.0.0.1:7000")}, State: model.Busy}
	r := reconciler(t)
	r.Config.Times.BusyGrace = 5 * time.Second
	observe := func() bool {
		t.Helper()
		return r.Observe(sessiontest.Within(t, time.Second), []model.Look{look}, observe.Surroundings{}).BusyFor["127.0.0.1:7000"] >= r.Config.Times.BusyGrace
	}
	if observe() {
		t.Error("too long at the first look")
	}
	since := r.Memory.Stretches[session.Topic{Kind: session.OneCommand, Name: "127.0.0.1:7000"}]
	since.Since.Mono -= 6 * time.Second
	r.Memory.Stretches[session.Topic{Kind: session.OneCommand, Name: "127.0.0.1:7000"}] = since
	r.Keep()
	r.Memory = nil // the next run
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

// reconciler drives the given servers as the instances of this host.
func reconciler(t *testing.T, locals ...*redistest.Server) *Reconciler {
	t.Helper()
	s := sessiontest.New(t, locals...)
	return &Reconciler{Session: s, Observer: &observe.Observer{Session: s}, Actor: &act.Actor{Session: s}}
}
