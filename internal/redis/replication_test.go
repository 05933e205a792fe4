package redis_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/testing/redistest"
)

func TestTerm(t *testing.T) {
	s := redistest.Start(t)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	limits := redis.Limits{Dial: time.Second, Reply: time.Second}
	look := func() model.Look {
		return redis.LookAt(ctx, redis.Target{Instance: model.At(s.Addr), Paired: true}, limits)
	}
	c := redis.Open(redis.Target{Instance: model.At(s.Addr)}, limits)
	defer c.Close()
	if l := look(); l.Term != (model.Term{Known: true}) || l.Err != nil {
		t.Errorf("data that was never promoted: %+v, %v", l.Term, l.Err)
	}
	if l := s.Look(); l.Term.Known {
		t.Error("a target that is not paired was asked for its term")
	}
	s.Do(t, "slaveof", "127.0.0.1", "1")
	s.Do(t, "config", "set", "min-slaves-to-write", "1")
	if before, err := c.Lead(ctx, 4, "1"); err != nil || before != (model.Term{Known: true}) {
		t.Errorf("%+v, %v", before, err)
	}
	if before, err := c.Lead(ctx, 6, "1"); err != nil || before != (model.Term{N: 4, Known: true}) {
		t.Errorf("%+v, %v", before, err)
	}
	if l := look(); l.Role() != model.Master || l.Term != (model.Term{N: 6, Known: true}) || !l.Info.MinReplicas {
		t.Errorf("%+v, %+v", l.Term, l.Info)
	}
	if term, err := c.ReadTerm(ctx); err != nil || term.N != 6 {
		t.Errorf("%+v, %v", term, err)
	}
	s.Do(t, "config", "set", "min-slaves-to-write", "0")
	for _, garbage := range []string{"", "x", "-1", "18446744073709551615", "00", "006", "+6", " 6", "6\n", "0-6", "018446744073709551615", strings.Repeat("9", 1000)} {
		s.Do(t, "set", model.TermKey, garbage)
		if l := look(); l.Term.Known || l.State != model.Up || l.Err == nil || l.Info == nil {
			t.Errorf("%.20q: %+v, %v, %v", garbage, l.Term, l.State, l.Err)
		}
		if _, err := c.Lead(ctx, 8, "0"); err != nil || look().Term.N != 8 {
			t.Errorf("%.20q is not replaced: %v", garbage, err)
		}
	}
	s.Do(t, "del", model.TermKey)
	s.Do(t, "rpush", model.TermKey, "a list")
	if l := look(); l.Term.Known || l.State != model.Up {
		t.Errorf("a list: %+v, %v", l.Term, l.State)
	}
	if _, err := c.Lead(ctx, 8, "0"); err != nil || look().Term.N != 8 {
		t.Errorf("a list is not replaced: %v", err)
	}
}

// A user that may change the role and not the key: the role counts, and the error says what is missing.
func TestLeadWithoutTheRightToTheKey(t *testing.T) {
	s := redistest.Start(t)
	s.Do(t, "acl", "setuser", "watcher", "on", ">secret", "+@all", "~other")
	s.Do(t, "slaveof", "127.0.0.1", "1")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	target := redis.Target{Instance: model.At(s.Addr), Username: "watcher", Password: "secret", Paired: true}
	c := redis.Open(target, redis.Limits{Dial: time.Second, Reply: time.Second})
	defer c.Close()
	if _, err := c.Lead(ctx, 2, "0"); !errors.Is(err, redis.ErrTerm) || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
	l := redis.LookAt(ctx, target, redis.Limits{Dial: time.Second, Reply: time.Second})
	if l.Role() != model.Master || l.Term.Known || l.State != model.Up || l.Err == nil {
		t.Errorf("%s, %+v, %v, %v", l.Role(), l.Term, l.State, l.Err)
	}
}

// The mark lies beside the term, and goes with the next one. It never lowers a term, and writes nothing on a replica.
func TestMark(t *testing.T) {
	s := redistest.Start(t)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c := redis.Open(redis.Target{Instance: model.At(s.Addr)}, redis.Limits{Dial: time.Second, Reply: time.Second})
	defer c.Close()
	is := func(want model.Term) {
		t.Helper()
		if got, err := c.ReadTerm(ctx); err != nil || got != want {
			t.Errorf("%+v, %v, want %+v", got, err, want)
		}
	}
	mark := func(term model.Term) {
		t.Helper()
		if err := c.Mark(ctx, term); err != nil {
			t.Error(err)
		}
	}
	s.Do(t, "set", model.TermKey, 6)
	released := model.Term{N: 6, Known: true, Released: true}
	mark(released)
	is(released)
	mark(model.Term{N: 6, Known: true})
	is(model.Term{N: 6, Known: true})
	mark(released)
	if before, err := c.Lead(ctx, 8, "0"); err != nil || before != released {
		t.Errorf("%+v, %v", before, err)
	}
	is(model.Term{N: 8, Known: true})
	mark(released)
	is(model.Term{N: 8, Known: true})
	s.Do(t, "config", "set", "min-slaves-to-write", redis.StopWrites)
	mark(model.Term{N: 8, Known: true, Released: true})
	is(model.Term{N: 8, Known: true})
	s.Do(t, "config", "set", "min-slaves-to-write", "0")
	s.Do(t, "slaveof", "127.0.0.1", "1")
	mark(model.Term{N: 8, Known: true, Released: true})
	is(model.Term{N: 8, Known: true})
	s.Do(t, "slaveof", "no", "one")
	s.Do(t, "del", model.TermKey)
	s.Do(t, "rpush", model.TermKey, "a list")
	if err := c.Mark(ctx, released); err == nil {
		t.Error("a list was marked")
	}
}

// A master that takes writes only with a replica gets its term all the same, or no replica would ever follow it; and its rule stays.
func TestRenewTerm(t *testing.T) {
	s := redistest.Start(t)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c := redis.Open(redis.Target{Instance: model.At(s.Addr)}, redis.Limits{Dial: time.Second, Reply: time.Second})
	defer c.Close()
	for name, test := range map[string]struct {
		rule string
		key  []any
		want string
	}{
		"it is gone":                      {"0", []any{"del", model.TermKey}, "6"},
		"it is lower":                     {"0", []any{"set", model.TermKey, 2}, "6"},
		"it is no number":                 {"0", []any{"set", model.TermKey, "x"}, "6"},
		"it was raised since":             {"0", []any{"set", model.TermKey, 9}, "9"},
		"gone, and a replica is needed":   {"1", []any{"del", model.TermKey}, "6"},
		"raised, and one is needed":       {"1", []any{"set", model.TermKey, 9}, "9"},
		"released, and one is needed":     {"1", []any{"set", model.TermKey, "06"}, "6"},
		"somebody else has taken it over": {"0", []any{"slaveof", "127.0.0.1", "1"}, "kept"},
	} {
		s.Do(t, "slaveof", "no", "one")
		s.Do(t, "config", "set", "min-slaves-to-write", "0")
		s.Do(t, "set", model.TermKey, "kept")
		s.Do(t, test.key...)
		s.Do(t, "config", "set", "min-slaves-to-write", test.rule)
		if err := c.RenewTerm(ctx, 6, test.rule); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		rule, err := c.WriteRule(ctx)
		if got := s.Do(t, "get", model.TermKey); got != test.want || err != nil || rule.Replicas != test.rule {
			t.Errorf("%s: the term is %s, want %s; min-slaves-to-write %s, %v", name, got, test.want, rule.Replicas, err)
		}
	}
	s.Do(t, "slaveof", "no", "one")
	s.Do(t, "config", "set", "min-slaves-to-write", "1")
	if err := c.RenewTerm(ctx, 6, "0"); err == nil {
		t.Error("it takes no write, and says nothing")
	}
}
