package decide

import (
	"strings"
	"testing"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/testing/fixture"
)

// Where another replica could be voted for unseen, the vote is waited for.
func TestATakeoverPastTheVotesNeedsToKnowEveryReplica(t *testing.T) {
	o := fixture.Cluster()
	o.Locals = o.Locals[:2]
	fixture.PeersAre(&o, model.Up, model.Stretch{})
	o.Peers[0].State, o.Peers[0].Info = model.Refused, nil
	o.Instances[o.Peers[0].Instance.Addr] = model.Stretch{For: 2 * time.Second, Looks: 3}
	me := o.Locals[1].Instance.Addr
	o.VoteWait = map[model.Instance]time.Duration{model.At(me): VoteWithin}
	if p := Decide(o); len(p.Steps) != 1 || p.Steps[0].Do != model.Takeover {
		t.Errorf("nobody else: %s", p.Sentence)
	}
	o.VoteWait[model.At(me)] = VoteWithin - 1
	if p := Decide(o); p.Steps[0].Do != model.Force {
		t.Errorf("too early: %s", p.Sentence)
	}
	o.VoteWait[model.At(me)] = VoteWithin
	third := model.Node{ID: "c6", Addr: fixture.Addr("192.168.9.72:7006"), Role: model.Replica, MasterID: "a0"}
	o.Locals[1].Nodes = append(o.Locals[1].Nodes, third)
	o.Locals[0].Nodes = append(o.Locals[0].Nodes, third)
	if p := Decide(o); p.Steps[0].Do != model.Force || !strings.Contains(p.Sentence, "Redis asks again only after four times cluster-node-timeout; "+ForceHint) {
		t.Errorf("an unseen replica: %s", p.Sentence)
	}
	o.Peers = append(o.Peers, model.Look{Instance: model.Instance{Addr: third.Addr}, State: model.Up, Info: &model.Info{Role: model.Replica, Offset: 400}})
	if p := Decide(o); p.Steps[0].Do != model.Takeover {
		t.Errorf("a replica that answers and has less: %s", p.Sentence)
	}
}

// A stale VIP is in the log, not only in what people ask for.
func TestAStaleVIPIsWarnedOf(t *testing.T) {
	o := model.Observation{Why: model.StaleVIP + ": it is on this host"}
	if got := Warnings(&o); len(got) != 1 || got[0] != o.Why {
		t.Errorf("got %q", got)
	}
	o.Why = "the VIP is on this host"
	if got := Warnings(&o); len(got) != 0 {
		t.Errorf("got %q", got)
	}
}
