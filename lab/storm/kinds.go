package storm

import (
	"context"
	"errors"
	"net/netip"
	"syscall"
	"time"

	"keepalived-redis/lab"
	"keepalived-redis/lab/host"
	"keepalived-redis/lab/wire"
)

// kind is what is known of a kind of fault.
type kind struct {
	name Kind
	// share is how often it comes, beside the others; 0 in a variant in which it makes no sense.
	share int
	// cluster says that it is only for a cluster.
	cluster bool
	// min and max bound how long it lasts.
	min, max time.Duration
	instance bool
	// everywhere says that it meets both hosts, whichever it names.
	everywhere bool
	// stands says that a replica takes in nothing meanwhile: it answers nothing, or cannot reach its master.
	stands bool
	// begin and end do and undo it. end is nil for what needs no undoing.
	begin, end func(context.Context, *Storm, *lab.Host, Fault) error
	// loses is what may be lost by it; nil means nothing.
	loses func(b *lab.Host, f Fault, began, ended host.Mono) Window
}

func (k kind) weight(v Variant) int {
	if k.cluster && v.Mode != lab.Cluster {
		return 0
	}
	return k.share
}

func (k Kind) asksForInstance() bool { return k.find().instance }

func (k Kind) find() kind {
	for _, x := range kinds {
		if x.name == k {
			return x
		}
	}
	return kind{}
}

// kinds is filled by init: the functions in it look at it themselves.
var kinds []kind

func init() {
	const s = time.Second
	kinds = []kind{
		{name: KillRedis, share: 4, instance: true, stands: true, begin: killRedis, loses: ofInstance},
		{name: HangRedis, share: 3, instance: true, stands: true, min: s / 2, max: 8 * s, begin: signalRedis(syscall.SIGSTOP), end: signalRedis(syscall.SIGCONT), loses: ofInstance},
		{name: SlowFork, share: 2, instance: true, stands: true, min: s / 10, max: 4 * s, begin: slowFork, end: forked},
		{name: KillKeepalived, share: 2, begin: signalKeepalived(syscall.SIGKILL)},
		{name: StopKeepalived, share: 3, min: s, max: 6 * s, begin: stopKeepalived, end: startKeepalived},
		{name: HUPKeepalived, share: 2, begin: signalKeepalived(syscall.SIGHUP)},
		{name: KillCheck, share: 2, min: 2 * s, max: 2 * s, begin: killProgram("chk-redis")},
		{name: KillHook, share: 3, min: 6 * s, max: 6 * s, begin: killProgram("notify-redis")},
		{name: Power, share: 3, min: s, max: 8 * s, begin: powerOff, end: powerOn, loses: ofDeadHost},
		{name: Cable, share: 2, min: s / 5, max: 8 * s, begin: cutCable, end: plugCable, loses: ofCutHost},
		{name: Isolate, share: 3, min: s / 5, max: 8 * s, begin: rules(isolate), end: clear, loses: ofCutHost},
		{name: CutIn, share: 2, min: s / 5, max: 8 * s, begin: rules(cutIn), end: clear, loses: ofCutHost},
		{name: CutOut, share: 2, min: s / 5, max: 8 * s, begin: rules(cutOut), end: clear, loses: ofCutHost},
		{name: CutPeer, share: 2, min: s / 5, max: 8 * s, begin: rules(cutPeer), end: clear, loses: ofBothMasters},
		{name: CutPeerOneWay, share: 2, min: s / 5, max: 8 * s, begin: rules(cutPeerOneWay), end: clear, loses: ofBothMasters},
		{name: CutWitness, share: 2, min: s / 5, max: 8 * s, begin: rules(cutWitness), end: clear},
		{name: CutVRRP, share: 2, min: s / 5, max: 8 * s, begin: rules(cutVRRP), end: clear},
		{name: CutRedis, share: 2, min: s / 5, max: 8 * s, begin: rules(cutRedis), end: clear, loses: ofBothMasters},
		{name: CutBus, share: 1, cluster: true, min: s / 5, max: 8 * s, begin: rules(cutBus), end: clear},
		{name: SwitchReboots, share: 2, everywhere: true, min: s, max: 14 * s, begin: rules(switchAway), end: clear, loses: ofBothCut},
		{name: Loss, share: 2, min: s, max: 8 * s, begin: rules(loss), end: clear, loses: ofBadCable},
		{name: Delay, share: 2, min: s, max: 8 * s, begin: rules(delay), end: clear, loses: ofBadCable},
		{name: Disorder, share: 2, min: s, max: 8 * s, begin: rules(disorder), end: clear},
		{name: DiskFull, share: 2, min: s, max: 8 * s, begin: fill(dataDisk), end: emptyDataDisk},
		{name: StateFull, share: 2, min: s, max: 8 * s, begin: fill(stateDisk), end: empty(stateDisk)},
		{name: Password, share: 2, min: s, max: 6 * s, begin: rotatePassword, end: restorePassword},
		{name: BrokenConfig, share: 2, min: s, max: 8 * s, begin: breakConfig, end: repairConfig},
		{name: BurnCPU, share: 2, min: s, max: 6 * s, begin: burn, end: stopBurning},
		{name: FailBGSAVE, share: 2, instance: true, min: s, max: 8 * s, begin: failBGSAVE, end: repairBGSAVE},
		{name: BulkLoad, share: 3, instance: true, stands: true, min: 3 * s / 10, max: 4 * s, begin: bulkLoad, end: bulkLoaded},
		{name: SlowKeys, share: 2, instance: true, stands: true, min: s / 5, max: 2 * s, begin: slowKeys, end: bulkLoaded},
		{name: BigDel, share: 1, instance: true, stands: true, min: 3 * s, max: 3 * s, begin: bigDel, end: bulkLoaded},
		{name: FsyncStall, share: 2, instance: true, stands: true, min: s / 10, max: 4 * s, begin: fsyncStall, end: fsynced},
		{name: HostStands, share: 3, stands: true, min: 2 * s, max: 6 * s, begin: whileOn((*lab.Host).StandStill), end: whileOn((*lab.Host).WakeUp), loses: ofWakingHost},
		{name: BumpMove, share: 2, cluster: true, min: 2 * s, max: 5 * s, begin: bumpMove, end: moved},
		{name: CutBusMove, share: 2, cluster: true, min: 2 * s, max: 7 * s, begin: cutBusMove, end: moved},
		{name: Prohibit, share: 2, stands: true, min: s, max: 8 * s, begin: whileOn((*lab.Host).Prohibit), end: permit},
	}
}

// What the guarantees allow to be lost. before is how far a replica may be behind: Redis sends at once, so a second is generous on a busy machine.
const before = time.Second

func ofInstance(b *lab.Host, f Fault, began, ended host.Mono) Window {
	return Window{began.Add(-before), ended.Add(catchUp), b.Instance(b.Ports[f.Instance]), "Redis replicates asynchronously: an instance died or stood still, and its replica was promoted"}
}

func ofDeadHost(b *lab.Host, _ Fault, began, _ host.Mono) Window {
	return Window{began.Add(-before), began, b.Addr, "Redis replicates asynchronously: acknowledged just before the host died"}
}

// wakeBound is how long a host that wakes may take writes of its own: its check is overdue, and runs as soon as a busy machine lets it.
const wakeBound = time.Second

func ofWakingHost(b *lab.Host, _ Fault, began, ended host.Mono) Window {
	return Window{began.Add(-before), ended.Add(wakeBound), b.Addr,
		"acknowledged by a host just before it stood still, or as it woke and did not know yet that it was taken over"}
}

// fenceBound is what the guarantees say for the shipped files.
const fenceBound = 3 * time.Second

func ofCutHost(b *lab.Host, _ Fault, began, ended host.Mono) Window {
	return Window{began.Add(-before), max(began.Add(fenceBound), ended), b.Addr, "acknowledged by a host that was cut off, before its fence"}
}

// ofBothCut ends with the fences: what reaches a host later is refused, and no client reaches one before the heal.
func ofBothCut(_ *lab.Host, _ Fault, began, _ host.Mono) Window {
	return Window{began.Add(-before), began.Add(fenceBound), "", "acknowledged by hosts that were both cut off, before their fences"}
}

// afterHeal is how long after a heal a side may take to learn that it has lost.
const afterHeal = 10 * time.Second

func ofBothMasters(_ *lab.Host, _ Fault, began, ended host.Mono) Window {
	return Window{began.Add(-before), ended.Add(afterHeal), "", "both hosts saw the witness and not each other: not bounded"}
}

func ofBadCable(_ *lab.Host, _ Fault, began, ended host.Mono) Window {
	return Window{began.Add(-before), ended.Add(afterHeal), "", "a cable so bad that a host looks silent, or that its replicas are far behind"}
}

// catchUp is how long an instance may take to be linked again.
const catchUp = 3 * time.Second

// takesAway says that a fault takes away the host that it names, and nothing else: what the other one acknowledges needs no replica there.
func takesAway(f Fault) bool { return f.Kind == Power || f.Kind == HostStands }

// behind are the windows of two faults that meet: an instance was dead, busy or stood still, so that it got nothing of what its master on the other
// host acknowledged, and before it could be linked again that host died or was cut off, and it was promoted with what it had. Where both hosts
// are cut off nobody is promoted.
func behind(faults []Fault, began, ended []host.Mono, other func(Fault) string) (all []Window) {
	for i, f := range faults {
		if !f.Kind.find().stands {
			continue
		}
		for k, cut := range faults {
			kind := cut.Kind.find()
			if kind.instance || kind.everywhere || kind.loses == nil || takesAway(cut) && cut.Host == f.Host {
				continue
			}
			if began[k] < began[i] || began[k] > ended[i].Add(catchUp) {
				continue
			}
			all = append(all, Window{began[i].Add(-before), began[k], other(f), "a replica that was dead, busy or stood still had not caught up when its master's host was lost: up to max_staleness"})
		}
	}
	return all
}

// unwritten are the windows of three faults that meet: the disk of a host was full, so that its masters acknowledged for up to a second what they could
// not write to it; the host lost its power before there was room; and the other one, which had all of that, was cut off at that instant, so that
// it could not take over. Then the host leads again, with what is on its disk.
func unwritten(faults []Fault, began, ended []host.Mono, own func(Fault) string) (all []Window) {
	for i, full := range faults {
		for k, power := range faults {
			if full.Kind != DiskFull || power.Kind != Power || power.Host != full.Host || began[k] < began[i] || began[k] > ended[i] {
				continue
			}
			for n, cut := range faults {
				if kind := cut.Kind.find(); cut.Kind != Power && !kind.instance && kind.loses != nil && began[n] <= began[k] && ended[n] >= began[k] {
					all = append(all, Window{began[i].Add(-before), began[k], own(full), "a host lost its power while its disk was full and the other host was cut off"})
					break
				}
			}
		}
	}
	return all
}

// rules sets rules of the switch.
func rules(of func(addr, peer netip.Addr) []wire.Rule) func(context.Context, *Storm, *lab.Host, Fault) error {
	return func(_ context.Context, s *Storm, b *lab.Host, f Fault) error {
		s.network.Set(f.ruleName(), of(netip.MustParseAddr(b.Addr), netip.MustParseAddr(s.lab.Other(b).Addr))...)
		return nil
	}
}

// ruleName is the name of the fault's rules, from which their random numbers come.
func (f Fault) ruleName() string { return f.String() }

func clear(_ context.Context, s *Storm, _ *lab.Host, f Fault) error {
	s.network.Clear(f.ruleName())
	return nil
}

var anybody netip.Addr

func isolate(addr, _ netip.Addr) []wire.Rule { return wire.Cut(addr, anybody) }

// switchAway lets nothing pass between any two hosts, the clients among them.
func switchAway(_, _ netip.Addr) []wire.Rule { return wire.Cut(anybody, anybody) }

func cutIn(addr, _ netip.Addr) []wire.Rule {
	return []wire.Rule{{To: addr, Effect: wire.Effect{Cut: true}}}
}

func cutOut(addr, _ netip.Addr) []wire.Rule {
	return []wire.Rule{{From: addr, Effect: wire.Effect{Cut: true}}}
}

func cutPeer(addr, peer netip.Addr) []wire.Rule { return wire.Cut(addr, peer) }

func cutPeerOneWay(addr, peer netip.Addr) []wire.Rule {
	return []wire.Rule{{From: addr, To: peer, Effect: wire.Effect{Cut: true}}}
}

func cutWitness(addr, _ netip.Addr) []wire.Rule {
	return wire.Both(wire.Rule{From: addr, About: netip.MustParseAddr(lab.WitnessAddr), Effect: wire.Effect{Cut: true}})
}

func cutProto(addr, peer netip.Addr, p wire.Proto) []wire.Rule {
	return wire.Both(wire.Rule{From: addr, To: peer, Proto: p, Effect: wire.Effect{Cut: true}})
}

func cutVRRP(addr, peer netip.Addr) []wire.Rule  { return cutProto(addr, peer, wire.VRRP) }
func cutRedis(addr, peer netip.Addr) []wire.Rule { return cutProto(addr, peer, wire.Redis) }
func cutBus(addr, peer netip.Addr) []wire.Rule   { return cutProto(addr, peer, wire.Bus) }

func loss(addr, _ netip.Addr) []wire.Rule {
	return wire.Both(wire.Rule{From: addr, Effect: wire.Effect{Loss: 0.2}})
}

func delay(addr, _ netip.Addr) []wire.Rule {
	return wire.Both(wire.Rule{From: addr, Effect: wire.Effect{Delay: 200 * time.Millisecond, Jitter: 50 * time.Millisecond}})
}

func disorder(addr, _ netip.Addr) []wire.Rule {
	return wire.Both(wire.Rule{From: addr, Effect: wire.Effect{Duplicate: 0.1, Reorder: 0.1, Late: 3 * time.Millisecond, Jitter: time.Millisecond}})
}

// skipped says that a fault had nobody to meet: the host was off, or the instance dead. That is no failure.
func skipped(err error) bool { return errors.Is(err, host.ErrGone) || errors.Is(err, errNobody) }

var errNobody = errors.New("nobody there")
