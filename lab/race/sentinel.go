package race

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"keepalived-redis/lab"
	"keepalived-redis/lab/host"
	"keepalived-redis/lab/probe"
	"keepalived-redis/lab/resp"
)

const (
	plainPort    = 6379
	sentinelPort = 26379
	// pairName is what the Sentinels call the master.
	pairName = "pair"
	// askLimit bounds one question to a server that is well.
	askLimit = time.Second
)

// base is what every instance of every system has; it is what the lab's own instances have.
const base = `port %[1]d
bind 0.0.0.0
protected-mode no
daemonize yes
pidfile /var/run/redis_%[1]d.pid
logfile /var/log/redis_%[1]d.log
dir /var/lib/redis/%[1]d
appendonly yes
save 900 1
save 300 10
repl-diskless-sync-delay 0
`

// sentinelConf asks for a failover after a second of silence. The failover-timeout is far below its default of three minutes, so that an
// election that nobody won is held again soon.
const sentinelConf = `port %[1]d
bind 0.0.0.0
protected-mode no
daemonize yes
pidfile /var/run/redis_%[1]d.pid
logfile /var/log/redis_%[1]d.log
dir /tmp
sentinel monitor %[2]s %[3]s %[4]d 2
sentinel down-after-milliseconds %[2]s 1000
sentinel failover-timeout %[2]s 10000
sentinel parallel-syncs %[2]s 1
`

// sentinels is a plain master with a replica and three Sentinels, one on each of three hosts. Its clients ask the Sentinels.
func sentinels(ctx context.Context, opts lab.Options) (*contestant, error) {
	conf := fmt.Sprintf(base, plainPort)
	one := lab.BareHost{Ports: []int{plainPort}, Confs: map[int]string{plainPort: conf}}
	two := lab.BareHost{Ports: []int{plainPort}, Confs: map[int]string{plainPort: conf + fmt.Sprintf("slaveof %s %d\n", lab.BareAddrs[0], plainPort)}}
	l, err := lab.NewBare(ctx, opts, [3]lab.BareHost{one, two, {}}, "")
	c := &contestant{Run: &lab.Run{Lab: l, Holder: l.Redis1, Standby: l.Redis2}}
	if err != nil {
		return c, err
	}
	c.victim, c.port, c.heirs = l.Redis1, plainPort, l.Redis2.Instances()
	// Sentinels ask a master for its replicas every 10 s: they are started when there is one.
	if err := l.AwaitRole(ctx, "replica", startWait, l.Redis2.Instances()...); err != nil {
		return c, err
	}
	var nodes []netip.AddrPort
	for _, b := range l.Hosts() {
		if err := startSentinel(ctx, b); err != nil {
			return c, err
		}
		nodes = append(nodes, netip.AddrPortFrom(netip.MustParseAddr(b.Addr), sentinelPort))
	}
	if err := await(ctx, "Sentinels that know each other", startWait, func() string { return sentinelsMiss(ctx, nodes) }); err != nil {
		return c, err
	}
	c.switchover = func(ctx context.Context) (host.Mono, error) {
		at := l.Timeline.Step("SENTINEL FAILOVER")
		_, err := resp.Ask(ctx, askLimit, nodes[2].String(), "SENTINEL", "FAILOVER", pairName)
		return at, err
	}
	return c, c.write(ctx, probe.Options{Source: "client", Mode: probe.Sentinel, Nodes: nodes, MasterName: pairName})
}

// startSentinel starts the Sentinel of a host.
func startSentinel(ctx context.Context, b *lab.Host) error {
	file := fmt.Sprintf("redis/sentinel-%d.conf", sentinelPort)
	// In the data directory, because a Sentinel writes its file again.
	if err := b.WriteFile(file, fmt.Sprintf(sentinelConf, sentinelPort, pairName, lab.BareAddrs[0], plainPort), 0o644); err != nil {
		return err
	}
	return run(ctx, b, "redis-server", "/var/lib/"+file, "--sentinel")
}

// sentinelsMiss says what is missing until each Sentinel knows the others and the replica, or nothing.
func sentinelsMiss(ctx context.Context, nodes []netip.AddrPort) string {
	for _, n := range nodes {
		reply, err := resp.Ask(ctx, askLimit, n.String(), "SENTINEL", "MASTER", pairName)
		if err != nil {
			return err.Error()
		}
		for i := 0; i+1 < len(reply); i += 2 {
			want, asked := map[string]string{"flags": "master", "num-slaves": "1", "num-other-sentinels": "2"}[reply[i]]
			if asked && reply[i+1] != want {
				return fmt.Sprintf("%s says %s %s", n, reply[i], reply[i+1])
			}
		}
	}
	return ""
}
