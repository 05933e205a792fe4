package decide

import (
	"cmp"
	"fmt"
	"net/netip"
	"sort"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/testing/fixture"
	"keepalived-redis/internal/testing/golden"
)

// product goes through every combination of what can be seen.
func product(each func(key string, o model.Observation)) {
	witnesses := map[string]model.Witness{"answers": {Name: "192.168.9.1", Counts: true, Answers: true}, "silent": {Name: "192.168.9.1", Counts: true}, "never": {Name: "192.168.9.1"}}
	ages := map[string]model.Stretch{"first": {Looks: 1}, "later": {For: 6 * time.Second, Looks: 8}}
	peers := []model.State{model.Up, model.Refused, model.Silent, model.Stalled, model.Loading, model.Misconf, model.NoAuth, model.Busy}
	fences := map[string]*model.FenceView{"none": nil, "new": {For: time.Second, HoldOff: 3 * time.Second},
		"old":      {For: time.Minute, HoldOff: 3 * time.Second},
		"liftable": {For: time.Minute, HoldOff: 3 * time.Second, HeardFor: 4 * time.Second}}
	for _, vs := range []model.VRRP{model.VRRPMaster, model.VRRPBackup, model.VRRPFault, model.VRRPStop, model.VRRPNone} {
		for _, policy := range []model.Policy{model.PolicyFollow, model.PolicyStay} {
			for _, peer := range peers {
				for wName, w := range witnesses {
					for age, stretch := range ages {
						for fName, f := range fences {
							for _, hook := range []bool{true, false} {
								o := fixture.Cluster()
								fixture.PeersAre(&o, peer, stretch)
								o.State, o.Policy, o.Witness, o.Fence, o.Hook = vs, policy, w, f, hook
								if o.CutOff() {
									o.Alone = stretch
								}
								who := "run"
								if hook {
									who = "hook"
								}
								each(fmt.Sprintf("%s by %s, policy %s, peers %s (%s look), witness %s, fence %s", cmp.Or(string(vs), "none"), who, policy, peer, age, wName, fName), o)
							}
						}
					}
				}
			}
		}
	}
}

// replicas goes through every combination of a local replica, its master and the situation of a host that is MASTER. Only that replica
// is looked at, so that each sentence is about it alone.
func replicas(each func(key string, o model.Observation)) {
	locals := map[string]func(*model.Look){
		"linked":       func(*model.Look) {},
		"link down":    func(l *model.Look) { l.Info.LinkUp = false },
		"behind":       func(l *model.Look) { l.Info.Offset = 500 - 2<<20 },
		"never synced": func(l *model.Look) { l.Info.LinkUp, l.Info.Offset = false, 0 },
		"syncing":      func(l *model.Look) { l.Info.LinkUp, l.Info.Syncing = false, true },
		"loading":      func(l *model.Look) { l.State = model.Loading },
		"a master":     func(l *model.Look) { l.Info.Role = model.Master },
		"dead":         func(l *model.Look) { l.State, l.Info, l.Nodes = model.Refused, nil, nil },
	}
	masters := map[string]func(o *model.Observation){
		"lives":          func(*model.Observation) {},
		"is a replica":   func(o *model.Observation) { o.Peers[0].Info.Role = model.Replica },
		"refuses":        func(o *model.Observation) { o.Peers[0].State, o.Peers[0].Info = model.Refused, nil },
		"stalls":         func(o *model.Observation) { o.Peers[0].State, o.Peers[0].Info = model.Stalled, nil },
		"is silent":      func(o *model.Observation) { o.Peers[0].State, o.Peers[0].Info = model.Silent, nil },
		"drops":          func(o *model.Observation) { o.Peers[0].State, o.Peers[0].Info = model.Dropped, nil },
		"wants password": func(o *model.Observation) { o.Peers[0].State, o.Peers[0].Info = model.NoAuth, nil },
		"is full":        func(o *model.Observation) { o.Peers[0].State, o.Peers[0].Info = model.TooManyClients, nil },
		"is no Redis":    func(o *model.Observation) { o.Peers[0].State, o.Peers[0].Info = model.NotRedis, nil },
		"is unknown":     func(o *model.Observation) { o.Peers = o.Peers[1:] },
	}
	// What else may be so: each alone is enough to change the sentence.
	situations := map[string]func(o *model.Observation){
		"settled":              func(*model.Observation) {},
		"not yet settled":      func(o *model.Observation) { o.HeldFor = 300 * time.Millisecond },
		"a switchover failed":  func(o *model.Observation) { o.SwitchoverWait = 12 * time.Second },
		"epochs to raise":      func(o *model.Observation) { o.BumpGoal = 11 },
		"a switchover is open": func(o *model.Observation) { o.SwitchoverOpen = true },
		"writes left stopped":  func(o *model.Observation) { o.LeftStopped = []model.Instance{o.Locals[0].Instance} },
		"maintenance":          func(o *model.Observation) { o.Maintenance = model.Maintenance{Word: model.Hold, Reason: "new disks"} },
		"no keepalived": func(o *model.Observation) {
			o.KeepalivedLives, o.Why = false, "keepalived does not run here, so nothing is decided"
		},
		"a third host": func(o *model.Observation) { thirdHost(o) },
		"no other majority": func(o *model.Observation) {
			o.Peers[len(o.Peers)-2].State, o.Peers[len(o.Peers)-2].Info = model.Refused, nil
		},
	}
	for lName, local := range locals {
		for mName, master := range masters {
			for sName, situation := range situations {
				for age, stretch := range map[string]model.Stretch{"first": {Looks: 1}, "later": {For: 2 * time.Second, Looks: 3}} {
					for _, hook := range []bool{true, false} {
						for _, policy := range []model.Policy{model.PolicyFollow, model.PolicyStay, model.PolicyAuto} {
							o := fixture.Cluster()
							o.Locals, o.Policy, o.Hook = o.Locals[:2], policy, hook
							master(&o)
							situation(&o)
							local(&o.Locals[1])
							o.Instances, o.Hosts = map[netip.AddrPort]model.Stretch{}, map[netip.Addr]model.Stretch{}
							for _, p := range o.Peers {
								if !p.State.Serves() || p.Role() == model.Replica {
									o.Instances[p.Instance.Addr] = stretch
								}
							}
							who := "run"
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

func thirdHost(o *model.Observation) {
	third := model.Node{ID: "c6", Addr: fixture.Addr("192.168.9.72:7006"), Role: model.Replica, MasterID: "b3"}
	for i := range o.Locals {
		o.Locals[i].Nodes = append(o.Locals[i].Nodes, third)
	}
}

// TestDecide compares the sentence of every combination; combinations with the same decision stand together.
func TestDecide(t *testing.T) {
	compareAll(t, "decide.txt", product, func(key string, o model.Observation, p model.Plan) {
		lost := o.State == model.VRRPFault && o.PeersSilent() && o.Witness.Answers
		if fixture.Promotes(p) && (o.State != model.VRRPMaster && !lost || o.Fence != nil || o.CutOff() || o.Isolated()) {
			t.Errorf("%s: promotes: %s", key, p.Sentence)
		}
	})
}

func TestDecideReplica(t *testing.T) {
	compareAll(t, "replica.txt", replicas, func(key string, o model.Observation, p model.Plan) {
		l := o.Locals[1]
		whole := l.State == model.Up && l.Role() == model.Replica && !l.Info.Syncing && (l.Info.LinkUp || l.Info.Offset > 0)
		if fixture.Promotes(p) && (!whole || o.Maintenance.Word != "" || !o.KeepalivedLives) {
			t.Errorf("%s: promotes: %s", key, p.Sentence)
		}
		for _, s := range p.Steps {
			if s.Do == model.Takeover && (majority(&o) || hosts(o.View()) > 2) {
				t.Errorf("%s: takes over past the votes of the masters: %s", key, p.Sentence)
			}
		}
	})
}

// compareAll decides in every case, holds the decisions against the file, and checks each.
func compareAll(t *testing.T, file string, cases func(func(string, model.Observation)), check func(string, model.Observation, model.Plan)) {
	t.Helper()
	decisions := map[string][]string{}
	cases(func(key string, o model.Observation) {
		o.Restarts.Never = true // what is started says TestWhatIsRestarted
		p := Decide(o)
		var steps []string
		for _, s := range p.Steps {
			steps = append(steps, strings.TrimSuffix(fmt.Sprintf("%s %s", s.Do, s.Instance), " invalid AddrPort"))
		}
		d := p.Sentence + "\n  steps: " + cmp.Or(strings.Join(steps, ", "), "none")
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
	golden.Check(t, file, strings.Join(lines, "\n"))
}

// The first instance of this host has lost its nodes.conf: it knows only itself, and leads nothing. The others know the cluster.
func TestOneThatKnowsNobodyBlindsNobody(t *testing.T) {
	o := fixture.Cluster()
	o.Hook = true
	o.Locals[0].Nodes = model.Nodes{{ID: "new", Addr: o.Locals[0].Instance.Addr, Myself: true, Role: model.Master}}
	for _, n := range o.Peers {
		if _, known := o.View().ByID(n.Nodes[0].ID); !known {
			t.Errorf("node %s is not in view", n.Nodes[0].ID)
		}
	}
	if n := hosts(o.View()); n != 2 {
		t.Errorf("%d hosts", n)
	}
	fixture.PeersAre(&o, model.Silent, model.Stretch{Looks: 1})
	if p := Decide(o); len(p.Steps) != 2 || p.Steps[0].Do != model.Takeover {
		t.Errorf("%s", p.Sentence)
	}
}

func TestDecideSingle(t *testing.T) {
	lost := model.Stretch{Looks: 1}
	for name, c := range map[string]struct {
		change func(*model.Observation)
		want   string
	}{
		"never synced": {func(o *model.Observation) {
			o.Hook = true
			fixture.PeersAre(o, model.Silent, lost)
			o.Locals[1].Info.LinkUp, o.Locals[1].Info.Offset = false, 0
		}, "192.168.9.71:7004 is not promoted although its master 192.168.9.70:7000 is lost, host 192.168.9.70 is silent: it never finished its first sync; hint: if its data is to count, run on this host: notify-redis promote --force; promote 192.168.9.71:7005 by takeover: its master 192.168.9.70:7001 is lost, host 192.168.9.70 is silent, and no majority of the masters answers"},
		"never synced, as Redis shows it": {func(o *model.Observation) {
			o.Hook = true
			fixture.PeersAre(o, model.Silent, lost)
			o.Locals = o.Locals[:2]
			o.Locals[1].Info.LinkUp, o.Locals[1].Info.Offset, o.Locals[1].Info.Keys = false, 1, 0
		}, "192.168.9.71:7004 is not promoted although its master 192.168.9.70:7000 is lost, host 192.168.9.70 is silent: it never finished its first sync; hint: if its data is to count, run on this host: notify-redis promote --force"},
		"started from its own file, its master dead": {func(o *model.Observation) {
			o.Hook = true
			fixture.PeersAre(o, model.Silent, lost)
			o.Locals = o.Locals[:2]
			o.Locals[1].Info.LinkUp, o.Locals[1].Info.Offset, o.Locals[1].Info.Keys = false, 1, 9
		}, "promote 192.168.9.71:7004 by takeover: its master 192.168.9.70:7000 is lost, host 192.168.9.70 is silent, and no majority of the masters answers"},
		"synced with a master that had nothing": {func(o *model.Observation) {
			o.Hook = true
			fixture.PeersAre(o, model.Silent, lost)
			o.Locals = o.Locals[:2]
			o.Locals[1].Info.LinkUp, o.Locals[1].Info.WasLinked, o.Locals[1].Info.Offset = false, true, 0
		}, "promote 192.168.9.71:7004 by takeover: its master 192.168.9.70:7000 is lost, host 192.168.9.70 is silent, and no majority of the masters answers"},
		"syncing": {func(o *model.Observation) {
			o.Hook = true
			fixture.PeersAre(o, model.Silent, lost)
			o.Locals = o.Locals[:2]
			o.Locals[1].Info.Syncing = true
		}, "192.168.9.71:7004 is not promoted although its master 192.168.9.70:7000 is lost, host 192.168.9.70 is silent: it is in the middle of a sync and its data is not whole"},
		"maintenance": {func(o *model.Observation) {
			o.Hook = true
			fixture.PeersAre(o, model.Silent, lost)
			o.Maintenance = model.Maintenance{Word: model.Drain, Until: "18:00", Reason: "disks"}
		},
			"maintenance (drain until 18:00: disks): nothing is changed; hint: to end it, remove the file maintenance in the state directory"},
		"maintenance of a host that is cut off": {func(o *model.Observation) {
			fixture.PeersAre(o, model.Silent, lost)
			o.Witness.Answers, o.Alone = false, model.Stretch{For: 2 * time.Second, Looks: 3}
			o.Maintenance = model.Maintenance{Word: model.Hold, Reason: "disks"}
		}, "this host is cut off, no peer and no witness (192.168.9.1) answers; maintenance (hold: disks): nothing is changed; hint: to end it, remove the file maintenance in the state directory"},
		"maintenance of a fenced host": {func(o *model.Observation) {
			o.Fence = &model.FenceView{For: time.Minute, HoldOff: 3 * time.Second}
			o.Maintenance = model.Maintenance{Word: model.Hold, Reason: "disks"}
		}, "fenced: writes are refused here; maintenance (hold: disks): nothing is changed; hint: to end it, remove the file maintenance in the state directory"},
		"settling": {func(o *model.Observation) { o.HeldFor = 400 * time.Millisecond; o.Locals = o.Locals[:2] },
			"192.168.9.70:7000 is switched over once the VIP has been held for 1s"},
		"behind": {func(o *model.Observation) { o.Peers[0].Info.Offset = 1 << 30; o.Locals = o.Locals[:2] },
			"192.168.9.70:7000 is not switched over yet: 192.168.9.71:7004 is behind by more than 1048576 bytes"},
		"auto on 3.2": {func(o *model.Observation) {
			o.Locals[0].Info.Version = model.Version{Major: 3, Minor: 2}
			o.Locals = o.Locals[:2]
		},
			"192.168.9.70:7000 stays where it is (policy stay)"},
		"one master died, the majority answers": {func(o *model.Observation) {
			o.Locals = o.Locals[:2]
			fixture.PeersAre(o, model.Up, model.Stretch{})
			o.Peers[0].State, o.Peers[0].Info = model.Refused, nil
			o.Instances[o.Peers[0].Instance.Addr] = model.Stretch{For: 2 * time.Second, Looks: 3}
		}, "promote 192.168.9.71:7004 by vote: its master 192.168.9.70:7000 refuses connections, and a majority of the masters answers"},
		"fresher replica": {func(o *model.Observation) {
			o.Hook = true
			o.Locals = o.Locals[:2]
			fixture.PeersAre(o, model.Silent, lost)
			third := fixture.Addr("192.168.9.72:7006")
			o.Locals[1].Nodes = append(o.Locals[1].Nodes, model.Node{ID: "c6", Addr: third, Role: model.Replica, MasterID: "a0"})
			o.Locals[0].Nodes = o.Locals[1].Nodes
			o.Peers = append(o.Peers, model.Look{Instance: model.Instance{Addr: third}, State: model.Up, Info: &model.Info{Role: model.Replica, Offset: 900}})
		}, "promote 192.168.9.72:7006 by vote: its master 192.168.9.70:7000 is lost, host 192.168.9.70 is silent, and 192.168.9.71:7004 has less of the data, and the cluster spans 3 hosts"},
		"two local replicas of one master": {func(o *model.Observation) {
			o.Hook = true
			fixture.PeersAre(o, model.Silent, lost)
			twin := o.Locals[1]
			second := model.Node{ID: "b6", Addr: fixture.Addr("192.168.9.71:7006"), Role: model.Replica, MasterID: "a0"}
			info := *twin.Info
			twin.Info, twin.Instance.Addr = &info, second.Addr
			twin.Nodes = append(append(model.Nodes(nil), twin.Nodes...), second)
			twin.Nodes[4].Myself, twin.Nodes[6].Myself = false, true
			o.Locals[0].Nodes, o.Locals[1].Nodes = append(o.Locals[0].Nodes, second), append(o.Locals[1].Nodes, second)
			info.Offset++
			o.Locals = []model.Look{o.Locals[0], o.Locals[1], twin}
		}, "192.168.9.71:7004 leaves it to 192.168.9.71:7006, a replica of the same master with as much or more of the data: its master 192.168.9.70:7000 is lost, host 192.168.9.70 is silent; promote 192.168.9.71:7006 by takeover: its master 192.168.9.70:7000 is lost, host 192.168.9.70 is silent, and no majority of the masters answers"},
		"a fresher replica that is still syncing": {func(o *model.Observation) {
			o.Hook = true
			o.Locals = o.Locals[:2]
			fixture.PeersAre(o, model.Silent, lost)
			third := fixture.Addr("192.168.9.72:7006")
			o.Locals[1].Nodes = append(o.Locals[1].Nodes, model.Node{ID: "c6", Addr: third, Role: model.Replica, MasterID: "a0"})
			o.Peers = append(o.Peers, model.Look{Instance: model.Instance{Addr: third}, State: model.Up, Info: &model.Info{Role: model.Replica, Offset: 900, Syncing: true}})
		}, "promote 192.168.9.71:7004 by vote: its master 192.168.9.70:7000 is lost, host 192.168.9.70 is silent, and the cluster spans 3 hosts"},
		"the cluster was down before": {func(o *model.Observation) {
			o.Hook = true
			o.Locals = o.Locals[:2]
			fixture.PeersAre(o, model.Silent, lost)
			o.Locals[1].Nodes[0].Failed = true
		}, "promote 192.168.9.71:7004 by takeover: its master 192.168.9.70:7000 is lost, host 192.168.9.70 is silent, and no majority of the masters answers; the cluster was down before (cluster_state:fail); each takeover repairs the slots of its master, and Redis answers within about 5 s of the last"},
		"slots in migration at the fault": {func(o *model.Observation) {
			o.Hook = true
			o.Locals = o.Locals[:2]
			fixture.PeersAre(o, model.Silent, lost)
			o.Locals[0].Nodes[3].Open = []model.OpenSlot{{Slot: 93, Importing: true, Other: "a0"}}
		}, "promote 192.168.9.71:7004 by takeover: its master 192.168.9.70:7000 is lost, host 192.168.9.70 is silent, and no majority of the masters answers; slots that were on their way to or from its master are left as they are; hint: once every master answers: redis-cli --cluster fix 192.168.9.71:7004"},
		"slots in migration, and both alive": {func(o *model.Observation) {
			o.Locals = o.Locals[:2]
			o.Peers[0].Nodes[0].Open = []model.OpenSlot{{Slot: 93, Other: "b3"}}
		}, "192.168.9.70:7000 is not switched over yet: slots are on their way to or from it; hint: let that end, or redis-cli --cluster fix 192.168.9.70:7000"},
		"keepalived is dead": {func(o *model.Observation) {
			o.KeepalivedLives = false
			o.Why = "keepalived does not run here, so nothing is decided"
		},
			"keepalived does not run here, so nothing is decided"},
		"a switchover left open": {func(o *model.Observation) { o.SwitchoverOpen = true }, "a switchover was begun and not ended; writes are given back"},
	} {
		t.Run(name, func(t *testing.T) {
			o := fixture.Cluster()
			c.change(&o)
			if d := gocmp.Diff(c.want, Decide(o).Sentence); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestAFlapStopsNoRedis: the stop counts from the last sign of others, and while it comes near the host looks often enough to see one.
func TestAFlapStopsNoRedis(t *testing.T) {
	decide := func(fenced, alone time.Duration) model.Plan {
		o := fixture.Cluster()
		fixture.PeersAre(&o, model.Silent, model.Stretch{For: alone, Looks: 8})
		o.Witness.Answers, o.Alone = false, model.Stretch{For: alone, Looks: 8}
		o.Fence = &model.FenceView{For: fenced, HoldOff: 3 * time.Second}
		return Decide(o)
	}
	if p := decide(20*time.Second, 5*time.Second); p.Steps[0].Do != model.FenceStop {
		t.Errorf("cut off for 5 s: %+v", p)
	}
	if p := decide(20*time.Second, 4*time.Second); p.Steps[0].Do != model.Fence || p.Again != flapAgain {
		t.Errorf("others were seen 4 s ago: %+v", p)
	}
	if p := decide(time.Second, time.Second); p.Again != 0 {
		t.Errorf("a new fence makes its verdict wait: %+v", p)
	}
}

// A master of a pair is promoted again only if the VIP came to it while its peer was lost already, and is lost for sure.
func TestAMasterIsPromotedAnewOnlyWhereItsPeerIsLost(t *testing.T) {
	for name, test := range map[string]struct {
		change   func(*model.Observation)
		promotes bool
	}{
		"lost":        {func(*model.Observation) {}, true},
		"heard since": {func(o *model.Observation) { changePair(o, func(p *model.Pair) { p.Unheard = false }) }, false},
		"one look":    {func(o *model.Observation) { fixture.PeersAre(o, model.Silent, model.Stretch{Looks: 1}) }, false},
		"it hangs": {func(o *model.Observation) {
			fixture.PeersAre(o, model.Stalled, model.Stretch{For: time.Second, Looks: 3})
		}, false},
		"the VIP is not here":    {func(o *model.Observation) { o.State = model.VRRPBackup }, false},
		"perhaps we are cut off": {func(o *model.Observation) { o.Witness.Answers = false }, false},
		"it is a replica":        {func(o *model.Observation) { o.Locals[0].Info.Role, o.Locals[0].Info.LinkUp = model.Replica, true }, true}, // not again
		"cold":                   {func(o *model.Observation) { o.Cold = model.Cold{Peerless: true} }, false},
	} {
		o := plainPair()
		o.Locals[0].Info.Role, o.Hook = model.Master, true
		fixture.PeersAre(&o, model.Silent, model.Stretch{For: time.Second, Looks: 3})
		changePair(&o, func(p *model.Pair) { p.Unheard = true })
		test.change(&o)
		p := Decide(o)
		if got := len(p.Steps) == 1 && p.Steps[0].Do == model.Promote; got != test.promotes {
			t.Errorf("%s: %+v", name, p)
		}
		if again := strings.Contains(p.Sentence, " again: "); again != (test.promotes && o.Locals[0].Role() == model.Master) {
			t.Errorf("%s: %s", name, p.Sentence)
		}
	}
}

// A hook waits less for a master that refuses connections than for one that may still answer; a check run has its looks to wait for.
func TestARefusedMasterIsWaitedForLess(t *testing.T) {
	for _, test := range []struct {
		state    model.State
		lasts    time.Duration
		hook     bool
		grace    time.Duration
		promotes bool
	}{
		{model.Refused, 250 * time.Millisecond, true, 1500 * time.Millisecond, false},
		{model.Refused, 300 * time.Millisecond, true, 1500 * time.Millisecond, true},
		{model.Refused, 200 * time.Millisecond, true, 200 * time.Millisecond, true},
		{model.Refused, 300 * time.Millisecond, false, 1500 * time.Millisecond, false},
		{model.Stalled, 1400 * time.Millisecond, true, 1500 * time.Millisecond, false},
		{model.Stalled, 1500 * time.Millisecond, true, 1500 * time.Millisecond, true},
		{model.Dropped, 1400 * time.Millisecond, true, 1500 * time.Millisecond, false},
	} {
		cluster, plain := fixture.Cluster(), plainPair()
		cluster.Locals = cluster.Locals[1:2]
		plain.Locals[0].Info.LinkUp = false
		for name, o := range map[string]*model.Observation{"cluster": &cluster, "pair": &plain} {
			if name == "pair" && !test.hook {
				continue // two looks in 0.3 s are as good there
			}
			o.Hook, o.Times.StallGrace = test.hook, test.grace
			fixture.PeersAre(o, model.Up, model.Stretch{})
			o.Peers[0].State, o.Peers[0].Info, o.Peers[0].Nodes = test.state, nil, nil
			o.Instances[o.Peers[0].Instance.Addr] = model.Stretch{For: test.lasts, Looks: 2}
			if got := len(Decide(*o).Steps) > 0; got != test.promotes {
				t.Errorf("%s, %+v: %q", name, test, Decide(*o).Sentence)
			}
		}
	}
}
