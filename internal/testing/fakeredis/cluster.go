package fakeredis

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"keepalived-redis/internal/model"
)

// node is a server's part of a cluster. Each shard is led by one node; its others replicate that.
type node struct {
	s     *Server
	id    string
	shard int
	all   []*Server
	// knows is the leader of each shard, as far as this node knows.
	knows map[int]belief
}

// belief is the leader of a shard, and since which config epoch.
type belief struct {
	leader *Server
	epoch  uint64
}

// slotCount is that of every cluster.
const slotCount = 16384

// Join makes a cluster of servers: the servers of a shard are one inner list, and its first leads.
func (w *World) Join(shards ...[]*Server) {
	w.mu.Lock()
	defer w.mu.Unlock()
	knows := map[int]belief{}
	all := slices.Concat(shards...)
	for n, servers := range shards {
		knows[n] = belief{servers[0], uint64(n + 1)}
		for _, s := range servers {
			s.node = &node{s: s, id: fmt.Sprintf("%040x", slices.Index(all, s)+1), shard: n, all: all}
		}
	}
	for _, s := range all {
		s.knows = maps.Clone(knows)
	}
	w.settle()
}

func (n *node) following() netip.AddrPort {
	if leader := n.knows[n.shard].leader; leader != n.s {
		return leader.Addr
	}
	return netip.AddrPort{}
}

// gossip lets nodes that meet each other agree: the higher epoch wins, and of equal ones the smaller id raises its own. It tells whether there was
// any news.
func (w *World) gossip() (news bool) {
	for _, a := range w.servers {
		for _, b := range w.servers {
			if a.node == nil || b.node == nil || a == b || !w.hears(a, b) {
				continue
			}
			for shard, x := range a.knows {
				y := b.knows[shard]
				if x == y || x.epoch < y.epoch {
					continue
				}
				if x.epoch == y.epoch {
					if x.leader.id > y.leader.id {
						x = y
					}
					x.epoch = max(a.highest(), b.highest()) + 1
					a.knows[shard] = x
				}
				b.knows[shard], news = x, true
			}
		}
	}
	return news
}

func (n *node) highest() (e uint64) {
	for _, k := range n.knows {
		e = max(e, k.epoch)
	}
	return e
}

// takeOver is what a replica does on TAKEOVER, or when it is elected.
func (n *node) takeOver() { n.knows[n.shard] = belief{n.s, n.highest() + 1} }

// elected: votes are granted, and more than half of the masters that the node knows meet it and are masters.
func (n *node) elected() bool {
	votes := 0
	for _, k := range n.knows {
		if (k.leader == n.s || n.s.w.hears(n.s, k.leader)) && k.leader.isMaster() {
			votes++
		}
	}
	return !n.s.w.noVotes && votes > len(n.knows)/2
}

// Elect is Redis' own election, as it comes after cluster-node-timeout; it tells whether the replica has become a master.
func (s *Server) Elect() (elected bool) {
	s.locked(func() {
		elected = s.up && !s.isMaster() && !s.linked && s.elected()
		if elected {
			s.takeOver()
		}
	})
	return elected
}

func (c *client) cluster(args []string) string {
	if c.node == nil {
		return failed("ERR This instance has cluster support disabled")
	}
	switch strings.ToLower(args[1]) {
	case "nodes":
		return bulk(c.list())
	case "info":
		my := c.knows[c.shard].epoch // a replica says that of its master
		return bulk(fmt.Sprintf("cluster_state:ok\r\ncluster_current_epoch:%d\r\ncluster_my_epoch:%d\r\n", c.highest(), my))
	case "bumpepoch":
		k := c.knows[c.shard]
		if k.leader != c.Server || k.epoch == c.highest() {
			return fmt.Sprintf("+STILL %d\r\n", k.epoch)
		}
		k.epoch = c.highest() + 1
		c.knows[c.shard] = k
		return fmt.Sprintf("+BUMPED %d\r\n", k.epoch)
	case "failover":
		c.run.promoted = append(c.run.promoted, model.At(c.Addr))
		switch {
		case c.isMaster():
			return failed("ERR You should send CLUSTER FAILOVER to a replica")
		case strings.EqualFold(args[2], "takeover") || c.elected():
			c.takeOver()
		default:
			c.run.timeIsOver()
		}
		return okay
	}
	return failed("ERR unknown subcommand '" + args[1] + "'. Try CLUSTER HELP.")
}

// list is CLUSTER NODES.
func (n *node) list() string {
	var b strings.Builder
	for _, s := range n.all {
		k := n.knows[s.shard]
		flags, master, slots := "master", "-", fmt.Sprintf(" %d-%d", s.shard*slotCount/len(n.knows), (s.shard+1)*slotCount/len(n.knows)-1)
		if k.leader != s {
			flags, master, slots = "slave", k.leader.id, ""
		}
		if s == n.s {
			flags = "myself," + flags
		}
		state := "connected"
		if s != n.s && !n.s.w.meets(n.s, s) {
			state = "disconnected"
		}
		fmt.Fprintf(&b, "%s %s@%d %s %s 0 0 %d %s%s\n", s.id, s.Addr, s.Addr.Port()+10000, flags, master, k.epoch, state, slots)
	}
	return b.String()
}
