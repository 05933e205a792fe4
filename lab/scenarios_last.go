package lab

import (
	"context"
	"fmt"
	"time"
)

// What can serve something serves it, when nobody else can serve more. A pair of the lab has one instance on each host, so these are for the
// cluster alone.
//
// As Redis comes, a master that is marked as failed, after cluster-node-timeout, ends all writes to the whole cluster, whatever anybody does
// about the VIP. So what is dead comes back in less than these 15 s, or the servers are told that a part may serve.

var standbyDegraded = Scenario{
	Name:    "standby-degraded",
	About:   "an instance of the standby is dead for good, then the host with the VIP dies: the VIP comes, and what lives there serves",
	Layout:  AllMastersOnRedis1,
	Env:     []string{"KEEPALIVED_REDIS_POLICY=follow"},
	Settles: true,
	// The slots of the dead instance nobody can serve until its master is back.
	Must: all(vipMoves, othersWritableSoonAfterVIP, nothingElseLost),
	Steps: func(ctx context.Context, r *Run) (err error) {
		port := r.Standby.Ports[0]
		if r.Dead, err = r.rangeOf(ctx, r.Standby.Instance(port)); err != nil {
			return err
		}
		if _, err := r.Standby.RuinRedis(ctx, port); err != nil {
			return err
		}
		if err := r.Standby.awaitGivenUp(ctx); err != nil {
			return err
		}
		if r.Fault, err = r.Holder.PowerCut(); err != nil {
			return err
		}
		if err := r.AwaitVIP(ctx, r.Standby, vipWait); err != nil {
			return err
		}
		if err := r.AwaitOthersWritable(ctx, writableWait); err != nil {
			return err
		}
		if err := r.Steady(ctx, 2*time.Second); err != nil {
			return err
		}
		// Its master first: it has everything, the dead instance has not.
		if err := r.Holder.gone(); err != nil {
			return err
		}
		if _, err := r.Holder.PowerOn(ctx); err != nil {
			return err
		}
		if err := r.AwaitWritable(ctx, writableWait); err != nil {
			return err
		}
		_, err = r.Standby.RepairRedis(ctx, port)
		return err
	},
}

// alone is how long the standby has been off when something else happens: long enough for the check of the other host to have seen it.
const alone = 3 * time.Second

var lastHostDegraded = Scenario{
	Name:    "last-host-degraded",
	About:   "the standby is off, then an instance of the host with the VIP is dead for good: the VIP stays, and what lives serves",
	Layout:  AllMastersOnRedis1,
	Env:     []string{"KEEPALIVED_REDIS_POLICY=follow"},
	Settles: true,
	Must:    all(vipStays, othersGoOn(busyGap), nothingLost),
	Steps: func(ctx context.Context, r *Run) (err error) {
		port := r.Holder.Ports[0]
		if r.Dead, err = r.rangeOf(ctx, r.Holder.Instance(port)); err != nil {
			return err
		}
		if err := r.standbyOff(ctx); err != nil {
			return err
		}
		if r.Fault, err = r.Holder.RuinRedis(ctx, port); err != nil {
			return err
		}
		if err := r.Holder.awaitGivenUp(ctx); err != nil {
			return err
		}
		if err := r.Steady(ctx, 2*time.Second); err != nil {
			return err
		}
		if _, err := r.Holder.RepairRedis(ctx, port); err != nil {
			return err
		}
		if err := r.AwaitWritable(ctx, writableWait); err != nil {
			return err
		}
		_, err = r.Standby.PowerOn(ctx)
		return err
	},
}

// loads is how long a start takes, loadsAtLeast what it must have taken for the scenario to be what it says.
const (
	loads        = 40 * time.Second
	loadsAtLeast = 30 * time.Second
)

var lastHostLoads = Scenario{
	Name:    "last-host-loads",
	About:   "the standby is off, then an instance of the host with the VIP is killed, and loads its data for 40 s: the VIP stays",
	Layout:  AllMastersOnRedis1,
	Env:     []string{"KEEPALIVED_REDIS_POLICY=follow"},
	Prepare: servePart,
	Settles: true,
	Must:    all(vipStays, othersGoOn(time.Second), nothingLost),
	Steps: func(ctx context.Context, r *Run) (err error) {
		port := r.Holder.Ports[0]
		if r.Dead, err = r.rangeOf(ctx, r.Holder.Instance(port)); err != nil {
			return err
		}
		if err := r.standbyOff(ctx); err != nil {
			return err
		}
		if err := r.Holder.SlowLoad(ctx, port, loads); err != nil {
			return err
		}
		if r.Fault, err = r.Holder.KillRedis(ctx, port); err != nil {
			return err
		}
		took, err := awaitLoad(ctx, r.Holder.Instance(port), 2*loads)
		if err != nil {
			return err
		}
		r.Extra["loaded_ms"] = ms(took)
		if took < loadsAtLeast {
			return fmt.Errorf("redis %d loaded for %s only, not for %s", port, took, loads)
		}
		if err := r.Holder.QuickLoad(ctx, port); err != nil {
			return err
		}
		_, err = r.Standby.PowerOn(ctx)
		return err
	},
}

// servePart lets the instances of a host serve their slots when others are served by nobody.
func servePart(b *Host) error {
	for _, p := range b.Ports {
		conf, err := b.ReadFile(redisConfFile(p))
		if err != nil {
			return err
		}
		if err := b.WriteFile(redisConfFile(p), conf+"cluster-require-full-coverage no\n", 0o644); err != nil {
			return err
		}
	}
	return nil
}

// standbyOff cuts the standby's power and waits until that is nothing new.
func (r *Run) standbyOff(ctx context.Context) error {
	if _, err := r.Standby.PowerCut(); err != nil {
		return err
	}
	if err := r.Standby.gone(); err != nil {
		return err
	}
	return r.Steady(ctx, alone)
}

// survivorRestarts: the other host is off for good, and was when the witness answered, so nobody has to be asked.
var survivorRestarts = Scenario{
	Name:   "survivor-restarts",
	About:  "the host with the VIP dies for good, then a master of the other is killed: it is started, and takes writes without being agreed with",
	Layout: AllMastersOnRedis1,
	Env:    []string{"KEEPALIVED_REDIS_POLICY=follow"},
	Must:   all(everythingOnSurvivor, nothingLostSinceFault, vipStays, writableWithin(10*time.Second)),
	Steps: func(ctx context.Context, r *Run) error {
		if err := holderDies(ctx, r); err != nil {
			return err
		}
		if err := r.Steady(ctx, alone); err != nil {
			return err
		}
		port := r.Standby.Ports[0]
		at, err := r.Standby.KillRedis(ctx, port)
		if err != nil {
			return err
		}
		r.Fault = at
		return r.AwaitWritable(ctx, writableWait)
	},
}
