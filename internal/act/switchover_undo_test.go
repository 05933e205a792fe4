package act

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/testing/redistest"
	"keepalived-redis/internal/testing/sessiontest"
)

// What is known of the new master decides whether the old one takes writes again.
func TestWritersAreLetGoOnlyWhereNobodyElseLeads(t *testing.T) {
	c := redistest.Cluster(t, 3)
	master, replica, other := c[0], c[3], c[1]
	sessiontest.AwaitClose(t, replica, master)
	gone := redistest.Start(t)
	gone.Kill()
	for _, s := range []struct {
		name  string
		to    *redistest.Server
		sent  bool
		hangs bool
		ago   time.Duration
		// inDoubt: they stay stopped, and the record stays.
		inDoubt bool
		// left: they stay stopped, and the record does not.
		left bool
	}{
		{name: "the new master is a replica", to: replica, sent: true},
		{name: "the new master leads", to: other, sent: true, inDoubt: true}, // that it leads other slots makes no difference
		{name: "nobody told it to lead", to: other},
		{name: "there is none", to: gone, sent: true},
		{name: "it does not answer", to: other, sent: true, hangs: true, inDoubt: true},
		{name: "it has not answered for long", to: other, sent: true, hangs: true, ago: time.Minute, left: true},
	} {
		t.Run(s.name, func(t *testing.T) {
			r := actor(t, replica)
			r.Config.Times.ColdStartWait = 30 * time.Second
			old := r.Conn(model.At(master.Addr))
			defer old.Close()
			m := session.SwitchoverRecord{From: model.At(master.Addr), To: model.At(s.to.Addr), Pause: true, Sent: s.sent, At: state.Now()}
			m.At.Mono -= s.ago
			stop, _, err := r.PrepareStop(sessiontest.Within(t, time.Second), old, m)
			if err == nil {
				_, err = stop()
			}
			if err == nil && s.ago > 0 { // an undo before this one
				err = r.refuseWrites(sessiontest.Within(t, time.Second), old, m.From, session.RefusedBySwitchover)
			}
			if err != nil {
				t.Fatal(err)
			}
			r.keepUndo(m)
			if s.hangs {
				_ = syscall.Kill(s.to.PID(), syscall.SIGSTOP)
				defer func() { _ = syscall.Kill(s.to.PID(), syscall.SIGCONT) }()
			}
			err = r.finishSwitchovers(sessiontest.Within(t, 5*time.Second))
			if errors.Is(err, ErrInDoubt) != s.inDoubt || (err != nil) != s.inDoubt {
				t.Errorf("%v", err)
			}
			rule, err := old.WriteRule(sessiontest.Within(t, time.Second))
			if stopped := rule.Replicas == redis.StopWrites; err != nil || stopped != (s.inDoubt || s.left) {
				t.Errorf("writes are stopped: %v, %v", stopped, err)
			}
			if open := r.undos().Open; (len(open) == 1) != s.inDoubt {
				t.Errorf("on record: %+v", open)
			}
			if again := r.finishSwitchovers(sessiontest.Within(t, time.Second)); s.inDoubt && (again != nil || r.undos().Open[0].Tries != 1) {
				t.Errorf("it does not wait: %v, %+v", again, r.undos().Open)
			}
			master.Do(t, "config", "set", "min-slaves-to-write", "0")
		})
	}
}

// The other host's fence stops the writes of the old master. A switchover gives back what it took, and no more.
func TestASwitchoverLeavesTheStopOfAnother(t *testing.T) {
	c := redistest.Cluster(t, 3)
	r := actor(t, c[3])
	sessiontest.AwaitClose(t, c[3], c[0])
	o := sessiontest.Looks(c[3:4], c[:1])
	c[0].Do(t, "config", "set", "min-slaves-to-write", redis.StopWrites)
	if err := r.Apply(sessiontest.Within(t, 5*time.Second), o, model.Plan{Steps: []model.Step{
		{Do: model.Switchover, Instance: model.At(c[3].Addr), From: model.At(c[0].Addr)}}}); err != nil {
		t.Fatal(err)
	}
	old := r.Conn(model.At(c[0].Addr))
	defer old.Close()
	if rule, err := old.WriteRule(sessiontest.Within(t, time.Second)); err != nil || rule.Replicas != redis.StopWrites {
		t.Errorf("%+v, %v", rule, err)
	}
}

func TestAnUndoWaitsLongerAndLonger(t *testing.T) {
	now := state.Now()
	for tries, want := range []time.Duration{0, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 30 * time.Second, 30 * time.Second} {
		m := session.SwitchoverRecord{Tries: tries, Tried: &now}
		later := now
		later.Mono += want
		if m.Wait(now) != want || m.Wait(later) != 0 {
			t.Errorf("after %d: %s, then %s", tries, m.Wait(now), m.Wait(later))
		}
	}
}
