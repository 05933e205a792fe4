package lab

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"keepalived-redis/lab/host"
	"keepalived-redis/lab/resp"
)

// moveAway moves the VIP away from a host, and returns the instant. meanwhile runs as soon as the VIP is on the other one: keepalived may take
// longer to end than the masters to follow.
func (r *Run) moveAway(ctx context.Context, from *Host, meanwhile func(context.Context) error) (at host.Mono, err error) {
	stopped := make(chan error, 1)
	at = host.Now()
	go func() {
		_, err := from.StopKeepalived(ctx)
		stopped <- err
	}()
	err = r.AwaitVIP(ctx, r.Other(from), vipWait)
	if err == nil {
		err = meanwhile(ctx)
	}
	return at, errors.Join(err, <-stopped)
}

const (
	// bumpedMoves is how often the VIP moves, bumpedBefore how long before its switchovers the epochs are raised.
	bumpedMoves  = 10
	bumpedBefore = 100 * time.Millisecond
	// settles is the settle of a cluster with the policy follow: the VIP must be there for so long before anything is switched over.
	settles = time.Second
)

var switchoverAfterBump = Scenario{
	Name:    "switchover-after-bump",
	About:   "the VIP moves ten times, and 0.1 s before each switchover CLUSTER BUMPEPOCH raises the epochs of the old masters",
	Layout:  AllMastersOnRedis1,
	Env:     []string{"KEEPALIVED_REDIS_POLICY=follow"},
	Settles: true,
	Must:    all(vipMoves, nothingLost),
	Steps: func(ctx context.Context, r *Run) error {
		return r.toAndFro(ctx, bumpedMoves, switchoversEvery, func(ctx context.Context, from *Host) (host.Mono, error) {
			return r.moveAway(ctx, from, func(ctx context.Context) error {
				if err := r.Steady(ctx, settles-bumpedBefore); err != nil {
					return err
				}
				if err := r.bump(ctx, from); err != nil {
					return err
				}
				return r.AwaitMasters(ctx, 2*vipWait, r.Other(from).Instances()...)
			})
		})
	},
}

// bump raises the epochs of the masters on a host.
func (r *Run) bump(ctx context.Context, b *Host) error {
	r.Timeline.Step("CLUSTER BUMPEPOCH on %s", strings.Join(b.Instances(), ", "))
	for _, a := range b.Instances() {
		if _, err := resp.Ask(ctx, fillLimit, a, "CLUSTER", "BUMPEPOCH"); err != nil {
			return err
		}
	}
	return nil
}

// busCutFor is longer than a switchover waits for anything.
const busCutFor = 5 * time.Second

var busCutSwitchover = Scenario{
	Name:    "bus-cut-switchover",
	About:   "the cluster bus between the hosts is cut for 5 s at the instant at which a switchover begins; clients reach everything",
	Layout:  AllMastersOnRedis1,
	Cut:     true,
	Env:     []string{"KEEPALIVED_REDIS_POLICY=follow"},
	Settles: true,
	// Two masters that take writes for the same slots would show: what one of them took is gone after the heal.
	Must: all(vipMoves, nothingLost, nothingLostInside, wholeWithin(10*time.Second)),
	Steps: func(ctx context.Context, r *Run) error {
		if err := r.prepareCutBus(ctx); err != nil {
			return err
		}
		at, err := r.moveAway(ctx, r.Holder, func(ctx context.Context) error {
			if err := r.Standby.awaitSwitchover(ctx, vipWait); err != nil {
				return err
			}
			if err := r.cutBus(ctx, "add"); err != nil {
				return err
			}
			return r.Steady(ctx, busCutFor)
		})
		if err != nil {
			return err
		}
		r.Fault = at
		r.Healed = r.Timeline.Step("healed: the cluster bus passes again")
		return r.cutBus(ctx, "del")
	},
}

// nothingLostInside: what the host with the old masters acknowledged is there as well.
func nothingLostInside(o Outcome) []string {
	lost := o.lost(o.insiders(), func(host.Mono) bool { return true })
	return when(lost > 0, "%d writes are lost that the host acknowledged from which the VIP moved", lost)
}

// awaitSwitchover waits until a program of ours on the host says that it begins a switchover.
func (b *Host) awaitSwitchover(ctx context.Context, within time.Duration) error {
	return b.awaitLine(ctx, "switchover", within, func(line string) bool { return strings.HasPrefix(line, "switchover ") })
}

// busRules are the numbers of the routing rules that send the cluster bus nowhere, and what they match on a host: what it sends to the bus of
// the other one, and what its own bus answers.
var busRules = map[string]string{"114": "dport", "115": "sport"}

const busTable = "114"

// prepareCutBus does what cutBus need not do at the instant of the cut.
func (r *Run) prepareCutBus(ctx context.Context) error {
	for _, b := range r.Hosts() {
		err := errors.Join(b.sendNowhere(ctx, nobodysAddr),
			b.mustRun(ctx, "ip", "route", "add", "default", "via", nobodysAddr, "dev", host.Interface, "table", busTable))
		if err != nil {
			return fmt.Errorf("prepare to cut the bus of %s: %w", b.Name, err)
		}
	}
	return nil
}

// cutBus adds or deletes the rules that cut the cluster bus between the hosts.
func (r *Run) cutBus(ctx context.Context, do string) error {
	if do == "add" {
		r.Timeline.Step("the cluster bus is cut between the hosts")
	}
	failed := make(chan error)
	for _, b := range r.Hosts() {
		go func() {
			var errs []error
			for pref, port := range busRules {
				errs = append(errs, b.mustRun(ctx, "ip", "rule", do, "pref", pref, "ipproto", "tcp", port, "17000-17005", "table", busTable))
			}
			failed <- errors.Join(errs...)
		}()
	}
	return errors.Join(<-failed, <-failed)
}

// termStalls is how long the disk of the new master stalls: longer than a switchover waits for an answer.
const termStalls = 2 * time.Second

var pairSwitchoverStalls = Scenario{
	Name: pairWord + "switchover-stalls",
	About: "the VIP moves, and the disk of the new master stalls for 2 s when the term is written (appendfsync always): " +
		"the promotion has no answer in time",
	Mode:    Replication,
	Cut:     true,
	Prepare: func(b *Host) error { return errors.Join(canStall(b), fsyncAlways(b)) },
	Needs:   []string{compiler},
	Settles: true,
	Must:    all(vipMoves, nothingLost, nothingLostInside, wholeWithin(10*time.Second)),
	Steps: func(ctx context.Context, r *Run) error {
		if err := r.Standby.stallNext("term", termStalls, r.Standby.Ports...); err != nil {
			return err
		}
		at, err := r.moveAway(ctx, r.Holder, func(ctx context.Context) error {
			ctx, cancel := context.WithTimeoutCause(ctx, vipWait, errors.New("no term was written"))
			defer cancel()
			if err := r.Standby.awaitStalling(ctx, "term", r.Standby.Ports...); err != nil {
				return err
			}
			r.Timeline.Step("the disk of %s stalls behind the term", r.Standby.Name)
			return r.Steady(ctx, termStalls)
		})
		r.Fault = at
		if err != nil {
			return err
		}
		return r.AwaitMasters(ctx, vipWait, r.Standby.Instances()...)
	},
}
