package decide

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/testing/fixture"
)

// fencedPair is pair() behind a fence of some time ago.
func fencedPair(stopped bool, heard, unanswered time.Duration, peers model.State) model.Observation {
	o := fixture.Cluster()
	fixture.PeersAre(&o, peers, model.Stretch{For: time.Hour, Looks: 99})
	o.Fence = &model.FenceView{For: time.Minute, Stopped: stopped, HoldOff: 3 * time.Second, HeardFor: heard, UnansweredFor: unanswered}
	if stopped {
		for i := range o.Locals {
			o.Locals[i].State, o.Locals[i].Info, o.Locals[i].Nodes = model.Refused, nil, nil
		}
	}
	return o
}

// TestFenceLiftsInTwoSteps: any answer of the other host for the hold-off lets what was stopped start; only a word of a Redis there, or
// cold_start_wait, gives writes back.
func TestFenceLiftsInTwoSteps(t *testing.T) {
	const s = time.Second
	for name, c := range map[string]struct {
		o             model.Observation
		starts, gives bool
	}{
		"stopped, the other refuses":                       {fencedPair(true, 3*s, 3*s, model.Refused), true, false},
		"stopped, the other closes the connection":         {fencedPair(true, 3*s, 3*s, model.Dropped), true, false},
		"stopped, the other answers garbage":               {fencedPair(true, 3*s, 3*s, model.NotRedis), true, false},
		"stopped, the other stalls":                        {fencedPair(true, 3*s, 3*s, model.Stalled), true, false},
		"stopped, not for the hold-off":                    {fencedPair(true, 2*s, 2*s, model.Refused), false, false},
		"stopped, the other is silent, the witness is not": {fencedPair(true, 0, 59*s, model.Silent), false, false},
		"the same for cold_start_wait":                     {fencedPair(true, 0, 60*s, model.Silent), true, false},
		"started, the other refuses":                       {fencedPair(false, 9*s, 9*s, model.Refused), false, false},
		"started, the other refuses for cold_start_wait":   {fencedPair(false, 60*s, 60*s, model.Refused), false, true},
		"started, the other answers and agrees":            {fencedPair(false, 9*s, 0, model.Up), false, true},
		"alone for cold_start_wait":                        {fencedPair(false, 0, 60*s, model.Silent), false, true},
	} {
		p := Decide(c.o)
		starts := slices.ContainsFunc(p.Steps, func(s model.Step) bool { return s.Do == model.LiftStart })
		gives := slices.Contains(p.Steps, model.Step{Do: model.Restore, Instance: model.At(fixture.Master7003)})
		if starts != c.starts || gives != c.gives {
			t.Errorf("%s: starts %v, gives writes back %v: %s", name, starts, gives, p.Sentence)
		}
	}
}

// A host whose ports are all silent has answered by itself: the network is whole, and this host is not cut off.
func TestHostThatAnswersByItself(t *testing.T) {
	o := fencedPair(true, 3*time.Second, 3*time.Second, model.Silent)
	o.Witness.Answers = false
	o.Alone = model.Stretch{For: time.Minute, Looks: 9}
	if o.Answers = map[netip.Addr]bool{o.Peers[0].Instance.Addr.Addr(): true}; o.PeersSilent() || o.CutOff() {
		t.Error("it counts as silent")
	}
	o.Alone = model.Stretch{}
	if p := Decide(o); !slices.ContainsFunc(p.Steps, func(s model.Step) bool { return s.Do == model.LiftStart }) {
		t.Errorf("it starts nothing: %s", p.Sentence)
	}
	// Nor is its master lost: the queue of its port may be full.
	lost := fixture.Cluster()
	lost.Hook, lost.HeldFor, lost.Times.BusyGrace = true, time.Hour, 5*time.Second
	fixture.PeersAre(&lost, model.Silent, model.Stretch{For: time.Second, Looks: 9})
	lost.Answers = o.Answers
	if p := Decide(lost); fixture.Promotes(p) || !strings.Contains(p.Sentence, "waiting for it") {
		t.Errorf("promotes: %s", p.Sentence)
	}
}

// A master that a serving peer outranks follows it in FAULT as well, in two looks.
func TestOutrankedFollowsInFault(t *testing.T) {
	var seen int
	plainPairs(func(key string, o model.Observation) {
		if o.State != model.VRRPFault || o.Fence != nil || o.Maintenance.Word != "" || o.CutOff() || o.Isolated() || !o.KeepalivedLives || o.SwitchoverOpen || len(o.LeftStopped) > 0 {
			return
		}
		l := o.Locals[0]
		a := o.Pairs[l.Instance].Overruled
		want := o.Replication() && model.Overruled(&o, l) && a.Looks >= 2 && a.For >= model.MinLookGap && Watched(&o, l) == ""
		got := slices.ContainsFunc(Decide(o).Steps, func(s model.Step) bool { return s.Do == model.Follow })
		if got != want {
			t.Errorf("%s: follows %v: %s", key, got, Decide(o).Sentence)
		}
		if got {
			seen++
		}
	})
	if seen == 0 {
		t.Error("no such case")
	}
}

// TestFaultPromotesOnceAllIsLost: only with the witness, and in two looks.
func TestFaultPromotesOnceAllIsLost(t *testing.T) {
	two := model.Stretch{For: time.Second, Looks: 2}
	for name, c := range map[string]struct {
		peers   model.State
		stretch model.Stretch
		witness bool
		want    bool
	}{
		"the other host lives":     {model.Up, model.Stretch{}, true, false},
		"it refuses":               {model.Refused, two, true, false},
		"it is silent":             {model.Silent, two, true, true},
		"it is silent in one look": {model.Silent, model.Stretch{Looks: 1}, true, false},
		"so is the witness":        {model.Silent, two, false, false},
		"nobody could look":        {model.Unseen, two, true, false},
		"it stalls":                {model.Stalled, two, true, false},
	} {
		o := fixture.Cluster()
		o.State, o.Hook = "FAULT", true
		fixture.PeersAre(&o, c.peers, c.stretch)
		o.Witness.Answers = c.witness
		if p := Decide(o); fixture.Promotes(p) != c.want {
			t.Errorf("%s: %s", name, p.Sentence)
		}
	}
}

// One instance that never starts again holds back the end of the fence for a while, and then only itself.
func TestFenceLiftsWithoutTheDead(t *testing.T) {
	for name, c := range map[string]struct {
		heard time.Duration
		lifts bool
	}{
		"a moment after the hold-off": {4 * time.Second, false},
		"long after the hold-off":     {13 * time.Second, true},
	} {
		o := fencedPair(false, c.heard, 0, model.Up)
		o.Locals[1].State, o.Locals[1].Info, o.Locals[1].Nodes = model.Refused, nil, nil
		p := Decide(o)
		if lifts := slices.Contains(p.Steps, model.Step{Do: model.LiftDone}); lifts != c.lifts {
			t.Errorf("%s: lifts %v: %s", name, lifts, p.Sentence)
		}
		if tries := slices.Contains(p.Steps, model.Step{Do: model.LiftStart}); tries == c.lifts {
			t.Errorf("%s: tries to start it %v: %s", name, tries, p.Sentence)
		}
		if !slices.Contains(p.Steps, model.Step{Do: model.Restore, Instance: model.At(fixture.Master7003)}) {
			t.Errorf("%s: the others wait for it: %s", name, p.Sentence)
		}
	}
}
