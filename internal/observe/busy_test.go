package observe

import (
	"context"
	"strconv"
	"syscall"
	"testing"
	"time"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/service"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/testing/fixture"
	"keepalived-redis/internal/testing/redistest"
	"keepalived-redis/internal/testing/sessiontest"
)

// knowsPID is a service manager that is asked nothing but which process an instance is.
type knowsPID struct {
	service.Manager
	pid   int
	asked int
}

func (m *knowsPID) Status(context.Context, config.Instance) service.State {
	m.asked++
	return service.State{Status: service.Running, PID: m.pid}
}

// stalledLook is a look that gives a server 50 ms.
func (r *Observer) stalledLook(t *testing.T) model.Look {
	t.Helper()
	looks := redis.LookAtAll(sessiontest.Within(t, time.Second), redis.Targets(r.Config.Instances), redis.Limits{Dial: 50 * time.Millisecond, Reply: 50 * time.Millisecond})
	r.tellBusyFromHung(sessiontest.Within(t, time.Second), looks)
	return looks[0]
}

// spin is a script that works for as many milliseconds.
const spin = "local t = redis.call('time'); local e = t[1] * 1000 + t[2] / 1000 + ARGV[1]; repeat t = redis.call('time') until t[1] * 1000 + t[2] / 1000 > e; return 1"

// TestBusyIsNotHung: on a real server, a script, a sleep, a stop, and an answer that comes late.
func TestBusyIsNotHung(t *testing.T) {
	s := redistest.Start(t, "enable-debug-command yes")
	r := observer(t, s)
	m := &knowsPID{pid: s.PID()}
	r.Service = m
	r.Config.Times.BusyGrace = 5 * time.Second
	if l := r.stalledLook(t); l.State != model.Up || m.asked != 0 {
		t.Fatalf("it %s, and the process table was asked %d times", l.State, m.asked)
	}
	during := func(what string, args ...any) model.Look {
		t.Helper()
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.Do(t, args...)
		}()
		defer func() { <-done }()
		var l model.Look
		redistest.Await(t, what, func() bool { l = r.stalledLook(t); return l.State != model.Up })
		return l
	}
	if l := during("a script is seen", "eval", spin, 0, 1000); l.State != model.Working {
		t.Errorf("a script of 1 s: it %s", l.State)
	}
	m.asked = 0
	if l := during("a sleep is seen", "debug", "sleep", "1"); l.State != model.Stalled || m.asked < 1 || m.asked > 2*10 {
		t.Errorf("asleep without CPU time: it %s, the process table was asked %d times", l.State, m.asked)
	}
	if err := syscall.Kill(s.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	m.asked = 0
	if l := r.stalledLook(t); l.State != model.Stalled || m.asked != 1 {
		t.Errorf("stopped: it %s, the process table was asked %d times", l.State, m.asked)
	}
	// A process that /proc does not show is as it was.
	m.pid = 0
	if l := r.stalledLook(t); l.State != model.Stalled {
		t.Errorf("nothing is known: it %s", l.State)
	}
	m.pid = s.PID()
	if err := syscall.Kill(s.PID(), syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	// What the survey missed, because its time was over just then, and what sleeps because it has nothing to do.
	redistest.Await(t, "it is seen to have answered", func() bool {
		late := []model.Look{{Instance: redis.Targets(r.Config.Instances)[0].Instance, State: model.Stalled}}
		r.tellBusyFromHung(sessiontest.Within(t, time.Second), late)
		return late[0].State == model.Up && late[0].Info != nil
	})
}

// A check that was late itself has proven nothing: neither that an instance answers nor that it hangs.
func TestLateLookProvesNothing(t *testing.T) {
	s := redistest.Start(t)
	r := observer(t, s)
	r.Service = &knowsPID{pid: s.PID()}
	ended, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	defer cancel()
	looks := redis.LookAtAll(ended, redis.Targets(r.Config.Instances), r.LocalLimits())
	if looks[0].State != model.Unseen {
		t.Fatalf("it %s", looks[0].State)
	}
	if r.tellBusyFromHung(ended, looks); looks[0].State != model.Working {
		t.Errorf("a late look: it %s", looks[0].State)
	}
	if err := syscall.Kill(s.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	redistest.Await(t, "one that is stopped is seen so", func() bool {
		looks[0].State = model.Unseen
		r.tellBusyFromHung(ended, looks)
		return looks[0].State == model.Unseen
	})
}

// One look at /proc for each instance that is stalled, none for the others.
func TestProcIsAskedForTheStalledAlone(t *testing.T) {
	r := observer(t)
	m := &knowsPID{}
	r.Service = m
	var looks []model.Look
	for i := range 100 {
		a := fixture.Addr("127.0.0.1:" + strconv.Itoa(20000+i))
		r.Config.Instances = append(r.Config.Instances, config.Instance{Addr: a})
		looks = append(looks, model.Look{Instance: model.Instance{Addr: a}, State: model.Up})
	}
	looks[7].State, looks[93].State = model.Stalled, model.Stalled
	r.tellBusyFromHung(sessiontest.Within(t, time.Second), looks)
	if m.asked != 2 {
		t.Errorf("asked %d times", m.asked)
	}
}

// TestCommandsThatFollowEachOther: on a real server, two scripts without an answer between them are two, and one is one.
func TestCommandsThatFollowEachOther(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	r := observer(t, s)
	r.Service = &knowsPID{pid: s.PID()}
	r.Config.Times.BusyGrace = 5 * time.Second
	now := state.Stamp{Boot: "this", Mono: time.Hour}
	busyFor := func(after time.Duration) time.Duration {
		t.Helper()
		now.Mono += after
		l := r.stalledLook(t)
		if l.State != model.Working {
			t.Fatalf("it %s", l.State)
		}
		o := model.Observation{Locals: []model.Look{l}, Times: r.Config.Times, BusyFor: map[string]time.Duration{}}
		r.noteBusy(&o, now)
		return o.BusyFor[l.Instance.Name()]
	}
	script := func() (end func()) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.Do(t, "eval", spin, 0, 1500)
		}()
		redistest.Await(t, "a script is seen", func() bool { return r.stalledLook(t).State == model.Working })
		return func() { <-done }
	}
	end := script()
	busyFor(0)
	if d := busyFor(3 * time.Second); d != 3*time.Second {
		t.Errorf("one script: busy for %s", d)
	}
	end()
	end = script()
	if d := busyFor(3 * time.Second); d != 0 {
		t.Errorf("another script: busy for %s", d)
	}
	end()
	end = script()
	defer end()
	if d := busyFor(24 * time.Second); d != 30*time.Second {
		t.Errorf("one after another for 30 s: busy for %s", d)
	}
}
