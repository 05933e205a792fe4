package lab

import (
	"context"
	"time"

	"keepalived-redis/internal/reason"
	"keepalived-redis/lab/host"
)

// vipWait is more than keepalived ever takes to move the VIP, also with the old scripts' file.
const vipWait = 10 * time.Second

// writableWait is how long we wait for every slot; who has not made it by then never will.
const writableWait = 20 * time.Second

// quiet is what the other figures are to be read against.
var quiet = Scenario{
	Name:    "quiet",
	About:   "nothing happens for 20 s: the worst write gap is the machine's own",
	Layout:  AllMastersOnRedis1,
	Env:     []string{"KEEPALIVED_REDIS_POLICY=follow"},
	Still:   true,
	Settles: true,
	Must:    all(vipStays, nothingLost),
	Steps: func(ctx context.Context, r *Run) error {
		r.Fault = r.Timeline.Step("nothing happens")
		return r.Steady(ctx, 20*time.Second)
	},
}

var hostDies = Scenario{
	Name:   "host-dies",
	About:  "the host with the VIP and all three masters loses its power (policy follow)",
	Layout: AllMastersOnRedis1,
	Env:    []string{"KEEPALIVED_REDIS_POLICY=follow"},
	Steps:  holderDies,
	Must:   all(vipMoves, writableSoonAfterVIP, everythingOnSurvivor),
}

var hostDiesStay = Scenario{
	Name:   "host-dies-stay",
	About:  "the host with the VIP and two of the three masters loses its power (policy stay)",
	Layout: TwoMastersOnRedis1,
	Env:    []string{"KEEPALIVED_REDIS_POLICY=stay"},
	Steps:  holderDies,
	Must:   all(vipMoves, writableSoonAfterVIP, everythingOnSurvivor),
}

func holderDies(ctx context.Context, r *Run) (err error) {
	if r.Fault, err = r.Holder.PowerCut(); err != nil {
		return err
	}
	if err := r.AwaitVIP(ctx, r.Standby, vipWait); err != nil {
		return err
	}
	return r.AwaitWritable(ctx, writableWait)
}

var redisDies = Scenario{
	Name:    "redis-dies",
	About:   "one master is killed; it is restarted and the VIP stays",
	Layout:  AllMastersOnRedis1,
	Env:     []string{"KEEPALIVED_REDIS_POLICY=follow"},
	Still:   true,
	Settles: true,
	Must:    all(vipStays, nothingLost, writableWithin(5*time.Second)), // 3 s of it are the check's interval and Redis' own delay
	Steps: func(ctx context.Context, r *Run) (err error) {
		port := r.Redis1.Ports[0]
		if r.Fault, err = r.Redis1.KillRedis(ctx, port); err != nil {
			return err
		}
		if err := r.AwaitMasters(ctx, 5*time.Second, r.Redis1.Instance(port)); err != nil {
			return err
		}
		if err := r.AwaitWritable(ctx, writableWait); err != nil {
			return err
		}
		return r.AwaitLinked(ctx, 15*time.Second)
	},
}

var switchover = Scenario{
	Name:    "switchover",
	About:   "keepalived is stopped on the host with the VIP; the masters follow without loss (policy follow)",
	Layout:  AllMastersOnRedis1,
	Env:     []string{"KEEPALIVED_REDIS_POLICY=follow"},
	Settles: true,
	Runs:    10,
	Must:    all(vipMoves, nothingLost, worstGap(100*time.Millisecond)),
	Steps: func(ctx context.Context, r *Run) (err error) {
		if r.Fault, err = r.switchAway(ctx, r.Redis1); err != nil {
			return err
		}
		return r.AwaitLinked(ctx, 15*time.Second)
	},
}

// switchoversCount and switchoversEvery: to and fro, as an operator who cannot decide.
const (
	switchoversCount = 6
	switchoversEvery = 3 * time.Second
)

var switchovers = Scenario{
	Name:    "switchovers",
	About:   "the VIP is moved to and fro every 3 s, six times; the masters follow each time",
	Layout:  AllMastersOnRedis1,
	Env:     []string{"KEEPALIVED_REDIS_POLICY=follow"},
	Settles: true,
	Must:    all(vipMoves, nothingLost, worstGap(100*time.Millisecond)),
	Steps: func(ctx context.Context, r *Run) error {
		from := r.Redis1
		for i := range switchoversCount {
			began := time.Now()
			at, err := r.switchAway(ctx, from)
			if err != nil {
				return err
			}
			if i == 0 {
				r.Fault = at
			}
			r.Switchovers = append(r.Switchovers, at)
			// keepalived's own start is no part of the switchover.
			if err := r.Steady(ctx, switchoversEvery/6); err != nil {
				return err
			}
			if err := from.StartKeepalived(ctx); err != nil {
				return err
			}
			if err := r.Steady(ctx, switchoversEvery-time.Since(began)); err != nil {
				return err
			}
			from = r.Other(from)
		}
		return r.AwaitLinked(ctx, 15*time.Second)
	},
}

var standbyDies = Scenario{
	Name:   "standby-dies",
	About:  "the host without the VIP dies while it holds two masters (policy stay); the check of the other takes over",
	Layout: TwoMastersOnRedis1,
	Holder: "redis2",
	Env:    []string{"KEEPALIVED_REDIS_POLICY=stay"},
	Must:   all(vipStays, writableWithin(5*time.Second)),
	Steps: func(ctx context.Context, r *Run) (err error) {
		if r.Fault, err = r.Standby.PowerCut(); err != nil {
			return err
		}
		return r.AwaitWritable(ctx, writableWait)
	},
}

var cutOff = Scenario{
	Name:    "cut-off",
	About:   "no packet passes to or from the host with the VIP; it fences itself, the other takes over; then it heals",
	Layout:  AllMastersOnRedis1,
	Cut:     true,
	Env:     []string{"KEEPALIVED_REDIS_POLICY=follow"},
	Settles: true,
	Runs:    10,
	Must:    all(vipMoves, writableSoonAfterVIP, nothingLostSinceFault, cutSideStops(3*time.Second)),
	Steps:   holderIsCutOff,
}

var cutOffStay = Scenario{
	Name:    "cut-off-stay",
	About:   "the same with two of the three masters on the cut side, so that it alone has the majority (policy stay)",
	Layout:  TwoMastersOnRedis1,
	Cut:     true,
	Env:     []string{"KEEPALIVED_REDIS_POLICY=stay"},
	Settles: true,
	Must:    all(vipMoves, writableSoonAfterVIP, nothingLostSinceFault, cutSideStops(3*time.Second)),
	Steps:   holderIsCutOff,
}

func holderIsCutOff(ctx context.Context, r *Run) (err error) {
	if r.Fault, err = r.Holder.Isolate(); err != nil {
		return err
	}
	if err := r.AwaitWritable(ctx, writableWait); err != nil {
		return err
	}
	// Fenced for good: step 2 has stopped its instances.
	if err := r.AwaitRole(ctx, "down", 15*time.Second, r.Holder.Instances()...); err != nil {
		return err
	}
	if r.Healed, err = r.Holder.Heal(); err != nil {
		return err
	}
	// No human: they come back by themselves, as replicas of the other side's masters.
	if err := r.AwaitLinked(ctx, 60*time.Second); err != nil {
		return err
	}
	// An operator must find the end of the fence in the log of that host.
	if err := r.Holder.awaitReason(ctx, reason.PeerHeard, time.Second); err != nil {
		return err
	}
	r.Extra["whole_after_heal_ms"] = ms(host.Now().Sub(r.Healed))
	return r.AwaitVIP(ctx, r.Standby, time.Second)
}

// switchAway stops keepalived on a host and waits until the other has the VIP and all masters. It returns the instant of the stop.
func (r *Run) switchAway(ctx context.Context, from *Host) (at host.Mono, err error) {
	to := r.Other(from)
	if at, err = from.StopKeepalived(ctx); err != nil {
		return at, err
	}
	if err := r.AwaitVIP(ctx, to, vipWait); err != nil {
		return at, err
	}
	return at, r.AwaitMasters(ctx, 10*time.Second, to.Instances()...)
}
