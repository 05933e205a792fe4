// Package race lets systems that keep Redis writable run against each other: the same faults, the same write probe, one machine, in turn.
//
// Ours and the old scripts run in the lab's pair. What else people use, Sentinel and Redis Cluster's own failover, needs a third host and
// gets one.
package race

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"keepalived-redis/lab"
	"keepalived-redis/lab/host"
	"keepalived-redis/lab/report"
)

// Options say where the race finds and leaves things, and what of it is run.
type Options struct {
	// Lab are the options of each lab: directories, and Say for a person.
	Lab lab.Options
	// Rounds is how often each system meets each fault.
	Rounds int
	// Faults and Systems are the names of those that run; all when empty.
	Faults, Systems []string
}

// System is one of those that are compared.
type System struct {
	// Name is its name in the result file, Label that for people.
	Name, Label string
	// Ours: it is keepalived-redis.
	Ours bool
	// once: it runs in the first round only.
	once bool
	// start brings it to the point where it is whole and the probe writes. What it returns must be closed also after an error.
	start func(ctx context.Context, opts lab.Options) (*contestant, error)
}

// Systems are all there are, in the order of the table.
var Systems = []System{
	{Name: "ours-v3-0.1", Label: "keepalived-redis, VRRPv3 0.1 s", Ours: true, start: ours("", "")},
	{Name: "ours-v3-0.03", Label: "keepalived-redis, VRRPv3 0.03 s", Ours: true, start: ours("", "0.03")},
	{Name: "ours-v2", Label: "keepalived-redis, VRRPv2 1 s", Ours: true, start: ours(lab.OldFiles, "")},
	{Name: "sentinel-1s", Label: "three Sentinels, down-after 1 s", start: sentinels},
	{Name: "cluster-1s", Label: "cluster of three hosts, node-timeout 1 s", start: threeHosts(time.Second)},
	{Name: "cluster-15s", Label: "cluster of three hosts, node-timeout 15 s", start: threeHosts(15 * time.Second)},
	{Name: "old-scripts", Label: "the old scripts", once: true, start: oldScripts},
}

// contestant is a system that runs.
type contestant struct {
	*lab.Run
	// victim is the host that the fault meets, port the master on it that is killed or hung.
	victim *lab.Host
	port   int
	// switchover asks for a switchover of every master away from the victim, as its operator would, and returns the instant. It does not
	// wait for the end.
	switchover func(ctx context.Context) (host.Mono, error)
	// heirs are the addresses that are masters after it.
	heirs []string
}

// Fault is what happens to a system.
type Fault struct {
	// Name is its name in the result file, About a line for people.
	Name, About string
	// planned: it is no fault but a wish, and has come true when the masters have left the host.
	planned bool
	// strike does it and returns the instant.
	strike func(ctx context.Context, c *contestant) (host.Mono, error)
}

// Faults are all there are, in the order of the table.
var Faults = []Fault{
	{Name: "host-dies", About: "a host with masters loses its power", strike: func(_ context.Context, c *contestant) (host.Mono, error) {
		return c.victim.PowerCut()
	}},
	{Name: "redis-dies", About: "one master is killed and cannot be started again", strike: killForGood},
	{Name: "redis-hangs", About: "one master stands still (SIGSTOP)", strike: func(ctx context.Context, c *contestant) (host.Mono, error) {
		return c.victim.SignalRedis(ctx, c.port, sigStop)
	}},
	{Name: "switchover", About: "an operator moves all masters away from a host", planned: true, strike: func(ctx context.Context, c *contestant) (host.Mono, error) {
		return c.switchover(ctx)
	}},
}

const (
	// Deadline is how long a system may take until everything is writable again; who has not made it by then never will.
	Deadline = 40 * time.Second
	// switchoverLimit is the same for a switchover.
	switchoverLimit = 15 * time.Second
	// runLimit bounds one run, with everything.
	runLimit = 3 * time.Minute
	// steady is how long nothing happens before the fault, settled how long after the cure: a second interruption within a second still
	// belongs to the fault, see report.Result.
	steady  = time.Second
	settled = 1500 * time.Millisecond
	// tries is how often a system may try to come up before there is any fault.
	tries = 3
)

// Run runs the race and returns all that was measured. Runs that could not be made are in the error; the others are in the outcome.
func Run(ctx context.Context, opts Options) (*Outcome, error) {
	out := newOutcome(ctx)
	systems, err := chosen("system", Systems, opts.Systems, func(s System) string { return s.Name })
	if err != nil {
		return out, err
	}
	faults, err := chosen("fault", Faults, opts.Faults, func(f Fault) string { return f.Name })
	if err != nil {
		return out, err
	}
	var errs []error
	for round := range opts.Rounds {
		for _, f := range faults {
			for i := range systems {
				// Whoever is first in one round is not in the next.
				s := systems[(i+round)%len(systems)]
				if s.once && round > 0 {
					continue
				}
				r, err := one(ctx, f, s, opts.Lab)
				if ctx.Err() != nil {
					return out, context.Cause(ctx)
				}
				if err != nil {
					errs = append(errs, fmt.Errorf("%s, %s: %w", f.Name, s.Name, err))
					opts.Lab.Say("%-13s %-13s failed: %v", f.Name, s.Name, err)
					continue
				}
				out.add(f.Name, s.Name, r)
				opts.Lab.Say("%-13s %-13s %s", f.Name, s.Name, figuresOf([]report.Result{r}))
			}
		}
	}
	return out, errors.Join(errs...)
}

// chosen are those of a list that are named, in the order of the list; all when none is.
func chosen[T any](what string, all []T, names []string, name func(T) string) ([]T, error) {
	if len(names) == 0 {
		return all, nil
	}
	var known []string
	for _, one := range all {
		known = append(known, name(one))
	}
	for _, n := range names {
		if !slices.Contains(known, n) {
			return nil, fmt.Errorf("find %s %q: there is none; hint: %s", what, n, strings.Join(known, ", "))
		}
	}
	var some []T
	for _, one := range all {
		if slices.Contains(names, name(one)) {
			some = append(some, one)
		}
	}
	return some, nil
}

// one lets a system meet a fault once and takes it down again.
func one(ctx context.Context, f Fault, s System, opts lab.Options) (result report.Result, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, runLimit, fmt.Errorf("the run takes longer than %s", runLimit))
	defer cancel()
	c, err := comeUp(ctx, s, opts)
	defer func() {
		kept, closing := c.Close(err)
		if err = errors.Join(err, closing); err != nil && kept != "" {
			err = fmt.Errorf("%w; hint: logs, files and the time line are in %s", err, kept)
		}
	}()
	if err != nil {
		return result, err
	}
	if err := c.Steady(ctx, steady); err != nil {
		return result, err
	}
	if c.Fault, err = f.strike(ctx, c); err != nil {
		return result, err
	}
	inTime, err := c.over(ctx, f)
	if err != nil {
		return result, err
	}
	recorded, err := c.Finish(ctx)
	if err != nil {
		return result, err
	}
	result = report.Measure(recorded)
	if f.planned && !inTime {
		// Nothing was interrupted, and nothing was done.
		result.Writable = nil
	}
	return result, nil
}

// over waits until the fault is repaired, or the time for that is up, and says which.
func (c *contestant) over(ctx context.Context, f Fault) (inTime bool, err error) {
	if f.planned {
		err = c.AwaitMasters(ctx, switchoverLimit, c.heirs...)
	} else {
		err = c.AwaitWritable(ctx, Deadline)
	}
	var late *lab.TimeoutError
	if errors.As(err, &late) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, c.Steady(ctx, settled)
}

// comeUp starts a system, again when it did not come up: that is no part of the race.
func comeUp(ctx context.Context, s System, opts lab.Options) (*contestant, error) {
	for try := 1; ; try++ {
		c, err := s.start(ctx, opts)
		var late *lab.TimeoutError
		if !errors.As(err, &late) || try == tries {
			return c, err
		}
		opts.Say("%s did not come up, once more: %v", s.Name, late)
		if _, err := c.Close(nil); err != nil {
			return c, err
		}
	}
}
