package observe

import (
	"context"
	"net/netip"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/state"
)

// seeAble counts the instances of each other host that could serve there, in this look and in the last one. What is not known is not able: this
// host gives its VIP away only for what it has seen.
func (r *Observer) seeAble(o *model.Observation, now state.Stamp) {
	count := map[netip.Addr]int{}
	for _, p := range o.Peers {
		if ableToServe(o, p) {
			count[p.Instance.Addr.Addr()]++
		}
	}
	last := r.Memory.Able
	o.SeenAble = last != nil && last.Boot == now.Boot
	o.Able = map[netip.Addr]int{}
	if o.SeenAble {
		for host, n := range last.Count {
			o.Able[host] = min(n, count[host])
		}
	}
	r.Memory.Able = nil
	if len(o.Peers) > 0 {
		r.Memory.Able = &session.AbleMemo{Boot: now.Boot, Count: count}
	}
}

// SeeAbleTwice looks at the peers once more where no earlier run of this boot has.
func (r *Observer) SeeAbleTwice(ctx context.Context, o *model.Observation) {
	if o.SeenAble || len(o.Peers) == 0 || session.Pause(ctx, model.MinLookGap) != nil {
		return
	}
	again := *o
	again.Peers = redis.LookAtPeers(ctx, r.TargetsOf(o.Peers), r.PeerLimits())
	r.seeAble(&again, state.Now())
	o.Able, o.SeenAble = again.Able, again.SeenAble
}

// able: an instance on another host answers, and could serve if the VIP were there: it is a master that can write, or a replica with a whole
// data set that is linked, or whose master does not serve here.
func ableToServe(o *model.Observation, p model.Look) bool {
	if p.Info == nil || p.State != model.Up && p.State != model.MasterDown {
		return false
	}
	if p.Role() == model.Master || p.Info.LinkUp {
		return true
	}
	master, local, _ := o.Find(p.Info.Master)
	return !p.Info.Syncing && !p.Info.NeverSynced() && !(local && master.State.Serves())
}
