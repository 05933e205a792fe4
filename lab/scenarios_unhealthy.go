package lab

import (
	"context"
	"time"
)

// hangFor is long enough for every wait of ours and for keepalived, and shorter than cluster-node-timeout.
const hangFor = 10 * time.Second

var hang = Scenario{
	Name:    "hang",
	About:   "one master stands still (SIGSTOP) for 10 s",
	Layout:  AllMastersOnRedis1,
	Env:     []string{"KEEPALIVED_REDIS_POLICY=follow"},
	Settles: true,
	Must:    all(vipMoves, nothingLostSinceFault, writableWithin(hangFor)),
	Steps:   func(ctx context.Context, r *Run) error { return r.freeze(ctx, r.Holder.Ports[:1]) },
}

var hangAll = Scenario{
	Name:    "hang-all",
	About:   "all masters stand still (SIGSTOP) for 10 s",
	Layout:  AllMastersOnRedis1,
	Env:     []string{"KEEPALIVED_REDIS_POLICY=follow"},
	Settles: true,
	Must:    all(vipMoves, nothingLostSinceFault, writableWithin(hangFor)),
	Steps:   func(ctx context.Context, r *Run) error { return r.freeze(ctx, r.Holder.Ports) },
}

func (r *Run) freeze(ctx context.Context, ports []int) (err error) {
	if r.Fault, err = r.Holder.Freeze(ctx, ports...); err != nil {
		return err
	}
	if err := r.Steady(ctx, hangFor); err != nil {
		return err
	}
	_, err = r.Holder.Thaw(ctx, ports...)
	return err
}

// fullFor is long enough for several checks.
const fullFor = 6 * time.Second

// The VIP stays where it is if the other host is surely just as unhealthy. Redis 7.0 ends a replica that cannot write its append only file at the next
// write of its master ("Replica was unable to write command to disk"), and for that moment it is nothing that one could be sure of: then the VIP
// moves, and perhaps back again when there is room.
var bothUnhealthy = Scenario{
	Name:    "both-unhealthy",
	About:   "the disks of both hosts are full for 6 s: no Redis can write, and some host has the VIP",
	Layout:  AllMastersOnRedis1,
	Disk:    "24m",
	Env:     []string{"KEEPALIVED_REDIS_POLICY=follow"},
	Settles: true,
	Must:    all(vipNotGone, nothingLost),
	Steps: func(ctx context.Context, r *Run) (err error) {
		if _, err := r.Standby.FillDisk(ctx); err != nil {
			return err
		}
		if r.Fault, err = r.Holder.FillDisk(ctx); err != nil {
			return err
		}
		if err := r.Steady(ctx, fullFor); err != nil {
			return err
		}
		for _, b := range r.Hosts() {
			if _, err := b.FreeDisk(ctx); err != nil {
				return err
			}
		}
		return nil
	},
}
