package observe

import (
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/service"
)

// SeeRoom finds the local nodes of a cluster that cannot write their nodes.conf: Redis 7.2 and newer ends itself when a change of role cannot be
// written (clusterSaveConfigOrDie in cluster.c).
func (r *Observer) SeeRoom(o *model.Observation) {
	for i, l := range o.Locals {
		if l.Info == nil || !l.Info.Cluster || !l.Info.Version.AtLeast(7, 2) || i >= len(r.Config.Instances) || !service.NoRoom(r.Config.Instances[i]) {
			continue
		}
		if o.NoRoom == nil {
			o.NoRoom = map[model.Instance]bool{}
		}
		o.NoRoom[l.Instance] = true
	}
}
