package act

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/state"
)

// Bounds of a switchover.
const (
	// PauseFor is how long the old master holds writers back if nobody lets them go: longer than the whole switchover may take.
	// So long that the next check run comes within it, when this one dies.
	PauseFor = 3 * time.Second
	// holdFor is how long all clients of an old master are held back where scripts pass its refusal: nobody can end that earlier before 6.2.
	holdFor = 30 * time.Millisecond
	// offsetsWithin is how long equal offsets are waited for before the switchover is undone.
	offsetsWithin = 200 * time.Millisecond
	// repointWithin is how long the old master may take to learn of the new one.
	repointWithin = time.Second
	// switchoverRoom is the time that must be left of a run to begin a switchover.
	switchoverRoom = 400 * time.Millisecond
)

// ErrNoTime: what is left of the run is too little for a switchover, so none was begun.
var ErrNoTime = errors.New("too little time is left")

// hasRoom: the run has the time that a switchover may take.
func hasRoom(ctx context.Context) bool {
	end, ok := ctx.Deadline()
	return ctx.Err() == nil && (!ok || time.Until(end) >= switchoverRoom)
}

// noTime is the error of a switchover that the run has no time for. The next one has it.
func noTime(s model.Step) error {
	return fmt.Errorf("switchover %s to %s: %w", s.From, s.Instance, ErrNoTime)
}

// ErrOffsets: the replica did not reach the master's offset in time.
var ErrOffsets = errors.New("the replica did not catch up in time")

// switchover switches one living master over to its local replica without loss: stop writes on the old master, wait for equal offsets,
// take over, wait until the old master has become a replica, and let the writers go. What it changes is written down
// first, so that a switchover whose program dies is ended by the next run. It is not CLUSTER FAILOVER: repeated within a minute that
// one pauses clients for seconds, and several at once collide.
func (r *Actor) switchover(ctx context.Context, o model.Observation, s model.Step) (err error) {
	if !hasRoom(ctx) {
		return noTime(s)
	}
	start := time.Now()
	old, to := r.Conn(s.From), r.Conn(s.Instance)
	defer old.Close()
	defer to.Close()
	// Both connections are made before writes stop, so that no dial is part of the gap.
	done, err := ready(ctx, old, to)
	if err == nil && !done {
		err = onTheBus(ctx, old, to)
	}
	if err != nil {
		return r.notBegun(s, err)
	} else if done {
		return nil
	}
	master, _, _ := o.Find(s.From.Addr)
	undo, err := newUndo(ctx, s, master, old)
	var stop func() (model.Info, error)
	if err == nil {
		stop, _, err = r.PrepareStop(ctx, old, undo)
	}
	if err != nil {
		return r.notBegun(s, err)
	}
	r.begin(&undo)
	gap := time.Now()
	stopped, err := stop()
	if err == nil {
		err = awaitOffsets(ctx, source(old, undo), to, stopped)
	}
	if undo.Sent = err == nil; undo.Sent {
		err = to.Takeover(ctx)
	}
	if err == nil {
		err = awaitReplica(ctx, old)
	}
	if err == nil && undo.Pause {
		// Writers need not wait for the rest of the undo. What becomes of it does not matter: the undo does it again.
		_ = old.Unpause(ctx)
	}
	gapLength := time.Since(gap)
	// Whatever happened, writers are let go where that loses nothing; a signal does not stop that.
	if undoErr := r.endSwitchover(context.WithoutCancel(ctx), undo, old, to); undoErr != nil {
		err = errors.Join(err, undoErr)
	}
	if err != nil {
		return r.switchoverFailed(s, err)
	}
	r.Memory.SwitchoverFailures = 0
	r.didWith(s, model.Deed{Gap: gapLength, Took: time.Since(start)})
	return nil
}

// newUndo is how the old master of a switchover is stopped, and let go.
func newUndo(ctx context.Context, s model.Step, master model.Look, old *redis.Conn) (m session.SwitchoverRecord, err error) {
	v := master.Info.Version
	m = session.SwitchoverRecord{From: s.From, To: s.Instance, Pause: v.AtLeast(6, 2)}
	passes := redis.Scripts
	if v.QueuedPass() {
		passes = append([]string{"exec"}, passes...)
	}
	if !m.Pause && v.ScriptsPass() {
		m.Scripts, err = old.Ran(ctx, passes...)
	}
	return m, err
}

// begin writes the undo down before anything is changed. It says that the new master may have been told to lead: a disk is too slow for the gap.
func (r *Actor) begin(m *session.SwitchoverRecord) {
	m.At, m.Sent = state.Now(), true
	r.keepUndo(*m)
}

// ErrNotLinked: the replica's link to its master broke after the look that the switchover was planned by.
var ErrNotLinked = errors.New("the replica is not linked to it any more")

// ready asks both ends of a switchover how they stand, before anything is changed: what was seen may be over, as after a restart of
// the old master. done: the same plan was carried out before.
func ready(ctx context.Context, old, to *redis.Conn) (done bool, err error) {
	replica, err := to.Replication(ctx)
	if err != nil || replica.Role == model.Master {
		return err == nil, err
	}
	master, err := old.Replication(ctx)
	switch {
	case err != nil:
		return false, err
	case master.Role != model.Master:
		return false, errRoles
	case !replica.LinkUp || master.Replicas == 0:
		return false, ErrNotLinked
	}
	return false, nil
}

// What stands against a switchover on the bus of a cluster, for a moment or for long.
var (
	ErrEpoch = errors.New("the replica has not heard of its epoch yet")
	ErrBus   = errors.New("the two do not hear each other on the cluster's bus; hint: open its port, 10000 above that of Redis, between the hosts")
)

// onTheBus asks both ends what they know of each other. BUMPEPOCH tells nobody, and a takeover takes an epoch above all that the replica has heard of:
// the old master would win with a higher one, and what the new one had acknowledged would be lost. And the old master must hear of the new one: its
// writes are stopped until then.
func onTheBus(ctx context.Context, old, to *redis.Conn) error {
	master, err := old.Bus(ctx)
	if err != nil {
		return err
	}
	replica, err := to.Bus(ctx)
	if err != nil {
		return err
	}
	return agree(master, replica)
}

// agree is what stands against a switchover from a master to its replica.
func agree(master, replica redis.Bus) error {
	switch {
	case !hears(master, replica) || !hears(replica, master):
		return ErrBus
	case replica.Knows < master.Own:
		return fmt.Errorf("%w: %d, and it knows %d", ErrEpoch, master.Own, replica.Knows)
	}
	return nil
}

// hears: the last ping of a node to the other one was answered. How long ago says nothing: a node is pinged every few seconds, or as seldom as twice in a
// cluster-node-timeout (clusterCron in cluster.c).
func hears(a, b redis.Bus) bool {
	me, _ := b.Nodes.Myself()
	other, known := a.Nodes.ByID(me.ID)
	return known && !other.Mute && !other.Failed && !other.Suspected && !other.Unknown
}

// notBegun is the error of a switchover that has changed nothing and cost nobody anything: the next check run looks again and tries again.
// Only what Redis refuses, which no look shows and which stays so, backs off.
func (r *Actor) notBegun(s model.Step, err error) error {
	switch redis.Classify(err) {
	case model.NoPerm, model.OtherError:
		return r.switchoverFailed(s, err)
	}
	return fmt.Errorf("switchover %s to %s, which was not begun: %w", s.From, s.Instance, err)
}

// switchoverFailed backs off: writers were held back in vain.
func (r *Actor) switchoverFailed(s model.Step, err error) error {
	r.Memory.SwitchoverFailures++
	failed := state.Now()
	r.Memory.SwitchoverFailedAt = &failed
	return fmt.Errorf("switchover %s to %s: %w", s.From, s.Instance, err)
}

// PrepareStop asks what must be known before writers are held back, on every version. stop holds them back, and returns how the master stands from
// then on. CLIENT PAUSE before 6.2 would hold back INFO and ourselves as well. hold makes it last, for a pause ends by itself; who writes from then on
// gets an error instead of a wait. In a pair, whose clients are thrown out anyway, that comes right before the new master leads, because no bus tells
// the old one. In a cluster it comes where it is in doubt who leads (endSwitchover), within the pause.
func (r *Actor) PrepareStop(ctx context.Context, old *redis.Conn, m session.SwitchoverRecord) (
	stop func() (model.Info, error), hold func() error, err error,
) {
	w := r.writes()
	_, ours := w.record[m.From.Name()]
	now, known, err := w.know(ctx, old, m.From)
	if err != nil {
		return nil, nil, err
	}
	want := known.With(session.RefusedBySwitchover)
	switch {
	case now.Replicas == redis.StopWrites && !ours: // its own host stops its writes, and gives them back
		delete(w.record, m.From.Name())
	case m.Pair || !m.Pause:
		w.record[m.From.Name()] = want
	}
	w.save() // before the gap
	refuse := func() error {
		if now.Replicas == redis.StopWrites {
			return nil
		}
		_, err := old.SetWriteRule(ctx, now, want.Rule())
		return err
	}
	if m.Pause {
		return func() (model.Info, error) { return old.PauseWrites(ctx, PauseFor) }, refuse, nil
	}
	return func() (model.Info, error) {
		if err := refuse(); err != nil {
			return model.Info{}, err
		}
		if m.Scripts {
			return old.PauseAll(ctx, holdFor, m.Pair)
		}
		return old.Replication(ctx)
	}, func() error { return nil }, nil
}

// source is the old master, to be asked how it stands while it waits for its replica; nil where it answers nobody: then it writes nothing either.
func source(old *redis.Conn, m session.SwitchoverRecord) *redis.Conn {
	if m.Scripts {
		return nil
	}
	return old
}

// awaitOffsets polls until the replica has all that the master, which stands at m, wrote. Where the master answers nobody there is less time for it: what
// is left is for the takeover.
func awaitOffsets(ctx context.Context, old, to *redis.Conn, m model.Info) error {
	within := offsetsWithin
	if old == nil {
		within = holdFor / 2
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		s, err := to.Replication(ctx)
		if err != nil {
			return err
		}
		if s.Role != model.Replica || m.Role != model.Master {
			return fmt.Errorf("the roles changed meanwhile: old master is %s, replica is %s", m.Role, s.Role)
		}
		if s.Offset >= m.Offset {
			return nil
		}
		if session.Pause(ctx, pollPause) != nil {
			return fmt.Errorf("%w: %d bytes behind after %s", ErrOffsets, m.Offset-s.Offset, within)
		}
		if old == nil {
			continue
		}
		if m, err = old.Replication(ctx); err != nil {
			return err
		}
	}
}

// awaitReplica polls until the old master has learnt that it is one no more: a write let go before that would be
// acknowledged and lost.
func awaitReplica(ctx context.Context, old *redis.Conn) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), repointWithin)
	defer cancel()
	for {
		i, err := old.Replication(ctx)
		if err == nil && i.Role == model.Replica {
			return nil
		}
		if session.Pause(ctx, pollPause) != nil {
			if err == nil {
				err = fmt.Errorf("it says that it is %s", i.Role)
			}
			return fmt.Errorf("the old master does not follow the new one after %s: %w", repointWithin, err)
		}
	}
}
