package observe

import (
	"net/netip"
	"testing"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/state"
)

// pairOf is a look at a master here and its peer, with these terms.
func pairOf(t *testing.T, r *Observer, role model.Role, own, peer uint64) (model.Observation, model.Look) {
	t.Helper()
	here, there := netip.MustParseAddrPort("10.0.0.1:7000"), netip.MustParseAddrPort("10.0.0.2:7000")
	r.Config.Peers = []netip.AddrPort{there}
	r.Config.Instances = []config.Instance{{Addr: here, Port: here.Port(), Peer: there}}
	look := func(at netip.AddrPort, role model.Role, n uint64) model.Look {
		return model.Look{Instance: model.At(at), State: model.Up, Info: &model.Info{Role: role}, Term: model.Term{N: n, Known: true}}
	}
	o := model.Observation{Locals: []model.Look{look(here, model.Master, own)}, Peers: []model.Look{look(there, role, peer)}, State: model.VRRPMaster}
	r.seePairs(&o, true, state.Now())
	r.Store.Keep(r.Memory)
	return o, o.Locals[0]
}

func TestHighestTerm(t *testing.T) {
	r := observer(t)
	for _, c := range []struct {
		name       string
		own        uint64
		role       model.Role
		peer, want uint64
		lost       bool
	}{
		{"it is kept", 6, model.Replica, 6, 6, false},
		{"the data has lost it, and an old master is back", 0, model.Master, 4, 6, true},
		{"and its replica has lost it as well", 0, model.Replica, 0, 6, true},
		{"it came up with old data, and its replica has newer data", 2, model.Replica, 6, 2, false},
		{"the other master has a higher one", 0, model.Master, 8, 6, true},
	} {
		o, l := pairOf(t, r, c.role, c.own, c.peer)
		if p := o.Pairs[l.Instance]; l.Term.N != c.want || p.TermLost != c.lost || p.Term != 6 {
			t.Errorf("%s: term %d, %+v", c.name, l.Term.N, p)
		}
	}
	var lin session.Lineage
	if !r.Store.Load(r.Store.Durable, session.LineageFile, &lin) || lin.Terms["10.0.0.1:7000"] != 6 {
		t.Errorf("kept: %+v", lin.Terms)
	}
}

func TestOwnerOfATerm(t *testing.T) {
	r := observer(t)
	number := r.Store.MakeOwner()
	term := func(owner uint32) uint64 { return 3<<model.OwnerBits | uint64(owner) }
	for name, c := range map[string]struct {
		term uint64
		own  bool
	}{
		"ours":                        {term(number &^ 1), true},
		"ours, for the other one":     {term(number | 1), false},
		"the other host's":            {term((number ^ 0xff00) &^ 1), false},
		"the other host's, for us":    {term((number ^ 0xff00) | 1), true},
		"of an older version, ours":   {4, true},
		"of an older version, theirs": {5, false},
	} {
		r.Store.Remove(r.Store.Durable, session.LineageFile) // or a lower term would count as lost
		o, l := pairOf(t, r, model.Master, c.term, c.term)
		if l.Term.Own != c.own || o.Peers[0].Term.Own == c.own || model.Overruled(&o, l) == c.own {
			t.Errorf("%s: own %v, outranked %v", name, l.Term.Own, model.Overruled(&o, l))
		}
	}
}
