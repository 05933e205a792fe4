package loop

import (
	"context"
	"slices"

	"keepalived-redis/internal/decide"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/program"
	"keepalived-redis/internal/reason"
	"keepalived-redis/internal/vrrp"
)

// warn logs each warning when it is new.
func (r *Reconciler) warn(warnings []model.Clause) {
	if r.DryRun {
		return
	}
	var warned []string
	for _, w := range warnings {
		warned = append(warned, w.Key())
		if !slices.Contains(r.Memory.Warned, w.Key()) {
			r.warnOf(w)
		}
	}
	r.Memory.Warned = warned
}

func (r *Reconciler) warnOf(c model.Clause) {
	r.Log.Warn().Str(program.ReasonField, string(c.Reason)).Msg(reason.Line(c))
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
			r.warnOf(decide.ShortTimeout(timeout, takes))
			return
		}
	}
}
