package lab

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"keepalived-redis/lab/host"
)

// nobodysMAC belongs to no host: what is sent there vanishes, as in a cable that is broken for it. nobodysAddr is a neighbour with it.
const (
	nobodysMAC  = "02:00:00:00:00:fe"
	nobodysAddr = "192.168.9.254"
)

// sendNowhere makes all that b sends to addresses of this network vanish silently; other packets pass, also those that come from there.
func (b *Host) sendNowhere(ctx context.Context, to ...string) error {
	for _, a := range to {
		if err := b.mustRun(ctx, "ip", "neigh", "replace", a, "lladdr", nobodysMAC, "dev", host.Interface, "nud", "permanent"); err != nil {
			return fmt.Errorf("drop what %s sends to %s: %w", b.Name, a, err)
		}
	}
	return nil
}

// sendAgain undoes sendNowhere.
func (b *Host) sendAgain(ctx context.Context, to ...string) error {
	for _, a := range to {
		if err := b.mustRun(ctx, "ip", "neigh", "del", a, "dev", host.Interface); err != nil {
			return fmt.Errorf("let pass what %s sends to %s: %w", b.Name, a, err)
		}
	}
	return nil
}

// MuteOut lets nothing that the host sends arrive, while it receives all that is sent to it. It returns the instant.
func (b *Host) MuteOut(ctx context.Context) (at host.Mono, err error) {
	err = b.cable.Mute(ctx, func() { at = b.lab.Timeline.Step("cut one way: nothing that %s sends arrives", b.Name) })
	return at, err
}

// HealOut undoes MuteOut. It returns the instant.
func (b *Host) HealOut(ctx context.Context) (host.Mono, error) {
	at := b.lab.Timeline.Step("healed: what %s sends arrives again", b.Name)
	return at, b.cable.Unmute(ctx)
}

// CutBetween lets nothing pass between the two hosts; both still reach everybody else. It returns the instant.
func (l *Lab) CutBetween(ctx context.Context) (host.Mono, error) {
	at := l.Timeline.Step("cut between the hosts: both still see the gateway")
	return at, errors.Join(l.Redis1.sendNowhere(ctx, l.Redis2.Addr), l.Redis2.sendNowhere(ctx, l.Redis1.Addr))
}

// HealBetween undoes CutBetween. It returns the instant.
func (l *Lab) HealBetween(ctx context.Context) (host.Mono, error) {
	at := l.Timeline.Step("healed: packets pass between the hosts again")
	return at, errors.Join(l.Redis1.sendAgain(ctx, l.Redis2.Addr), l.Redis2.sendAgain(ctx, l.Redis1.Addr))
}

// vrrpRules are the numbers and the protocols of the routing rules that send VRRP nowhere. keepalived writes the IP header itself; for
// such a socket the kernel looks the route up with protocol 255.
var vrrpRules = map[string]string{"112": "112", "113": "255"}

// BlockVRRP drops IP protocol 112 between the hosts, as a firewall would: everything else passes. It returns the instant.
func (l *Lab) BlockVRRP(ctx context.Context) (host.Mono, error) {
	for _, b := range l.Hosts() {
		err := errors.Join(b.sendNowhere(ctx, nobodysAddr),
			b.mustRun(ctx, "ip", "route", "add", "default", "via", nobodysAddr, "dev", host.Interface, "table", "112"))
		if err != nil {
			return 0, fmt.Errorf("block VRRP on %s: %w", b.Name, err)
		}
	}
	at := l.Timeline.Step("VRRP (IP protocol 112) is blocked between the hosts")
	for _, b := range l.Hosts() {
		for pref, proto := range vrrpRules {
			if err := b.mustRun(ctx, "ip", "rule", "add", "pref", pref, "ipproto", proto, "table", "112"); err != nil {
				return at, fmt.Errorf("block VRRP on %s: %w", b.Name, err)
			}
		}
	}
	return at, nil
}

// PassVRRP undoes BlockVRRP. It returns the instant.
func (l *Lab) PassVRRP(ctx context.Context) (host.Mono, error) {
	at := l.Timeline.Step("VRRP passes again between the hosts")
	for _, b := range l.Hosts() {
		for pref := range vrrpRules {
			if err := b.mustRun(ctx, "ip", "rule", "del", "pref", pref); err != nil {
				return at, fmt.Errorf("let VRRP pass on %s: %w", b.Name, err)
			}
		}
	}
	return at, nil
}

// PowerOn boots the host: Redis and keepalived start, as its service manager would start them. It returns the instant.
func (b *Host) PowerOn(ctx context.Context) (host.Mono, error) {
	at := b.lab.Timeline.Step("power on: %s", b.Name)
	if err := b.Boot(ctx); err != nil {
		return at, err
	}
	return at, b.StartKeepalived(ctx)
}

// Freeze stops the processes of instances (SIGSTOP): they hang, and the kernel still takes connections for them. It returns the instant.
func (b *Host) Freeze(ctx context.Context, ports ...int) (host.Mono, error) {
	return b.signalRedis(ctx, syscall.SIGSTOP, "hang: redis %s on %s stands still (SIGSTOP)", ports)
}

// Thaw undoes Freeze. An instance that was killed in the meantime has a new process, which does not mind. It returns the instant.
func (b *Host) Thaw(ctx context.Context, ports ...int) (host.Mono, error) {
	return b.signalRedis(ctx, syscall.SIGCONT, "redis %s on %s goes on (SIGCONT)", ports)
}

func (b *Host) signalRedis(ctx context.Context, sig syscall.Signal, text string, ports []int) (host.Mono, error) {
	var pids []int
	for _, p := range ports {
		pid, err := b.redisPid(ctx, p)
		if err != nil && sig != syscall.SIGCONT {
			return 0, err
		}
		if err == nil {
			pids = append(pids, pid)
		}
	}
	at := b.lab.Timeline.Step(text, strings.Trim(fmt.Sprint(ports), "[]"), b.Name)
	var errs []error
	for _, pid := range pids {
		errs = append(errs, b.host.Signal(ctx, pid, sig))
	}
	return at, errors.Join(errs...)
}

// KillKeepalived sends SIGKILL to every process of keepalived on the host, as the kernel does when memory is out, and returns the instant.
func (b *Host) KillKeepalived(ctx context.Context) (host.Mono, error) {
	procs, err := b.host.Procs(ctx)
	if err != nil {
		return 0, err
	}
	at := b.lab.Timeline.Step("kill keepalived on %s", b.Name)
	var errs []error
	// Stopped first: the one that is killed last would otherwise still see its parent die, and give up the VIP politely.
	for _, sig := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGKILL} {
		for _, p := range procs {
			if filepath.Base(p.Argv[0]) == "keepalived" {
				errs = append(errs, b.host.Signal(ctx, p.Pid, sig))
			}
		}
	}
	return at, errors.Join(errs...)
}

// killHook waits until a hook of ours runs on the host, lets it run for a while, and kills it. It says whether there still was one.
func (b *Host) killHook(ctx context.Context, runs, within time.Duration) (bool, error) {
	pid, err := b.awaitHook(ctx, within)
	if err != nil {
		return false, err
	}
	select {
	case <-time.After(runs):
	case <-ctx.Done():
		return false, fmt.Errorf("wait to kill the hook: %w", context.Cause(ctx))
	}
	// One that has ended is not there any more; a number is not given to another process that soon.
	if err := b.host.Signal(ctx, pid, syscall.SIGKILL); err != nil {
		return false, nil
	}
	b.lab.Timeline.Step("kill the hook on %s, %s after it was seen", b.Name, runs)
	return true, nil
}

// awaitHook waits for a process of notify-redis master.
func (b *Host) awaitHook(ctx context.Context, within time.Duration) (int, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("no hook on %s within %s", b.Name, within))
	defer cancel()
	for {
		procs, err := b.host.Procs(ctx)
		if err != nil {
			return 0, err
		}
		for _, p := range procs {
			if strings.HasSuffix(p.Argv[0], "notify-redis") && slices.Contains(p.Argv, "master") {
				return p.Pid, nil
			}
		}
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

// FillDisk fills the file system of the instances' data, and returns the instant at which nothing more fits.
func (b *Host) FillDisk(ctx context.Context) (host.Mono, error) {
	if _, _, err := b.Run(ctx, "dd", "if=/dev/zero", "of=/var/lib/redis/full", "bs=16k"); err != nil {
		return 0, fmt.Errorf("fill the disk of %s: %w", b.Name, err)
	}
	return b.lab.Timeline.Step("the disk of %s is full", b.Name), nil
}

// FreeDisk undoes FillDisk. It returns the instant.
func (b *Host) FreeDisk(ctx context.Context) (host.Mono, error) {
	at := b.lab.Timeline.Step("the disk of %s has room again", b.Name)
	return at, b.mustRun(ctx, "rm", "-f", "/var/lib/redis/full")
}

// standLimit bounds how long it takes until all processes of a host are told to stand.
const standLimit = 3 * time.Second

// StandStill stops everything on the host (SIGSTOP) but the lab's own programs, as when a virtual machine is paused. What it holds in its
// kernel stays: connections are taken, and read at the wake-up. It returns the instant.
func (b *Host) StandStill(ctx context.Context) (host.Mono, error) {
	busy := fmt.Errorf("%s after the first SIGSTOP something on %s still starts programs", standLimit, b.Name)
	ctx, cancel := context.WithTimeoutCause(ctx, standLimit, busy)
	defer cancel()
	at := b.lab.Timeline.Step("everything on %s stands still (SIGSTOP)", b.Name)
	// One that waits for the disk stops as soon as it is through. Only one that was started meanwhile has not been told.
	told := map[int]bool{}
	for {
		more, err := b.signalAll(ctx, syscall.SIGSTOP, func(p host.Proc) bool {
			known := told[p.Pid]
			told[p.Pid] = true
			return !known
		})
		if err != nil || more == 0 {
			return at, err
		}
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return at, context.Cause(ctx)
		}
	}
}

// WakeUp undoes StandStill. It returns the instant.
func (b *Host) WakeUp(ctx context.Context) (host.Mono, error) {
	at := b.lab.Timeline.Step("everything on %s goes on (SIGCONT)", b.Name)
	_, err := b.signalAll(ctx, syscall.SIGCONT, func(host.Proc) bool { return true })
	return at, err
}

// signalAll sends a signal to the processes of the host that are meant, but for the lab's own, and returns how many there were.
func (b *Host) signalAll(ctx context.Context, sig syscall.Signal, meant func(host.Proc) bool) (n int, err error) {
	procs, err := b.host.Procs(ctx)
	if err != nil {
		return 0, err
	}
	for _, p := range procs {
		if p.Argv[0] == host.Self || !meant(p) {
			continue
		}
		n++
		// One that has ended meanwhile is none any more.
		if err := b.host.Signal(ctx, p.Pid, sig); errors.Is(err, host.ErrGone) {
			return n, err
		}
	}
	return n, nil
}
