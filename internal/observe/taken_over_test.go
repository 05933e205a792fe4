package observe

import (
	"testing"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/testing/fixture"
)

// hangs puts the first local instance into a state in which it says nothing.
func hangs(o model.Observation, s model.State) model.Observation {
	o.Locals[0].State, o.Locals[0].Info, o.Locals[0].Nodes = s, nil, nil
	return o
}

// taken is the usual cluster after 7002 has taken the slots of 7003 over.
func taken() model.Observation {
	o := fixture.Cluster()
	for _, looks := range [][]model.Look{o.Locals, o.Peers} {
		for _, l := range looks {
			l.Nodes[2].Role, l.Nodes[2].MasterID, l.Nodes[2].Slots, l.Nodes[2].Epoch = model.Master, "", l.Nodes[3].Slots, 9
			l.Nodes[3].Slots = nil
		}
	}
	o.Peers[2].Info.Role = model.Master
	return o
}

func (l *looker) seeTaken(o model.Observation) model.Stretch {
	l.now.Mono += time.Second
	l.r.seeUnconfirmed(&o, l.now)
	l.r.seeTakenOver(&o, l.now)
	l.r.Store.Keep(l.r.Memory)
	l.r.Memory = nil
	l.r.Begin()
	return o.TakenOver[model.At(fixture.Master7003)]
}

// A master that hangs was taken over where others say that another one has its slots, and that one is seen alive.
func TestTakenOver(t *testing.T) {
	for name, c := range map[string]struct {
		before, now model.Observation
		want        bool
	}{
		"its slots are another's": {fixture.Cluster(), hangs(taken(), model.Stalled), true},
		"its queue is full":       {fixture.Cluster(), hangs(taken(), model.Silent), true},
		"they are its own":        {fixture.Cluster(), hangs(fixture.Cluster(), model.Stalled), false},
		"it works":                {fixture.Cluster(), hangs(taken(), model.Working), false},
		"it answers":              {fixture.Cluster(), taken(), false},
		"it led nothing before":   {taken(), hangs(taken(), model.Stalled), false},
		"who took them over is not alive": {fixture.Cluster(), func() model.Observation {
			o := hangs(taken(), model.Stalled)
			o.Peers[2].State = model.Refused
			return o
		}(), false},
	} {
		l := newLooker(t)
		l.seeTaken(c.before)
		for n := range 2 {
			got := l.seeTaken(c.now)
			if want := map[bool]int{true: n + 1}[c.want]; got.Looks != want {
				t.Errorf("%s, look %d: %+v", name, n, got)
			}
		}
	}
	// A server that was started since may be a replica.
	l := newLooker(t)
	l.seeTaken(fixture.Cluster())
	l.seeTaken(hangs(taken(), model.Refused))
	if got := l.seeTaken(hangs(taken(), model.Stalled)); got.Looks > 0 {
		t.Errorf("started anew: %+v", got)
	}
	l.seeTaken(fixture.Cluster())
	l.now.Boot = "next"
	if got := l.seeTaken(hangs(taken(), model.Stalled)); got.Looks > 0 {
		t.Errorf("after a boot: %+v", got)
	}
}

// The master of a pair was taken over where its peer is a master of a higher term than it had.
func TestPairTakenOver(t *testing.T) {
	for name, c := range map[string]struct {
		peer model.Look
		want int
	}{
		"a higher term": {pairInfo(pairPeer, model.Master, 6), 1},
		"a lower term":  {pairInfo(pairPeer, model.Master, 4), 0},
		"a replica":     {pairInfo(pairPeer, model.Replica, 6), 0},
	} {
		l := newLooker(t)
		see := func(own, peer model.Look) model.Stretch {
			o := fixture.Cluster()
			o.Locals, o.Peers = []model.Look{own}, []model.Look{peer}
			o.Pairs = map[model.Instance]model.Pair{own.Instance: {Peer: pairPeer}}
			l.now.Mono += time.Second
			l.r.seeUnconfirmed(&o, l.now)
			l.r.seeTakenOver(&o, l.now)
			return o.TakenOver[own.Instance]
		}
		see(pairInfo(pairOwn, model.Master, 5), pairInfo(pairPeer, model.Replica, 5))
		if got := see(model.Look{Instance: model.At(pairOwn), State: model.Stalled}, c.peer); got.Looks != c.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
