package lab

import (
	"context"
	"time"

	"keepalived-redis/lab/host"
)

// cutMajority: without the fence the side that is cut off would elect masters for all slots, and win the heal.
var cutMajority = Scenario{
	Name:        "cut-off-majority",
	About:       "the cut-off side holds two of the three masters for longer than cluster-node-timeout, 5 s (policy stay)",
	Layout:      TwoMastersOnRedis1,
	NodeTimeout: 5 * time.Second,
	Cut:         true,
	Env:         []string{"KEEPALIVED_REDIS_POLICY=stay"},
	Settles:     true,
	Runs:        10,
	Must:        all(vipMoves, writableSoonAfterVIP, nothingLostSinceFault, cutSideStops(cutBound)),
	Steps: func(ctx context.Context, r *Run) (err error) {
		if r.Fault, err = r.Holder.Isolate(); err != nil {
			return err
		}
		if err := r.AwaitVIP(ctx, r.Standby, vipWait); err != nil {
			// The cut-off host keeps its VIP until its check says that it is unhealthy.
			return err
		}
		if err := r.AwaitWritable(ctx, writableWait); err != nil {
			return err
		}
		// Long enough for the cut-off side to mark the others as failed and to hold an election.
		if err := r.Steady(ctx, 2*r.nodeTimeout()); err != nil {
			return err
		}
		r.Healed, err = r.Holder.Heal()
		return err
	},
}

// cutBound is how long a host that is cut off may acknowledge writes: 2 × interval + deadline + (fall − 1) × interval + 0.1 s with the
// shipped files, as docs/ARCHITECTURE.md has it.
const cutBound = 3 * time.Second

var cutOneWay = Scenario{
	Name:    "cut-one-way",
	About:   "nothing that the host with the VIP sends arrives, while it still receives; then it heals",
	Layout:  AllMastersOnRedis1,
	Cut:     true,
	Env:     []string{"KEEPALIVED_REDIS_POLICY=follow"},
	Settles: true,
	Must:    all(vipMoves, nothingLostSinceFault, cutSideStops(cutBound)),
	Steps: func(ctx context.Context, r *Run) (err error) {
		if r.Fault, err = r.Holder.MuteOut(ctx); err != nil {
			return err
		}
		if err := r.AwaitVIP(ctx, r.Standby, vipWait); err != nil {
			return err
		}
		if err := r.AwaitWritable(ctx, writableWait); err != nil {
			return err
		}
		if err := r.Steady(ctx, 5*time.Second); err != nil {
			return err
		}
		r.Healed, err = r.Holder.HealOut(ctx)
		return err
	},
}

// cutBetween is what nothing bounds: a witness shows reachability and does not arbitrate.
var cutBetween = Scenario{
	Name:    "cut-between",
	About:   "the hosts see the gateway and not each other for 10 s: both hold the VIP and take writes, which nothing bounds",
	Layout:  AllMastersOnRedis1,
	Cut:     true,
	Env:     []string{"KEEPALIVED_REDIS_POLICY=follow"},
	Settles: true,
	Must:    all(vipMoves, everythingRead),
	Steps: func(ctx context.Context, r *Run) (err error) {
		if r.Fault, err = r.CutBetween(ctx); err != nil {
			return err
		}
		if err := r.Steady(ctx, 10*time.Second); err != nil {
			return err
		}
		r.Healed, err = r.HealBetween(ctx)
		return err
	},
}

var vrrpBlocked = Scenario{
	Name:    "vrrp-blocked",
	About:   "IP protocol 112 is dropped between the hosts for 30 s, Redis is reachable: both are MASTER, clients go on writing",
	Layout:  AllMastersOnRedis1,
	Env:     []string{"KEEPALIVED_REDIS_POLICY=follow"},
	Settles: true,
	Must:    all(vipMoves, nothingLost, writtenFor(0.95)),
	Steps: func(ctx context.Context, r *Run) (err error) {
		// keepalived sends its gratuitous ARPs again 5 s after it became MASTER (garp_master_delay). In the block these would draw the
		// clients back to the host that has the VIP and no master, until those of the other one come.
		if err := r.Steady(ctx, 6*time.Second); err != nil {
			return err
		}
		if r.Fault, err = r.BlockVRRP(ctx); err != nil {
			return err
		}
		if err := r.Steady(ctx, 30*time.Second); err != nil {
			return err
		}
		r.Healed, err = r.PassVRRP(ctx)
		return err
	},
}

// flapEvery and flapFor: the link comes or goes that often, for so long.
const (
	flapEvery = 300 * time.Millisecond
	flapFor   = 30 * time.Second
)

// A network that passes packets for 300 ms and none for 300 ms.
var flap = flapping("flap", "packets pass to and from the host with the VIP for 300 ms, and not for 300 ms, for 30 s; no Redis is stopped",
	(*Host).Isolate, all(noRedisStops, everythingRead))

// Where the carrier itself comes and goes that often, the kernel passes nothing at all for seconds: it looks at carriers once a second.
// That is a cut, and the fence may stop Redis.
var flapCarrier = flapping("flap-carrier", "the cable of the host with the VIP goes out and in every 300 ms for 30 s: a cut for the kernel", (*Host).CutCable, everythingRead)

func flapping(name, about string, cut func(*Host) (host.Mono, error), must claim) Scenario {
	return Scenario{
		Name: name, About: about, Must: must,
		Layout:  AllMastersOnRedis1,
		Env:     []string{"KEEPALIVED_REDIS_POLICY=follow"},
		Settles: true,
		Steps: func(ctx context.Context, r *Run) (err error) {
			if r.Fault, err = cut(r.Holder); err != nil {
				return err
			}
			out := true
			for end := time.Now().Add(flapFor); time.Now().Before(end) || out; out = !out {
				if err := r.Steady(ctx, flapEvery); err != nil {
					return err
				}
				if out {
					r.Healed, err = r.Holder.Heal()
				} else {
					_, err = cut(r.Holder)
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
}
