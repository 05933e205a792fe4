package lab

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"keepalived-redis/lab/host"
	"keepalived-redis/lab/resp"
)

// restartEmpty: without persistence a master that is started again has nothing, and its replica would copy that.
var restartEmpty = Scenario{
	Name:    "restart-empty",
	About:   "nothing is persistent, a master is killed, and a unit with Restart=always starts it again at once: its replica has the data",
	Layout:  AllMastersOnRedis1,
	Env:     []string{"KEEPALIVED_REDIS_POLICY=follow"},
	Prepare: withoutPersistence,
	Settles: true,
	Must:    all(nothingElseLost, wholeWithin(10*time.Second)),
	Steps: func(ctx context.Context, r *Run) (err error) {
		// So that there is more than what may go with any master that dies.
		if err := r.Steady(ctx, 3*onlyItsLast); err != nil {
			return err
		}
		port := r.Holder.Ports[0]
		if r.Fault, err = r.Holder.KillRedis(ctx, port); err != nil {
			return err
		}
		return r.Holder.unitRestarts(ctx, port)
	},
}

// withoutPersistence lets the instances of a host keep everything in memory alone.
func withoutPersistence(b *Host) error {
	for _, p := range b.Ports {
		conf, err := b.ReadFile(redisConfFile(p))
		if err != nil {
			return err
		}
		conf = strings.NewReplacer("appendonly yes\n", "appendonly no\n", "save 900 1\n", "save \"\"\n", "save 300 10\n", "").Replace(conf)
		if err := b.WriteFile(redisConfFile(p), conf, 0o644); err != nil {
			return err
		}
	}
	return nil
}

const (
	// unitPause is RestartSec of a unit that does not set it.
	unitPause = 100 * time.Millisecond
	// mayNotStart is what redis-initd may-start ends with where the instance must not be started. Anything else means: start.
	mayNotStart = 1
)

// unitRestarts does what a unit with Restart=always does for an instance that has ended: it waits, asks our programs where they have an answer,
// and starts the instance, or gives up.
func (b *Host) unitRestarts(ctx context.Context, port int) error {
	if err := b.lab.AwaitRole(ctx, "down", vipWait, b.Instance(port)); err != nil {
		return err
	}
	select {
	case <-time.After(unitPause):
	case <-ctx.Done():
		return fmt.Errorf("restart redis %d: %w", port, context.Cause(ctx))
	}
	asking, cancel := context.WithTimeoutCause(ctx, vipWait, fmt.Errorf("may-start has no answer within %s", vipWait))
	defer cancel()
	said, code, err := b.Run(asking, "/usr/libexec/keepalived/redis-initd", strconv.Itoa(port), "may-start")
	if err != nil {
		return err
	}
	if code == mayNotStart {
		b.lab.Timeline.Step("the unit of redis %d on %s may not start it: %s", port, b.Name, strings.TrimSpace(said))
		return nil
	}
	b.lab.Timeline.Step("the unit of redis %d on %s starts it again", port, b.Name)
	return b.StartRedis(ctx, port)
}

// pairFlushAll: what tells the newer data from the older one must not be part of the data.
var pairFlushAll = Scenario{
	Name:    pairWord + "flushall",
	About:   "the host with the VIP dies, FLUSHALL on its successor, and the host comes back with its old data: it follows",
	Mode:    Replication,
	Settles: true,
	// The fault is the FLUSHALL: what was written before it is gone, as it was asked for.
	Must: all(nothingLostSinceFault, everythingOnSurvivor),
	Steps: func(ctx context.Context, r *Run) error {
		// A pair that has been switched over before: both know a term.
		if _, err := r.switchAway(ctx, r.Holder); err != nil {
			return err
		}
		if err := r.Holder.StartKeepalived(ctx); err != nil {
			return err
		}
		if err := r.settle(ctx); err != nil {
			return err
		}
		r.Holder, r.Standby = r.Standby, r.Holder
		if err := holderDies(ctx, r); err != nil {
			return err
		}
		if err := r.Steady(ctx, 2*time.Second); err != nil {
			return err
		}
		var err error
		if r.Fault, err = r.flushAll(ctx, r.Standby.Instances()...); err != nil {
			return err
		}
		if err := r.Steady(ctx, 5*time.Second); err != nil {
			return err
		}
		if err := r.Holder.gone(); err != nil {
			return err
		}
		_, err = r.Holder.PowerOn(ctx)
		return err
	},
}

// flushAll empties masters. It returns an instant after it.
func (r *Run) flushAll(ctx context.Context, addrs ...string) (host.Mono, error) {
	for _, a := range addrs {
		if _, err := resp.Ask(ctx, fillLimit, a, "FLUSHALL"); err != nil {
			return 0, err
		}
	}
	return r.Timeline.Step("FLUSHALL on %s", strings.Join(addrs, ", ")), nil
}
