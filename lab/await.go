package lab

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/reason"
	"keepalived-redis/lab/host"
	"keepalived-redis/lab/resp"
)

// AwaitVIP waits until exactly this host holds the VIP.
func (l *Lab) AwaitVIP(ctx context.Context, b *Host, within time.Duration) error {
	return l.Timeline.Await(ctx, "the VIP on "+b.Name+" alone", within, func(v View) bool {
		return slices.Equal(v.Holders(), []string{b.Name})
	})
}

// AwaitMasters waits until each of the addresses is a master, as the instances themselves see it.
func (l *Lab) AwaitMasters(ctx context.Context, within time.Duration, addrs ...string) error {
	return l.Timeline.Await(ctx, strings.Join(addrs, ", ")+" to be masters", within, func(v View) bool {
		for _, a := range addrs {
			if v.Role[a] != "master" {
				return false
			}
		}
		return true
	})
}

// linkedPeriod is how often AwaitLinked looks. It waits for nothing that is measured, and must not disturb what is: a look is a dozen
// answers, some of them long.
const linkedPeriod = 250 * time.Millisecond

// AwaitLinked waits until all is whole. A cluster: all six instances answer and agree who owns which slots, every replica is linked to
// its master, all slots are served. A pair: one is the master, the other its replica and linked.
func (l *Lab) AwaitLinked(ctx context.Context, within time.Duration) error {
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(linkedPeriod)
	defer tick.Stop()
	missing := "nobody has looked yet"
	for {
		select {
		case <-tick.C:
			if missing = l.notWhole(ctx); missing == "" {
				return nil
			}
		case <-deadline.C:
			return &TimeoutError{What: "every instance to be linked", Within: within, Seen: missing + "; " + l.Timeline.View().String()}
		case <-ctx.Done():
			return fmt.Errorf("wait for every instance to be linked: %w", context.Cause(ctx))
		}
	}
}

// notWhole says what is missing for a whole cluster, or a whole pair, or nothing.
func (l *Lab) notWhole(ctx context.Context) string {
	if l.opts.Mode == Replication {
		return l.notPaired(ctx)
	}
	roles := l.Timeline.View().Role
	var first map[string]string
	for _, b := range l.Hosts() {
		for _, addr := range b.Instances() {
			if r := roles[addr]; r != "master" && r != "replica" {
				return fmt.Sprintf("%s is %s", addr, r)
			}
			info, err := resp.Ask(ctx, 300*time.Millisecond, addr, "CLUSTER", "INFO")
			if err != nil {
				return err.Error()
			}
			if !strings.Contains(info[0], "cluster_state:ok") || !strings.Contains(info[0], "cluster_slots_ok:16384") {
				return addr + " does not serve all slots"
			}
			nodes, err := resp.Ask(ctx, 300*time.Millisecond, addr, "CLUSTER", "NODES")
			if err != nil {
				return err.Error()
			}
			owners, wrong := Owners(nodes[0])
			if wrong != "" {
				return addr + " says: " + wrong
			}
			if first == nil {
				first = owners
			}
			if fmt.Sprint(first) != fmt.Sprint(owners) {
				return fmt.Sprintf("%s sees the slots at %v, another at %v", addr, owners, first)
			}
		}
	}
	return ""
}

// notPaired says what is missing for whole pairs, or nothing.
func (l *Lab) notPaired(ctx context.Context) string {
	for i := range l.Redis1.Ports {
		masters := 0
		for _, b := range l.Hosts() {
			addr, peer := b.Instances()[i], l.Other(b).Instances()[i]
			role, err := resp.Ask(ctx, 300*time.Millisecond, addr, "ROLE")
			switch {
			case err != nil:
				return err.Error()
			case len(role) > 0 && role[0] == "master":
				masters++
			case len(role) < 4 || role[0] != "slave":
				return fmt.Sprintf("%s says %q", addr, role)
			case role[1]+":"+role[2] != peer:
				return fmt.Sprintf("%s follows %s:%s", addr, role[1], role[2])
			case role[3] != "connected":
				return fmt.Sprintf("%s is not linked: %s", addr, role[3])
			}
		}
		if masters != 1 {
			return fmt.Sprintf("%d masters on port %d", masters, l.Redis1.Ports[i])
		}
	}
	return ""
}

// Owners reads CLUSTER NODES: the address of the master of each range of slots. What is wrong with the cluster comes as a sentence.
func Owners(nodes string) (ranges map[string]string, wrong string) {
	ranges = map[string]string{}
	known := map[string]bool{}
	var follows []string
	idle := 0
	for _, line := range strings.Split(strings.TrimSpace(nodes), "\n") {
		f := strings.Fields(line)
		if len(f) < 8 {
			return nil, "an unknown line " + line
		}
		addr, _, _ := strings.Cut(f[1], "@")
		flags := strings.Split(f[2], ",")
		switch {
		case slices.Contains(flags, "fail") || slices.Contains(flags, "fail?") || slices.Contains(flags, "handshake"):
			return nil, addr + " is " + f[2]
		case slices.Contains(flags, "slave"):
			follows = append(follows, f[3])
		case len(f) == 8 && slices.Contains(flags, "myself"):
			return nil, addr + " is a master without slots"
		case len(f) == 8:
			// Whom it follows now it tells a node that asks, and each asks within half a cluster-node-timeout (clusterCron in cluster.c).
			idle++
		default:
			known[f[0]] = true
			for _, r := range f[8:] {
				ranges[r] = addr
			}
		}
		if f[7] != "connected" && !slices.Contains(flags, "myself") {
			return nil, addr + " is " + f[7]
		}
	}
	for _, id := range follows {
		if !known[id] {
			return nil, "a replica follows somebody who is no master"
		}
	}
	if len(known) != 3 || len(follows)+idle != 3 {
		return nil, fmt.Sprintf("%d masters and %d replicas", len(known), len(follows)+idle)
	}
	return ranges, ""
}

// AwaitRole waits until each of the addresses is in a role (see host.EventRole), as the instances themselves see it.
func (l *Lab) AwaitRole(ctx context.Context, role string, within time.Duration, addrs ...string) error {
	return l.Timeline.Await(ctx, strings.Join(addrs, ", ")+" to be "+role, within, func(v View) bool {
		for _, a := range addrs {
			if v.Role[a] != role {
				return false
			}
		}
		return true
	})
}

// awaitLog waits for a line in the log of the host that contains text.
func (b *Host) awaitLog(ctx context.Context, text string, within time.Duration) error {
	return b.awaitLine(ctx, text, within, func(line string) bool { return strings.Contains(line, text) })
}

// awaitReason waits for a decision of our programs in the log of the host that has a reason.
func (b *Host) awaitReason(ctx context.Context, r model.Reason, within time.Duration) error {
	return b.awaitLine(ctx, string(r), within, func(line string) bool { return reason.In(line, r) })
}

func (b *Host) awaitLine(ctx context.Context, what string, within time.Duration, is func(line string) bool) error {
	return b.lab.Timeline.Await(ctx, fmt.Sprintf("%q in the log of %s", what, b.Name), within, func(View) bool {
		// The condition is asked under the lock of the time line.
		_, found := b.lab.Timeline.last(func(e Event) bool {
			return e.Host == b.Name && e.Kind == host.EventLog && is(e.Text)
		})
		return found
	})
}

// awaitQuietHooks waits until no script of keepalived runs on the host any more.
func (b *Host) awaitQuietHooks(ctx context.Context, within time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("the hooks on %s still run after %s", b.Name, within))
	defer cancel()
	tick := time.NewTicker(linkedPeriod)
	defer tick.Stop()
	for {
		procs, err := b.host.Procs(ctx)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(procs, func(p host.Proc) bool { return strings.Contains(strings.Join(p.Argv, " "), "/etc/init.d/") }) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
