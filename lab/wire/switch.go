package wire

import (
	"container/heap"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Switch forwards frames between its ports. Its methods may be called at the same time.
type Switch struct {
	seed uint64
	cost cost

	mu    sync.Mutex
	ports map[string]*port
	known map[mac]*port
	sets  []*ruleSet
	// last is when the latest delayed frame of a pair is due: those that follow must not overtake it.
	last   map[pair]time.Time
	queue  queue
	seq    uint64
	wake   chan struct{}
	closed chan struct{}
	pump   sync.WaitGroup
}

// port is one interface in the lab's own network, the other end of a host's cable. A test gives one that is not a socket.
type port struct {
	name string
	// send writes one frame, with the kernel's header before it.
	send func([]byte) error
	// close ends the reading.
	close func()
}

// New is a switch without ports and rules.
func New(seed uint64) *Switch {
	s := &Switch{seed: seed, ports: map[string]*port{}, known: map[mac]*port{}, last: map[pair]time.Time{},
		wake: make(chan struct{}, 1), closed: make(chan struct{})}
	s.pump.Add(1)
	go s.deliver()
	return s
}

// Set makes these the rules of a name, from the next frame on, and restarts their random numbers.
func (s *Switch) Set(name string, rules ...Rule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear(name)
	s.sets = append(s.sets, newRuleSet(s.seed, name, rules))
}

// Clear takes the rules of a name away. Frames that are on their way come when they were to come.
func (s *Switch) Clear(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear(name)
}

func (s *Switch) clear(name string) {
	s.sets = slices.DeleteFunc(s.sets, func(set *ruleSet) bool { return set.name == name })
}

// Close takes every port off and ends the switch. Delayed frames are dropped.
func (s *Switch) Close() {
	s.mu.Lock()
	names := make([]string, 0, len(s.ports))
	for name := range s.ports {
		names = append(names, name)
	}
	s.mu.Unlock()
	for _, name := range names {
		// Remove fails only for a port that is not there.
		_ = s.Remove(name)
	}
	close(s.closed)
	s.pump.Wait()
}

// errNoPort: the switch has no such port.
var errNoPort = errors.New("not plugged in")

// Remove takes an interface off the switch.
func (s *Switch) Remove(name string) error {
	s.mu.Lock()
	p := s.ports[name]
	delete(s.ports, name)
	for m, at := range s.known {
		if at == p {
			delete(s.known, m)
		}
	}
	s.mu.Unlock()
	if p == nil {
		return fmt.Errorf("take %s off the switch: %w", name, errNoPort)
	}
	p.close()
	return nil
}

// add puts a port on; one that is there stays as it is.
func (s *Switch) add(p *port) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ports[p.name] != nil {
		return false
	}
	s.ports[p.name] = p
	return true
}

// handle forwards one frame that came in on a port, at the instant at which it was read. b is used until handle returns.
func (s *Switch) handle(in *port, b []byte, read time.Time) {
	f, ok := parse(b[virtioLen:])
	if !ok {
		return
	}
	s.mu.Lock()
	if s.ports[in.name] != in {
		s.mu.Unlock()
		return
	}
	if !f.from.many() {
		s.known[f.from] = in
	}
	now, waiting := s.route(in, f, b, read)
	s.mu.Unlock()
	for _, p := range now {
		s.write(p, b)
		s.cost.add(len(b)-virtioLen, time.Since(read))
	}
	if waiting {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

// write sends to a port. A port that is down, whose host has just died or whose queue is full loses the frame, as a cable does.
func (s *Switch) write(p *port, b []byte) {
	if err := p.send(b); err != nil {
		s.cost.refused.Add(1)
	}
}

// route decides where a frame goes: to now at once, the rest into the queue. The lock is held.
func (s *Switch) route(in *port, f frame, b []byte, read time.Time) (now []*port, waiting bool) {
	out := s.known[f.to]
	if out == in {
		return nil, false
	}
	if out != nil && !f.to.many() {
		return s.toPort(out, f, f.to.host(), b, read)
	}
	// To everybody, or to somebody nobody has heard of yet. In the order of the names, so that the same frames meet the same numbers.
	for _, p := range s.sorted() {
		if p == in {
			continue
		}
		n, w := s.toPort(p, f, s.hostAt(p), b, read)
		now, waiting = append(now, n...), waiting || w
	}
	return now, waiting
}

func (s *Switch) sorted() []*port {
	list := make([]*port, 0, len(s.ports))
	for _, p := range s.ports {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b *port) int {
		if a.name < b.name {
			return -1
		}
		return 1
	})
	return list
}

// hostAt is the host behind a port, if it has ever sent anything.
func (s *Switch) hostAt(p *port) netip.Addr {
	for m, at := range s.known {
		if at == p && m.host().IsValid() {
			return m.host()
		}
	}
	return netip.Addr{}
}

// toPort applies the rules to a frame on its way to one port.
func (s *Switch) toPort(p *port, f frame, to netip.Addr, b []byte, read time.Time) (now []*port, waiting bool) {
	way := pair{f.from.host(), to}
	what := fate{copies: 1}
	for _, set := range s.sets {
		set.add(&what, f, way)
	}
	if what.lost {
		s.cost.dropped.Add(1)
		return nil, false
	}
	due := read.Add(what.delay)
	if !what.late {
		if last := s.last[way]; due.Before(last) {
			due = last
		} else if what.delay > 0 {
			s.last[way] = due
		}
	}
	for range what.copies {
		if !due.After(read) {
			now = append(now, p)
			continue
		}
		s.seq++
		heap.Push(&s.queue, delayed{due: due, seq: s.seq, port: p, data: slices.Clone(b)})
		waiting = true
	}
	return now, waiting
}

// delayed is a frame that is on its way.
type delayed struct {
	due  time.Time
	seq  uint64
	port *port
	data []byte
}

// queue is a heap by time; frames of the same instant keep their order.
type queue []delayed

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	if q[i].due.Equal(q[j].due) {
		return q[i].seq < q[j].seq
	}
	return q[i].due.Before(q[j].due)
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push is for container/heap.
func (q *queue) Push(x any) { *q = append(*q, x.(delayed)) }

// Pop is for container/heap.
func (q *queue) Pop() any {
	old := *q
	x := old[len(old)-1]
	old[len(old)-1] = delayed{}
	*q = old[:len(old)-1]
	return x
}

// deliver sends the delayed frames when they are due.
func (s *Switch) deliver() {
	defer s.pump.Done()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		ready, next := s.due(time.Now())
		for _, d := range ready {
			s.write(d.port, d.data)
			s.cost.addLate(len(d.data)-virtioLen, time.Since(d.due))
		}
		timer.Reset(next)
		select {
		case <-timer.C:
		case <-s.wake:
		case <-s.closed:
			return
		}
	}
}

// due takes out what is due, and says how long the next one has.
func (s *Switch) due(now time.Time) (ready []delayed, next time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.queue) > 0 {
		if wait := s.queue[0].due.Sub(now); wait > 0 {
			return ready, wait
		}
		d := heap.Pop(&s.queue).(delayed)
		if s.ports[d.port.name] == d.port {
			ready = append(ready, d)
		}
	}
	return ready, time.Hour
}
