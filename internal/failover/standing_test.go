package failover

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/redistest"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/vrrp"
)

// run is one run of the check on box B of the usual cluster: it sees o, after d, with what earlier runs left.
func (h *history) run(o Observation, d time.Duration, held bool) Observation {
	h.t.Helper()
	h.now.Mono += d
	h.now.Wall = h.now.Wall.Add(d)
	h.r.memory = h.r.store.loadMemory()
	if held && h.r.memory.HeldSince == nil {
		since := h.now
		h.r.memory.HeldSince = &since
	}
	h.r.seeStanding(&o, held, h.now)
	h.r.store.saveMemory(h.r.memory)
	return o
}

// reboot is a new boot: what is volatile is gone.
func (h *history) reboot() {
	h.now = state.Stamp{Boot: h.now.Boot + "+", Wall: h.now.Wall}
	h.r.store.remove(h.r.store.run, memoryFile)
}

type history struct {
	t   *testing.T
	r   *Reconciler
	now state.Stamp
}

func newHistory(t *testing.T) *history {
	r := reconciler(t)
	r.Config.Times.MaxStaleness, r.Config.Times.ColdStartWait = time.Minute, time.Minute
	return &history{t: t, r: r, now: state.Stamp{Boot: "first", Wall: time.Unix(1e9, 0)}}
}

// lost is the usual cluster after box A fell silent, for long enough.
func lost() Observation {
	o := pair()
	o.Times.MaxStaleness = time.Minute
	o.peersAre(redis.Silent, Ail{2 * time.Second, 3})
	for i := range o.Locals[1:] {
		o.Locals[1+i].Info.LinkUp = false
	}
	return o
}

// A box that was linked before its peer fell silent promotes; one that has just booted and never was waits, and then asks for a
// person.
func TestAColdReplicaIsNotPromoted(t *testing.T) {
	h := newHistory(t)
	h.run(pair(), 0, false)
	if p := Decide(h.run(lost(), time.Second, true)); !promotes(p) {
		t.Errorf("not promoted though it was linked: %s", p.Sentence)
	}
	h = newHistory(t)
	const wait = "it was never linked since this box started, and the VIP was last held elsewhere; its master 192.168.9.70:7000 is waited for, for 1m0s"
	if p := Decide(h.run(lost(), 0, true)); promotes(p) || !strings.Contains(p.Sentence, wait) {
		t.Errorf("a cold replica: %s", p.Sentence)
	}
	if p := Decide(h.run(lost(), time.Minute, true)); promotes(p) || !strings.Contains(p.Sentence, "so 192.168.9.70:7000 may have newer data; "+forceHint) {
		t.Errorf("a cold replica after its wait: %s", p.Sentence)
	}
	if p := DecideForced(h.run(lost(), time.Second, true)); len(p.Steps) != 2 || p.Steps[0].Do != Takeover {
		t.Errorf("by force: %s", p.Sentence)
	}
	// Its own server says that it was linked before.
	h = newHistory(t)
	o := lost()
	o.Locals[1].Info.WasLinked, o.Locals[2].Info.WasLinked = true, true
	if p := Decide(h.run(o, 0, true)); !promotes(p) {
		t.Errorf("not promoted though its link was lost: %s", p.Sentence)
	}
}

// After a reboot the box that held the VIP last promotes at once, also if it is cold.
func TestTheBoxThatHeldTheVIPLastIsNotCold(t *testing.T) {
	h := newHistory(t)
	h.run(pair(), 0, true)
	h.reboot()
	if p := Decide(h.run(lost(), 0, false)); !promotes(p) {
		t.Errorf("not promoted: %s", p.Sentence)
	}
	// It has heard of the other box, which holds the VIP now.
	h.run(pair(), time.Second, false)
	h.reboot()
	if p := Decide(h.run(lost(), 0, true)); promotes(p) {
		t.Errorf("promoted, though the VIP was elsewhere before the reboot: %s", p.Sentence)
	}
	// A VIP that is given away by STOP is not held.
	h = newHistory(t)
	h.run(pair(), 0, true)
	h.r.Event = &vrrp.Event{Name: "VI_1", State: vrrp.Stop}
	h.run(pair(), time.Second, true)
	h.r.Event = nil
	h.reboot()
	if p := Decide(h.run(lost(), 0, true)); promotes(p) {
		t.Errorf("promoted after a STOP: %s", p.Sentence)
	}
}

// A replica whose master was seen alive for longer than max_staleness without a link is not promoted, also after a reboot; time
// in which nobody saw the master does not count.
func TestAStaleReplicaIsNotPromoted(t *testing.T) {
	behind := func() Observation {
		o := pair()
		o.Locals[1].Info.LinkUp = false
		return o
	}
	stale := func(o Observation) bool {
		return strings.Contains(Decide(o).Sentence, "192.168.9.71:7004 is not promoted although its master 192.168.9.70:7000 is lost, box 192.168.9.70 is silent: "+staleSentence(&o))
	}
	h := newHistory(t)
	h.run(pair(), 0, false)
	for range 60 {
		h.run(behind(), time.Second, false)
	}
	if stale(h.run(lost(), time.Hour, true)) {
		t.Error("stale after 59 s, and an hour in which nobody saw the master")
	}
	for range 3 {
		h.run(behind(), time.Second, false)
	}
	h.reboot()
	o := h.run(lost(), 0, true)
	if !stale(o) {
		t.Errorf("not stale: %s", Decide(o).Sentence)
	}
	if p := DecideForced(o); len(p.Steps) == 0 || p.Steps[0].Do != Takeover {
		t.Errorf("by force: %s", p.Sentence)
	}
	h.run(pair(), time.Second, false)
	if stale(h.run(lost(), time.Second, true)) {
		t.Error("stale although it was linked meanwhile")
	}
}

// An instance that stands still, or is dead, falls behind as well: when it wakes it has the data of the time before.
func TestAnInstanceThatDoesNotAnswerGrowsStale(t *testing.T) {
	replica := func(o *Observation) {}
	// It led itself: the other box has its slots, and its line has no master.
	led := func(o *Observation) {
		for _, looks := range [][]redis.Look{o.Locals, o.Peers} {
			for i := range looks {
				for k, n := range looks[i].Nodes {
					switch n.ID {
					case "a0":
						looks[i].Nodes[k].Role = redis.Master
					case "b4":
						looks[i].Nodes[k].Role, looks[i].Nodes[k].MasterID = redis.Master, ""
					}
				}
			}
		}
	}
	unserved := func(o *Observation) {
		led(o)
		for i := range o.Locals {
			o.Locals[i].Nodes[1].Slots = nil
		}
		for i := range o.Peers {
			o.Peers[i].Nodes[1].Slots = nil
		}
	}
	owner := func(o *Observation) {
		led(o)
		for _, looks := range [][]redis.Look{o.Locals, o.Peers} {
			for i := range looks {
				looks[i].Nodes[4].Slots, looks[i].Nodes[0].Slots = looks[i].Nodes[0].Slots, nil
			}
		}
	}
	masterGone := func(o *Observation) { o.Peers[0].State, o.Peers[0].Info, o.Peers[0].Nodes = redis.Refused, nil, nil }
	for name, test := range map[string]struct {
		state  redis.State
		change func(*Observation)
		stale  bool
	}{
		"a replica that hangs":              {redis.Stalled, replica, true},
		"a dead replica":                    {redis.Refused, replica, true},
		"one that led, and others lead now": {redis.Stalled, led, true},
		"its master is dead as well":        {redis.Stalled, masterGone, false},
		"nobody has its slots":              {redis.Stalled, unserved, false},
		"it leads":                          {redis.Stalled, owner, false},
		"nobody looked":                     {redis.Unseen, replica, false},
		"it asks for a password":            {redis.NoAuth, replica, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t)
			h.run(pair(), 0, false)
			for range 63 {
				o := pair()
				test.change(&o)
				o.Locals[1].State, o.Locals[1].Info, o.Locals[1].Nodes = test.state, nil, nil
				h.run(o, time.Second, false)
			}
			o := h.run(lost(), time.Second, true)
			if got := o.Standing[o.Locals[1].Instance].Stale > o.Times.MaxStaleness; got != test.stale {
				t.Errorf("%+v: %s", o.Standing, Decide(o).Sentence)
			}
			// One that wakes and does not know yet that it leads no more is not whole for that.
			woken := pair()
			test.change(&woken)
			woken.Locals[1].Info.Role = redis.Master
			for k, n := range woken.Locals[1].Nodes {
				if n.ID == "b4" {
					woken.Locals[1].Nodes[k].Role, woken.Locals[1].Nodes[k].Slots = redis.Master, []redis.Slots{{First: 0, Last: 5460}}
				}
			}
			h.run(woken, time.Second, false)
			o = h.run(lost(), time.Second, true)
			if got := o.Standing[o.Locals[1].Instance].Stale > o.Times.MaxStaleness; got != test.stale {
				t.Errorf("after it woke: %+v", o.Standing)
			}
		})
	}
}

// A check of a quiet box reads and writes no file for its standing.
func TestAQuietBoxKeepsItsStandingWithoutAFile(t *testing.T) {
	for _, held := range []bool{true, false} {
		h := newHistory(t)
		h.run(pair(), 0, held)
		lineagePath := h.r.store.durable.Path(lineageFile)
		if err := h.r.store.durable.StoreBytes(lineageFile, []byte("garbage")); err != nil { // whoever reads it sets it aside
			t.Fatal(err)
		}
		before := h.r.store.loadMemory()
		h.run(pair(), time.Second, held)
		if text(before) != text(h.r.memory) {
			t.Errorf("held %v: the memory changes from look to look: %s, %s", held, text(before), text(h.r.memory))
		}
		if found, err := h.r.store.durable.Load(lineageFile, &lineage{}); found || err == nil {
			t.Errorf("held %v: %s was read or written", held, lineagePath)
		}
	}
}

// A master that is pulled from us while the VIP is here ends the following, for a minute or until the VIP has left.
func TestBothBoxesActAsMaster(t *testing.T) {
	ours := func() Observation { // 7004 has been moved here
		o := pair()
		nodes := append(redis.Nodes(nil), o.Locals[1].Nodes...)
		nodes[0].Role, nodes[0].MasterID, nodes[0].Slots = redis.Replica, "b4", nil
		nodes[4].Role, nodes[4].MasterID, nodes[4].Slots = redis.Master, "", []redis.Slots{{First: 0, Last: 5460}}
		o.Locals[1].Nodes, o.Locals[1].Info.Role = nodes, redis.Master
		o.Peers[0].Info.Role = redis.Replica
		return o
	}
	pulled := func(o Observation) bool { return strings.Contains(Decide(o).Sentence, bothMaster) }
	h := newHistory(t)
	h.run(ours(), 0, true)
	for _, d := range []time.Duration{time.Second, 58 * time.Second} {
		if o := h.run(pair(), d, true); !pulled(o) || promotes(Decide(o)) {
			t.Errorf("pulled: %s", Decide(o).Sentence)
		}
	}
	if o := h.run(pair(), 2*time.Second, true); pulled(o) || !promotes(Decide(o)) {
		t.Errorf("a minute later: %s", Decide(o).Sentence)
	}
	// A lost master is promoted all the same.
	h.run(ours(), time.Second, true)
	h.run(pair(), time.Second, true)
	if o := h.run(lost(), time.Second, true); !promotes(Decide(o)) {
		t.Errorf("lost: %s", Decide(o).Sentence)
	}
	// The VIP was away for a look.
	h.run(ours(), time.Second, true)
	h.run(pair(), time.Second, true)
	h.run(pair(), time.Second, false)
	if o := h.run(pair(), time.Second, true); pulled(o) {
		t.Errorf("after the VIP was away: %s", Decide(o).Sentence)
	}
	// It moved with the VIP, as it should.
	h.run(ours(), time.Second, true)
	h.run(ours(), time.Second, false)
	if o := h.run(pair(), time.Second, true); pulled(o) {
		t.Errorf("it moved while the VIP was away: %s", Decide(o).Sentence)
	}
}

// The words that a real server uses for a link that was never up, and for one that was.
func TestARealServerTellsWhetherItWasLinked(t *testing.T) {
	master := redistest.Start(t)
	replica := redistest.Start(t, fmt.Sprintf("replicaof 127.0.0.1 %d", master.Addr.Port()))
	redistest.Await(t, "the link is up", func() bool { return replica.Look().Info.LinkUp })
	master.Kill()
	redistest.Await(t, "the link is lost", func() bool { i := replica.Look().Info; return !i.LinkUp && i.WasLinked })
	replica.Kill()
	replica.Run(t)
	redistest.Await(t, "the link was never up", func() bool { i := replica.Look().Info; return i.Role == redis.Replica && !i.LinkUp && !i.WasLinked })
}

// A vote that is refused for an old epoch is refused for a minute, whatever is asked meanwhile. Nobody else could be voted for, so
// a takeover is as safe.
func TestARefusedVoteDoesNotHoldThePromotionBack(t *testing.T) {
	c := redistest.Cluster(t, 3)
	r := reconciler(t, c[3])
	r.Config.Policy = config.PolicyStay
	c[0].Kill()
	for _, s := range c[1:3] {
		for range 3 {
			s.Do(t, "cluster", "bumpepoch")
		}
	}
	var words []Verb
	redistest.Await(t, "the replica is master", func() bool {
		o := looks(c[3:4], []*redistest.Server{c[0], c[1], c[2], c[4], c[5]})
		o.State, o.KeepalivedLives, o.Times.StallGrace = vrrp.Master, true, 0
		o.Instances = map[netip.AddrPort]Ail{c[0].Addr: {time.Minute, 9}}
		r.seeStanding(&o, true, state.Now())
		p := Decide(o)
		for _, s := range p.Steps {
			words = append(words, s.Do)
		}
		_ = r.apply(within(t, 5*time.Second), o, p)
		return c[3].Look().Role() == redis.Master
	})
	if len(words) == 0 || words[0] != Force {
		t.Errorf("it did not ask for a vote first: %v", words)
	}
}

// Where another replica could be voted for unseen, the vote is waited for.
func TestATakeoverPastTheVotesNeedsToKnowEveryReplica(t *testing.T) {
	o := pair()
	o.Locals = o.Locals[:2]
	o.peersAre(redis.Up, Ail{})
	o.Peers[0].State, o.Peers[0].Info = redis.Refused, nil
	o.Instances[o.Peers[0].Instance.Addr] = Ail{2 * time.Second, 3}
	me := o.Locals[1].Instance.Addr
	o.Voteless = map[redis.Instance]time.Duration{redis.At(me): voteWithin}
	if p := Decide(o); len(p.Steps) != 1 || p.Steps[0].Do != Takeover {
		t.Errorf("nobody else: %s", p.Sentence)
	}
	o.Voteless[redis.At(me)] = voteWithin - 1
	if p := Decide(o); p.Steps[0].Do != Force {
		t.Errorf("too early: %s", p.Sentence)
	}
	o.Voteless[redis.At(me)] = voteWithin
	third := redis.Node{ID: "c6", Addr: addr("192.168.9.72:7006"), Role: redis.Replica, MasterID: "a0"}
	o.Locals[1].Nodes = append(o.Locals[1].Nodes, third)
	o.Locals[0].Nodes = append(o.Locals[0].Nodes, third)
	if p := Decide(o); p.Steps[0].Do != Force || !strings.Contains(p.Sentence, "Redis asks anew only after four times cluster-node-timeout; "+forceHint) {
		t.Errorf("an unseen replica: %s", p.Sentence)
	}
	o.Peers = append(o.Peers, redis.Look{Instance: redis.Instance{Addr: third.Addr}, State: redis.Up, Info: &redis.Info{Role: redis.Replica, Offset: 400}})
	if p := Decide(o); p.Steps[0].Do != Takeover {
		t.Errorf("a replica that answers and has less: %s", p.Sentence)
	}
}

// A stale VIP is in the log, not only in what people ask for.
func TestAStaleVIPIsWarnedOf(t *testing.T) {
	o := Observation{Why: vrrp.StaleVIP + ": it is on this box"}
	if got := o.warnings(); len(got) != 1 || got[0] != o.Why {
		t.Errorf("got %q", got)
	}
	o.Why = "the VIP is on this box"
	if got := o.warnings(); len(got) != 0 {
		t.Errorf("got %q", got)
	}
}
