package race

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"keepalived-redis/lab"
	"keepalived-redis/lab/host"
	"keepalived-redis/lab/probe"
	"keepalived-redis/lab/resp"
)

// clusterPorts are those of the two instances on each of the three hosts.
var clusterPorts = [3][]int{{7000, 7003}, {7001, 7004}, {7002, 7005}}

// clusterData is the name under which the cluster of three hosts is kept.
const clusterData = "three-hosts"

// createWait is long: a handshake between two nodes that goes wrong is tried again only after cluster-node-timeout.
const createWait = 45 * time.Second

// threeHosts is a Redis Cluster of three hosts with a master and a replica each, which fails over by itself.
func threeHosts(nodeTimeout time.Duration) func(context.Context, lab.Options) (*contestant, error) {
	return func(ctx context.Context, opts lab.Options) (*contestant, error) {
		c, found, err := bootCluster(ctx, opts, nodeTimeout)
		if err == nil && !found {
			// It was made just now, and is kept. What comes next begins as all others do.
			if _, err := c.Close(nil); err != nil {
				return c, err
			}
			c, _, err = bootCluster(ctx, opts, nodeTimeout)
		}
		if err != nil {
			return c, err
		}
		master, heir, err := clusterVictim(ctx, c.Lab)
		if err != nil {
			return c, err
		}
		for _, b := range c.Hosts() {
			for _, p := range b.Ports {
				if b.Instance(p) == master {
					c.victim, c.port = b, p
				}
			}
		}
		c.heirs = []string{heir}
		c.switchover = func(ctx context.Context) (host.Mono, error) {
			at := c.Timeline.Step("CLUSTER FAILOVER")
			_, err := resp.Ask(ctx, askLimit, heir, "CLUSTER", "FAILOVER")
			return at, err
		}
		o := probe.Options{Source: "client", Mode: probe.Cluster}
		for _, b := range c.Hosts() {
			for _, a := range b.Instances() {
				o.Nodes = append(o.Nodes, netip.MustParseAddrPort(a))
			}
		}
		return c, c.write(ctx, o)
	}
}

// bootCluster boots the hosts and waits until the cluster is whole. If none is found it makes one, keeps its data and leaves it stopped.
func bootCluster(ctx context.Context, opts lab.Options, nodeTimeout time.Duration) (c *contestant, found bool, err error) {
	var hosts [3]lab.BareHost
	for i, ports := range clusterPorts {
		hosts[i] = lab.BareHost{Ports: ports, Confs: map[int]string{}}
		for _, p := range ports {
			hosts[i].Confs[p] = fmt.Sprintf(base+"cluster-enabled yes\ncluster-config-file nodes_%[1]d.conf\ncluster-node-timeout %d\n", p, nodeTimeout.Milliseconds())
		}
	}
	l, err := lab.NewBare(ctx, opts, hosts, clusterData)
	c = &contestant{Run: &lab.Run{Lab: l, Holder: l.Redis1, Standby: l.Redis2}}
	if err != nil {
		return c, false, err
	}
	info, err := resp.Ask(ctx, askLimit, l.Redis1.Instance(clusterPorts[0][0]), "CLUSTER", "INFO")
	if err != nil {
		return c, false, err
	}
	if !strings.Contains(info[0], "cluster_known_nodes:1\r\n") {
		return c, true, l.AwaitLinked(ctx, createWait)
	}
	l.Timeline.Step("make a cluster")
	create := []string{"redis-cli", "--cluster", "create"}
	for i := range clusterPorts[0] {
		for _, b := range l.Hosts() {
			create = append(create, b.Instance(b.Ports[i]))
		}
	}
	if err := run(ctx, l.Client, append(create, "--cluster-replicas", "1", "--cluster-yes")...); err != nil {
		return c, false, err
	}
	if err := l.AwaitLinked(ctx, createWait); err != nil {
		return c, false, err
	}
	return c, false, l.SaveData(ctx, clusterData)
}

// clusterVictim finds a host with exactly one master and returns that and its replica.
func clusterVictim(ctx context.Context, l *lab.Lab) (master, heir string, err error) {
	nodes, err := resp.Ask(ctx, askLimit, l.Redis1.Instances()[0], "CLUSTER", "NODES")
	if err != nil {
		return "", "", err
	}
	ids, replicaOf := map[string]string{}, map[string]string{}
	for _, line := range strings.Split(strings.TrimSpace(nodes[0]), "\n") {
		f := strings.Fields(line)
		if len(f) < 8 {
			return "", "", fmt.Errorf("read CLUSTER NODES: an unknown line %q", line)
		}
		addr, _, _ := strings.Cut(f[1], "@")
		if strings.Contains(f[2], "slave") {
			replicaOf[f[3]] = addr
		} else {
			ids[addr] = f[0]
		}
	}
	for _, b := range l.Hosts() {
		var masters []string
		for _, a := range b.Instances() {
			if ids[a] != "" {
				masters = append(masters, a)
			}
		}
		if len(masters) != 1 {
			continue
		}
		if heir := replicaOf[ids[masters[0]]]; heir != "" && !strings.HasPrefix(heir, b.Addr+":") {
			return masters[0], heir, nil
		}
	}
	return "", "", fmt.Errorf("find a host with one master whose replica is elsewhere: there is none: %s", l.Timeline.View())
}
