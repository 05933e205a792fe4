// Package sessiontest has runs for tests, on real servers.
package sessiontest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/testing/redistest"
)

// sessionFor is a run on a host whose instances are these servers.
func New(t *testing.T, locals ...*redistest.Server) *session.Session {
	t.Helper()
	log := zerolog.New(zerolog.NewTestWriter(t))
	cfg := &config.Config{RunDir: t.TempDir(), StateDir: t.TempDir(), Policy: model.PolicyFollow, MaxLag: 1 << 20,
		Times: model.Times{Deadline: 900 * time.Millisecond, Settle: time.Second, Dial: 50 * time.Millisecond, HoldOff: 3 * time.Second}}
	for _, s := range locals {
		cfg.Instances = append(cfg.Instances, config.Instance{Addr: s.Addr, Port: s.Addr.Port(), Conf: s.Conf})
	}
	s := &session.Session{Config: cfg, Log: &log}
	s.Begin()
	return s
}

// Looks gives an observation with these servers here and those elsewhere.
func Looks(locals, peers []*redistest.Server) model.Observation {
	o := model.Observation{BumpGoal: 0}
	for _, s := range locals {
		o.Locals = append(o.Locals, s.Look())
	}
	for _, s := range peers {
		o.Peers = append(o.Peers, s.Look())
	}
	return o
}

func Within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// BreakLink makes a master refuse its replica from now on.
func BreakLink(t *testing.T, master, replica *redistest.Server) {
	t.Helper()
	replica.Do(t, "config", "set", "masterauth", "wrong")
	replica.Do(t, "config", "set", "masteruser", "nobody")
	master.Do(t, "client", "kill", "type", "slave")
	redistest.Await(t, "the link is down", func() bool { l := replica.Look(); return l.Info != nil && !l.Info.LinkUp })
}

// Stops counts how often writes were stopped on a server.
func Stops(t *testing.T, s *redistest.Server) string {
	t.Helper()
	var calls []string
	for _, line := range strings.Split(s.Do(t, "info", "commandstats"), "\n") {
		if name, rest, _ := strings.Cut(line, ":"); strings.Contains(name, "pause") || strings.Contains(name, "config|set") {
			calls = append(calls, name+" "+strings.Split(rest, ",")[0])
		}
	}
	return strings.Join(calls, " ")
}

// AwaitClose waits until a replica is linked to its master and has all that it wrote.
func AwaitClose(t *testing.T, replica, master *redistest.Server) {
	t.Helper()
	redistest.Await(t, "the replica is linked and close", func() bool {
		r, m := replica.Look().Info, master.Look().Info
		online := strings.Contains(master.Do(t, "info", "replication"), "state=online") // a replica knows of its link a little earlier
		return r != nil && m != nil && r.LinkUp && r.Offset >= m.Offset && online
	})
}
