package loop

import (
	"testing"
	"time"

	"keepalived-redis/internal/model"
)

// A switchover dies behind its promotion, the hosts lose each other, and the old master takes writes once its pause is over. Whoever makes it
// follow then keeps those writes first.
func TestModelLateUndoThrowsNothingAway(t *testing.T) {
	w := newPairModel(t, "7.0.15", model.DurabilityAsync)
	defer w.end(t)
	a, b := w.hosts[0], w.hosts[1]
	a.state, b.state = model.VRRPBackup, model.VRRPMaster
	w.pass(time.Second)
	b.checkRun(kill{2, true}) // after SLAVEOF NO ONE and the term
	w.setCut(true)
	a.state, b.state = model.VRRPMaster, model.VRRPBackup
	w.pass(3 * time.Second) // the pause is over
	a.checkRun(kill{})
	w.write(a)
	w.setCut(false)
	w.pass(time.Second)
	b.checkRun(kill{})
	w.rounds(10)
	w.lostNothing(t)
}

// A run dies between a change of the roles and the rewrite of the files. The next ones write them, so that two hosts that lose their power later come
// up as they were.
func TestModelADeadRunsRolesAreWritten(t *testing.T) {
	w := newPairModel(t, "7.0.15", model.DurabilityAsync)
	defer w.end(t)
	a, b := w.hosts[0], w.hosts[1]
	a.state, b.state = model.VRRPBackup, model.VRRPMaster
	w.pass(time.Second)
	b.checkRun(kill{2, true}) // after SLAVEOF NO ONE and the term
	w.rounds(5)
	w.setCut(true)
	w.write(b)
	a.power()
	b.power()
	w.setCut(false)
	a.boot(true)
	b.boot(true)
	b.state = model.VRRPMaster
	w.rounds(20)
	w.lostNothing(t)
}
