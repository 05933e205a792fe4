package failover

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/vrrp"
)

// plainPair is the view of box B, whose only instance replicates from box A. Both know the term 4.
func plainPair() Observation {
	a, b := addr("192.168.9.70:6379"), addr("192.168.9.71:6379")
	look := func(at netip.AddrPort, info redis.Info) redis.Look {
		info.Version, info.VersionText = redis.Version{Major: 7}, "7.0.15"
		return redis.Look{Instance: redis.At(at), State: redis.Up, Info: &info, Term: redis.Term{N: 4, Known: true}}
	}
	o := pair()
	o.Times.Settle, o.Times.MaxStaleness = 0, time.Minute
	o.Locals = []redis.Look{look(b, redis.Info{Role: redis.Replica, Master: a, LinkUp: true, Offset: 500})}
	o.Peers = []redis.Look{look(a, redis.Info{Role: redis.Master, Offset: 500})}
	o.Pairs = map[redis.Instance]Pair{redis.At(b): {Peer: a, Linked: true}}
	return o
}

func (o *Observation) changePair(change func(*Pair)) {
	for a, p := range o.Pairs {
		change(&p)
		o.Pairs[a] = p
	}
}

// plainLocals are what the local instance of a pair may be.
var plainLocals = map[string]func(*Observation){
	"linked replica":     func(*Observation) {},
	"replica, link down": func(o *Observation) { o.Locals[0].Info.LinkUp = false },
	"replica, behind":    func(o *Observation) { o.Locals[0].Info.Offset = 500 - 2<<20 },
	"replica, syncing":   func(o *Observation) { o.Locals[0].Info.LinkUp, o.Locals[0].Info.Syncing = false, true },
	"replica, loading":   func(o *Observation) { o.Locals[0].State = redis.Loading },
	"replica of a third": func(o *Observation) { o.Locals[0].Info.Master = addr("192.168.9.72:6379") },
	"lost replica of that": func(o *Observation) {
		o.Locals[0].Info.Master, o.Locals[0].Info.LinkUp = addr("192.168.9.72:6379"), false
	},
	"replica, never synced": func(o *Observation) {
		o.Locals[0].Info.LinkUp, o.Locals[0].Info.Offset, o.Locals[0].Term.N = false, 0, 0
		o.changePair(func(p *Pair) { p.Linked = false })
		o.Cold.HeldLast = true
	},
	"replica, stale": func(o *Observation) {
		o.Locals[0].Info.LinkUp = false
		o.changePair(func(p *Pair) { p.Stale = 2 * time.Minute })
	},
	"replica, cold": func(o *Observation) {
		o.Locals[0].Info.LinkUp, o.Cold = false, Cold{Peerless: true, For: time.Second}
		o.changePair(func(p *Pair) { p.Linked = false })
	},
	"replica, cold for long": func(o *Observation) {
		o.Locals[0].Info.LinkUp, o.Cold = false, Cold{Peerless: true, For: time.Hour}
		o.changePair(func(p *Pair) { p.Linked = false })
	},
	"replica, held the VIP last": func(o *Observation) {
		o.Locals[0].Info.LinkUp, o.Cold = false, Cold{Peerless: true, For: time.Second, HeldLast: true}
		o.changePair(func(p *Pair) { p.Linked = false })
	},
	"replica of a newer term": func(o *Observation) { o.Locals[0].Info.LinkUp, o.Locals[0].Term.N = false, 6 },
	"master":                  func(o *Observation) { o.Locals[0].Info.Role = redis.Master },
	"master, term unknown":    func(o *Observation) { o.Locals[0].Info.Role, o.Locals[0].Term = redis.Master, redis.Term{} },
	"master of term 0":        func(o *Observation) { o.Locals[0].Info.Role, o.Locals[0].Term.N = redis.Master, 0 },
	"released master": func(o *Observation) {
		o.Locals[0].Info.Role, o.Locals[0].Term.Released = redis.Master, true
	},
	"master of term 6": func(o *Observation) { o.Locals[0].Info.Role, o.Locals[0].Term.N = redis.Master, 6 },
	"master that needs a replica": func(o *Observation) {
		o.Locals[0].Info.Role, o.Locals[0].Info.MinReplicas = redis.Master, true
	},
	"cold master": func(o *Observation) {
		o.Locals[0].Info.Role, o.Cold = redis.Master, Cold{Peerless: true, For: time.Second}
	},
	"wants a password": func(o *Observation) { o.Locals[0].State, o.Locals[0].Info = redis.NoAuth, nil },
	"dead":             func(o *Observation) { o.Locals[0].State, o.Locals[0].Info = redis.Refused, nil },
}

// plainPeers are what its peer may be.
var plainPeers = map[string]func(*redis.Look){
	"master":           func(*redis.Look) {},
	"master of term 5": func(l *redis.Look) { l.Term.N = 5 },
	"master of term 0": func(l *redis.Look) { l.Term.N = 0 },
	"master of term 3": func(l *redis.Look) { l.Term.N = 3 },
	"master of a term unknown": func(l *redis.Look) {
		l.Term = redis.Term{}
	},
	"linked replica": func(l *redis.Look) {
		l.Info.Role, l.Info.LinkUp, l.Info.Master = redis.Replica, true, addr("192.168.9.71:6379")
	},
	"replica":          func(l *redis.Look) { l.Info.Role = redis.Replica },
	"fresher replica":  func(l *redis.Look) { l.Info.Role, l.Term.N = redis.Replica, 5 },
	"refuses":          func(l *redis.Look) { l.State, l.Info = redis.Refused, nil },
	"stalls":           func(l *redis.Look) { l.State, l.Info = redis.Stalled, nil },
	"is silent":        func(l *redis.Look) { l.State, l.Info = redis.Silent, nil },
	"is loading":       func(l *redis.Look) { l.State, l.Term = redis.Loading, redis.Term{} },
	"wants a password": func(l *redis.Look) { l.State, l.Info = redis.NoAuth, nil },
	"was not seen":     func(l *redis.Look) { l.State, l.Info = redis.Unseen, nil },
}

// plainStandings are what else may be so.
var plainStandings = map[string]func(*Observation){
	"settled":       func(*Observation) {},
	"replicated":    func(o *Observation) { o.Durability = config.DurabilityReplicated },
	"a move failed": func(o *Observation) { o.MoveWait = 12 * time.Second },
	"just pulled":   func(o *Observation) { o.changePair(func(p *Pair) { p.Pulled = true }) },
	"policy stay":   func(o *Observation) { o.Policy = config.PolicyStay },
	"local address that the peer cannot reach": func(o *Observation) {
		p := o.Pairs[o.Locals[0].Instance]
		o.Locals[0].Instance.Addr = addr("127.0.0.1:6379")
		o.Pairs = map[redis.Instance]Pair{o.Locals[0].Instance: p}
	},
	"not paired": func(o *Observation) {
		o.Pairs = map[redis.Instance]Pair{redis.At(addr("192.168.9.71:1")): {Peer: addr("192.168.9.70:1")}}
	},
	"maintenance": func(o *Observation) { o.Maintenance = Maintenance{Word: Drain, Reason: "new disks"} },
	"fenced":      func(o *Observation) { o.Fence = &FenceView{For: time.Minute, HoldOff: 3 * time.Second} },
	"fence may lift": func(o *Observation) {
		o.Fence = &FenceView{For: time.Minute, HoldOff: 3 * time.Second, HeardFor: 4 * time.Second}
	},
	"alone and fence": func(o *Observation) {
		o.Fence = &FenceView{For: time.Hour, HoldOff: 3 * time.Second, UnansweredFor: 2 * time.Minute}
	},
	"no witness": func(o *Observation) { o.Witness.Answers = false },
}

func plainPairs(each func(key string, o Observation)) {
	for _, vs := range []vrrp.State{vrrp.Master, vrrp.Backup, vrrp.Fault, vrrp.Stop, vrrp.None} {
		for lName, local := range plainLocals {
			for pName, peer := range plainPeers {
				for sName, standing := range plainStandings {
					for age, ail := range map[string]Ail{"first": {0, 1}, "later": {2 * time.Second, 3}} {
						for _, hook := range []bool{true, false} {
							o := plainPair()
							o.State, o.Hook = vs, hook
							peer(&o.Peers[0])
							local(&o)
							standing(&o)
							o.Instances = map[netip.AddrPort]Ail{}
							if !o.Peers[0].State.Serves() {
								o.Instances[o.Peers[0].Instance.Addr] = ail
							}
							o.Boxes = map[netip.Addr]Ail{}
							if o.Peers[0].State == redis.Silent {
								o.Boxes[o.Peers[0].Instance.Addr.Addr()] = ail
							}
							if o.cutOff() {
								o.Alone = ail
							}
							o.changePair(func(p *Pair) { p.Leaderless, p.Overruled = ail, ail })
							if leftBehind(o.State, false, o.Locals[0]) {
								o.changePair(func(p *Pair) { p.Left = ail })
							}
							who := "tick"
							if hook {
								who = "hook"
							}
							each(fmt.Sprintf("%s by %s, %s, peer %s (%s look), %s", orNone(string(vs)), who, lName, pName, age, sName), o)
						}
					}
				}
			}
		}
	}
}

// whole: the local data set may be promoted, whatever the peer is.
func whole(o Observation) bool {
	l := o.Locals[0]
	return l.State == redis.Up && l.Role() == redis.Replica && !l.Info.Syncing
}

func TestDecidePair(t *testing.T) {
	compareAll(t, "pair.txt", plainPairs, func(key string, o Observation, p Plan) {
		lost := o.State == vrrp.Fault && o.peersSilent() && o.Witness.Answers
		may := (o.State == vrrp.Master || lost) && o.Fence == nil && o.Maintenance.Word == "" && !o.cutOff() && !o.Isolated()
		for _, s := range p.Steps {
			switch s.Do {
			case Promote, Move:
				if !may || s.Instance == o.Locals[0].Instance && !whole(o) {
					t.Errorf("%s: promotes: %s", key, p.Sentence)
				}
			case Relax:
				if !may || o.Durability != config.DurabilityReplicated {
					t.Errorf("%s: takes writes without a replica: %s", key, p.Sentence)
				}
			case Follow:
				if !o.Peers[0].State.Serves() || o.Peers[0].Role() != redis.Master || o.Peers[0].Term.Known && o.Locals[0].Term.N > o.Peers[0].Term.N {
					t.Errorf("%s: follows who does not lead: %s", key, p.Sentence)
				}
			case Restore:
				if l := o.Locals[0]; l.Role() == redis.Master && bothMasters(l, o.Peers[0]) && !outranked(o.Peers[0], l) && len(o.Pairs) > 0 && o.peerOf(l).Info != nil {
					t.Errorf("%s: two masters may write: %s", key, p.Sentence)
				}
			case Release:
				if l := o.Locals[0]; o.State != vrrp.Backup || l.Role() != redis.Master || l.Term.Released {
					t.Errorf("%s: marked: %s", key, p.Sentence)
				}
			case Claim:
				if l := o.Locals[0]; o.State != vrrp.Master || !l.Term.Released {
					t.Errorf("%s: claimed: %s", key, p.Sentence)
				}
			case Takeover, Force, Bump:
				t.Errorf("%s: a command of clusters: %v", key, s)
			}
		}
	})
}

func TestDecideForced(t *testing.T) {
	seen := map[string]string{}
	plainPairs(func(key string, o Observation) {
		p := DecideForced(o)
		if p.Sentence == "" {
			t.Errorf("%s: forced without a word", key)
		}
		for _, s := range p.Steps {
			l := o.Locals[0]
			if s.Do == Promote && (s.Instance != l.Instance || l.Info == nil || l.State == redis.Loading || l.Info.Syncing || o.Maintenance.Word != "") {
				t.Errorf("%s: %s", key, p.Sentence)
			}
		}
		seen[p.Sentence] = key
	})
	for _, want := range []string{
		"by force: promote 192.168.9.71:6379",
		"by force: promote 192.168.9.71:6379; by force: the fence lifts",
		"by force: 192.168.9.71:6379 gets a higher term than 192.168.9.70:6379, which follows it then",
		"192.168.9.71:6379 is a master already",
		"192.168.9.71:6379 is not promoted: it is in the middle of a sync and its data is not whole",
		"192.168.9.71:6379 is not promoted: it is still loading its data set",
		"192.168.9.71:6379 is not promoted: it refuses connections",
		"192.168.9.71:6379 is not promoted: its master 192.168.9.70:6379 is alive and linked; hint: the master moves with the VIP: stop keepalived on the other box",
		"192.168.9.71:6379 is left as it is: it has no peer",
		"maintenance (drain: new disks): nothing is changed; hint: to end it, remove the file maintenance in the state directory",
	} {
		if seen[want] == "" {
			t.Errorf("never said: %s", want)
		}
		delete(seen, want)
	}
	for sentence, key := range seen {
		if key != "" {
			t.Logf("also said: %s", sentence)
		}
	}
}

// In a cluster force is a takeover.
func TestDecideForcedInACluster(t *testing.T) {
	o := pair()
	if p := DecideForced(o); len(p.Steps) != 0 {
		t.Errorf("masters that are alive and linked: %s", p.Sentence)
	}
	o.peersAre(redis.Silent, Ail{})
	p := DecideForced(o)
	if len(p.Steps) != 2 || p.Steps[0] != (Step{Do: Takeover, Instance: redis.At(addr("192.168.9.71:7004"))}) || p.Steps[1].Do != Takeover {
		t.Errorf("%v: %s", p.Steps, p.Sentence)
	}
}

func TestTermsOfTwoBoxesNeverMeet(t *testing.T) {
	a, b := addr("10.0.0.1:7000"), addr("10.0.0.2:7000")
	for n := uint64(0); n < 9; n++ {
		for m := uint64(0); m < 9; m++ {
			x := nextTerm(a, b, redis.Term{N: n}, redis.Term{N: m})
			y := nextTerm(b, a, redis.Term{N: m}, redis.Term{N: n})
			if x == y || min(x, y) <= max(n, m) || max(x, y) > max(n, m)+2 {
				t.Errorf("after %d and %d: %d and %d", n, m, x, y)
			}
		}
	}
}
