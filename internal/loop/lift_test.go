package loop

import (
	"testing"
	"time"

	"keepalived-redis/internal/decide"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/reason"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/testing/fixture"
	"keepalived-redis/internal/testing/sessiontest"
)

// A replica that was cut off from its master is not promoted because that one refuses connections: its own fence may have stopped it, with what it
// acknowledged meanwhile. Once the master says what it has, or has been waited for, the usual rules hold.
func TestSeveredReplicaWaits(t *testing.T) {
	r := reconciler(t)
	o := fixture.Cluster()
	fixture.PeersAre(&o, model.Refused, model.Stretch{For: time.Hour, Looks: 9})
	if err := r.Fence(sessiontest.Within(t, time.Second), model.Observation{Locals: []model.Look{{Instance: o.Locals[1].Instance, State: model.Refused}}}, model.Instance{}); err != nil {
		t.Fatal(err)
	}
	see := func(lifted time.Duration) model.Observation {
		at := state.Now()
		at.Mono -= lifted
		r.Store.Save(r.Store.Durable, session.FenceFile, session.FenceRecord{Since: at, Lifted: &at, Count: 1})
		seen := o
		r.Config.Times.ColdStartWait = time.Minute
		seen.Fence = r.SeeFence(&seen, state.Now())
		r.Keep()
		return seen
	}
	waits := func(o model.Observation) bool {
		return !fixture.Says(decide.Decide(o), model.Takeover, reason.MasterDown, model.At(fixture.Addr("192.168.9.71:7004")))
	}
	if p := see(time.Second); !waits(p) {
		t.Errorf("just after the fence: %s", reason.Lines(decide.Decide(p).Clauses))
	}
	if p := see(61 * time.Second); waits(p) {
		t.Errorf("after cold_start_wait: %s", reason.Lines(decide.Decide(p).Clauses))
	}
	linked := fixture.Cluster()
	r.SeeDataAge(&linked, true, state.Now())
	if p := see(time.Second); waits(p) {
		t.Errorf("linked since: %s", reason.Lines(decide.Decide(p).Clauses))
	}
}
