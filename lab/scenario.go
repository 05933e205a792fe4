package lab

import (
	"context"
	"fmt"
	"time"

	"keepalived-redis/lab/host"
)

// Scenario is a fault, told as steps.
type Scenario struct {
	// Name is how people call it, and the name of its result file.
	Name string
	// About is one line for the list.
	About string
	// Mode is what the instances are to each other.
	Mode Mode
	// Layout is where the masters of a cluster are at the start.
	Layout Layout
	// Env is the environment of keepalived on both hosts.
	Env []string
	// Files names the variant of the shipped files: "", OldFiles or PreemptFiles.
	Files string
	// NodeTimeout is the cluster-node-timeout: 15 s when it is 0.
	NodeTimeout time.Duration
	// Holder is the host that is given the VIP at the start: the name of redis1 or redis2.
	Holder string
	// Cut says that Holder is cut off, so that a second writer runs on it: what it gets acknowledged is of interest.
	Cut bool
	// Still says that nothing is cut off and nothing moves: then nobody writes by scripts and transactions beside the plain writer.
	Still bool
	// EditConf, Prepare and Disk are those of Options.
	EditConf func(conf string) string
	Prepare  func(*Host) error
	Disk     string
	// Needs are programs that it runs beside those of every lab.
	Needs []string
	// Settles says that at the end all must be whole again by itself, within settleLimit of the last step: see settle.
	Settles bool
	// Runs is how often make test-long runs it: 3 times when it is 0.
	Runs int
	// Steps is the scenario itself. It begins with a pair that holds still: the VIP on Holder, the writers writing.
	Steps func(ctx context.Context, r *Run) error
	// Must says what has to hold of the result of our programs; it returns a sentence for each thing that does not.
	Must claim
}

// Scenarios are all there are, in the order of the list.
var Scenarios = append(clusterScenarios, pairScenarios()...)

var clusterScenarios = []Scenario{
	hostDies, hostDiesStay, redisDies, switchover, switchovers, switchoversMinute, preempt, preempts, standbyDies, returns, bothBoot,
	cutOff, cutOffStay, cutMajority, cutOneWay, cutBetween, vrrpBlocked, flap, flapCarrier, hang, hangAll, bothUnhealthy,
	bulkLoad, keys, flush, slowFork, fsyncStalls, standbyBusy,
	hookKilled, hooksReversed, keepalivedKilled, quiet,
	switchReboots, switchRebootsDark, switchRebootsNoWitness, lateSwitch,
	staleFirst, survivorRestarts,
	standbyDegraded, lastHostDegraded, lastHostLoads,
	hostStandsStill, hostStandsStillLower, restartEmpty, switchoverAfterBump, busCutSwitchover, prohibited, prohibitedStandby,
}

// pairScenarios are those that apply to a master and its replica: where a policy or a majority makes no difference.
func pairScenarios() []Scenario {
	var all []Scenario
	for _, s := range []Scenario{
		hostDies, redisDies, switchover, switchovers, switchoversMinute, preempt, preempts, returns, staleFirst, bothBoot,
		cutOff, cutOneWay, cutBetween, vrrpBlocked, flap, flapCarrier, hang, bothUnhealthy,
		bulkLoad, keys, flush, slowFork, fsyncStalls, standbyBusy, hookKilled, hooksReversed, keepalivedKilled, quiet,
		switchReboots, switchRebootsDark, switchRebootsNoWitness, lateSwitch,
		survivorRestarts,
		hostStandsStill, hostStandsStillLower, restartEmpty, prohibited, prohibitedStandby,
	} {
		all = append(all, inPair(s))
	}
	return append(all, pairFlushAll, pairSwitchoverStalls)
}

// pairWord begins the name of a scenario that runs with a plain master and its replica.
const pairWord = "pair-"

// inPair is a scenario in replication mode.
func inPair(s Scenario) Scenario {
	s.Name, s.About, s.Mode = pairWord+s.Name, s.Name+" with a plain master and its replica instead of the cluster", Replication
	// There the master is always where the VIP is.
	s.Layout, s.Env = "", nil
	return s
}

// Find returns the scenario of a name.
func Find(name string) (Scenario, error) {
	for _, s := range Scenarios {
		if s.Name == name {
			return s, nil
		}
	}
	return Scenario{}, fmt.Errorf("find scenario %q: there is none; hint: redis-lab list", name)
}

// Run is one run of a scenario: a lab with writers, and what was noted on the way.
type Run struct {
	*Lab
	Scenario Scenario
	// Holder is the host that had the VIP at the start, Standby the other.
	Holder, Standby *Host
	// Out is the write probe on the client. In is the one on the host that had the VIP at the start, if that one is cut off: nil otherwise.
	Out, In *Writer
	// others are the writers beside Out, and cutOthers those beside In, that write by scripts and transactions.
	others, cutOthers []*Writer
	// Fault is the instant of the fault.
	Fault host.Mono
	// Healed is the instant at which a cut was repaired, 0 if never.
	Healed host.Mono
	// Dead is the slot range that nobody can serve after the fault; empty when there is none.
	Dead string
	// Switchovers are the instants of the switchovers.
	Switchovers []host.Mono
	// stalls are the times in which a server answered nothing because it was busy.
	stalls []stall
	// whole is how long after the last step all was whole again.
	whole *time.Duration
	// missing is what was not whole until then.
	missing string
	// Extra are numbers of this scenario alone, for the result file.
	Extra map[string]any
}

// How long things may take that are not measured.
const (
	startWait    = 15 * time.Second
	steadyBefore = time.Second
	steadyAfter  = 2 * time.Second
)

// Start makes the lab of a scenario and brings it to its beginning. Finish must be called also after an error.
func Start(ctx context.Context, s Scenario, opts Options) (*Run, error) {
	if opts.Setup == "" {
		opts.Setup = Ours
	}
	opts.Mode, opts.Layout, opts.NodeTimeout, opts.Env = s.Mode, s.Layout, s.NodeTimeout, append(opts.Env, s.Env...)
	opts.EditConf, opts.Prepare, opts.Disk = s.EditConf, s.Prepare, s.Disk
	if s.Files != "" {
		opts.Files = s.Files
	}
	if opts.Setup == OldScripts {
		// The old scripts move no master, so they begin with what redis-cli made.
		opts.Layout, opts.Env = TwoMastersOnRedis1, nil
	}
	l, err := New(ctx, opts)
	r := &Run{Lab: l, Scenario: s, Extra: map[string]any{}}
	if err != nil {
		return r, err
	}
	r.Holder, r.Standby = l.Redis1, l.Redis2
	if s.Holder == l.Redis2.Name {
		r.Holder, r.Standby = l.Redis2, l.Redis1
	}
	if err := r.startPair(ctx); err != nil {
		return r, err
	}
	if r.Out, r.others, err = r.startWriters(ctx, l.Client); err != nil {
		return r, err
	}
	if s.Cut {
		if r.In, r.cutOthers, err = r.startWriters(ctx, r.Holder); err != nil {
			return r, err
		}
	}
	for _, w := range append([]*Writer{r.Out}, r.others...) {
		if err := w.AwaitWriting(ctx, startWait); err != nil {
			return r, err
		}
	}
	return r, nil
}

// startPair starts keepalived, first on the host that is to hold the VIP, and waits until the pair holds still.
func (r *Run) startPair(ctx context.Context) error {
	if err := r.Holder.StartKeepalived(ctx); err != nil {
		return err
	}
	if err := r.AwaitVIP(ctx, r.Holder, startWait); err != nil {
		return err
	}
	if err := r.Standby.StartKeepalived(ctx); err != nil {
		return err
	}
	if err := r.Standby.awaitLog(ctx, "Entering BACKUP STATE", startWait); err != nil {
		return err
	}
	if r.opts.Setup == OldScripts {
		// They restart Redis whenever keepalived starts: that is over when every instance is back.
		if err := r.Standby.awaitQuietHooks(ctx, startWait); err != nil {
			return err
		}
		if err := r.Holder.awaitQuietHooks(ctx, startWait); err != nil {
			return err
		}
	}
	return r.AwaitLinked(ctx, 2*startWait)
}

// Steady lets the writers write for a while with nothing happening.
func (r *Run) Steady(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return fmt.Errorf("write: %w", context.Cause(ctx))
	}
}

// Do runs the steps of the scenario between two steady times.
func (r *Run) Do(ctx context.Context) error {
	if err := r.Steady(ctx, steadyBefore); err != nil {
		return err
	}
	if err := r.Scenario.Steps(ctx, r); err != nil {
		return err
	}
	if r.Scenario.Settles {
		return r.settle(ctx)
	}
	return r.Steady(ctx, steadyAfter)
}
