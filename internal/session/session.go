// Package session has what the parts of one run share: the configuration, the log, how to get into an instance, and what earlier runs left.
package session

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/rs/zerolog"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/service"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/vrrp"
)

// Session is what the parts of one run share: the configuration, the log, and what earlier runs left. One per process; not for concurrent use.
type Session struct {
	Config  *config.Config
	Service service.Manager
	Log     *zerolog.Logger
	// Caller is the keepalived that runs us, zero if none does.
	Caller vrrp.Process
	// Event is what a hook was told; nil for a check run.
	Event *model.Event
	// DryRun looks and decides, and changes nothing, state files included.
	DryRun bool

	// GaveUp are the instances that act starts no more, Tried those that it has tried to start in this run.
	GaveUp, Tried map[model.Instance]bool

	// Store are the state files, Memory is what the last run of this boot left; both are there after Begin.
	Store  Store
	Memory *Memory
	// Seq is the number of the event that this hook has recorded; 0 for a check run.
	Seq uint64

	recorder *Recorder
}

// ReplyTimeout bounds the wait for a peer that accepts connections and does not answer.
const ReplyTimeout = 100 * time.Millisecond

// CommandTimeout bounds one command.
const CommandTimeout = 500 * time.Millisecond

// Begin loads what earlier runs left.
func (r *Session) Begin() {
	if r.Memory != nil {
		return
	}
	r.Store = Store{Run: state.Dir(r.Config.RunDir), Durable: state.Dir(r.Config.StateDir), log: r.Log, dry: r.DryRun}
	r.Memory = r.Store.LoadMemory()
	if r.recorder == nil {
		r.recorder = &Recorder{}
	}
}

// Targets is how to get into the peers.
func (r *Session) Targets(peers []netip.AddrPort) []redis.Target {
	targets := make([]redis.Target, len(peers))
	for i, p := range peers {
		targets[i] = r.Target(model.At(p))
	}
	return targets
}

// PeerLimits bound a look at a peer.
func (r *Session) PeerLimits() redis.Limits {
	return redis.Limits{Dial: r.Config.Times.Dial, Reply: ReplyTimeout}
}

// Conn opens a connection to an instance of this host or of another.
func (r *Session) Conn(i model.Instance) *redis.Conn {
	return redis.Open(r.Target(i), redis.Limits{Dial: ReplyTimeout, Reply: CommandTimeout})
}

// Target is how to get into an instance. A peer is spoken to as the first instance of this host is, with its password and with TLS if that
// has it. CLUSTER NODES names tls-port to a client that asks with TLS.
func (r *Session) Target(i model.Instance) redis.Target {
	t := redis.Target{}
	for n, in := range r.Config.Instances {
		own := redis.TargetOf(in)
		if own.Name() == i.Name() {
			return own
		}
		if n == 0 {
			t = own
		}
	}
	t.Instance, t.Paired = i, len(r.Config.Peers) > 0
	return t
}

// The locks: recordLock is held while the event is written, actLock while Redis is changed.
const (
	RecordLock = "event.lock"
	ActLock    = "act.lock"
)

// lockPause is the pause between two tries for a lock.
const lockPause = 2 * time.Millisecond

// Lock waits for a lock until ctx ends.
func Lock(ctx context.Context, d state.Dir, name string) (state.Unlock, error) {
	for {
		unlock, err := d.TryLock(name)
		if !errors.Is(err, state.ErrBusy) {
			return unlock, err
		}
		if err := Pause(ctx, lockPause); err != nil {
			return nil, fmt.Errorf("wait for %s: %w", name, err)
		}
	}
}

// Pause waits for d or until ctx ends.
func Pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Superseded: another hook has recorded a newer event.
func (r *Session) Superseded() bool {
	if r.Seq == 0 {
		return false
	}
	var rec vrrp.Record
	found, err := r.Store.Run.Load(vrrp.RecordFile, &rec)
	return err == nil && found && rec.Seq > r.Seq
}

// LocalLimits: an instance on this host that takes longer than half a check gives no answer for our purpose. It is connected to at once, or
// its queue of connections is full.
func (r *Session) LocalLimits() redis.Limits {
	return redis.Limits{Dial: r.Config.Times.Deadline / 4, Reply: r.Config.Times.Deadline / 2}
}

// TargetsOf is how to get into the instances of these looks.
func (r *Session) TargetsOf(looks []model.Look) []redis.Target {
	targets := make([]redis.Target, len(looks))
	for i, l := range looks {
		targets[i] = r.Target(l.Instance)
	}
	return targets
}

// ErrSuperseded: a newer event came, and its hook goes on from here.
var ErrSuperseded = errors.New("superseded by a newer event")
