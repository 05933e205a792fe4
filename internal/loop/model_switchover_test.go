package loop

import (
	"testing"
	"time"

	"keepalived-redis/internal/model"
)

// diedBehindItsPromotion is a pair in which the run of a switchover from a to b was killed right after SLAVEOF NO ONE and the term.
func diedBehindItsPromotion(t *testing.T) (w *pairModel, a, b *modelHost) {
	w = newPairModel(t, "7.0.15", model.DurabilityAsync)
	a, b = w.hosts[0], w.hosts[1]
	a.state, b.state = model.VRRPBackup, model.VRRPMaster
	w.pass(time.Second)
	b.checkRun(kill{2, true})
	if !b.server().View().Master {
		t.Fatal("the run died before its promotion")
	}
	return w, a, b
}

// The hosts lose each other, and the old master takes writes once its pause is over. Whoever makes it follow then keeps those writes first.
func TestModelLateUndoThrowsNothingAway(t *testing.T) {
	w, a, b := diedBehindItsPromotion(t)
	defer w.end(t)
	w.setCut(true)
	a.state, b.state = model.VRRPMaster, model.VRRPBackup
	for range 3 { // the pause is over then
		w.pass(time.Second)
		a.checkRun(kill{})
	}
	if !w.write(a) {
		t.Fatal("the old master takes no write")
	}
	w.setCut(false)
	w.pass(time.Second)
	b.checkRun(kill{})
	w.rounds(10)
	w.lostNothing(t)
}

// filesAreRight: after a restart of both servers the roles would be the same.
func filesAreRight(t *testing.T, a, b *modelHost) {
	t.Helper()
	if v := b.server().View(); !v.Master || v.ConfFollows.IsValid() {
		t.Errorf("the new master: %+v", v)
	}
	if v := a.server().View(); v.Master || v.ConfFollows != b.server().Addr {
		t.Errorf("the old master: %+v", v)
	}
}

// What a run that dies between a change of the roles and the rewrite of the files leaves out, the next ones do.
func TestModelFilesOfASwitchoverThatDied(t *testing.T) {
	w, a, b := diedBehindItsPromotion(t)
	defer w.end(t)
	w.rounds(5)
	filesAreRight(t, a, b)
}

func TestModelFileOfAPromotionThatDied(t *testing.T) {
	w := newPairModel(t, "7.0.15", model.DurabilityAsync)
	defer w.end(t)
	a, b := w.hosts[0], w.hosts[1]
	w.setCut(true)
	a.state, b.state = model.VRRPBackup, model.VRRPMaster
	for range 5 {
		w.pass(time.Second)
		if b.checkRun(kill{1, true}); b.server().View().Master {
			break
		}
	}
	w.setCut(false)
	w.rounds(10)
	filesAreRight(t, a, b)
}
