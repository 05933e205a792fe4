package storm

import (
	"context"
	"sync"
	"time"

	"keepalived-redis/lab"
)

// restartAfter is what a unit with Restart=on-failure waits, and then some.
const restartAfter = 500 * time.Millisecond

// supervisor runs keepalived on a host, as its unit would: whatever ends it, it starts again, unless somebody has stopped it.
type supervisor struct {
	cancel context.CancelFunc
	done   chan struct{}

	mu sync.Mutex
	// held is closed when keepalived may run; nil means it may.
	held chan struct{}
}

// hold keeps keepalived from being started; release allows it again.
func (v *supervisor) hold() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.held == nil {
		v.held = make(chan struct{})
	}
}

func (v *supervisor) release() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.held != nil {
		close(v.held)
		v.held = nil
	}
}

// end stops supervising and waits for that; keepalived itself goes on.
func (v *supervisor) end() {
	v.cancel()
	<-v.done
}

// supervise starts keepalived on a host that has just been booted.
func (s *Storm) supervise(ctx context.Context, b *lab.Host) {
	ctx, cancel := context.WithCancel(ctx)
	v := &supervisor{cancel: cancel, done: make(chan struct{})}
	s.supervisors[b] = v
	go func() {
		defer close(v.done)
		for {
			if err := b.StartKeepalived(ctx); err != nil {
				s.note("keepalived of %s: %v", b.Name, err)
				return
			}
			if _, err := b.Keepalived().Wait(ctx); err != nil {
				return
			}
			s.lab.Timeline.Step("keepalived of %s has ended", b.Name)
			v.mu.Lock()
			held := v.held
			v.mu.Unlock()
			pause := time.After(restartAfter)
			if held == nil {
				select {
				case <-pause:
				case <-ctx.Done():
					return
				}
				continue
			}
			select {
			case <-held:
			case <-ctx.Done():
				return
			}
		}
	}()
}
