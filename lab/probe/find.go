package probe

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"keepalived-redis/lab/host"
)

const (
	// findPeriod is the time between two searches at the start.
	findPeriod = 20 * time.Millisecond
	// mapPeriod is how often the VIP is asked again while a range has lost its master, mapInFlight how many such questions a port may
	// leave unanswered: the first may go to a host that is gone.
	mapPeriod   = 5 * time.Millisecond
	mapInFlight = 4
	// calmPeriod is how often one port is asked when all is well, one after the other: the first answer may have come before the replicas
	// were known.
	calmPeriod = time.Second / 2
	// warmPeriod is how often those are asked that are known and not written to, so that there is a link when they are.
	warmPeriod = idle / 2
	// localPeriod is how often a local instance is asked which slots it serves.
	localPeriod = 25 * time.Millisecond
)

var (
	clusterSlots = appendCommand(nil, "CLUSTER", "SLOTS")
	ping         = appendCommand(nil, "PING")
)

// find makes the lanes.
func (w *writer) find(ctx context.Context) ([]Range, error) {
	switch w.opts.Mode {
	case Replication:
		var all []Range
		for _, addr := range w.entrances() {
			l := newLane(w, fmt.Sprintf("port %d", netip.MustParseAddrPort(addr).Port()), addr)
			l.fixed, l.tags = true, allTags()
			w.lanes = append(w.lanes, l)
			all = append(all, Range{Name: l.name, Master: addr})
		}
		return all, nil
	case Local:
		var all []Range
		for _, addr := range w.opts.Local {
			l := newLane(w, addr.String(), addr.String())
			l.fixed = true
			w.lanes = append(w.lanes, l)
			all = append(all, Range{Name: l.name, Master: addr.String()})
		}
		return all, nil
	case Sentinel:
		return w.findBySentinel(ctx)
	}
	found, err := w.findCluster(ctx)
	if err != nil {
		return nil, err
	}
	var all []Range
	for _, s := range found {
		l := newLane(w, s.name(), append([]string{s.master}, s.replicas...)...)
		l.tags, l.slots = s.tags(), s.slots()
		if len(l.tags) == 0 {
			// A master with a few slots only: no tag of ours falls there.
			continue
		}
		w.lanes = append(w.lanes, l)
		all = append(all, Range{Name: l.name, Slots: l.slots, Master: s.master, Replicas: s.replicas})
	}
	return all, nil
}

func allTags() []int {
	all := make([]int, tagCount)
	for i := range all {
		all[i] = i
	}
	return all
}

// entrances are where the instances are found: the VIP's ports, or the nodes that are named.
func (w *writer) entrances() []string {
	var all []string
	for _, n := range w.opts.Nodes {
		all = append(all, n.String())
	}
	for _, p := range w.opts.Ports {
		all = append(all, netip.AddrPortFrom(w.opts.VIP, p).String())
	}
	return all
}

// findCluster asks the VIP until somebody knows a master for every slot.
func (w *writer) findCluster(ctx context.Context) (layout, error) {
	ctx, cancel := context.WithTimeout(ctx, w.opts.FindWithin)
	defer cancel()
	tick := time.NewTicker(findPeriod)
	defer tick.Stop()
	for {
		found, err := w.askLayout(w.entrances())
		if err == nil {
			return found, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("look for the cluster at %s for %s: %w: %w", w.opts.VIP, w.opts.FindWithin, ErrNotFound, err)
		}
	}
}

// askLayout asks addresses at the same time and returns the answer of the first of them, in their order, that knows all slots.
func (w *writer) askLayout(addrs []string) (layout, error) {
	found := make([]layout, len(addrs))
	errs := make([]error, len(addrs))
	var wg sync.WaitGroup
	for i, addr := range addrs {
		wg.Add(1)
		go func() {
			defer wg.Done()
			found[i], errs[i] = w.layoutOf(addr)
		}()
	}
	wg.Wait()
	for i, l := range found {
		if errs[i] == nil && l.slots() == slotCount {
			return l, nil
		}
		if errs[i] == nil {
			errs[i] = fmt.Errorf("%s knows masters for %d of %d slots", addrs[i], l.slots(), slotCount)
		}
	}
	return nil, errors.Join(errs...)
}

// layoutOf asks one instance who serves what.
func (w *writer) layoutOf(addr string) (layout, error) {
	r, _, err := w.pools.ask(addr, hot, w.opts.Timeout, clusterSlots)
	switch {
	case err != nil:
		return nil, fmt.Errorf("ask %s for its slots: %w", addr, err)
	case r.err != "":
		return nil, fmt.Errorf("ask %s for its slots: %w", addr, r.err)
	}
	return readLayout(r, addr)
}

// watchMap keeps the lanes' knowledge up to date until ctx ends, and returns once its last question is answered.
func (w *writer) watchMap(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	every := func(period time.Duration, f func()) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			tick := time.NewTicker(period)
			defer tick.Stop()
			for {
				f()
				select {
				case <-tick.C:
				case <-ctx.Done():
					return
				}
			}
		}()
	}
	switch w.opts.Mode {
	case Cluster:
		m := mapAsker{w: w, doors: w.entrances(), wg: &wg}
		m.asking = make([]atomic.Int32, len(m.doors))
		every(mapPeriod, m.ask)
		every(warmPeriod, func() { w.warm(&wg) })
	case Local:
		for _, l := range w.lanes {
			every(localPeriod, l.lookLocal)
		}
	case Sentinel:
		for _, addr := range w.entrances() {
			s := &sentinel{w: w, addr: addr}
			every(mapPeriod, func() { s.ask(&wg) })
		}
	}
}

// mapAsker asks the VIP who serves what.
type mapAsker struct {
	w *writer
	// doors are the VIP's ports, asking how many questions each has not answered yet.
	doors  []string
	asking []atomic.Int32
	wg     *sync.WaitGroup
	// turn is the door that is asked next when all is well, asked when it was.
	turn  int
	asked time.Time
}

// ask asks every door while a range has lost its master, and else one now and then.
func (m *mapAsker) ask() {
	if m.w.silentFor(lostAfter) {
		for i := range m.doors {
			m.askDoor(i)
		}
		return
	}
	if time.Since(m.asked) >= calmPeriod {
		m.asked = time.Now()
		m.askDoor(m.turn)
		m.turn = (m.turn + 1) % len(m.doors)
	}
}

func (m *mapAsker) askDoor(i int) {
	if m.asking[i].Load() >= mapInFlight {
		return
	}
	m.asking[i].Add(1)
	m.wg.Add(1)
	go func() {
		defer m.wg.Done()
		defer m.asking[i].Add(-1)
		// No answer means that the VIP is not there yet: the next one asks again.
		if found, err := m.w.layoutOf(m.doors[i]); err == nil {
			m.w.learn(found)
		}
	}()
}

// warm keeps a link to everybody who is known, as a client of a cluster does.
func (w *writer) warm(wg *sync.WaitGroup) {
	asked := map[string]bool{}
	for _, l := range w.lanes {
		l.mu.Lock()
		for _, addr := range l.known {
			if addr == l.owner || asked[addr] {
				continue
			}
			asked[addr] = true
			wg.Add(1)
			go func() {
				defer wg.Done()
				// Whether it answers shows when it is written to.
				_, _, _ = w.pools.ask(addr, idle, w.opts.Timeout, ping)
			}()
		}
		l.mu.Unlock()
	}
}

// silentFor: some range is not acknowledged, and has not been for so long.
func (w *writer) silentFor(d time.Duration) bool {
	now := host.Now()
	for _, l := range w.lanes {
		if l.silentFor(d, now) {
			return true
		}
	}
	return false
}

// learn tells the lanes who may serve them. Who really does shows when a write is acknowledged.
func (w *writer) learn(found layout) {
	for _, l := range w.lanes {
		l.mu.Lock()
		slot := tags[l.tags[0]].slot
		for _, s := range found {
			if s.has(slot) {
				l.learn(s.master)
				for _, r := range s.replicas {
					l.learn(r)
				}
			}
		}
		l.mu.Unlock()
	}
}

// lookLocal asks a local instance which slots it serves itself. An instance outside a cluster gets all tags: as a replica it refuses
// them.
func (l *lane) lookLocal() {
	addr := l.known[0]
	found, err := l.w.layoutOf(addr)
	var refused serverError
	var mine []int
	switch {
	case errors.As(err, &refused) && refused.word() == "ERR":
		mine = allTags()
	case err != nil:
		// It is down or hangs; the writes tell that, and go on, to see it come back.
		return
	}
	for _, s := range found {
		if s.master == addr {
			mine = s.tags()
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tags = mine
}
