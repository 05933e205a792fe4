package observe

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"keepalived-redis/internal/decide"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/reason"
	"keepalived-redis/internal/testing/fixture"
	"keepalived-redis/internal/testing/redistest"
)

// pairLooker sees a host of a replication pair whose instance is a master. Its own term is 5.
type pairLooker struct {
	*looker
	peer model.Look
}

var pairOwn, pairPeer = fixture.Addr("192.168.9.71:6379"), fixture.Addr("192.168.9.70:6379")

func newPairLooker(t *testing.T) *pairLooker {
	p := &pairLooker{looker: newLooker(t, &redistest.Server{Addr: pairOwn}), peer: pairInfo(pairPeer, model.Replica, 5)}
	p.r.Config.Peers, p.r.Config.Instances[0].Peer = []netip.AddrPort{pairPeer}, pairPeer
	p.peer.Info.Master, p.peer.Info.LinkUp = pairOwn, true
	return p
}

func pairInfo(at netip.AddrPort, role model.Role, term uint64) model.Look {
	return model.Look{Instance: model.At(at), State: model.Up, Term: model.Term{N: term, Known: true},
		Info: &model.Info{Role: role, Version: model.Version{Major: 7}, Uptime: time.Hour}}
}

// is puts the peer into a state in which it says nothing.
func (p *pairLooker) is(s model.State) {
	p.peer.State, p.peer.Info, p.peer.Term = s, nil, model.Term{}
}

// boot is a new boot of this host, with what is durable.
func (p *pairLooker) boot() {
	p.r.Store.Keep(p.r.Memory)
	p.r.Memory = nil
	p.r.Store.Remove(p.r.Store.Run, "seen.json")
	p.r.Begin()
	p.now.Boot += "+"
	p.now.Mono = time.Minute
}

// look is one look some time later, with that uptime of the server here.
func (p *pairLooker) look(after, uptime time.Duration) model.Observation {
	p.now.Mono += after
	p.now.Wall = p.now.Wall.Add(after)
	own := pairInfo(pairOwn, model.Master, 5)
	own.Info.Uptime = uptime
	o := fixture.Cluster()
	o.Times.ColdStartWait = time.Minute
	o.Locals, o.Peers = []model.Look{own}, []model.Look{p.peer}
	p.r.seePairs(&o, o.VIPHere, p.now)
	p.r.seeUnconfirmed(&o, p.now)
	p.r.Store.Keep(p.r.Memory)
	return o
}

func refusesPair(o model.Observation) bool {
	return slices.Contains(decide.Decide(o).Steps, model.Step{Do: model.Refuse, Instance: model.At(pairOwn)})
}

// A pair's master that boots takes no writes until its own peer has said its role and its term.
func TestPairThatBootsWaitsForItsPeer(t *testing.T) {
	for name, c := range map[string]struct {
		peer    func(*pairLooker)
		refuses bool
	}{
		"the peer is its replica":             {func(*pairLooker) {}, false},
		"the peer is a master, of a low term": {func(p *pairLooker) { p.peer = pairInfo(pairPeer, model.Master, 4) }, false},
		"the peer is a master, of a high one": {func(p *pairLooker) { p.peer = pairInfo(pairPeer, model.Master, 6) }, true},
		"the peer is a master of this term":   {func(p *pairLooker) { p.peer = pairInfo(pairPeer, model.Master, 5) }, false}, // which this host raised
		"the peer's term cannot be read": {func(p *pairLooker) {
			p.peer = pairInfo(pairPeer, model.Master, 4)
			p.peer.Term = model.Term{}
		}, true},
		"a replica that has more, and no link": {func(p *pairLooker) {
			p.peer = pairInfo(pairPeer, model.Replica, 6)
		}, true},
		"the peer is silent":              {func(p *pairLooker) { p.is(model.Silent) }, true},
		"the peer refuses":                {func(p *pairLooker) { p.is(model.Refused) }, true},
		"the peer is loading":             {func(p *pairLooker) { p.peer.State = model.Loading }, true},
		"the peer wants another password": {func(p *pairLooker) { p.is(model.WrongPassword) }, true},
	} {
		p := newPairLooker(t)
		p.boot()
		c.peer(p)
		if o := p.look(0, time.Second); refusesPair(o) != c.refuses {
			t.Errorf("%s: %s", name, reason.Lines(decide.Decide(o).Clauses))
		}
	}
}

func TestPairThatBootsWaitsNoLonger(t *testing.T) {
	p := newPairLooker(t)
	p.is(model.Silent)
	if o := p.look(0, time.Second); !refusesPair(o) {
		t.Fatal("writes are taken at once")
	}
	if o := p.look(59*time.Second, time.Minute); !refusesPair(o) {
		t.Error("writes are taken before cold_start_wait is over")
	}
	if o := p.look(time.Second, time.Minute); refusesPair(o) || !slices.Contains(decide.Decide(o).Steps, model.Step{Do: model.Restore, Instance: model.At(pairOwn)}) {
		t.Errorf("cold_start_wait is over: %s", reason.Lines(decide.Decide(o).Clauses))
	}
}

// The survivor of a pair that reboots alone goes on at once: it led while its peer was silent and the witness answered, and no peer has answered since.
func TestSurvivorOfAPairGoesOn(t *testing.T) {
	p := newPairLooker(t)
	p.look(time.Second, time.Hour)
	p.is(model.Silent)
	for range 3 {
		p.look(time.Second, time.Hour)
	}
	p.boot()
	o := p.look(0, time.Second)
	if refusesPair(o) || o.WaitsCold() {
		t.Errorf("waits cold %v: %s", o.WaitsCold(), reason.Lines(decide.Decide(o).Clauses))
	}
	// A peer that has answered meanwhile may have led since.
	p.peer = pairInfo(pairPeer, model.Master, 4)
	p.look(time.Second, time.Second)
	p.boot()
	p.is(model.Silent)
	if o := p.look(0, time.Second); !refusesPair(o) || !o.WaitsCold() {
		t.Errorf("waits cold %v: %s", o.WaitsCold(), reason.Lines(decide.Decide(o).Clauses))
	}
}

// One that has led alone for no moment, or while it was in doubt, is no survivor.
func TestStalePairIsNoSurvivor(t *testing.T) {
	p := newPairLooker(t)
	p.boot()
	p.is(model.Silent)
	for range 30 {
		if o := p.look(time.Second, 3*time.Second); o.Cold.Survivor || !refusesPair(o) || !o.WaitsCold() {
			t.Fatalf("survivor %v, waits cold %v: %s", o.Cold.Survivor, o.WaitsCold(), reason.Lines(decide.Decide(o).Clauses))
		}
	}
}
