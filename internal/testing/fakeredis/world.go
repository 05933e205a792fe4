// Package fakeredis has servers for tests that look like redis-server from outside, and whose clock, network, crashes and refusals the test decides.
// TestLikeARealServer compares one with a real server.
package fakeredis

import (
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"
)

// World is what several fake servers share. Everything in it happens under one lock, one batch of commands after another.
type World struct {
	mu      sync.Mutex
	servers []*Server
	runs    map[string]*Run
	now     time.Duration
	apart   map[[2]netip.Addr]bool
	noVotes bool
	// noBus: the nodes of clusters on different hosts do not hear each other, and have not noticed.
	noBus bool
	// discarded are the writes that a server has thrown away, because it followed a master that has not got them.
	discarded []Discarded
}

// Discarded are writes that were acknowledged by a server and thrown away by it. Told: a run has made it a replica while it was a master; else it was
// started as one.
type Discarded struct {
	By     netip.AddrPort
	Told   bool
	Writes []int
}

// NewWorld is a world without servers.
func NewWorld() *World {
	return &World{runs: map[string]*Run{}, apart: map[[2]netip.Addr]bool{}, now: time.Hour}
}

// Close ends every server.
func (w *World) Close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.servers {
		s.listen(false)
	}
}

// Advance lets time pass.
func (w *World) Advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now += d
	w.settle()
}

// Cut takes the network between two hosts away, or gives it back.
func (w *World) Cut(a, b netip.Addr, cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.apart[[2]netip.Addr{a, b}], w.apart[[2]netip.Addr{b, a}] = cut, cut
	w.settle()
}

// CutBus takes the bus between the hosts away, or gives it back. Clients and replicas notice nothing of that.
func (w *World) CutBus(cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.noBus = cut
	w.settle()
}

// GrantVotes says whether masters vote for a replica that asks them.
func (w *World) GrantVotes(granted bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.noVotes = !granted
}

// Discarded are the writes that servers have thrown away.
func (w *World) Discarded() []Discarded {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.discarded)
}

// reach: a host is reached from another one.
func (w *World) reach(from, to netip.Addr) bool { return !w.apart[[2]netip.Addr{from, to}] }

// meets: two servers run and reach each other.
func (w *World) meets(a, b *Server) bool {
	return a.up && b.up && w.reach(a.Addr.Addr(), b.Addr.Addr())
}

// hears: two nodes of a cluster reach each other on its bus.
func (w *World) hears(a, b *Server) bool {
	return w.meets(a, b) && (!w.noBus || a.Addr.Addr() == b.Addr.Addr())
}

func (w *World) at(a netip.AddrPort) *Server {
	for _, s := range w.servers {
		if s.Addr == a {
			return s
		}
	}
	return nil
}

// settle lets the nodes of clusters tell each other what they know, and every linked replica catch up.
func (w *World) settle() {
	for w.gossip() {
	}
	for range w.servers { // a replica may follow a replica
		for _, s := range w.servers {
			w.replicate(s)
		}
	}
}

// replicate gives a linked replica what its master has.
func (w *World) replicate(s *Server) {
	s.linked = w.isLinked(s, len(w.servers))
	if !s.linked {
		return
	}
	master := w.at(s.following())
	s.joined, master.joined = true, true
	if s.behind > 0 {
		return
	}
	var gone []int
	for _, n := range s.data {
		if !slices.Contains(master.data, n) {
			gone = append(gone, n)
		}
	}
	if len(gone) > 0 {
		w.discarded = append(w.discarded, Discarded{By: s.Addr, Told: s.told, Writes: gone})
	}
	s.wasLinked, s.data, s.term, s.offset = true, slices.Clone(master.data), master.term, master.offset
}

// isLinked: a replica has its data from a master, over no more than so many others.
func (w *World) isLinked(s *Server, over int) bool {
	master := w.at(s.following())
	if over == 0 || master == nil || !w.meets(s, master) {
		return false
	}
	return master.isMaster() || w.isLinked(master, over-1)
}

// replicas counts the linked replicas of a server.
func (w *World) replicas(s *Server) (n int) {
	for _, r := range w.servers {
		if r.linked && r.following() == s.Addr {
			n++
		}
	}
	return n
}

// Hosts are the addresses of two hosts that no other process uses, the lower one first: all of 127.0.0.0/8 leads to this machine.
func Hosts() [2]netip.Addr {
	pid := os.Getpid()
	at := func(n byte) netip.Addr {
		return netip.AddrFrom4([4]byte{127, 64 + byte(pid>>15&0x3f), byte(pid >> 7), byte(pid<<1) | n})
	}
	return [2]netip.Addr{at(0), at(1)}
}
