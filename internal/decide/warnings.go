package decide

import (
	"fmt"
	"strings"
	"time"

	"keepalived-redis/internal/model"
)

// Warnings are what somebody should repair before the next fault, though nothing is wrong now.
func Warnings(o *model.Observation) []string {
	var out []string
	if strings.HasPrefix(o.Why, model.StaleVIP) {
		out = append(out, o.Why)
	}
	view := o.View()
	if view == nil {
		return out
	}
	if n := view.Unserved(); n > 0 {
		out = append(out, fmt.Sprintf("%d slots of the cluster are served by no master, which no takeover repairs; hint: redis-cli --cluster fix", n))
	}
	for _, l := range o.Locals {
		self, ok := l.Self()
		if ok && settled(o) && self.Role == model.Master && len(self.Slots) > 0 && !replicated(l.Nodes, self) {
			out = append(out, fmt.Sprintf("%s is a master without a replica on another host: if this host dies, its slots are lost; hint: redis-cli --cluster add-node --cluster-slave, or CLUSTER REPLICATE on an instance there", model.LocalAddr(l)))
		}
	}
	return out
}

// settled: every peer answers, and none is a master without slots, which is about to follow whoever took them over.
func settled(o *model.Observation) bool {
	for _, p := range o.Peers {
		if !p.State.Alive() {
			return false
		}
	}
	for _, n := range o.View() {
		if n.Role == model.Master && len(n.Slots) == 0 {
			return false
		}
	}
	return true
}

// replicated: a master has a replica on another host, dead or alive. Of the addresses of a loopback nobody knows.
func replicated(ns model.Nodes, master model.Node) bool {
	for _, n := range ns {
		if n.MasterID == master.ID && (!n.Addr.IsValid() || n.Addr.Addr() != master.Addr.Addr() || n.Addr.Addr().IsLoopback()) {
			return true
		}
	}
	return false
}

// TimeoutSentence warns of a cluster-node-timeout that ends before VRRP has moved the VIP.
func TimeoutSentence(timeout, takes time.Duration) string {
	return fmt.Sprintf("cluster-node-timeout is %s and VRRP takes up to %s to move the VIP, so Redis' own failover may be first, with its own rules; hint: a longer cluster-node-timeout, or a shorter advert_int", timeout, takes)
}
