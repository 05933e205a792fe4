package storm

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"keepalived-redis/lab"
	"keepalived-redis/lab/host"
	"keepalived-redis/lab/resp"
)

// whileOn does something to a host that is on. One that was switched off and on in between does not mind its end.
func whileOn(do func(*lab.Host, context.Context) (host.Mono, error)) func(context.Context, *Storm, *lab.Host, Fault) error {
	return func(ctx context.Context, s *Storm, b *lab.Host, _ Fault) error {
		if s.off[b] {
			return errNobody
		}
		_, err := do(b, ctx)
		return err
	}
}

// settles is the settle of a cluster with the policy follow, bumpedBefore how long before the end of it the epochs are raised.
const (
	settles      = time.Second
	bumpedBefore = 100 * time.Millisecond
)

// bumpMove moves the VIP away from a host, and raises the epochs of its masters just before they are switched over.
func bumpMove(ctx context.Context, s *Storm, b *lab.Host, f Fault) error {
	return s.inMove(ctx, b, f, func(ctx context.Context, _ host.Mono) {
		if s.lab.AwaitVIP(ctx, s.lab.Other(b), f.For) != nil {
			return
		}
		select {
		case <-time.After(settles - bumpedBefore):
		case <-ctx.Done():
			return
		}
		for _, a := range b.Instances() {
			// What is dead, or no master, has no epoch to raise.
			if _, err := resp.Ask(ctx, askLimit, a, "CLUSTER", "BUMPEPOCH"); err != nil {
				s.note("%s: %v", f, err)
			}
		}
	}, func() {})
}

// cutBusMove moves the VIP away from a host, and cuts the cluster bus as soon as the first switchover begins.
func cutBusMove(ctx context.Context, s *Storm, b *lab.Host, f Fault) error {
	return s.inMove(ctx, b, f, func(ctx context.Context, began host.Mono) {
		err := s.lab.Timeline.Await(ctx, "a switchover", f.For, func(lab.View) bool { return s.switchesOver(began) })
		if err == nil {
			s.network.Set(f.ruleName(), cutBus(netip.MustParseAddr(b.Addr), netip.MustParseAddr(s.lab.Other(b).Addr))...)
			s.note("%s: the bus is cut", f)
		}
	}, func() { s.network.Clear(f.ruleName()) })
}

// switchesOver says whether a program of ours began a switchover after an instant. It is asked under the lock of the time line.
func (s *Storm) switchesOver(after host.Mono) bool {
	return s.lab.Timeline.Said(after, func(line string) bool { return strings.HasPrefix(line, "switchover ") })
}

// inMove stops keepalived on a host, and does something beside the other faults meanwhile; moved undoes both.
func (s *Storm) inMove(ctx context.Context, b *lab.Host, f Fault, do func(context.Context, host.Mono), undo func()) error {
	began := host.Now()
	if err := stopKeepalived(ctx, s, b, f); err != nil {
		return err
	}
	s.during(ctx, f, func(ctx context.Context) { do(ctx, began) }, undo)
	return nil
}

// during does something beside the other faults, until endMove ends it and undoes it.
func (s *Storm) during(ctx context.Context, f Fault, do func(context.Context), undo func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		do(ctx)
	}()
	s.moves[f.String()] = func() {
		cancel()
		<-done
		undo()
	}
}

// endMove ends what during began.
func (s *Storm) endMove(f Fault) {
	if end := s.moves[f.String()]; end != nil {
		end()
		delete(s.moves, f.String())
	}
}

// moved ends what inMove began, and starts keepalived again.
func moved(ctx context.Context, s *Storm, b *lab.Host, f Fault) error {
	s.endMove(f)
	return startKeepalived(ctx, s, b, f)
}

// permit undoes it. A host that was switched off and on in between refuses nothing.
func permit(ctx context.Context, s *Storm, b *lab.Host, _ Fault) error {
	if s.off[b] {
		return errNobody
	}
	if _, err := b.Permit(ctx); err != nil {
		return fmt.Errorf("%w: %w", errNobody, err)
	}
	return nil
}
