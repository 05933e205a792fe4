package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"keepalived-redis/lab/host"
)

// calmAsk is how often a Sentinel is asked when all is well. It stands for a subscription to +switch-master, which tells a client within
// milliseconds.
const calmAsk = 20 * time.Millisecond

// findBySentinel asks the Sentinels until one of them names the master.
func (w *writer) findBySentinel(ctx context.Context) ([]Range, error) {
	ctx, cancel := context.WithTimeout(ctx, w.opts.FindWithin)
	defer cancel()
	tick := time.NewTicker(findPeriod)
	defer tick.Stop()
	for {
		var errs []error
		for _, addr := range w.entrances() {
			master, err := w.namedBy(addr)
			if err == nil {
				l := newLane(w, "master "+w.opts.MasterName, master)
				l.fixed, l.tags = true, allTags()
				w.lanes = append(w.lanes, l)
				return []Range{{Name: l.name, Master: master}}, nil
			}
			errs = append(errs, err)
		}
		if !awaitTick(ctx, tick) {
			return nil, fmt.Errorf("ask the Sentinels for %s: %w: %w", w.opts.FindWithin, ErrNotFound, errors.Join(errs...))
		}
	}
}

// namedBy asks a Sentinel who the master is.
func (w *writer) namedBy(addr string) (string, error) {
	r, _, err := w.pools.ask(addr, hot, w.opts.Timeout, appendCommand(nil, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", w.opts.MasterName))
	switch {
	case err != nil:
		return "", fmt.Errorf("ask %s for the master: %w", addr, err)
	case r.err != "":
		return "", fmt.Errorf("ask %s for the master: %w", addr, r.err)
	case len(r.items) != 2:
		return "", fmt.Errorf("ask %s for the master: it knows none of that name", addr)
	}
	return net.JoinHostPort(r.items[0].text, r.items[1].text), nil
}

// sentinel is one Sentinel that is asked again and again.
type sentinel struct {
	w      *writer
	addr   string
	asking atomic.Int32
	asked  time.Time

	mu    sync.Mutex
	named string
	began host.Mono
}

// ask asks, unless it is too early or too many questions are unanswered. An answer counts only when it is another than this Sentinel's
// last: the others hear of a switch later, and must not take the client back.
func (s *sentinel) ask(wg *sync.WaitGroup) {
	if s.asking.Load() >= mapInFlight || !s.w.silentFor(0) && time.Since(s.asked) < calmAsk {
		return
	}
	s.asked = time.Now()
	s.asking.Add(1)
	wg.Add(1)
	go func() {
		defer wg.Done()
		defer s.asking.Add(-1)
		began := host.Now()
		master, err := s.w.namedBy(s.addr)
		if err != nil {
			// Silent or gone: the others are asked as well.
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if began < s.began {
			return
		}
		news := s.named != "" && s.named != master
		s.named, s.began = master, began
		if news {
			s.w.lanes[0].goTo(master)
		}
	}()
}

// goTo makes addr the only instance that the lane writes to.
func (l *lane) goTo(addr string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.setOwner(addr, host.Now())
	l.known = []string{addr}
}
