package failover

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/vrrp"
)

// warnings are what somebody should mend before the next fault, though nothing is wrong now.
func (o *Observation) warnings() []string {
	var out []string
	if strings.HasPrefix(o.Why, vrrp.StaleVIP) {
		out = append(out, o.Why)
	}
	view := o.view()
	if view == nil {
		return out
	}
	if n := view.Unserved(); n > 0 {
		out = append(out, fmt.Sprintf("%d slots of the cluster are served by no master, which no takeover mends; hint: redis-cli --cluster fix", n))
	}
	for _, l := range o.Locals {
		self, ok := l.Self()
		if ok && o.settled() && self.Role == redis.Master && len(self.Slots) > 0 && !replicated(l.Nodes, self) {
			out = append(out, fmt.Sprintf("%s is a master without a replica on another box: if this box dies, its slots are lost; hint: redis-cli --cluster add-node --cluster-slave, or CLUSTER REPLICATE on an instance there", localAddr(l)))
		}
	}
	return out
}

// settled: every peer answers, and none is a master without slots, which is about to follow whoever took them over.
func (o *Observation) settled() bool {
	for _, p := range o.Peers {
		if !p.State.Alive() {
			return false
		}
	}
	for _, n := range o.view() {
		if n.Role == redis.Master && len(n.Slots) == 0 {
			return false
		}
	}
	return true
}

// replicated: a master has a replica on another box, dead or alive. Of the addresses of a loopback nobody knows.
func replicated(ns redis.Nodes, master redis.Node) bool {
	for _, n := range ns {
		if n.MasterID == master.ID && (!n.Addr.IsValid() || n.Addr.Addr() != master.Addr.Addr() || n.Addr.Addr().IsLoopback()) {
			return true
		}
	}
	return false
}

// warn logs each warning when it is new.
func (r *Reconciler) warn(warnings []string) {
	if r.DryRun {
		return
	}
	for _, w := range warnings {
		if !slices.Contains(r.memory.Warned, w) {
			r.Log.Warn().Msg(w)
		}
	}
	r.memory.Warned = warnings
}

// WarnOfTimeout warns where Redis' own failover would come before keepalived's: then a master is elsewhere before the VIP is. It
// asks the instances, so it is for hooks, behind their work.
func (r *Reconciler) WarnOfTimeout(ctx context.Context, o Observation) {
	takes := vrrp.TakesAtMost(r.Config.KeepalivedConf)
	if takes == 0 {
		return
	}
	for _, l := range o.Locals {
		if !l.State.Alive() || l.Info == nil || !l.Info.Cluster {
			continue
		}
		c := r.conn(l.Instance)
		timeout, err := c.NodeTimeout(ctx)
		c.Close()
		if err != nil {
			r.Log.Debug().Err(err).Msg("cluster-node-timeout is not known")
		} else if timeout <= takes {
			r.Log.Warn().Msg(timeoutSentence(timeout, takes))
			return
		}
	}
}

func timeoutSentence(timeout, takes time.Duration) string {
	return fmt.Sprintf("cluster-node-timeout is %s and VRRP takes up to %s to move the VIP, so Redis' own failover may be first, with its own rules; hint: a longer cluster-node-timeout, or a shorter advert_int", timeout, takes)
}
