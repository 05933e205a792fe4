package lab

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"keepalived-redis/lab/host"
)

var preempt = Scenario{
	Name:    "preempt",
	About:   "the host with the higher priority is back, and takes the VIP back after preempt_delay; the masters follow",
	Layout:  AllMastersOnRedis1,
	Files:   PreemptFiles,
	Env:     []string{"KEEPALIVED_REDIS_POLICY=follow"},
	Settles: true,
	Runs:    10,
	Must:    all(vipMoves, nothingLost, worstGap(busyGap)),
	Steps: func(ctx context.Context, r *Run) (err error) {
		if _, err = r.switchAway(ctx, r.Redis1); err != nil {
			return err
		}
		back, err := r.Redis1.startNow(ctx)
		if err != nil {
			return err
		}
		if err := r.settle(ctx); err != nil {
			return err
		}
		if err := r.AwaitVIP(ctx, r.Redis1, preemptDelay+vipWait); err != nil {
			return err
		}
		// keepalived alone decides when. The switchover begins when the VIP comes: the other host hears of it only then, and gives it up.
		r.Fault, _ = r.Timeline.FirstVIP(r.Redis1.Name, back)
		r.Timeline.Step("%s has the higher priority and took the VIP back", r.Redis1.Name)
		return r.AwaitMasters(ctx, vipWait, r.Redis1.Instances()...)
	},
}

// preemptDelay is preempt_delay of the shipped files.
const preemptDelay = 60 * time.Second

// busyGap is many times the budget of a switchover, which is a benchmark: on a machine that is busy with other things a writer may be late.
const busyGap = 300 * time.Millisecond

// The VIP to and fro for a minute.
const switchoversInAMinute = 20

var preempts = Scenario{
	Name:     "preempts",
	About:    "keepalived on the host with the higher priority is stopped and started every 3 s for a minute, with no preempt_delay",
	Layout:   AllMastersOnRedis1,
	Files:    PreemptFiles,
	EditConf: func(conf string) string { return strings.Replace(conf, "preempt_delay 60", "preempt_delay 0", 1) },
	Env:      []string{"KEEPALIVED_REDIS_POLICY=follow"},
	Settles:  true,
	Must:     all(vipMoves, nothingLost, worstGap(busyGap)),
	Steps: func(ctx context.Context, r *Run) error {
		for i := range switchoversInAMinute {
			began := time.Now()
			to, switchover := r.Redis2, r.Redis1.StopKeepalived
			if i%2 == 1 {
				to, switchover = r.Redis1, r.Redis1.startNow
			}
			at, err := switchover(ctx)
			if err != nil {
				return err
			}
			if i == 0 {
				r.Fault = at
			}
			r.Switchovers = append(r.Switchovers, at)
			if err := r.AwaitVIP(ctx, to, vipWait); err != nil {
				return err
			}
			if err := r.AwaitMasters(ctx, vipWait, to.Instances()...); err != nil {
				return err
			}
			if err := r.Steady(ctx, switchoversEvery-time.Since(began)); err != nil {
				return err
			}
		}
		return nil
	},
}

// startNow is StartKeepalived with the instant.
func (b *Host) startNow(ctx context.Context) (host.Mono, error) {
	at := host.Now()
	return at, b.StartKeepalived(ctx)
}

var switchoversMinute = Scenario{
	Name:    "switchovers-minute",
	About:   "the VIP is moved to and fro every 3 s for a minute",
	Layout:  AllMastersOnRedis1,
	Env:     []string{"KEEPALIVED_REDIS_POLICY=follow"},
	Settles: true,
	Must:    all(vipMoves, nothingLost, worstGap(busyGap)),
	Steps: func(ctx context.Context, r *Run) error {
		return r.toAndFro(ctx, switchoversInAMinute, switchoversEvery, r.switchAway)
	},
}

// toAndFro moves the VIP from host to host. move takes it away from a host and returns the instant; keepalived is started again there.
func (r *Run) toAndFro(ctx context.Context, count int, every time.Duration, switchover func(context.Context, *Host) (host.Mono, error)) error {
	from := r.Holder
	for i := range count {
		began := time.Now()
		at, err := switchover(ctx, from)
		if err != nil {
			return fmt.Errorf("move %d: %w", i+1, err)
		}
		if i == 0 {
			r.Fault = at
		}
		r.Switchovers = append(r.Switchovers, at)
		// keepalived's own start is no part of the switchover.
		if err := r.Steady(ctx, every/6); err != nil {
			return err
		}
		if err := from.StartKeepalived(ctx); err != nil {
			return err
		}
		// A stop that took long, as behind a hook that is late, must not leave the next switchover without a host to go to.
		if err := r.Steady(ctx, max(every-time.Since(began), every/2)); err != nil {
			return err
		}
		from = r.Other(from)
	}
	return nil
}

// hookKills is how often a hook is killed in a run, hookLives how long it lives at most.
const (
	hookKills = 6
	hookLives = 60 * time.Millisecond
)

var hookKilled = Scenario{
	Name:    "hook-killed",
	About:   "the VIP moves six times, and each time the hook that runs is killed (SIGKILL) at a random instant; checks finish its work",
	Layout:  AllMastersOnRedis1,
	Env:     []string{"KEEPALIVED_REDIS_POLICY=follow"},
	Settles: true,
	Must:    all(vipMoves, nothingLost),
	Steps: func(ctx context.Context, r *Run) error {
		kills := 0
		err := r.toAndFro(ctx, hookKills, switchoversEvery, func(ctx context.Context, from *Host) (host.Mono, error) {
			to := r.Other(from)
			hit := make(chan bool, 1)
			failed := make(chan error, 1)
			go func() {
				killed, err := to.killHook(ctx, rand.N(hookLives), vipWait)
				hit <- killed
				failed <- err
			}()
			at, err := from.StopKeepalived(ctx)
			if err != nil {
				return at, err
			}
			if <-hit {
				kills++
			}
			if err := <-failed; err != nil {
				return at, err
			}
			if err := r.AwaitVIP(ctx, to, vipWait); err != nil {
				return at, err
			}
			// A check takes two looks, 3 s apart, before it gives back writes that a dead hook left refused.
			return at, r.AwaitMasters(ctx, 2*vipWait, to.Instances()...)
		})
		r.Extra["hooks_killed"] = kills
		return err
	},
}

var hooksReversed = Scenario{
	Name:   "hooks-reversed",
	About:  "the hooks for BACKUP, FAULT and STOP start 1.5 s late, so that they come after that for MASTER",
	Layout: AllMastersOnRedis1,
	Env:    []string{"KEEPALIVED_REDIS_POLICY=follow"},
	EditConf: func(conf string) string {
		return strings.ReplaceAll(conf, "keepalived/notify-redis", "keepalived/"+lateHook)
	},
	Prepare: delayHooks,
	Settles: true,
	Must:    all(vipMoves, nothingLost, worstGap(busyGap)),
	Steps: func(ctx context.Context, r *Run) error {
		return r.toAndFro(ctx, 4, switchoversEvery, r.switchAway)
	},
}

// lateHook is a script before notify-redis.
const lateHook = "late-notify-redis"

// delayHooks puts a script before notify-redis that holds back all hooks but MASTER's.
func delayHooks(b *Host) error {
	return b.WriteFile("libexec/"+lateHook, `#!/bin/sh
[ "$1" = master ] || sleep 1.5
exec /usr/libexec/keepalived/notify-redis "$@"
`, 0o755)
}

// supervisorWait is RestartSec of the drop-in in packaging/.
const supervisorWait = time.Second

var keepalivedKilled = Scenario{
	Name:    "keepalived-killed",
	About:   "keepalived is killed (SIGKILL) on the host with the VIP, and started again by its supervisor after 1 s",
	Layout:  AllMastersOnRedis1,
	Env:     []string{"KEEPALIVED_REDIS_POLICY=follow"},
	Settles: true,
	Must:    all(vipMoves, nothingLost),
	Steps: func(ctx context.Context, r *Run) (err error) {
		if r.Fault, err = r.Holder.KillKeepalived(ctx); err != nil {
			return err
		}
		if err := r.Steady(ctx, supervisorWait); err != nil {
			return err
		}
		return r.Holder.StartKeepalived(ctx)
	},
}
