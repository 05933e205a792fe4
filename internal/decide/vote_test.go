package decide

import (
	"testing"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/testing/fixture"
)

// A vote in vain leads to a takeover. Where another replica could be voted for unseen, the vote is waited for.
func TestATakeoverPastTheVotesNeedsToKnowEveryReplica(t *testing.T) {
	noVote := func() model.Observation {
		o := fixture.Cluster()
		oneReplica(&o)
		masterIs(&o, model.Refused, forLong)
		o.VoteWait = map[model.Instance]time.Duration{o.Locals[1].Instance: VoteWithin}
		return o
	}
	takeover := "takeover master-down+no-vote B:7004 of A:7000"
	vote := "force master-down+majority-answers B:7004 of A:7000"
	checkPlans(t, noVote, Decide, []planCase{
		{"no other replica", func(*model.Observation) {}, "takeover B:7004", takeover},
		{"too early", func(o *model.Observation) { o.VoteWait[o.Locals[1].Instance]-- }, "force B:7004", vote},
		{"a replica that nobody looked at", func(o *model.Observation) { replicaOn72(o, model.Info{}); o.Peers = o.Peers[:3] },
			"force B:7004", "wait vote-missing B:7004; " + vote},
		{"a replica that is marked as failed", func(o *model.Observation) {
			node(o, model.Node{ID: "c6", Addr: fixture.Addr("192.168.9.72:7006"), Role: model.Replica, MasterID: "a0", Failed: true})
		}, "takeover B:7004", takeover},
		{"a replica that answers and has less", func(o *model.Observation) { replicaOn72(o, model.Info{LinkUp: true, Offset: 400}) },
			"takeover B:7004", takeover},
		{"a replica on a third host that is silent", func(o *model.Observation) {
			replicaOn72(o, model.Info{})
			o.Peers[3].State, o.Peers[3].Info = model.Silent, nil
		}, "force B:7004", "wait vote-missing B:7004; " + vote},
	})
}
