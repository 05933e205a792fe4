package act

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/service"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/state"
)

// restarter starts instances that died. Its memory is kept across runs.
type restarter struct {
	*Actor
	// around are all looks, at this host and the others.
	around []model.Look
}

// starts is what is remembered of one instance.
type starts struct {
	// At are the starts inside the window.
	At []state.Stamp `json:"at,omitempty"`
	// Next is how long after the last start the next may come.
	Next time.Duration `json:"next_ns,omitempty"`
	// Said is the last complaint, so that it is logged once.
	Said string `json:"complaint,omitempty"`
}

// The back-off between two starts: 200 ms, doubled each time, up to a quarter of the window.
const firstBackoff = 200 * time.Millisecond

// The pause between two looks at an instance that is being started: short at first, then doubled. Checks that keepalived
// has let pile up all wait for the same start, and must leave it the CPU.
const firstPause, longestPause = 5 * time.Millisecond, 20 * time.Millisecond

// restartRoom is what a run has left behind its restarts, for one more look and what follows from that.
const restartRoom = 350 * time.Millisecond

// Restart starts what the plan says, side by side, waits for it, and puts the last looks in the place of the earlier ones. What it gives up
// is noted in the session.
func (r *Actor) Restart(ctx context.Context, o *model.Observation, plan model.Plan) {
	steps := plan.Restarts().Steps
	if len(steps) == 0 || ctx.Err() != nil {
		return
	}
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end.Add(-min(restartRoom, r.Config.Times.Deadline/2)))
		defer cancel()
	}
	r.clauses = plan.Clauses
	v := restarter{Actor: r, around: append(append([]model.Look(nil), o.Locals...), o.Peers...)}
	looks, gaveUp := append([]model.Look(nil), o.Locals...), make([]bool, len(o.Locals))
	var wg sync.WaitGroup
	for i, l := range o.Locals {
		if !slices.Contains(steps, model.Step{Do: model.Restart, Instance: l.Instance}) {
			continue
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			in, limits := r.Config.Instances[i], r.LocalLimits()
			looks[i], gaveUp[i] = v.one(ctx, in, v.whole(ctx, in, l, limits), limits)
		}()
	}
	wg.Wait()
	if r.Tried == nil {
		r.Tried, r.GaveUp = map[model.Instance]bool{}, map[model.Instance]bool{}
	}
	for _, s := range steps {
		r.Tried[s.Instance] = true
	}
	for i, l := range looks {
		if gaveUp[i] {
			r.GaveUp[l.Instance] = true
		}
	}
	o.Locals = looks
}

// whole looks once more at an instance that closed the connection: one that died in the middle of a look refuses the next.
func (r *restarter) whole(ctx context.Context, in config.Instance, look model.Look, l redis.Limits) model.Look {
	if look.State != model.Dropped || session.Pause(ctx, longestPause) != nil {
		return look
	}
	return r.again(ctx, in, look, l)
}

// again is one more look, or the one that there was if the time is up in it.
func (r *restarter) again(ctx context.Context, in config.Instance, look model.Look, l redis.Limits) model.Look {
	next := redis.LookAt(ctx, redis.TargetOf(in), l)
	if timeIsUp(ctx) && !next.State.Alive() {
		return look // this look was cut short and says nothing
	}
	return next
}

// one does what is due for one instance, with its memory loaded and locked.
func (r *restarter) one(ctx context.Context, in config.Instance, look model.Look, l redis.Limits) (model.Look, bool) {
	m := startsMemory{run: state.Dir(r.Config.RunDir), name: "restart-" + id(in)}
	unlock, err := m.run.TryLock(m.name + ".lock")
	if errors.Is(err, state.ErrBusy) {
		if look.State == model.Refused {
			return r.await(ctx, in, look, l), false // another run is at it
		}
		return look, false
	}
	if err != nil {
		if look.State == model.Refused {
			r.Log.Warn().Err(err).Msgf("%s is not restarted: its starts cannot be counted", in.Name())
		}
		return look, false
	}
	defer unlock()
	if err := m.load(); err != nil {
		r.Log.Warn().Err(err).Msg("the back-off of restarts begins again")
	}
	look, gaveUp := r.due(ctx, &m, in, look, l)
	if err := m.save(); err != nil {
		r.Log.Warn().Err(err).Msgf("what was done about %s cannot be kept and will be said again", in.Name())
	}
	return look, gaveUp
}

// due starts the instance if it is dead, or hangs for too long, and nothing speaks against it.
func (r *restarter) due(ctx context.Context, m *startsMemory, in config.Instance, look model.Look, l redis.Limits) (model.Look, bool) {
	now := state.Now()
	hung := look.State == model.Stalled || look.State == model.Silent
	if look.State != model.Refused && !hung {
		return look, false // it is up again, or that says nothing of the instance
	}
	st := r.Service.Status(ctx, in)
	switch {
	case st.Status == service.Stopped && r.Config.Restart.When != config.RestartAlways:
		// Once, or whoever wonders why it stays dead has nothing to find.
		if why := in.Name() + " is not restarted: " + st.Reason; m.Said != why {
			r.Log.Warn().Msg(why)
			m.Said = why
		}
		return look, false
	case st.Status == service.Busy, st.Status == service.Running && !hung:
		r.Log.Debug().Msgf("%s is not restarted: %s", in.Name(), st.Reason)
		return r.await(ctx, in, look, l), false
	}
	// The next run looks again, so what is not known is waited for.
	if why, _ := r.emptied(in, func() []model.Look { return r.around }); why != "" {
		r.complain(m, why)
		return look, true
	}
	before := m.starts
	if ok, gaveUp := r.mayStart(m, in, now); !ok {
		return look, gaveUp
	}
	// The start is counted before it is made: a run that is killed in between must not start for ever.
	if err := m.save(); err != nil {
		r.Log.Warn().Err(err).Msgf("%s is not restarted: its starts cannot be counted", in.Name())
		m.starts, m.saved = before, before // it has been said, and the disk takes nothing
		return look, false
	}
	return r.start(ctx, m, in, look, l, before), false
}

// start starts the instance, after it has killed one that hangs, and waits for it.
func (r *restarter) start(ctx context.Context, m *startsMemory, in config.Instance, look model.Look, l redis.Limits, before starts) model.Look {
	begun, hung := time.Now(), time.Duration(0)
	var err error
	if look.State != model.Refused {
		hung = r.Config.Restart.HungAfter
		err = r.Service.Kill(ctx, in)
	}
	if err == nil {
		err = r.Service.Start(ctx, in)
	}
	switch {
	case errors.Is(err, service.ErrRefused):
		// Nobody here may start it. It was not started, so nothing is counted.
		m.starts = before
		r.complain(m, "a dead instance is not restarted: "+err.Error())
		return look
	case err != nil:
		r.Log.Error().Err(err).Msgf("%s is dead and could not be started", in.Name())
		return look
	}
	look = r.await(ctx, in, look, l)
	r.didWith(model.Step{Do: model.Restart, Instance: look.Instance}, model.Deed{Took: time.Since(begun), Hung: hung, State: look.State})
	return look
}

// complain logs a sentence once, until there is another to log or the instance may be started again.
func (r *restarter) complain(m *startsMemory, why string) {
	if m.Said != why {
		r.Log.Error().Msg(why)
	}
	m.Said = why
}

// mayStart applies the back-off and the burst, and counts the start.
func (r *restarter) mayStart(m *startsMemory, in config.Instance, now state.Stamp) (ok, gaveUp bool) {
	var recent []state.Stamp
	for _, at := range m.At {
		// A start that is still to come was written by no clock of this boot, and would count for ever.
		if at.Boot == now.Boot && at.Mono <= now.Mono && now.Since(at) < r.Config.Restart.Window {
			recent = append(recent, at)
		}
	}
	m.At = recent
	switch n := len(recent); {
	case n >= r.Config.Restart.Burst:
		why := fmt.Sprintf("%s died %d times within %s and is not started again", in.Name(), n, r.Config.Restart.Window)
		if m.Said == "" || !strings.HasPrefix(m.Said, why) { // its log is read once
			if words := service.LastWords(in, 0); words != "" {
				why += "; its last words: " + words
			}
			r.complain(m, fmt.Sprintf("%s; hint: look at its log, then redis-initd %d start", why, in.Port))
		}
		return false, true
	case n > 0 && now.Since(recent[n-1]) < m.Next:
		return false, false
	case n == 0:
		m.Next = 0
	}
	m.Said = ""
	m.At = append(m.At, now)
	m.Next = min(max(2*m.Next, firstBackoff), r.Config.Restart.Window/4)
	m.Next += time.Duration(rand.Int64N(int64(m.Next)/4 + 1)) // jitter, so that instances do not start in step
	return true, false
}

// startsMemory is what the runs remember of one instance, as it is and as it is on disk.
type startsMemory struct {
	starts
	saved starts
	run   state.Dir
	name  string
}

func (m *startsMemory) load() error {
	_, err := m.run.Load(m.name+".json", &m.starts)
	m.saved = m.starts
	return err
}

// save writes what has changed.
func (m *startsMemory) save() error {
	if reflect.DeepEqual(m.starts, m.saved) {
		return nil
	}
	m.saved = m.starts
	return m.run.Store(m.name+".json", m.starts)
}

// id names the instance in file names.
func id(in config.Instance) string {
	if in.Port != 0 {
		return strconv.Itoa(int(in.Port))
	}
	return strings.Trim(strings.ReplaceAll(in.Socket, "/", "-"), "-")
}

// await looks until the instance lives or ctx ends. The last look is what counts.
func (r *restarter) await(ctx context.Context, in config.Instance, look model.Look, l redis.Limits) model.Look {
	for p := firstPause; ; p = min(2*p, longestPause) {
		look = r.again(ctx, in, look, l)
		if look.State.Alive() && look.State != model.Loading || session.Pause(ctx, p) != nil {
			return look
		}
	}
}

// timeIsUp: ctx has ended, or is just about to: a read ends at the deadline itself, a little before the context says so.
func timeIsUp(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && !time.Now().Before(deadline)
}
