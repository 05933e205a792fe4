package loop

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/reason"
	"keepalived-redis/internal/testing/fakeredis"
)

// shards is how many masters the cluster of the model has. Each has one instance on either host.
const shards = 3

// clusterModel is a cluster on two hosts.
type clusterModel struct {
	*modelWorld
	written int
}

func newClusterModel(t rapid.TB) *clusterModel {
	w := &clusterModel{modelWorld: newModelWorld(t)}
	var all [][]*fakeredis.Server
	for n := range shards {
		var both []*fakeredis.Server
		for _, h := range w.hosts {
			both = append(both, h.start("7.0.15", netip.AddrPort{}))
		}
		if n%2 == 1 {
			slices.Reverse(both) // the masters are on both hosts
		}
		all = append(all, both)
	}
	w.fake.Join(all...)
	w.pass(10 * time.Second) // no server has just started
	w.rounds(1)
	return w
}

var clusterEvents = append([]string{"nothing", "write", "kill server", "election", "for good", "no votes", "votes", "refuse", "no bus", "bus"}, networkEvents...)

// clusterRefusals are commands that a node may refuse.
var clusterRefusals = []string{"client unpause", "client pause", "cluster failover takeover", "cluster bumpepoch", "config set min-slaves-to-write"}

// event is one thing that happens.
func (w *clusterModel) event(t *rapid.T) {
	h := w.hosts[rapid.IntRange(0, 1).Draw(t, "host")]
	n := rapid.IntRange(0, shards-1).Draw(t, "shard")
	what := rapid.SampledFrom(clusterEvents).Draw(t, "event")
	w.say(fmt.Sprintf("%s shard %d: %s", h.addr, n, what))
	server := h.servers[n]
	switch what {
	case "nothing":
	case "write":
		w.write(server)
	case "kill server":
		server.Crash(false)
	case "election": // Redis' own, after cluster-node-timeout
		server.Elect()
	case "for good":
		if !h.other().broken() {
			server.Crash(true)
		}
	case "no votes", "votes":
		w.fake.GrantVotes(what == "votes")
	case "no bus", "bus":
		w.fake.CutBus(what == "no bus")
	case "refuse":
		if command := rapid.SampledFrom(clusterRefusals).Draw(t, "command"); rapid.Bool().Draw(t, "refused") {
			server.Fail(command, "ERR the test says so")
		} else {
			server.WorkAgain()
		}
	default:
		h.networkEvent(t, what)
	}
	w.checkRuns(t, 8)
}

func (w *clusterModel) write(s *fakeredis.Server) bool {
	acknowledged := s.Write(w.written + 1)
	if acknowledged {
		w.written++
	}
	return acknowledged
}

// broken: a server of the host is dead for good.
func (h *modelHost) broken() bool {
	return slices.ContainsFunc(h.servers, func(s *fakeredis.Server) bool { return s.View().Broken })
}

// whole is what is not as it should be with the VIP on a host, or nothing. Where the other instance of a shard is dead for good, the one here may
// say that a person is needed.
func (w *clusterModel) whole(home *modelHost) (wrong []string) {
	away := home.other()
	for _, h := range w.hosts {
		if h.fenced() || h.switching() {
			wrong = append(wrong, fmt.Sprintf("%s: fence %v, unfinished switchover %v", h.addr, h.fenced(), h.switching()))
		}
	}
	for n := range shards {
		m, r := home.servers[n].View(), away.servers[n].View()
		leads := m.Master && m.Replicas != "99" || r.Broken && home.needsAPerson(home.servers[n])
		if !leads || !r.Broken && (r.Master || !r.Linked || r.Replicas == "99") {
			wrong = append(wrong, fmt.Sprintf("shard %d: home %+v, away %+v", n, m, r))
		}
	}
	return wrong
}

// needsAPerson: the last decision of the host says that the data of the server may be too old.
func (h *modelHost) needsAPerson(s *fakeredis.Server) bool {
	return slices.ContainsFunc(h.last.Clauses, func(c model.Clause) bool {
		old := c.Reason == reason.NeverLinked || c.Reason == reason.DataStale || c.Reason == reason.NeverSynced
		return c.Action == model.NoPromotion && old && slices.Contains(c.Instances, model.At(s.Addr))
	})
}

// TestModelAnyOrderOfEventsOnAClusterIsRepaired: whatever happens, in whatever order, and wherever runs are killed: nothing is promoted but by a
// host that is MASTER and not cut off, and once both hosts are well the check runs come to one master for every shard, where the VIP is, with a
// linked replica.
func TestModelAnyOrderOfEventsOnAClusterIsRepaired(t *testing.T) {
	checkModel(t, 60, func(t *rapid.T) {
		w := newClusterModel(t)
		defer w.end(t)
		for range rapid.IntRange(5, 40).Draw(t, "events") {
			w.event(t)
		}
		w.heal() // whether votes are granted stays as it is
		home := w.hosts[rapid.IntRange(0, 1).Draw(t, "VIP in the end")]
		if home.broken() {
			home = home.other()
		}
		home.state = model.VRRPMaster
		w.settle(func() bool { return len(w.whole(home)) == 0 })
		if wrong := w.whole(home); len(wrong) > 0 {
			t.Fatalf("not repaired: %s", strings.Join(wrong, "\n"))
		}
		for n := range shards {
			if here := home.servers[n]; here.View().Master && !w.write(here) || w.write(home.other().servers[n]) {
				t.Errorf("a write on shard %d is not taken by its master alone", n)
			}
		}
		w.atRest(t)
	})
}

// TestModelAPlanTwiceIsAPlanOnce: whatever a look finds, the plan carried out twice leaves what it leaves once.
func TestModelAPlanTwiceIsAPlanOnce(t *testing.T) {
	checkModel(t, 60, func(t *rapid.T) {
		w := newClusterModel(t)
		defer w.end(t)
		for range rapid.IntRange(5, 30).Draw(t, "events") {
			w.event(t)
		}
		w.hosts[rapid.IntRange(0, 1).Draw(t, "host")].twice(t)
	})
}
