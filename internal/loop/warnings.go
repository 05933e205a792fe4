package loop

import (
	"context"
	"slices"

	"keepalived-redis/internal/decide"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/vrrp"
)

// warn logs each warning when it is new.
func (r *Reconciler) warn(warnings []string) {
	if r.DryRun {
		return
	}
	for _, w := range warnings {
		if !slices.Contains(r.Memory.Warned, w) {
			r.Log.Warn().Msg(w)
		}
	}
	r.Memory.Warned = warnings
}

// WarnOfTimeout warns where Redis' own failover would come before keepalived's: then a master is elsewhere before the VIP is. It
// asks the instances, so it is for hooks, behind their work.
func (r *Reconciler) WarnOfTimeout(ctx context.Context, o model.Observation) {
	takes := vrrp.TakesAtMost(r.Config.KeepalivedConf)
	if takes == 0 {
		return
	}
	for _, l := range o.Locals {
		if !l.State.Alive() || l.Info == nil || !l.Info.Cluster {
			continue
		}
		c := r.Conn(l.Instance)
		timeout, err := c.NodeTimeout(ctx)
		c.Close()
		if err != nil {
			r.Log.Debug().Err(err).Msg("cluster-node-timeout is not known")
		} else if timeout <= takes {
			r.Log.Warn().Msg(decide.TimeoutSentence(timeout, takes))
			return
		}
	}
}
