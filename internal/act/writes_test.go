package act

import (
	"strings"
	"testing"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/testing/redistest"
	"keepalived-redis/internal/testing/sessiontest"
)

// refuser is an actor with one instance, and what is asked of it.
type refuser struct {
	*Actor
	t *testing.T
	s *redistest.Server
}

func newRefuser(t *testing.T, settings ...string) refuser {
	s := redistest.Start(t, settings...)
	return refuser{actor(t, s), t, s}
}

func (r refuser) change(do func(*redis.Conn, model.Instance) error) {
	r.t.Helper()
	c := r.Conn(model.At(r.s.Addr))
	defer c.Close()
	if err := do(c, model.At(r.s.Addr)); err != nil {
		r.t.Fatal(err)
	}
}

func (r refuser) refuse(why session.Refusal) {
	r.t.Helper()
	r.change(func(c *redis.Conn, i model.Instance) error {
		return r.refuseWrites(sessiontest.Within(r.t, time.Second), c, i, why)
	})
}

func (r refuser) allow(why ...session.Refusal) {
	r.t.Helper()
	r.change(func(c *redis.Conn, i model.Instance) error {
		_, err := r.allowWrites(sessiontest.Within(r.t, time.Second), c, i, why...)
		return err
	})
}

// is: the rule in force, and whether a write is taken.
func (r refuser) is(replicas, maxLag string, writes bool) {
	r.t.Helper()
	c := r.Conn(model.At(r.s.Addr))
	defer c.Close()
	if rule, err := c.WriteRule(sessiontest.Within(r.t, time.Second)); err != nil || rule != (redis.WriteRule{Replicas: replicas, MaxLag: maxLag}) {
		r.t.Errorf("the rule is %+v, %v; want %s and %s", rule, err, replicas, maxLag)
	}
	if _, err := c.Do(sessiontest.Within(r.t, time.Second), "set", "k", "v"); (err == nil) != writes {
		r.t.Errorf("a write: %v", err)
	}
}

// Two reasons are two: the end of one gives nothing back.
func TestWritesComeBackWithTheLastReason(t *testing.T) {
	r := newRefuser(t)
	r.refuse(session.RefusedByFence)
	r.refuse(session.RefusedToKeepData)
	r.refuse(session.RefusedByFence)
	r.allow(session.RefusedByFence)
	r.is(redis.StopWrites, "10", false)
	r.allow(session.RefusedToKeepData)
	r.is("0", "10", true)
	if r.Store.Load(r.Store.Durable, session.WritesFile, &map[string]session.Writes{}) {
		t.Error("the record of nothing is still there")
	}
}

// Without a lag Redis does not count its replicas, and 99 of them refuse nothing.
func TestARefusalBitesWithoutALag(t *testing.T) {
	r := newRefuser(t, "min-slaves-max-lag 0")
	r.refuse(session.RefusedByFence)
	r.is(redis.StopWrites, "10", false)
	r.allow(session.Stops...)
	r.is("0", "0", true)
}

// What a person sets meanwhile, and what a server that was started anew says, is its own from then on.
func TestItsOwnRuleIsWhatIsNotOurs(t *testing.T) {
	r := newRefuser(t)
	r.refuse(session.RefusedByFence)
	r.s.Do(t, "config", "set", "min-slaves-to-write", "0")
	r.s.Do(t, "config", "set", "min-slaves-max-lag", "7")
	r.refuse(session.RefusedByFence)
	r.is(redis.StopWrites, "7", false)
	r.allow(session.Stops...)
	r.is("0", "7", true)
}

// A refusal that is on no record, as of another host that died, ends as the instance's own configuration says.
func TestARefusalOffTheRecord(t *testing.T) {
	r := newRefuser(t)
	r.s.Do(t, "config", "set", "min-slaves-to-write", redis.StopWrites)
	r.allow(session.Stops...)
	r.is("0", "10", true)
}

// Durability replicated is a reason as any other: under a fence the fence wins, and it is back behind it.
func TestAFenceOverReplicatedDurability(t *testing.T) {
	r := newRefuser(t)
	r.Config.Durability = model.DurabilityReplicated
	r.refuse(session.RefusedAlone)
	r.is("1", redis.ReplicaMaxLag, false)
	r.refuse(session.RefusedByFence)
	r.is(redis.StopWrites, redis.ReplicaMaxLag, false)
	r.allow(session.Stops...)
	r.is("1", redis.ReplicaMaxLag, false)
	r.Store.Remove(r.Store.Durable, session.WritesFile) // as after a restart: its own file says 1
	r.change(func(c *redis.Conn, i model.Instance) error {
		needed, err := r.relax(sessiontest.Within(t, time.Second), c, i)
		if !needed {
			t.Error("it needed no replica")
		}
		return err
	})
	r.is("0", redis.ReplicaMaxLag, true)
}

// A damaged record is set aside and said; what is in force says the rest.
func TestADamagedRecordOfWrites(t *testing.T) {
	r := newRefuser(t)
	r.refuse(session.RefusedByFence)
	if err := r.Store.Durable.StoreBytes(session.WritesFile, []byte("{garbage")); err != nil {
		t.Fatal(err)
	}
	r.allow(session.Stops...)
	r.is("0", "10", true)
	if text, _, _ := r.Store.Durable.Text(session.WritesFile + ".damaged"); !strings.Contains(text, "garbage") {
		t.Error("the damaged record is not kept")
	}
}
