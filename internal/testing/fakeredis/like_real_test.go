package fakeredis

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/testing/redistest"
)

const secret = "secret"

var patient = redis.Limits{Dial: time.Second, Reply: 5 * time.Second}

// side is a pair of servers, real or fake ones.
type side struct {
	t               *testing.T
	master, replica netip.AddrPort
}

func (s side) target(a netip.AddrPort) redis.Target {
	return redis.Target{Instance: model.At(a), Password: secret, Paired: true}
}

// do sends a command and returns its reply or its error.
func (s side) do(a netip.AddrPort, args ...any) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c := redis.Open(s.target(a), patient)
	defer c.Close()
	reply, err := c.Do(ctx, args...)
	if err != nil {
		text := err.Error()
		return "error " + strings.TrimSpace(text[strings.LastIndex(text, a.String())+len(a.String()):])
	}
	return reply
}

// stands is how a server stands, as far as a look tells it and the model can say.
func (s side) stands(a netip.AddrPort) string {
	l := redis.LookAt(context.Background(), s.target(a), patient)
	if l.Info == nil {
		return fmt.Sprintf("%s, %v", l.State, l.Err)
	}
	i := l.Info
	master := i.Master.IsValid()
	nodes := ""
	for _, n := range l.Nodes {
		nodes += fmt.Sprintf(" {%s epoch %d slots %v myself %v replica %v}", n.Role, n.Epoch, n.Slots, n.Myself, n.MasterID != "")
	}
	return fmt.Sprintf("%s %v %s cluster %v link %v was %v syncing %v replicas %d rule %v keys %d channels %v master %v never %v term %v%s",
		l.State, l.Err, i.Role, i.Cluster, i.LinkUp, i.WasLinked, i.Syncing, i.Replicas, i.MinReplicas, i.Keys, i.Channels, master, i.NeverSynced(), l.Term, nodes)
}

// awaitLinked waits for the replica, and for its master to know of it.
func (s side) awaitLinked() {
	s.t.Helper()
	redistest.Await(s.t, "it is linked", func() bool {
		l, m := redis.LookAt(context.Background(), s.target(s.replica), patient), redis.LookAt(context.Background(), s.target(s.master), patient)
		return l.Info != nil && l.Info.LinkUp && m.Info != nil && (m.Info.Replicas == 1 || m.Role() == model.Replica) && l.Info.Offset >= m.Info.Offset
	})
}

func realSide(t *testing.T) side {
	login := redis.Target{Instance: model.At(netip.MustParseAddrPort("127.0.0.1:0")), Password: secret}
	lines := []string{"requirepass " + secret, "masterauth " + secret}
	master := redistest.StartFor(t, login, lines...)
	replica := redistest.StartFor(t, login, append(lines, "slaveof 127.0.0.1 "+fmt.Sprint(master.Addr.Port()))...)
	return side{t, master.Addr, replica.Addr}
}

// fakePair is a fake master and its replica, and the world they are in.
func fakePair(t *testing.T) (*World, *Server, *Server) {
	t.Helper()
	w, hosts := NewWorld(), Hosts()
	t.Cleanup(w.Close)
	master, err := w.Start(t.TempDir(), "7.0.15", hosts[0], netip.AddrPort{})
	if err != nil {
		t.Fatal(err)
	}
	replica, err := w.Start(t.TempDir(), "7.0.15", hosts[1], master.Addr)
	if err != nil {
		t.Fatal(err)
	}
	w.Begin(secret, hosts[0], func() {}, func() {})
	return w, master, replica
}

// TestLikeARealServer: a fake pair answers the commands of the programs as a real one does.
func TestLikeARealServer(t *testing.T) {
	_, m, r := fakePair(t)
	fake, real := side{t, m.Addr, r.Addr}, realSide(t)
	steps := []struct {
		name string
		do   func(s side) string
	}{
		{"linked", func(s side) string { return "" }},
		{"ping", func(s side) string { return s.do(s.master, "ping") }},
		{"no cluster", func(s side) string {
			return s.do(s.master, "cluster", "failover", "takeover") + s.do(s.master, "cluster", "nodes")
		}},
		{"the rule", func(s side) string {
			return s.do(s.master, "config", "get", "min-slaves-to-write") + s.do(s.master, "config", "get", "min-slaves-max-lag")
		}},
		{"the term", func(s side) string {
			return s.do(s.master, "get", model.TermKey) + s.do(s.master, "getset", model.TermKey, 3) +
				s.do(s.master, "set", model.TermKey, 4) + s.do(s.master, "get", model.TermKey)
		}},
		{"a write to a replica", func(s side) string {
			return s.do(s.replica, "set", "k", "v") + s.do(s.replica, "getset", model.TermKey, 9)
		}},
		{"refused writes", func(s side) string {
			return s.do(s.master, "config", "set", "min-slaves-to-write", "99") + s.do(s.master, "set", "k", "v") + s.do(s.master, "getset", model.TermKey, 9)
		}},
		{"a rule without a lag", func(s side) string {
			return s.do(s.master, "config", "set", "min-slaves-max-lag", "0") + s.do(s.master, "set", model.TermKey, "5") + s.stands(s.master)
		}},
		{"a rule that is met", func(s side) string {
			return s.do(s.master, "config", "set", "min-slaves-max-lag", "10") +
				s.do(s.master, "config", "set", "min-slaves-to-write", "1") + s.do(s.master, "set", model.TermKey, "6")
		}},
		{"its own rule", func(s side) string { return s.do(s.master, "config", "set", "min-slaves-to-write", "0") }},
		{"pause", func(s side) string {
			return s.do(s.master, "client", "pause", "10", "write") + s.do(s.master, "client", "unpause") + s.do(s.master, "client", "kill", "type", "normal")
		}},
		{"save", func(s side) string { return s.do(s.master, "bgsave") }},
		{"rewrite", func(s side) string { return s.do(s.master, "config", "rewrite") }},
		{"channels", func(s side) string { return s.do(s.master, "pubsub", "numsub", "c") }},
		{"roles change", func(s side) string {
			return s.do(s.replica, "slaveof", "no", "one") + s.do(s.replica, "slaveof", "no", "one") + s.do(s.master, "slaveof", s.replica.Addr().String(), s.replica.Port())
		}},
		{"and back", func(s side) string {
			return s.do(s.master, "slaveof", "no", "one") + s.do(s.replica, "slaveof", s.master.Addr().String(), s.master.Port())
		}},
		{"nonsense", func(s side) string {
			said, _, _ := strings.Cut(s.do(s.master, "nonsense"), ",")
			return said
		}},
		{"the master is gone", func(s side) string {
			s.do(s.master, "shutdown", "nosave")
			redistest.Await(t, "the link is down", func() bool {
				l := redis.LookAt(context.Background(), s.target(s.replica), patient)
				return l.Info != nil && !l.Info.LinkUp
			})
			return redis.LookAt(context.Background(), s.target(s.master), patient).State.String()
		}},
	}
	for n, step := range steps {
		want, got := step.do(real), step.do(fake)
		if want != got {
			t.Errorf("%s: real\n%s\nfake\n%s", step.name, want, got)
		}
		for _, s := range []*side{&real, &fake} {
			switch {
			case step.name == "roles change":
				s.master, s.replica = s.replica, s.master
				s.awaitLinked()
				s.master, s.replica = s.replica, s.master
			case n < len(steps)-1:
				s.awaitLinked()
			}
		}
		for _, which := range []func(side) netip.AddrPort{func(s side) netip.AddrPort { return s.replica }, func(s side) netip.AddrPort { return s.master }} {
			if want, got := real.stands(which(real)), fake.stands(which(fake)); want != got && n < len(steps)-1 {
				t.Errorf("after %s: real\n%s\nfake\n%s", step.name, want, got)
			}
		}
	}
}

// TestACommandThatIsRefused is classified as one of a real server that refuses it.
func TestACommandThatIsRefused(t *testing.T) {
	_, m, r := fakePair(t)
	real := realSide(t)
	real.do(real.master, "acl", "setuser", "default", "-bgsave")
	m.Fail("bgsave", strings.TrimPrefix(strings.TrimPrefix(real.do(real.master, "bgsave"), "error "), ": "))
	fake := side{t, m.Addr, r.Addr}
	if want, got := real.do(real.master, "bgsave"), fake.do(m.Addr, "bgsave"); want != got || !strings.Contains(got, "NOPERM") {
		t.Errorf("real %s, fake %s", want, got)
	}
	m.WorkAgain()
	if got := fake.do(m.Addr, "bgsave"); !strings.Contains(got, "started") {
		t.Error(got)
	}
}

// TestLikeARealCluster: fake nodes change their roles and epochs as real ones do.
func TestLikeARealCluster(t *testing.T) {
	t.Parallel()
	login := redis.Target{Instance: model.At(netip.MustParseAddrPort("127.0.0.1:0")), Password: secret}
	servers := redistest.ClusterFor(t, login, 3, "requirepass "+secret, "masterauth "+secret)
	w, hosts := NewWorld(), Hosts()
	t.Cleanup(w.Close)
	w.Begin(secret, hosts[0], func() {}, func() {})
	var fakes []*Server
	for n := range 6 {
		s, err := w.Start(t.TempDir(), "7.0.15", hosts[n/3], netip.AddrPort{})
		if err != nil {
			t.Fatal(err)
		}
		fakes = append(fakes, s)
	}
	w.Join([]*Server{fakes[0], fakes[3]}, []*Server{fakes[1], fakes[4]}, []*Server{fakes[2], fakes[5]})
	real, fake := side{t: t}, side{t: t}
	at := func(s side, n int) netip.AddrPort {
		if s == real {
			return servers[n].Addr
		}
		return fakes[n].Addr
	}
	real.master, fake.master = servers[0].Addr, fakes[0].Addr
	both := func(what string, do func(s side) string) {
		t.Helper()
		if want, got := do(real), do(fake); want != got {
			t.Errorf("%s: real\n%s\nfake\n%s", what, want, got)
		}
	}
	// myself is what a node says of itself.
	myself := func(s side, n int) string {
		l := redis.LookAt(context.Background(), s.target(at(s, n)), patient)
		self, _ := l.Self()
		return fmt.Sprintf("%s %s %v highest epoch %v, %d nodes, %d masters, cluster %v",
			l.State, self.Role, self.Slots, self.Epoch == l.Nodes.HighestEpoch(), len(l.Nodes), len(l.Nodes.Masters()), l.Info.Cluster)
	}
	roles := func(s side) (all string) {
		for n := range 6 {
			l := redis.LookAt(context.Background(), s.target(at(s, n)), patient)
			self, _ := l.Self()
			all += fmt.Sprintf("%s %v link %v; ", self.Role, len(self.Slots) > 0, l.Info != nil && l.Info.LinkUp)
		}
		return all
	}
	both("a master", func(s side) string { return myself(s, 0) })
	both("slaveof", func(s side) string { return s.do(at(s, 0), "slaveof", "no", "one") })
	both("takeover of a master", func(s side) string { return s.do(at(s, 0), "cluster", "failover", "takeover") })
	both("takeover of a replica", func(s side) string { return s.do(at(s, 3), "cluster", "failover", "takeover") + myself(s, 3) })
	redistest.Await(t, "the real old master follows", func() bool { return roles(real) == roles(fake) })
	bump := func(s side) string {
		word, _, _ := strings.Cut(s.do(at(s, 1), "cluster", "bumpepoch"), " ") // a node of a real cluster has got another number by joining it
		return word + myself(s, 1)
	}
	both("raised", bump)
	both("not raised", bump)
	// Only a vote makes the next one a master.
	servers[2].Kill()
	fakes[2].Crash(false)
	both("a vote", func(s side) string {
		said := s.do(at(s, 5), "cluster", "failover", "force")
		redistest.Await(t, "it is elected", func() bool { return strings.HasPrefix(myself(s, 5), "is up master") })
		return said + myself(s, 5)
	})
}
