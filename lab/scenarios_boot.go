package lab

import (
	"context"
	"time"

	"keepalived-redis/lab/host"
)

var returns = Scenario{
	Name:    "returns",
	About:   "the host with the VIP dies, and comes back 10 s later with its old data",
	Layout:  AllMastersOnRedis1,
	Env:     []string{"KEEPALIVED_REDIS_POLICY=follow"},
	Settles: true,
	Must:    all(vipMoves, writableSoonAfterVIP, nothingLostSinceFault),
	Steps: func(ctx context.Context, r *Run) error {
		if err := holderDies(ctx, r); err != nil {
			return err
		}
		if err := r.Steady(ctx, 10*time.Second); err != nil {
			return err
		}
		_, err := r.Holder.PowerOn(ctx)
		return err
	},
}

// longBefore is how long one host is up before the other: longer than anything but cold_start_wait.
const longBefore = 15 * time.Second

var bothBoot = Scenario{
	Name:    "both-boot",
	About:   "both hosts lose their power and boot: at once; the last holder of the VIP long before the other; long after it",
	Layout:  AllMastersOnRedis1,
	Env:     []string{"KEEPALIVED_REDIS_POLICY=follow"},
	Settles: true,
	Must:    all(nothingLost),
	Steps: func(ctx context.Context, r *Run) error {
		var err error
		if r.Fault, err = r.coldStart(ctx, 0, r.Hosts()...); err != nil {
			return err
		}
		if err := r.settle(ctx); err != nil {
			return err
		}
		last := r.vipHost()
		if _, err := r.coldStart(ctx, longBefore, last, r.Other(last)); err != nil {
			return err
		}
		if err := r.settle(ctx); err != nil {
			return err
		}
		last = r.vipHost()
		_, err = r.coldStart(ctx, longBefore, r.Other(last), last)
		return err
	},
}

// vipHost is the host that holds the VIP.
func (r *Run) vipHost() *Host {
	if r.Timeline.View().VIP[r.Redis2.Name] {
		return r.Redis2
	}
	return r.Redis1
}

// coldStart cuts the power of both hosts and boots them in this order, one so long after the other. It returns the instant of the cut.
func (r *Run) coldStart(ctx context.Context, apart time.Duration, order ...*Host) (at host.Mono, err error) {
	for _, b := range order {
		cut, err := b.PowerCut()
		if err != nil {
			return cut, err
		}
		if at == 0 {
			at = cut
		}
	}
	for i, b := range order {
		if i > 0 {
			if err := r.Steady(ctx, apart); err != nil {
				return at, err
			}
		}
		if err := b.gone(); err != nil {
			return at, err
		}
		if _, err := b.PowerOn(ctx); err != nil {
			return at, err
		}
	}
	return at, nil
}

// staleFirst: what the host that boots first has is old, and nobody is there to say so.
var staleFirst = Scenario{
	Name:    "stale-first",
	About:   "the host that died first boots first, with old data; it must not lead until the other is back with the newer",
	Layout:  AllMastersOnRedis1,
	Env:     []string{"KEEPALIVED_REDIS_POLICY=follow"},
	Settles: true,
	Must:    all(nothingLostSinceFault, nothingWrittenTo(staleText)),
	Steps: func(ctx context.Context, r *Run) error {
		if err := holderDies(ctx, r); err != nil {
			return err
		}
		if err := r.Steady(ctx, 5*time.Second); err != nil {
			return err
		}
		if _, err := r.Standby.PowerCut(); err != nil {
			return err
		}
		if err := r.Holder.gone(); err != nil {
			return err
		}
		if err := r.Standby.gone(); err != nil {
			return err
		}
		r.Timeline.Step(staleText, r.Holder.Name)
		if _, err := r.Holder.PowerOn(ctx); err != nil {
			return err
		}
		if err := r.Steady(ctx, longBefore); err != nil {
			return err
		}
		_, err := r.Standby.PowerOn(ctx)
		return err
	},
}

// staleText is the step from which on nothing may be written until the other host is on again.
const staleText = "%s, whose data is old, is the first to boot"
