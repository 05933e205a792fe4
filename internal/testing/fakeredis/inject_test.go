package fakeredis

import (
	"context"
	"strings"
	"testing"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
)

// What a test does to a server shows from outside as the real thing does.
func TestFaultsOfAServer(t *testing.T) {
	w, m, r := fakePair(t)
	s := side{t, m.Addr, r.Addr}
	state := func(of *Server) model.State {
		return redis.LookAt(context.Background(), s.target(of.Addr), redis.Limits{Dial: time.Second, Reply: 200 * time.Millisecond}).State
	}
	m.Stall(true)
	if got := state(m); got != model.Stalled {
		t.Errorf("stalled: it %s", got)
	}
	m.Stall(false)
	m.Crash(false)
	if got := state(m); got != model.Refused || r.View().Linked {
		t.Errorf("crashed: it %s, and its replica is %+v", got, r.View())
	}
	m.Boot(true)
	if got := state(m); got != model.Up || !r.View().Linked {
		t.Errorf("started: it %s, and its replica is %+v", got, r.View())
	}
	w.Cut(m.Addr.Addr(), r.Addr.Addr(), true)
	if got := state(r); got != model.Dropped || r.View().Linked {
		t.Errorf("cut: it %s, and its replica is %+v", got, r.View())
	}
	m.ReadOnly(true)
	if got := s.do(m.Addr, "config", "rewrite"); !strings.Contains(got, "Permission denied") {
		t.Errorf("read only: %s", got)
	}
}

// A run is killed before its change or after it, and what it sent in one piece is done whole or not at all.
func TestARunIsKilled(t *testing.T) {
	for after, want := range map[bool]string{false: "", true: "7"} {
		w, m, _ := fakePair(t)
		killed := make(chan struct{})
		w.Begin("killed", m.Addr.Addr(), func() { close(killed) }, nil).KillAt(1, after)
		c := redis.Open(redis.Target{Instance: model.At(m.Addr), Password: "killed"}, redis.Limits{Dial: time.Second, Reply: 200 * time.Millisecond})
		defer c.Close()
		if _, err := c.Lead(context.Background(), 7, "1"); err == nil {
			t.Error("it has got an answer")
		}
		<-killed
		if got := m.View().Term; got != want {
			t.Errorf("killed after the change: %v; the term is %q", after, got)
		}
	}
}
