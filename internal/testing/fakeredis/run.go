package fakeredis

import (
	"context"
	"errors"
	"net/netip"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/service"
)

// Run is one run of a program on a host. The servers know it by its password.
type Run struct {
	w    *World
	host netip.Addr
	// killAt is the change at which the run is killed, the first one is 1; 0 is never. after: that change is still made.
	killAt int
	after  bool
	// changes counts those that it has made.
	changes int
	dead    bool
	// killed is called when the run is killed, ended when its time is over.
	killed, ended func()
	// Promoted are the servers that it has asked to become masters.
	promoted []model.Instance
}

// Begin is a new run on a host, which gives this password. killed and ended are called at most once each, while the world stands still.
func (w *World) Begin(password string, host netip.Addr, killed, ended func()) *Run {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := &Run{w: w, host: host, killed: killed, ended: ended}
	w.runs[password] = r
	return r
}

// KillAt has the run killed at its nth change: before it, or after it and before the answer.
func (r *Run) KillAt(n int, after bool) {
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	r.killAt, r.after = n, after
}

// Promoted are the servers that the run has asked to become masters.
func (r *Run) Promoted() []model.Instance {
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	return r.promoted
}

// Changes is how many changes it has made.
func (r *Run) Changes() int {
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	return r.changes
}

// change makes a change unless the run is dead, and tells whether the run lives to see the answer.
func (r *Run) change(make func()) (lives bool) {
	if r.dead {
		return false
	}
	r.changes++
	if now := r.changes == r.killAt; !now || r.after {
		make()
		r.w.settle()
	}
	if r.changes == r.killAt {
		r.dead = true
		r.killed()
	}
	return !r.dead
}

// timeIsOver ends a run that would wait for something that does not come.
func (r *Run) timeIsOver() {
	if r.ended != nil {
		r.ended()
	}
}

// ErrBroken: a server does not start any more. errKilled: the run that asked is dead.
var (
	ErrBroken = errors.New("it ends at once")
	errKilled = errors.New("the run was killed")
)

// Manager starts and stops the servers of a run's host.
type Manager struct{ Run *Run }

// Start starts a server.
func (m Manager) Start(_ context.Context, i config.Instance) error {
	w := m.Run.w
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.at(i.Addr)
	if s.broken {
		return ErrBroken
	}
	if !m.Run.change(s.start) {
		return errKilled
	}
	return nil
}

// Stop stops a server.
func (m Manager) Stop(_ context.Context, i config.Instance, _ bool) error {
	w := m.Run.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if !m.Run.change(w.at(i.Addr).stop) {
		return errKilled
	}
	return nil
}

// Kill ends a server.
func (m Manager) Kill(ctx context.Context, i config.Instance) error { return m.Stop(ctx, i, false) }

// Status says whether a server runs.
func (m Manager) Status(_ context.Context, i config.Instance) service.State {
	w := m.Run.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.at(i.Addr).up {
		return service.State{Status: service.Running}
	}
	return service.State{Status: service.Dead}
}
