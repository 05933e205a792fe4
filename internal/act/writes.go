package act

import (
	"context"
	"fmt"
	"sync"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/session"
)

// writes owns what instances are told about refusing writes. Each change begins with what the server says: what is not ours is the instance's
// own, and is given back when the last of our reasons is gone. Nothing else sets min-slaves-to-write, but for the transaction of redis.Conn.Lead,
// which leaves it as it was.
type writes struct {
	*Actor
	mu     sync.Mutex
	record map[string]session.Writes
	// onDisk is the record as it was read or saved last.
	onDisk string
}

func (r *Actor) writes() *writes {
	w := &writes{Actor: r, record: map[string]session.Writes{}}
	r.Store.Load(r.Store.Durable, session.WritesFile, &w.record)
	w.onDisk = session.Text(w.record)
	return w
}

func (w *writes) save() {
	now := session.Text(w.record)
	switch {
	case now == w.onDisk:
		return
	case len(w.record) == 0:
		w.Store.Remove(w.Store.Durable, session.WritesFile)
	default:
		w.Store.Save(w.Store.Durable, session.WritesFile, w.record)
	}
	w.onDisk = now
}

// know reads what an instance is told now, and what of that is ours.
func (w *writes) know(ctx context.Context, c *redis.Conn, i model.Instance) (now redis.WriteRule, known session.Writes, err error) {
	if now, err = c.WriteRule(ctx); err != nil {
		return now, known, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	known, ok := w.record[i.Name()]
	switch {
	case ok && now == known.Rule():
	case now.Replicas == redis.StopWrites && !ok: // our record is lost, or the other host's refusal
		known = session.Writes{Own: w.configured(i)}
		if known.Own.Replicas == redis.StopWrites { // somebody wrote our own 99 into the file
			known.Own.Replicas = "0"
		}
	case now.Replicas == redis.StopWrites:
	case w.Config.Durability == model.DurabilityReplicated && now.Replicas != "0": // from its configuration file, where we wrote it
		known = session.Writes{Own: redis.WriteRule{Replicas: "0", MaxLag: now.MaxLag}, Why: []session.Refusal{session.RefusedAlone}}
	default: // it was started anew, or a person has changed it
		known = session.Writes{Own: now}
	}
	w.record[i.Name()] = known
	return now, known, nil
}

// set tells an instance what its reasons come to. The record follows: where it is lost in between, the server says what is in force.
func (w *writes) set(ctx context.Context, c *redis.Conn, i model.Instance, now redis.WriteRule, want session.Writes) error {
	version, err := c.SetWriteRule(ctx, now, want.Rule())
	if err != nil {
		return err
	}
	w.mu.Lock()
	if w.record[i.Name()] = want; len(want.Why) == 0 {
		delete(w.record, i.Name())
	}
	w.mu.Unlock()
	if !want.Stops() || now.Replicas == redis.StopWrites || !version.QueuedPass() {
		return nil
	}
	// What MULTI has queued goes with its connection. A server that loads has no clients.
	if err := c.KillClients(ctx); err != nil && redis.Classify(err) != model.Loading {
		return fmt.Errorf("end the transactions on %s: %w", i, err)
	}
	return nil
}

// change lets the reasons of an instance become others, and tells what they were. The record is in memory until it is saved.
func (w *writes) change(ctx context.Context, c *redis.Conn, i model.Instance, to func(session.Writes) session.Writes) (before session.Writes, err error) {
	now, before, err := w.know(ctx, c, i)
	if err != nil {
		return before, err
	}
	return before, w.set(ctx, c, i, now, to(before))
}

// refuse adds a reason to refuse writes.
func (w *writes) refuse(ctx context.Context, c *redis.Conn, i model.Instance, why session.Refusal) error {
	_, err := w.change(ctx, c, i, func(k session.Writes) session.Writes { return k.With(why) })
	return err
}

// refuseWrites has one instance refuse writes for a reason. allowWrites ends some, and tells which reasons there were.
func (r *Actor) refuseWrites(ctx context.Context, c *redis.Conn, i model.Instance, why session.Refusal) error {
	w := r.writes()
	defer w.save()
	return w.refuse(ctx, c, i, why)
}

func (r *Actor) allowWrites(ctx context.Context, c *redis.Conn, i model.Instance, why ...session.Refusal) (before session.Writes, err error) {
	w := r.writes()
	defer w.save()
	return w.change(ctx, c, i, func(k session.Writes) session.Writes { return k.Without(why...) })
}

// configured is what the instance's own configuration file says of refusing writes, else Redis' default.
func (r *Actor) configured(i model.Instance) redis.WriteRule {
	rule := redis.WriteRule{Replicas: "0", MaxLag: redis.DefaultMaxLag}
	for _, in := range r.Config.Instances {
		if in.Name() != i.Name() || in.Conf == "" {
			continue
		}
		conf, err := config.ReadRedisConf(in.Conf)
		if err != nil {
			r.Log.Warn().Err(err).Msgf("min-slaves-to-write of %s is taken as 0", i)
			continue
		}
		for key, to := range map[string]*string{"min-slaves-to-write": &rule.Replicas, "min-replicas-to-write": &rule.Replicas,
			"min-slaves-max-lag": &rule.MaxLag, "min-replicas-max-lag": &rule.MaxLag} {
			if v, ok := conf.Get(key); ok {
				*to = v
			}
		}
	}
	return rule
}
