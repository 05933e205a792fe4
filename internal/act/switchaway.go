package act

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/session"
)

// ErrNoReplica: nobody can take the master over without loss.
var ErrNoReplica = errors.New("no replica of it is linked and close enough")

// ErrNotCluster: only the nodes of a cluster can be switched over.
var ErrNotCluster = errors.New("it has replicas, but is no node of a cluster")

// busWithin is how long SwitchAway waits until both nodes agree on the bus, and busPause the pause between two questions.
const (
	busWithin = 2 * time.Second
	busPause  = 20 * time.Millisecond
)

// SwitchAway switches a local master over to its replica on another host without loss, before somebody stops it, and says whom to. What
// is no master of a cluster has nothing to switch over: then the address is not valid, and there is no error.
//
// A host that follows its VIP switches the master back once it is up again.
func (r *Actor) SwitchAway(ctx context.Context, local model.Instance) (to model.Instance, err error) {
	r.Begin()
	unlock, err := session.Lock(ctx, r.Store.Run, session.ActLock)
	if err != nil {
		return to, err
	}
	defer unlock()
	_ = r.finishSwitchovers(ctx) // one that stays open stands in the way of its own instances, and a switchover of these asks them first
	me := redis.LookAt(ctx, r.Target(local), r.LocalLimits())
	if me.Info == nil {
		return to, fmt.Errorf("look at %s: %s: %w", local, me.State, me.Err)
	}
	if me.Info.Role != model.Master || me.Info.Replicas == 0 && !me.Info.Cluster {
		return to, nil
	}
	self, known := me.Self()
	if !known {
		return to, fmt.Errorf("%w; hint: outside a cluster, move the VIP first", ErrNotCluster)
	}
	if len(self.Slots) == 0 {
		return to, nil
	}
	best, err := r.closest(ctx, me)
	if err != nil {
		return to, err
	}
	to = best.Instance
	o := model.Observation{Locals: []model.Look{me}, Peers: []model.Look{best}}
	for end := time.Now().Add(busWithin); ; {
		err := r.switchover(ctx, o, model.Step{Do: model.Switchover, From: me.Instance, Instance: to})
		if err == nil {
			break
		}
		// No later look tries again here, and what the bus has to tell it tells within a second.
		if bus := errors.Is(err, ErrBus) || errors.Is(err, ErrEpoch); !bus || time.Now().After(end) || session.Pause(ctx, busPause) != nil || !hasRoom(ctx) {
			return to, err
		}
	}
	// It was not pulled from us: it may be switched back as soon as it is up again.
	r.Memory = r.Store.LoadMemory()
	r.Memory.Led = r.Memory.Led.Without(me.Instance.Name())
	r.Store.SaveMemory(r.Memory)
	return to, nil
}

// closest is the replica of a local master that has the most of its data. Each node without slots is asked whom it follows: what the master
// itself knows of that may be as old as half a cluster-node-timeout (clusterCron in cluster.c).
func (r *Actor) closest(ctx context.Context, me model.Look) (best model.Look, err error) {
	self, _ := me.Self()
	var asked []redis.Target
	for _, n := range me.Nodes {
		if !n.Myself && len(n.Slots) == 0 && n.Addr.IsValid() {
			asked = append(asked, r.Target(model.At(n.Addr)))
		}
	}
	var against []string
	// Nothing hurries as in a failover: a replica on a busy host has the time of a local instance.
	for _, l := range redis.LookAtPeers(ctx, asked, redis.Limits{Dial: r.Config.Times.Dial, Reply: r.LocalLimits().Reply}) {
		node, _ := l.Self()
		switch {
		case l.Info == nil:
			against = append(against, fmt.Sprintf("%s %s", l.Instance, l.State))
		case l.Role() != model.Replica || node.MasterID != self.ID:
		case !l.State.Serves() || !l.Info.LinkUp:
			against = append(against, fmt.Sprintf("%s is not linked", l.Instance))
		case me.Info.Offset-l.Info.Offset > r.Config.MaxLag:
			against = append(against, fmt.Sprintf("%s is %d bytes behind", l.Instance, me.Info.Offset-l.Info.Offset))
		case best.Info == nil || l.Info.Offset > best.Info.Offset:
			best = l
		}
	}
	if best.Info != nil {
		return best, nil
	}
	if len(against) > 0 {
		return best, fmt.Errorf("%w (%s); hint: wait until one is, or look at its log", ErrNoReplica, strings.Join(against, ", "))
	}
	return best, fmt.Errorf("%w; hint: wait until one is, or look at its log", ErrNoReplica)
}

// SwitchAwayAll switches over every local master of a cluster, one after another, because this machine is going down. What cannot be
// switched over in the time that ctx leaves is promoted by the other host once it is lost. Plain pairs need none of it: the host that
// gets the VIP switches them over at once.
func (r *Actor) SwitchAwayAll(ctx context.Context, locals []model.Look) error {
	var errs []error
	switched := false
	for _, l := range locals {
		self, node := l.Self()
		if !node || l.Role() != model.Master || len(self.Slots) == 0 {
			continue
		}
		if switched {
			_ = session.Pause(ctx, betweenSwitchovers) // as between the switchovers of a plan
		}
		if !hasRoom(ctx) {
			break
		}
		to, err := r.SwitchAway(ctx, l.Instance)
		if errors.Is(err, ErrNoTime) {
			break
		}
		switched = err == nil && to.Known()
		if err != nil {
			errs = append(errs, fmt.Errorf("switch over %s: %w", l.Instance.Name(), err))
		}
	}
	return errors.Join(errs...)
}
