package failover

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/vrrp"
)

func addr(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// pair is the view of box B (7003 to 7005) of the usual cluster: two of the three masters are on box A.
func pair() Observation {
	const a, b = "192.168.9.70:", "192.168.9.71:"
	nodes := redis.Nodes{
		{ID: "a0", Addr: addr(a + "7000"), Role: redis.Master, Epoch: 1, Slots: []redis.Slots{{First: 0, Last: 5460}}},
		{ID: "a1", Addr: addr(a + "7001"), Role: redis.Master, Epoch: 2, Slots: []redis.Slots{{First: 5461, Last: 10922}}},
		{ID: "a2", Addr: addr(a + "7002"), Role: redis.Replica, MasterID: "b3", Epoch: 3},
		{ID: "b3", Addr: addr(b + "7003"), Role: redis.Master, Epoch: 3, Slots: []redis.Slots{{First: 10923, Last: 16383}}},
		{ID: "b4", Addr: addr(b + "7004"), Role: redis.Replica, MasterID: "a0", Epoch: 1},
		{ID: "b5", Addr: addr(b + "7005"), Role: redis.Replica, MasterID: "a1", Epoch: 2},
	}
	v := redis.Version{Major: 7}
	look := func(i int, info redis.Info) redis.Look {
		view := append(redis.Nodes(nil), nodes...)
		view[i].Myself = true
		info.Version, info.VersionText, info.Cluster, info.Uptime = v, "7.0.15", true, time.Hour
		return redis.Look{Instance: redis.Instance{Addr: nodes[i].Addr}, State: redis.Up, Info: &info, Nodes: view}
	}
	o := Observation{State: vrrp.Master, Why: "the VIP is on this box", KeepalivedLives: true, Policy: config.PolicyAuto,
		Times:  config.Times{Deadline: 900 * time.Millisecond, Settle: time.Second, StallGrace: 1500 * time.Millisecond, FenceStopAfter: 5 * time.Second, ColdStartWait: time.Minute},
		MaxLag: 1 << 20, HeldFor: time.Hour, Witness: Witness{Name: "192.168.9.1", Counts: true, Answers: true}}
	o.Locals = []redis.Look{
		look(3, redis.Info{Role: redis.Master, Offset: 500}),
		look(4, redis.Info{Role: redis.Replica, Master: nodes[0].Addr, LinkUp: true, Offset: 500}),
		look(5, redis.Info{Role: redis.Replica, Master: nodes[1].Addr, LinkUp: true, Offset: 500}),
	}
	o.Peers = []redis.Look{
		look(0, redis.Info{Role: redis.Master, Offset: 500}),
		look(1, redis.Info{Role: redis.Master, Offset: 500}),
		look(2, redis.Info{Role: redis.Replica, Master: nodes[3].Addr, LinkUp: true, Offset: 500}),
	}
	return o
}

// peersAre puts every peer into one state, seen for that long in that many looks.
func (o *Observation) peersAre(s redis.State, ail Ail) {
	o.Boxes, o.Instances = map[netip.Addr]Ail{}, map[netip.AddrPort]Ail{}
	for i := range o.Peers {
		o.Peers[i].State = s
		if !s.Alive() || s == redis.NoAuth || s == redis.Busy {
			o.Peers[i].Info, o.Peers[i].Nodes = nil, nil
		}
		o.Instances[o.Peers[i].Instance.Addr] = ail
		if s == redis.Silent {
			o.Boxes[o.Peers[i].Instance.Addr.Addr()] = ail
		}
	}
}

func promotes(p Plan) bool {
	for _, s := range p.Steps {
		if s.Do == Takeover || s.Do == Force || s.Do == Move || s.Do == Promote {
			return true
		}
	}
	return false
}

// product goes through every combination of what can be seen.
func product(each func(key string, o Observation)) {
	witnesses := map[string]Witness{"answers": {"192.168.9.1", true, true}, "silent": {"192.168.9.1", true, false}, "never": {"192.168.9.1", false, false}}
	ages := map[string]Ail{"first": {0, 1}, "later": {6 * time.Second, 8}}
	peers := []redis.State{redis.Up, redis.Refused, redis.Silent, redis.Stalled, redis.Loading, redis.Misconf, redis.NoAuth, redis.Busy}
	fences := map[string]*FenceView{"none": nil, "new": {For: time.Second, HoldOff: 3 * time.Second},
		"old":      {For: time.Minute, HoldOff: 3 * time.Second},
		"liftable": {For: time.Minute, HoldOff: 3 * time.Second, HeardFor: 4 * time.Second}}
	for _, vs := range []vrrp.State{vrrp.Master, vrrp.Backup, vrrp.Fault, vrrp.Stop, vrrp.None} {
		for _, policy := range []config.Policy{config.PolicyFollow, config.PolicyStay} {
			for _, peer := range peers {
				for wName, w := range witnesses {
					for age, ail := range ages {
						for fName, f := range fences {
							for _, hook := range []bool{true, false} {
								o := pair()
								o.peersAre(peer, ail)
								o.State, o.Policy, o.Witness, o.Fence, o.Hook = vs, policy, w, f, hook
								if o.cutOff() {
									o.Alone = ail
								}
								who := "tick"
								if hook {
									who = "hook"
								}
								each(fmt.Sprintf("%s by %s, policy %s, peers %s (%s look), witness %s, fence %s", orNone(string(vs)), who, policy, peer, age, wName, fName), o)
							}
						}
					}
				}
			}
		}
	}
}

// replicas goes through every combination of a local replica, its master and the standing of a box that is MASTER. Only that replica
// is looked at, so that each sentence is about it alone.
func replicas(each func(key string, o Observation)) {
	locals := map[string]func(*redis.Look){
		"linked":       func(*redis.Look) {},
		"link down":    func(l *redis.Look) { l.Info.LinkUp = false },
		"behind":       func(l *redis.Look) { l.Info.Offset = 500 - 2<<20 },
		"never synced": func(l *redis.Look) { l.Info.LinkUp, l.Info.Offset = false, 0 },
		"syncing":      func(l *redis.Look) { l.Info.LinkUp, l.Info.Syncing = false, true },
		"loading":      func(l *redis.Look) { l.State = redis.Loading },
		"a master":     func(l *redis.Look) { l.Info.Role = redis.Master },
		"dead":         func(l *redis.Look) { l.State, l.Info, l.Nodes = redis.Refused, nil, nil },
	}
	masters := map[string]func(o *Observation){
		"lives":          func(*Observation) {},
		"is a replica":   func(o *Observation) { o.Peers[0].Info.Role = redis.Replica },
		"refuses":        func(o *Observation) { o.Peers[0].State, o.Peers[0].Info = redis.Refused, nil },
		"stalls":         func(o *Observation) { o.Peers[0].State, o.Peers[0].Info = redis.Stalled, nil },
		"is silent":      func(o *Observation) { o.Peers[0].State, o.Peers[0].Info = redis.Silent, nil },
		"drops":          func(o *Observation) { o.Peers[0].State, o.Peers[0].Info = redis.Dropped, nil },
		"wants password": func(o *Observation) { o.Peers[0].State, o.Peers[0].Info = redis.NoAuth, nil },
		"is full":        func(o *Observation) { o.Peers[0].State, o.Peers[0].Info = redis.TooManyClients, nil },
		"is no Redis":    func(o *Observation) { o.Peers[0].State, o.Peers[0].Info = redis.NotRedis, nil },
		"is unknown":     func(o *Observation) { o.Peers = o.Peers[1:] },
	}
	// What else may be so: each alone is enough to change the sentence.
	standings := map[string]func(o *Observation){
		"settled":         func(*Observation) {},
		"not yet settled": func(o *Observation) { o.HeldFor = 300 * time.Millisecond },
		"a move failed":   func(o *Observation) { o.MoveWait = 12 * time.Second },
		"epochs to raise": func(o *Observation) { o.BumpGoal = 11 },
		"a move is open":  func(o *Observation) { o.MoveOpen = true },
		"an orphan":       func(o *Observation) { o.Orphans = []redis.Instance{o.Locals[0].Instance} },
		"maintenance":     func(o *Observation) { o.Maintenance = Maintenance{Word: Hold, Reason: "new disks"} },
		"no keepalived": func(o *Observation) {
			o.KeepalivedLives, o.Why = false, "keepalived does not run here, so nothing is decided"
		},
		"a third box":       func(o *Observation) { thirdBox(o) },
		"no other majority": func(o *Observation) { o.Peers[len(o.Peers)-2].State, o.Peers[len(o.Peers)-2].Info = redis.Refused, nil },
	}
	for lName, local := range locals {
		for mName, master := range masters {
			for sName, standing := range standings {
				for age, ail := range map[string]Ail{"first": {0, 1}, "later": {2 * time.Second, 3}} {
					for _, hook := range []bool{true, false} {
						for _, policy := range []config.Policy{config.PolicyFollow, config.PolicyStay, config.PolicyAuto} {
							o := pair()
							o.Locals, o.Policy, o.Hook = o.Locals[:2], policy, hook
							master(&o)
							standing(&o)
							local(&o.Locals[1])
							o.Instances, o.Boxes = map[netip.AddrPort]Ail{}, map[netip.Addr]Ail{}
							for _, p := range o.Peers {
								if !p.State.Serves() || p.Role() == redis.Replica {
									o.Instances[p.Instance.Addr] = ail
								}
							}
							who := "tick"
							if hook {
								who = "hook"
							}
							each(fmt.Sprintf("replica %s, master %s (%s look), %s, policy %s, by %s", lName, mName, age, sName, policy, who), o)
						}
					}
				}
			}
		}
	}
}

func thirdBox(o *Observation) {
	third := redis.Node{ID: "c6", Addr: addr("192.168.9.72:7006"), Role: redis.Replica, MasterID: "b3"}
	for i := range o.Locals {
		o.Locals[i].Nodes = append(o.Locals[i].Nodes, third)
	}
}

// TestDecide compares the sentence of every combination; combinations with the same decision stand together.
func TestDecide(t *testing.T) {
	compareAll(t, "decide.txt", product, func(key string, o Observation, p Plan) {
		lost := o.State == vrrp.Fault && o.peersSilent() && o.Witness.Answers
		if promotes(p) && (o.State != vrrp.Master && !lost || o.Fence != nil || o.cutOff() || o.Isolated()) {
			t.Errorf("%s: promotes: %s", key, p.Sentence)
		}
	})
}

func TestDecideReplica(t *testing.T) {
	compareAll(t, "replica.txt", replicas, func(key string, o Observation, p Plan) {
		l := o.Locals[1]
		whole := l.State == redis.Up && l.Role() == redis.Replica && !l.Info.Syncing && (l.Info.LinkUp || l.Info.Offset > 0)
		if promotes(p) && (!whole || o.Maintenance.Word != "" || !o.KeepalivedLives) {
			t.Errorf("%s: promotes: %s", key, p.Sentence)
		}
		for _, s := range p.Steps {
			if s.Do == Takeover && (o.majority() || boxes(o.view()) > 2) {
				t.Errorf("%s: takes over past the votes of the masters: %s", key, p.Sentence)
			}
		}
	})
}

// compareAll decides in every case, holds the decisions against the file, and checks each.
func compareAll(t *testing.T, file string, cases func(func(string, Observation)), check func(string, Observation, Plan)) {
	t.Helper()
	decisions := map[string][]string{}
	cases(func(key string, o Observation) {
		p := Decide(o)
		var steps []string
		for _, s := range p.Steps {
			steps = append(steps, strings.TrimSuffix(fmt.Sprintf("%s %s", s.Do, s.Instance), " invalid AddrPort"))
		}
		d := p.Sentence + "\n  steps: " + orNone(strings.Join(steps, ", "))
		decisions[d] = append(decisions[d], key)
		if p.Sentence == "" {
			t.Errorf("%s: decided without a word", key)
		}
		check(key, o, p)
	})
	var lines []string
	for d, keys := range decisions {
		sort.Strings(keys)
		shown := keys
		if len(keys) > 6 {
			shown = append(append([]string{}, keys[:3]...), keys[len(keys)-3:]...)
		}
		lines = append(lines, fmt.Sprintf("%s\n  in %d cases:\n    %s\n", d, len(keys), strings.Join(shown, "\n    ")))
	}
	sort.Strings(lines)
	golden(t, file, strings.Join(lines, "\n"))
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("decisions changed (-want +got):\n%s", d)
	}
}

// The first instance of this box has lost its nodes.conf: it knows only itself, and leads nothing. The others know the cluster.
func TestOneThatKnowsNobodyBlindsNobody(t *testing.T) {
	o := pair()
	o.Hook = true
	o.Locals[0].Nodes = redis.Nodes{{ID: "new", Addr: o.Locals[0].Instance.Addr, Myself: true, Role: redis.Master}}
	for _, n := range o.Peers {
		if _, known := o.view().ByID(n.Nodes[0].ID); !known {
			t.Errorf("node %s is not in view", n.Nodes[0].ID)
		}
	}
	if n := boxes(o.view()); n != 2 {
		t.Errorf("%d boxes", n)
	}
	o.peersAre(redis.Silent, Ail{0, 1})
	if p := Decide(o); len(p.Steps) != 2 || p.Steps[0].Do != Takeover {
		t.Errorf("%s", p.Sentence)
	}
}

func TestDecideSingle(t *testing.T) {
	lost := Ail{0, 1}
	for name, c := range map[string]struct {
		change func(*Observation)
		want   string
	}{
		"never synced": {func(o *Observation) {
			o.Hook = true
			o.peersAre(redis.Silent, lost)
			o.Locals[1].Info.LinkUp, o.Locals[1].Info.Offset = false, 0
		}, "192.168.9.71:7004 is not promoted although its master 192.168.9.70:7000 is lost, box 192.168.9.70 is silent: it never finished its first sync; hint: if its data is to count, run on this box: notify-redis promote --force; promote 192.168.9.71:7005 by takeover: its master 192.168.9.70:7001 is lost, box 192.168.9.70 is silent, and no majority of the masters answers"},
		"never synced, as Redis shows it": {func(o *Observation) {
			o.Hook = true
			o.peersAre(redis.Silent, lost)
			o.Locals = o.Locals[:2]
			o.Locals[1].Info.LinkUp, o.Locals[1].Info.Offset, o.Locals[1].Info.Keys = false, 1, 0
		}, "192.168.9.71:7004 is not promoted although its master 192.168.9.70:7000 is lost, box 192.168.9.70 is silent: it never finished its first sync; hint: if its data is to count, run on this box: notify-redis promote --force"},
		"started from its own file, its master dead": {func(o *Observation) {
			o.Hook = true
			o.peersAre(redis.Silent, lost)
			o.Locals = o.Locals[:2]
			o.Locals[1].Info.LinkUp, o.Locals[1].Info.Offset, o.Locals[1].Info.Keys = false, 1, 9
		}, "promote 192.168.9.71:7004 by takeover: its master 192.168.9.70:7000 is lost, box 192.168.9.70 is silent, and no majority of the masters answers"},
		"synced with a master that had nothing": {func(o *Observation) {
			o.Hook = true
			o.peersAre(redis.Silent, lost)
			o.Locals = o.Locals[:2]
			o.Locals[1].Info.LinkUp, o.Locals[1].Info.WasLinked, o.Locals[1].Info.Offset = false, true, 0
		}, "promote 192.168.9.71:7004 by takeover: its master 192.168.9.70:7000 is lost, box 192.168.9.70 is silent, and no majority of the masters answers"},
		"syncing": {func(o *Observation) {
			o.Hook = true
			o.peersAre(redis.Silent, lost)
			o.Locals = o.Locals[:2]
			o.Locals[1].Info.Syncing = true
		}, "192.168.9.71:7004 is not promoted although its master 192.168.9.70:7000 is lost, box 192.168.9.70 is silent: it is in the middle of a sync and its data is not whole"},
		"maintenance": {func(o *Observation) {
			o.Hook = true
			o.peersAre(redis.Silent, lost)
			o.Maintenance = Maintenance{Word: Drain, Until: "18:00", Reason: "disks"}
		},
			"maintenance (drain until 18:00: disks): nothing is changed; hint: to end it, remove the file maintenance in the state directory"},
		"maintenance of a box that is cut off": {func(o *Observation) {
			o.peersAre(redis.Silent, lost)
			o.Witness.Answers, o.Alone = false, Ail{2 * time.Second, 3}
			o.Maintenance = Maintenance{Word: Hold, Reason: "disks"}
		}, "this box is cut off, no peer and no witness (192.168.9.1) answers; maintenance (hold: disks): nothing is changed; hint: to end it, remove the file maintenance in the state directory"},
		"maintenance of a fenced box": {func(o *Observation) {
			o.Fence = &FenceView{For: time.Minute, HoldOff: 3 * time.Second}
			o.Maintenance = Maintenance{Word: Hold, Reason: "disks"}
		}, "fenced: writes are refused here; maintenance (hold: disks): nothing is changed; hint: to end it, remove the file maintenance in the state directory"},
		"settling": {func(o *Observation) { o.HeldFor = 400 * time.Millisecond; o.Locals = o.Locals[:2] },
			"192.168.9.70:7000 moves here once the VIP has been held for 1s"},
		"behind": {func(o *Observation) { o.Peers[0].Info.Offset = 1 << 30; o.Locals = o.Locals[:2] },
			"192.168.9.70:7000 does not move yet: 192.168.9.71:7004 is behind by more than 1048576 bytes"},
		"auto on 3.2": {func(o *Observation) {
			o.Locals[0].Info.Version = redis.Version{Major: 3, Minor: 2}
			o.Locals = o.Locals[:2]
		},
			"192.168.9.70:7000 stays where it is (policy stay)"},
		"one master died, the majority answers": {func(o *Observation) {
			o.Locals = o.Locals[:2]
			o.peersAre(redis.Up, Ail{})
			o.Peers[0].State, o.Peers[0].Info = redis.Refused, nil
			o.Instances[o.Peers[0].Instance.Addr] = Ail{2 * time.Second, 3}
		}, "promote 192.168.9.71:7004 by vote: its master 192.168.9.70:7000 refuses connections, and a majority of the masters answers"},
		"fresher replica": {func(o *Observation) {
			o.Hook = true
			o.Locals = o.Locals[:2]
			o.peersAre(redis.Silent, lost)
			third := addr("192.168.9.72:7006")
			o.Locals[1].Nodes = append(o.Locals[1].Nodes, redis.Node{ID: "c6", Addr: third, Role: redis.Replica, MasterID: "a0"})
			o.Locals[0].Nodes = o.Locals[1].Nodes
			o.Peers = append(o.Peers, redis.Look{Instance: redis.Instance{Addr: third}, State: redis.Up, Info: &redis.Info{Role: redis.Replica, Offset: 900}})
		}, "promote 192.168.9.72:7006 by vote: its master 192.168.9.70:7000 is lost, box 192.168.9.70 is silent, and 192.168.9.71:7004 has less of the data, and the cluster spans 3 boxes"},
		"two local replicas of one master": {func(o *Observation) {
			o.Hook = true
			o.peersAre(redis.Silent, lost)
			twin := o.Locals[1]
			second := redis.Node{ID: "b6", Addr: addr("192.168.9.71:7006"), Role: redis.Replica, MasterID: "a0"}
			info := *twin.Info
			twin.Info, twin.Instance.Addr = &info, second.Addr
			twin.Nodes = append(append(redis.Nodes(nil), twin.Nodes...), second)
			twin.Nodes[4].Myself, twin.Nodes[6].Myself = false, true
			o.Locals[0].Nodes, o.Locals[1].Nodes = append(o.Locals[0].Nodes, second), append(o.Locals[1].Nodes, second)
			info.Offset++
			o.Locals = []redis.Look{o.Locals[0], o.Locals[1], twin}
		}, "192.168.9.71:7004 leaves it to 192.168.9.71:7006, a replica of the same master with as much or more of the data: its master 192.168.9.70:7000 is lost, box 192.168.9.70 is silent; promote 192.168.9.71:7006 by takeover: its master 192.168.9.70:7000 is lost, box 192.168.9.70 is silent, and no majority of the masters answers"},
		"a fresher replica that is still syncing": {func(o *Observation) {
			o.Hook = true
			o.Locals = o.Locals[:2]
			o.peersAre(redis.Silent, lost)
			third := addr("192.168.9.72:7006")
			o.Locals[1].Nodes = append(o.Locals[1].Nodes, redis.Node{ID: "c6", Addr: third, Role: redis.Replica, MasterID: "a0"})
			o.Peers = append(o.Peers, redis.Look{Instance: redis.Instance{Addr: third}, State: redis.Up, Info: &redis.Info{Role: redis.Replica, Offset: 900, Syncing: true}})
		}, "promote 192.168.9.71:7004 by vote: its master 192.168.9.70:7000 is lost, box 192.168.9.70 is silent, and the cluster spans 3 boxes"},
		"the cluster was down before": {func(o *Observation) {
			o.Hook = true
			o.Locals = o.Locals[:2]
			o.peersAre(redis.Silent, lost)
			o.Locals[1].Nodes[0].Failed = true
		}, "promote 192.168.9.71:7004 by takeover: its master 192.168.9.70:7000 is lost, box 192.168.9.70 is silent, and no majority of the masters answers; the cluster was down before (cluster_state:fail); each takeover mends the slots of its master, and Redis answers within about 5 s of the last"},
		"slots in migration at the fault": {func(o *Observation) {
			o.Hook = true
			o.Locals = o.Locals[:2]
			o.peersAre(redis.Silent, lost)
			o.Locals[0].Nodes[3].Open = []redis.OpenSlot{{Slot: 93, Importing: true, Other: "a0"}}
		}, "promote 192.168.9.71:7004 by takeover: its master 192.168.9.70:7000 is lost, box 192.168.9.70 is silent, and no majority of the masters answers; slots that were on their way to or from its master are left as they are; hint: once every master answers: redis-cli --cluster fix 192.168.9.71:7004"},
		"slots in migration, and both alive": {func(o *Observation) {
			o.Locals = o.Locals[:2]
			o.Peers[0].Nodes[0].Open = []redis.OpenSlot{{Slot: 93, Other: "b3"}}
		}, "192.168.9.70:7000 does not move yet: slots are on their way to or from it; hint: let that end, or redis-cli --cluster fix 192.168.9.70:7000"},
		"keepalived is dead": {func(o *Observation) {
			o.KeepalivedLives = false
			o.Why = "keepalived does not run here, so nothing is decided"
		},
			"keepalived does not run here, so nothing is decided"},
		"a move left open": {func(o *Observation) { o.MoveOpen = true }, "a coordinated move was begun and not ended; writes are given back"},
	} {
		t.Run(name, func(t *testing.T) {
			o := pair()
			c.change(&o)
			if d := cmp.Diff(c.want, Decide(o).Sentence); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestAFlapStopsNoRedis: the stop counts from the last sign of others, and while it comes near the box looks often enough to see one.
func TestAFlapStopsNoRedis(t *testing.T) {
	decide := func(fenced, alone time.Duration) Plan {
		o := pair()
		o.peersAre(redis.Silent, Ail{alone, 8})
		o.Witness.Answers, o.Alone = false, Ail{alone, 8}
		o.Fence = &FenceView{For: fenced, HoldOff: 3 * time.Second}
		return Decide(o)
	}
	if p := decide(20*time.Second, 5*time.Second); p.Steps[0].Do != FenceStop {
		t.Errorf("cut off for 5 s: %+v", p)
	}
	if p := decide(20*time.Second, 4*time.Second); p.Steps[0].Do != Fence || p.Again != flapAgain {
		t.Errorf("others were seen 4 s ago: %+v", p)
	}
	if p := decide(time.Second, time.Second); p.Again != 0 {
		t.Errorf("a new fence makes its verdict wait: %+v", p)
	}
}

// A master of a pair is promoted anew only if the VIP came to it while its peer was lost already, and is lost for sure.
func TestAMasterIsPromotedAnewOnlyWhereItsPeerIsLost(t *testing.T) {
	for name, test := range map[string]struct {
		change   func(*Observation)
		promotes bool
	}{
		"lost":                   {func(*Observation) {}, true},
		"heard since":            {func(o *Observation) { o.changePair(func(p *Pair) { p.Unheard = false }) }, false},
		"one look":               {func(o *Observation) { o.peersAre(redis.Silent, Ail{0, 1}) }, false},
		"it hangs":               {func(o *Observation) { o.peersAre(redis.Stalled, Ail{time.Second, 3}) }, false},
		"the VIP is not here":    {func(o *Observation) { o.State = vrrp.Backup }, false},
		"perhaps we are cut off": {func(o *Observation) { o.Witness.Answers = false }, false},
		"it is a replica":        {func(o *Observation) { o.Locals[0].Info.Role, o.Locals[0].Info.LinkUp = redis.Replica, true }, true}, // not anew
		"cold":                   {func(o *Observation) { o.Cold = Cold{Peerless: true} }, false},
	} {
		o := plainPair()
		o.Locals[0].Info.Role, o.Hook = redis.Master, true
		o.peersAre(redis.Silent, Ail{time.Second, 3})
		o.changePair(func(p *Pair) { p.Unheard = true })
		test.change(&o)
		p := Decide(o)
		if got := len(p.Steps) == 1 && p.Steps[0].Do == Promote; got != test.promotes {
			t.Errorf("%s: %+v", name, p)
		}
		if anew := strings.Contains(p.Sentence, " anew: "); anew != (test.promotes && o.Locals[0].Role() == redis.Master) {
			t.Errorf("%s: %s", name, p.Sentence)
		}
	}
}

// A hook waits less for a master that refuses connections than for one that may still answer; a tick has its looks to wait for.
func TestARefusedMasterIsWaitedForLess(t *testing.T) {
	for _, test := range []struct {
		state    redis.State
		lasts    time.Duration
		hook     bool
		grace    time.Duration
		promotes bool
	}{
		{redis.Refused, 250 * time.Millisecond, true, 1500 * time.Millisecond, false},
		{redis.Refused, 300 * time.Millisecond, true, 1500 * time.Millisecond, true},
		{redis.Refused, 200 * time.Millisecond, true, 200 * time.Millisecond, true},
		{redis.Refused, 300 * time.Millisecond, false, 1500 * time.Millisecond, false},
		{redis.Stalled, 1400 * time.Millisecond, true, 1500 * time.Millisecond, false},
		{redis.Stalled, 1500 * time.Millisecond, true, 1500 * time.Millisecond, true},
		{redis.Dropped, 1400 * time.Millisecond, true, 1500 * time.Millisecond, false},
	} {
		cluster, plain := pair(), plainPair()
		cluster.Locals = cluster.Locals[1:2]
		plain.Locals[0].Info.LinkUp = false
		for name, o := range map[string]*Observation{"cluster": &cluster, "pair": &plain} {
			if name == "pair" && !test.hook {
				continue // two looks in 0.3 s are as good there
			}
			o.Hook, o.Times.StallGrace = test.hook, test.grace
			o.peersAre(redis.Up, Ail{})
			o.Peers[0].State, o.Peers[0].Info, o.Peers[0].Nodes = test.state, nil, nil
			o.Instances[o.Peers[0].Instance.Addr] = Ail{test.lasts, 2}
			if got := len(Decide(*o).Steps) > 0; got != test.promotes {
				t.Errorf("%s, %+v: %q", name, test, Decide(*o).Sentence)
			}
		}
	}
}
