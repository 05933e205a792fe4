package act

import (
	"syscall"
	"testing"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/testing/redistest"
	"keepalived-redis/internal/testing/sessiontest"
)

// spin is a script that works for as many milliseconds.
const spin = "local t = redis.call('time'); local e = t[1] * 1000 + t[2] / 1000 + ARGV[1]; repeat t = redis.call('time') until t[1] * 1000 + t[2] / 1000 > e; return 1"

// A server is killed only while it hangs: what answers, what works, and what nobody can see is left alone, whatever an earlier look has found.
func TestKillOnlyWhatHangs(t *testing.T) {
	s := redistest.Start(t, "enable-debug-command yes")
	r := &Actor{Session: sessiontest.New(t, s)}
	k := &sessiontest.Killer{PID: s.PID()}
	r.Service, r.Config.Times.BusyGrace = k, 5*time.Second
	try := func() error {
		o := model.Observation{Locals: []model.Look{{Instance: model.At(s.Addr), State: model.Stalled}}}
		return r.Apply(sessiontest.Within(t, 2*time.Second), o, model.Plan{Steps: []model.Step{{Do: model.Kill, Instance: model.At(s.Addr)}}})
	}
	lives := func(what string) {
		t.Helper()
		if err := try(); err == nil || k.Kills > 0 {
			t.Errorf("%s: killed %d times, %v", what, k.Kills, err)
		}
	}
	lives("it answers")
	script := make(chan struct{})
	go func() {
		defer close(script)
		s.Do(t, "eval", spin, 0, 1500)
	}()
	redistest.Await(t, "it works", func() bool { return s.Look().State != model.Up })
	lives("it works")
	<-script
	if err := syscall.Kill(s.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	k.PID = 0
	lives("nobody can see it")
	k.PID = s.PID()
	redistest.Await(t, "it is killed", func() bool { return try() == nil && k.Kills == 1 }) // the kernel may take a moment to stop it
}
