package act

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/state"
)

// fenceForgets is how long after a fence the next one counts as the first again.
const fenceForgets = time.Hour

// Fence makes every local instance refuse writes: min-slaves-to-write 99 works on every version and on replicas, reads and
// INFO go on. Each check run sets it again on whatever answers.
// only names one instance; its zero value means all.
func (r *Actor) Fence(ctx context.Context, o model.Observation, only model.Instance) error {
	ctx, cancel := context.WithTimeout(ctx, session.CommandTimeout)
	defer cancel()
	w := r.writes()
	var scripts atomic.Bool
	err := r.each(o, func(i int) error {
		l := o.Locals[i]
		if !l.State.Alive() || only.Known() && l.Instance != only {
			return nil
		}
		c := r.Conn(l.Instance)
		defer c.Close()
		if err := w.refuse(ctx, c, l.Instance, session.RefusedByFence); err != nil || l.Info == nil || l.Role() == model.Replica || !l.Info.Version.ScriptsPass() {
			return err
		}
		ran, err := c.Ran(ctx, redis.Scripts...)
		if ran {
			scripts.Store(true)
		}
		return err
	})
	// Writes are refused before the records are written: the refusal is what counts against the clock.
	w.save()
	var f session.FenceRecord
	found := r.Store.Load(r.Store.Durable, session.FenceFile, &f)
	begins := !found || f.Lifted != nil
	if begins {
		f = NextFence(f)
		for _, l := range o.Locals {
			r.Memory.Severed = r.Memory.Severed.With(l.Instance.Name())
		}
	}
	f.Scripts = f.Scripts || scripts.Load()
	r.Store.Save(r.Store.Durable, session.FenceFile, f)
	if begins {
		r.did(model.Step{Do: model.Fence})
	}
	return err
}

// NextFence is the record of a fence that follows the last one: soon after it, its hold-off doubles.
func NextFence(last session.FenceRecord) session.FenceRecord {
	now := state.Now()
	f := session.FenceRecord{Since: now, Count: 1}
	if last.Lifted != nil && now.Since(*last.Lifted) < fenceForgets {
		f.Count = last.Count + 1
	}
	return f
}

// fenceStop stops every local instance: after fence_stop_after a host that is still cut off must not keep its masters,
// because the cluster on its side would begin to elect.
func (r *Actor) fenceStop(ctx context.Context, o model.Observation) error {
	var f session.FenceRecord
	r.Store.Load(r.Store.Durable, session.FenceFile, &f)
	if !f.Stopped {
		r.did(model.Step{Do: model.FenceStop})
	}
	f.Stopped = true
	r.Store.Save(r.Store.Durable, session.FenceFile, f)
	return r.each(o, func(i int) error {
		if l := o.Locals[i]; l.State.Alive() && l.Info != nil && l.Info.Version.AtLeast(7, 0) {
			c := r.Conn(o.Locals[i].Instance)
			// It must not wait for its replicas, which are cut off. The stop itself is left to the manager: one that ended
			// by itself would be started again by a unit with Restart=always. A server that does not obey stops later.
			_, _ = c.Do(ctx, "config", "set", "shutdown-timeout", "0")
			c.Close()
		}
		return r.Service.Stop(ctx, r.Config.Instances[i], false)
	})
}

// liftStart starts what the fence stopped, with writes refused. The fence stays on record; the next looks refuse them again on what answers later.
func (r *Actor) liftStart(ctx context.Context, o model.Observation) error {
	var f session.FenceRecord
	r.Store.Load(r.Store.Durable, session.FenceFile, &f)
	var wg sync.WaitGroup
	errs := make([]error, len(r.Config.Instances))
	w := r.writes()
	for i, in := range r.Config.Instances {
		if i < len(o.Locals) && o.Locals[i].State.Alive() {
			continue
		}
		if why, certain := r.emptied(in, func() []model.Look { return slices.Concat(o.Locals, o.Peers) }); why != "" && certain {
			errs[i] = errors.New(why)
			continue
		}
		if f.Stopped {
			r.keepFile(ctx, in)
		}
		wg.Add(1)
		go func() { // side by side, for all share the time of one check
			defer wg.Done()
			errs[i] = w.startRefusing(ctx, in)
		}()
	}
	wg.Wait()
	w.save()
	// What has not come up is tried again, and holds back itself, not the others.
	f.Stopped = false
	r.Store.Save(r.Store.Durable, session.FenceFile, f)
	err := errors.Join(errs...)
	if err == nil {
		r.did(model.Step{Do: model.LiftStart})
	}
	return err
}

// startedWithin bounds the wait for a server that was just started to take a command.
const startedWithin = 300 * time.Millisecond

// startRefusing starts an instance and refuses writes on it as soon as it takes connections, before its clients come back. A server takes
// that while it loads its data, too, and some managers return from a start only after that. What takes longer is left to the next looks.
func (w *writes) startRefusing(ctx context.Context, in config.Instance) error {
	asking, cancel := context.WithCancel(ctx)
	defer cancel()
	refused := make(chan struct{})
	go func() {
		defer close(refused)
		for {
			c := w.Conn(redis.TargetOf(in).Instance)
			err := w.refuse(asking, c, redis.TargetOf(in).Instance, session.RefusedByFence)
			c.Close()
			if redis.Classify(err) != model.Refused || session.Pause(asking, startPause) != nil {
				return
			}
		}
	}()
	if err := w.Service.Start(ctx, in); err != nil {
		return fmt.Errorf("start %s: %w", in.Name(), err)
	}
	late := time.NewTimer(startedWithin)
	defer late.Stop()
	select {
	case <-refused:
	case <-late.C:
	}
	return nil
}

// startPause is the pause between two tries to reach a server that is being started.
const startPause = 5 * time.Millisecond

// refuse makes one instance refuse writes because it may be stale.
func (r *Actor) refuse(ctx context.Context, i model.Instance) error {
	for _, in := range r.Config.Instances {
		if in.Name() == i.Name() {
			ctx, cancel := context.WithTimeout(ctx, session.CommandTimeout)
			defer cancel()
			c := r.Conn(i)
			defer c.Close()
			w := r.writes()
			defer w.save()
			before, err := w.change(ctx, c, i, func(k session.Writes) session.Writes { return k.With(session.RefusedAsStale) })
			if err == nil && !slices.Contains(before.Why, session.RefusedAsStale) {
				r.did(model.Step{Do: model.Refuse, Instance: i})
			}
			return err
		}
	}
	return fmt.Errorf("refuse writes on %s: it is no instance of this host", i)
}

// restore ends every stop of the writes of an instance.
func (r *Actor) restore(ctx context.Context, i model.Instance) error {
	c := r.Conn(i)
	defer c.Close()
	before, err := r.allowWrites(ctx, c, i, session.Stops...)
	if err == nil {
		if len(before.Why) > 0 {
			r.did(model.Step{Do: model.Restore, Instance: i})
		}
		r.Memory.Guarded = r.Memory.Guarded.Without(i.Name())
	}
	if err != nil {
		return err
	}
	// Its role may have changed while the file could not be written, or somebody has written the refusal into it.
	if len(r.Config.Peers) > 0 || r.configured(i).Replicas == redis.StopWrites {
		r.rewrite(ctx, c, i)
	}
	return nil
}

// liftDone ends the fence; the record stays for the hold-off of the next one.
func (r *Actor) liftDone(o model.Observation) error {
	var f session.FenceRecord
	r.Store.Load(r.Store.Durable, session.FenceFile, &f)
	now := state.Now()
	r.Memory.Confirm(o.Locals, now)
	r.did(model.Step{Do: model.LiftDone})
	if o.Fence != nil && o.Unanswered() {
		r.Memory.Severed = nil // their masters have been waited for
	}
	r.Store.Save(r.Store.Durable, session.FenceFile, session.FenceRecord{Since: f.Since, Count: f.Count, Lifted: &now})
	return nil
}

// each does something to every local instance side by side.
func (r *Actor) each(o model.Observation, do func(i int) error) error {
	errs := make(chan error, len(o.Locals))
	for i := range o.Locals {
		go func() { errs <- do(i) }()
	}
	var all []error
	for range o.Locals {
		all = append(all, <-errs)
	}
	return errors.Join(all...)
}
