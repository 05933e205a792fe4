package decide

import (
	"cmp"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/testing/fixture"
)

// plainPair is the view of host B, whose only instance replicates from host A. Both know the term 4.
func plainPair() model.Observation {
	a, b := fixture.Addr("192.168.9.70:6379"), fixture.Addr("192.168.9.71:6379")
	look := func(at netip.AddrPort, info model.Info) model.Look {
		info.Version, info.VersionText = model.Version{Major: 7}, "7.0.15"
		return model.Look{Instance: model.At(at), State: model.Up, Info: &info, Term: model.Term{N: 4, Known: true}}
	}
	o := fixture.Cluster()
	o.Times.Settle, o.Times.MaxStaleness = 0, time.Minute
	o.Locals = []model.Look{look(b, model.Info{Role: model.Replica, Master: a, LinkUp: true, Offset: 500})}
	o.Peers = []model.Look{look(a, model.Info{Role: model.Master, Offset: 500})}
	o.Pairs = map[model.Instance]model.Pair{model.At(b): {Peer: a, Linked: true}}
	return o
}

func changePair(o *model.Observation, change func(*model.Pair)) {
	for a, p := range o.Pairs {
		change(&p)
		o.Pairs[a] = p
	}
}

// plainLocals are what the local instance of a pair may be.
var plainLocals = map[string]func(*model.Observation){
	"linked replica":     func(*model.Observation) {},
	"replica, link down": func(o *model.Observation) { o.Locals[0].Info.LinkUp = false },
	"replica, behind":    func(o *model.Observation) { o.Locals[0].Info.Offset = 500 - 2<<20 },
	"replica, syncing":   func(o *model.Observation) { o.Locals[0].Info.LinkUp, o.Locals[0].Info.Syncing = false, true },
	"replica, loading":   func(o *model.Observation) { o.Locals[0].State = model.Loading },
	"replica of a third": func(o *model.Observation) { o.Locals[0].Info.Master = fixture.Addr("192.168.9.72:6379") },
	"lost replica of that": func(o *model.Observation) {
		o.Locals[0].Info.Master, o.Locals[0].Info.LinkUp = fixture.Addr("192.168.9.72:6379"), false
	},
	"replica, never synced": func(o *model.Observation) {
		o.Locals[0].Info.LinkUp, o.Locals[0].Info.Offset, o.Locals[0].Term.N = false, 0, 0
		changePair(o, func(p *model.Pair) { p.Linked = false })
		o.Cold.HeldLast = true
	},
	"replica, stale": func(o *model.Observation) {
		o.Locals[0].Info.LinkUp = false
		changePair(o, func(p *model.Pair) { p.Stale = 2 * time.Minute })
	},
	"replica, cold": func(o *model.Observation) {
		o.Locals[0].Info.LinkUp, o.Cold = false, model.Cold{Peerless: true, For: time.Second}
		changePair(o, func(p *model.Pair) { p.Linked = false })
	},
	"replica, cold for long": func(o *model.Observation) {
		o.Locals[0].Info.LinkUp, o.Cold = false, model.Cold{Peerless: true, For: time.Hour}
		changePair(o, func(p *model.Pair) { p.Linked = false })
	},
	"replica, held the VIP last": func(o *model.Observation) {
		o.Locals[0].Info.LinkUp, o.Cold = false, model.Cold{Peerless: true, For: time.Second, HeldLast: true}
		changePair(o, func(p *model.Pair) { p.Linked = false })
	},
	"replica of a newer term": func(o *model.Observation) { o.Locals[0].Info.LinkUp, o.Locals[0].Term.N = false, 6 },
	"master":                  func(o *model.Observation) { o.Locals[0].Info.Role = model.Master },
	"master, term unknown":    func(o *model.Observation) { o.Locals[0].Info.Role, o.Locals[0].Term = model.Master, model.Term{} },
	"master of term 0":        func(o *model.Observation) { o.Locals[0].Info.Role, o.Locals[0].Term.N = model.Master, 0 },
	"released master": func(o *model.Observation) {
		o.Locals[0].Info.Role, o.Locals[0].Term.Released = model.Master, true
	},
	"master of term 6": func(o *model.Observation) { o.Locals[0].Info.Role, o.Locals[0].Term.N = model.Master, 6 },
	"master that needs a replica": func(o *model.Observation) {
		o.Locals[0].Info.Role, o.Locals[0].Info.MinReplicas = model.Master, true
	},
	"cold master": func(o *model.Observation) {
		o.Locals[0].Info.Role, o.Cold = model.Master, model.Cold{Peerless: true, For: time.Second}
	},
	"wants a password": func(o *model.Observation) { o.Locals[0].State, o.Locals[0].Info = model.NoAuth, nil },
	"dead":             func(o *model.Observation) { o.Locals[0].State, o.Locals[0].Info = model.Refused, nil },
}

// plainPeers are what its peer may be.
var plainPeers = map[string]func(*model.Look){
	"master":           func(*model.Look) {},
	"master of term 5": func(l *model.Look) { l.Term.N = 5 },
	"master of term 0": func(l *model.Look) { l.Term.N = 0 },
	"master of term 3": func(l *model.Look) { l.Term.N = 3 },
	"master of a term unknown": func(l *model.Look) {
		l.Term = model.Term{}
	},
	"linked replica": func(l *model.Look) {
		l.Info.Role, l.Info.LinkUp, l.Info.Master = model.Replica, true, fixture.Addr("192.168.9.71:6379")
	},
	"replica":          func(l *model.Look) { l.Info.Role = model.Replica },
	"fresher replica":  func(l *model.Look) { l.Info.Role, l.Term.N = model.Replica, 5 },
	"refuses":          func(l *model.Look) { l.State, l.Info = model.Refused, nil },
	"stalls":           func(l *model.Look) { l.State, l.Info = model.Stalled, nil },
	"is silent":        func(l *model.Look) { l.State, l.Info = model.Silent, nil },
	"is loading":       func(l *model.Look) { l.State, l.Term = model.Loading, model.Term{} },
	"wants a password": func(l *model.Look) { l.State, l.Info = model.NoAuth, nil },
	"was not seen":     func(l *model.Look) { l.State, l.Info = model.Unseen, nil },
}

// plainSituations are what else may be so.
var plainSituations = map[string]func(*model.Observation){
	"settled":             func(*model.Observation) {},
	"replicated":          func(o *model.Observation) { o.Durability = model.DurabilityReplicated },
	"a switchover failed": func(o *model.Observation) { o.SwitchoverWait = 12 * time.Second },
	"just taken away":     func(o *model.Observation) { changePair(o, func(p *model.Pair) { p.TakenAway = true }) },
	"policy stay":         func(o *model.Observation) { o.Policy = model.PolicyStay },
	"local address that the peer cannot reach": func(o *model.Observation) {
		p := o.Pairs[o.Locals[0].Instance]
		o.Locals[0].Instance.Addr = fixture.Addr("127.0.0.1:6379")
		o.Pairs = map[model.Instance]model.Pair{o.Locals[0].Instance: p}
	},
	"not paired": func(o *model.Observation) {
		o.Pairs = map[model.Instance]model.Pair{model.At(fixture.Addr("192.168.9.71:1")): {Peer: fixture.Addr("192.168.9.70:1")}}
	},
	"maintenance": func(o *model.Observation) { o.Maintenance = model.Maintenance{Word: model.Drain, Reason: "new disks"} },
	"fenced":      func(o *model.Observation) { o.Fence = &model.FenceView{For: time.Minute, HoldOff: 3 * time.Second} },
	"fence may lift": func(o *model.Observation) {
		o.Fence = &model.FenceView{For: time.Minute, HoldOff: 3 * time.Second, HeardFor: 4 * time.Second}
	},
	"alone and fence": func(o *model.Observation) {
		o.Fence = &model.FenceView{For: time.Hour, HoldOff: 3 * time.Second, UnansweredFor: 2 * time.Minute}
	},
	"no witness": func(o *model.Observation) { o.Witness.Answers = false },
}

func plainPairs(each func(key string, o model.Observation)) {
	for _, vs := range []model.VRRP{model.VRRPMaster, model.VRRPBackup, model.VRRPFault, model.VRRPStop, model.VRRPNone} {
		for lName, local := range plainLocals {
			for pName, peer := range plainPeers {
				for sName, situation := range plainSituations {
					for age, stretch := range map[string]model.Stretch{"first": {Looks: 1}, "later": {For: 2 * time.Second, Looks: 3}} {
						for _, hook := range []bool{true, false} {
							o := plainPair()
							o.State, o.Hook = vs, hook
							peer(&o.Peers[0])
							local(&o)
							situation(&o)
							o.Instances = map[netip.AddrPort]model.Stretch{}
							if !o.Peers[0].State.Serves() {
								o.Instances[o.Peers[0].Instance.Addr] = stretch
							}
							o.Hosts = map[netip.Addr]model.Stretch{}
							if o.Peers[0].State == model.Silent {
								o.Hosts[o.Peers[0].Instance.Addr.Addr()] = stretch
							}
							if o.CutOff() {
								o.Alone = stretch
							}
							changePair(&o, func(p *model.Pair) { p.NoMaster, p.Overruled = stretch, stretch })
							if model.LeftBehind(o.State, false, o.Locals[0]) {
								changePair(&o, func(p *model.Pair) { p.Left = stretch })
							}
							who := "run"
							if hook {
								who = "hook"
							}
							each(fmt.Sprintf("%s by %s, %s, peer %s (%s look), %s", cmp.Or(string(vs), "none"), who, lName, pName, age, sName), o)
						}
					}
				}
			}
		}
	}
}

// whole: the local data set may be promoted, whatever the peer is.
func whole(o model.Observation) bool {
	l := o.Locals[0]
	return l.State == model.Up && l.Role() == model.Replica && !l.Info.Syncing
}

func TestDecidePair(t *testing.T) {
	compareAll(t, "pair.txt", plainPairs, func(key string, o model.Observation, p model.Plan) {
		lost := o.State == model.VRRPFault && o.PeersSilent() && o.Witness.Answers
		may := (o.State == model.VRRPMaster || lost) && o.Fence == nil && o.Maintenance.Word == "" && !o.CutOff() && !o.Isolated()
		for _, s := range p.Steps {
			switch s.Do {
			case model.Promote, model.Switchover:
				if !may || s.Instance == o.Locals[0].Instance && !whole(o) {
					t.Errorf("%s: promotes: %s", key, p.Sentence)
				}
			case model.Relax:
				if !may || o.Durability != model.DurabilityReplicated {
					t.Errorf("%s: takes writes without a replica: %s", key, p.Sentence)
				}
			case model.Follow:
				if !o.Peers[0].State.Serves() || o.Peers[0].Role() != model.Master || o.Peers[0].Term.Known && o.Locals[0].Term.N > o.Peers[0].Term.N {
					t.Errorf("%s: follows who does not lead: %s", key, p.Sentence)
				}
			case model.Restore:
				if l := o.Locals[0]; l.Role() == model.Master && model.BothMasters(l, o.Peers[0]) && !model.Outranked(o.Peers[0], l) && len(o.Pairs) > 0 && o.PeerOf(l).Info != nil {
					t.Errorf("%s: two masters may write: %s", key, p.Sentence)
				}
			case model.Release:
				if l := o.Locals[0]; o.State != model.VRRPBackup || l.Role() != model.Master || l.Term.Released {
					t.Errorf("%s: marked: %s", key, p.Sentence)
				}
			case model.Claim:
				if l := o.Locals[0]; o.State != model.VRRPMaster || !l.Term.Released {
					t.Errorf("%s: claimed: %s", key, p.Sentence)
				}
			case model.Takeover, model.Force, model.Bump:
				t.Errorf("%s: a command of clusters: %v", key, s)
			}
		}
	})
}

func TestDecideForced(t *testing.T) {
	seen := map[string]string{}
	plainPairs(func(key string, o model.Observation) {
		p := DecideForced(o)
		if p.Sentence == "" {
			t.Errorf("%s: forced without a word", key)
		}
		for _, s := range p.Steps {
			l := o.Locals[0]
			if s.Do == model.Promote && (s.Instance != l.Instance || l.Info == nil || l.State == model.Loading || l.Info.Syncing || o.Maintenance.Word != "") {
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
		"192.168.9.71:6379 is not promoted: its master 192.168.9.70:6379 is alive and linked; hint: the master follows the VIP: stop keepalived on the other host",
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
	o := fixture.Cluster()
	if p := DecideForced(o); len(p.Steps) != 0 {
		t.Errorf("masters that are alive and linked: %s", p.Sentence)
	}
	fixture.PeersAre(&o, model.Silent, model.Stretch{})
	p := DecideForced(o)
	if len(p.Steps) != 2 || p.Steps[0] != (model.Step{Do: model.Takeover, Instance: model.At(fixture.Addr("192.168.9.71:7004"))}) || p.Steps[1].Do != model.Takeover {
		t.Errorf("%v: %s", p.Steps, p.Sentence)
	}
}

func TestTermsOfTwoHostsNeverMeet(t *testing.T) {
	a, b := fixture.Addr("10.0.0.1:7000"), fixture.Addr("10.0.0.2:7000")
	for n := uint64(0); n < 9; n++ {
		for m := uint64(0); m < 9; m++ {
			x := model.NextTerm(a, b, model.Term{N: n}, model.Term{N: m})
			y := model.NextTerm(b, a, model.Term{N: m}, model.Term{N: n})
			if x == y || min(x, y) <= max(n, m) || max(x, y) > max(n, m)+2 {
				t.Errorf("after %d and %d: %d and %d", n, m, x, y)
			}
		}
	}
}
