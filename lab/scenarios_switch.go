package lab

import (
	"context"
	"time"

	"keepalived-redis/lab/host"
)

// awayFor is how long the switch is away: twice fence_stop_after of the shipped files, so that everything has been stopped, and shorter than
// cluster-node-timeout.
const awayFor = 12 * time.Second

// wholeAfterSwitch is by when all must be whole after the heal: the hold-off of a first fence, and 10 s for what starts and what is linked. No
// cold_start_wait is in it: each host sees the other answer, or refuse, from the heal on.
const wholeAfterSwitch = 3*time.Second + 10*time.Second

var switchReboots = switching("switch-reboots", "no packet passes between any two hosts for 12 s, while all keep their carrier",
	func(_ context.Context, r *Run) (host.Mono, error) { return r.SwitchAway() })

var switchRebootsDark = switching("switch-reboots-dark", "the same, and no host has a carrier",
	func(_ context.Context, r *Run) (host.Mono, error) { return r.SwitchDark() })

var switchRebootsNoWitness = switching("switch-reboots-no-witness", "the same with a carrier, and the gateway never comes back",
	func(ctx context.Context, r *Run) (host.Mono, error) {
		at, err := r.SwitchAway()
		if err != nil {
			return at, err
		}
		return at, r.WitnessDies(ctx)
	})

// switching takes the switch away. Nothing may be lost: the client is cut off as well, and what it got acknowledged before is on the disk of
// the host that acknowledged it. That host itself may acknowledge writes of its own until its fence, and those are not bound to stay.
func switching(name, about string, away func(context.Context, *Run) (host.Mono, error)) Scenario {
	return Scenario{
		Name: name, About: about,
		Layout:  AllMastersOnRedis1,
		Cut:     true,
		Env:     []string{"KEEPALIVED_REDIS_POLICY=follow"},
		Settles: true,
		Must:    all(nothingLost, cutSideStops(cutBound), wholeWithin(wholeAfterSwitch)),
		Steps: func(ctx context.Context, r *Run) (err error) {
			if r.Fault, err = away(ctx, r); err != nil {
				return err
			}
			if err := r.Steady(ctx, awayFor); err != nil {
				return err
			}
			r.Healed, err = r.SwitchBack()
			return err
		},
	}
}

// lateFor is how much later the switch is there than the hosts.
const lateFor = 20 * time.Second

var lateSwitch = Scenario{
	Name:    "late-switch",
	About:   "both hosts lose their power and boot, and the switch passes nothing for the first 20 s",
	Layout:  AllMastersOnRedis1,
	Env:     []string{"KEEPALIVED_REDIS_POLICY=follow"},
	Settles: true,
	Must:    all(nothingLost, wholeWithin(wholeAfterSwitch)),
	Steps: func(ctx context.Context, r *Run) (err error) {
		if r.Fault, err = r.Holder.PowerCut(); err != nil {
			return err
		}
		if _, err := r.Standby.PowerCut(); err != nil {
			return err
		}
		for _, b := range r.Hosts() {
			if err := b.gone(); err != nil {
				return err
			}
		}
		if _, err := r.SwitchAway(); err != nil {
			return err
		}
		for _, b := range r.Hosts() {
			if _, err := b.PowerOn(ctx); err != nil {
				return err
			}
		}
		if err := r.Steady(ctx, lateFor); err != nil {
			return err
		}
		r.Healed, err = r.SwitchBack()
		return err
	},
}
