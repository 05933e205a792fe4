package loop

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keepalived-redis/internal/act"
	"keepalived-redis/internal/decide"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/observe"
	"keepalived-redis/internal/reason"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/testing/fixture"
	"keepalived-redis/internal/testing/redistest"
	"keepalived-redis/internal/testing/sessiontest"
	"keepalived-redis/internal/vrrp"
)

// pairHost is one host of a pair of real servers.
type pairHost struct {
	t *testing.T
	r *Reconciler
	s *redistest.Server
	// state is the VRRP state of this host.
	state model.VRRP
	hook  bool
	// vip is the VIP that the host looks for among its addresses; not valid for none.
	vip netip.Addr
	// said is the last sentence that the test's log has.
	said string
}

// startPair starts a master and its linked replica, each on a host of its own: MASTER is where the master is.
func startPair(t *testing.T, lines ...string) (a, b *pairHost) {
	t.Helper()
	master := redistest.Start(t, lines...)
	replica := redistest.Start(t, append(lines, "slaveof "+strings.ReplaceAll(master.Addr.String(), ":", " "))...)
	host := func(s, peer *redistest.Server, state model.VRRP) *pairHost {
		r := reconciler(t, s)
		r.Config.Peers = []netip.AddrPort{peer.Addr}
		r.Config.Instances[0].Peer = peer.Addr
		r.Config.Times = model.Times{Deadline: 900 * time.Millisecond, StallGrace: 300 * time.Millisecond, Dial: 50 * time.Millisecond,
			HoldOff: time.Second, FenceStopAfter: 5 * time.Second, ColdStartWait: time.Minute, MaxStaleness: time.Minute}
		return &pairHost{t: t, r: r, s: s, state: state}
	}
	a, b = host(master, replica, model.VRRPMaster), host(replica, master, model.VRRPBackup)
	b.awaitLinked()
	redistest.Await(t, "the master counts its replica", func() bool { return strings.Contains(master.Do(t, "info", "replication"), "state=online") })
	for _, x := range []*pairHost{a, b} {
		x.observe() // each has seen the other
	}
	return a, b
}

func (b *pairHost) awaitLinked() {
	b.t.Helper()
	redistest.Await(b.t, b.s.Addr.String()+" is linked", func() bool {
		l := b.s.Look()
		return l.Info != nil && l.Role() == model.Replica && l.Info.LinkUp
	})
}

// awaitOld waits until the server has run for so long that a look believes what earlier ones have found.
func (b *pairHost) awaitOld() {
	b.t.Helper()
	redistest.Await(b.t, b.s.Addr.String()+" has run for a while", func() bool { l := b.s.Look(); return l.Info != nil && !model.HasJustStarted(l) })
}

// observe is one look, with the state and the VIP that the test says.
func (b *pairHost) observe() model.Observation {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	locals := redis.LookAtAll(ctx, redis.Targets(b.r.Config.Instances), b.r.LocalLimits())
	own, err := vrrp.OwnAddresses()
	if err != nil {
		b.t.Fatal(err)
	}
	o := b.r.Observe(ctx, locals, observe.Surroundings{Own: own, VIPs: []netip.Addr{b.vip}, Peers: b.r.LookAtPeers(ctx, b.r.Config.Peers), Witness: model.Witness{Name: "w", Counts: true, Answers: true}})
	b.r.Keep()
	o.KeepalivedLives, o.State, o.Why, o.Hook, o.HeldFor = true, b.state, model.Clause{}, b.hook, time.Hour
	for i, p := range o.Pairs { // what depends on the state that the test says
		p.Left = b.r.Memory.Stretches.Note("the-test", "left", model.LeftBehind(b.state, vrrp.Held([]netip.Addr{b.vip}, own), o.Locals[0]), state.Now())
		o.Pairs[i] = p
	}
	return o
}

// checkRun is one look, decision and act.
func (b *pairHost) checkRun() (model.Plan, error) {
	b.t.Helper()
	o := b.observe()
	plan := decide.Decide(o)
	if said := reason.Lines(plan.Clauses); said != b.said {
		b.t.Logf("%s on %s: %s", b.state, b.s.Addr, said)
		b.said = said
	}
	return plan, b.r.Apply(sessiontest.Within(b.t, 5*time.Second), o, plan)
}

// until runs the check until a plan has that step and it succeeded.
func (b *pairHost) until(v model.Verb) model.Plan {
	b.t.Helper()
	var done model.Plan
	redistest.Await(b.t, string(v)+" on "+b.s.Addr.String(), func() bool {
		plan, err := b.checkRun()
		if err != nil {
			b.t.Log(err)
			return false
		}
		for _, s := range plan.Steps {
			if s.Do == v {
				done = plan
				return true
			}
		}
		return false
	})
	return done
}

func (b *pairHost) is(role model.Role) {
	b.t.Helper()
	if l := b.s.Look(); l.Role() != role {
		b.t.Errorf("%s is %s, want %s", b.s.Addr, l.Role(), role)
	}
}

func (b *pairHost) instance() model.Instance { return model.At(b.s.Addr) }

func (b *pairHost) term() uint64 {
	b.t.Helper()
	l := redis.LookAt(sessiontest.Within(b.t, time.Second), redis.Target{Instance: model.At(b.s.Addr), Paired: true}, redis.Limits{Dial: time.Second, Reply: time.Second})
	if !l.Term.Known {
		b.t.Fatalf("no term: %v", l.Err)
	}
	return l.Term.N
}

func (b *pairHost) conf() string {
	b.t.Helper()
	text, err := os.ReadFile(b.s.Conf)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

// config is a running setting.
func (b *pairHost) setting(name string) string {
	b.t.Helper()
	words := strings.Fields(strings.Trim(b.s.Do(b.t, "config", "get", name), "map[]"))
	return strings.TrimPrefix(words[len(words)-1], name+":")
}

func replicaLine(conf string) bool {
	return strings.Contains(conf, "\nslaveof ") || strings.Contains(conf, "\nreplicaof ")
}

func TestPairSwitchoverThereAndBack(t *testing.T) {
	a, b := startPair(t)
	a.s.Do(t, "set", "k", "v1")
	for range 2 {
		a.state, b.state = model.VRRPBackup, model.VRRPMaster
		b.until(model.Switchover)
		b.is(model.Master)
		a.is(model.Replica)
		if replicaLine(b.conf()) || !replicaLine(a.conf()) {
			t.Errorf("a restart would bring the old roles back:\n%s\n%s", a.conf(), b.conf())
		}
		begun := time.Now()
		b.s.Do(t, "set", "k", "v2")
		if took := time.Since(begun); took > act.PauseFor/2 {
			t.Errorf("a write still waited %s", took)
		}
		a.awaitLinked()
		if at, bt := a.term(), b.term(); at != bt || bt == 0 {
			t.Errorf("terms %d and %d", at, bt)
		}
		a, b = b, a
	}
	if a.r.Store.Load(a.r.Store.Durable, session.SwitchoverFile, &session.Switchovers{}) || b.r.Store.Load(b.r.Store.Durable, session.SwitchoverFile, &session.Switchovers{}) {
		t.Error("the undo of a finished switchover is still on record")
	}
}

// The old master of a switchover loses its sessions, and one that stops writes by min-slaves-to-write leaves none of it behind.
func TestPairSwitchoverFromAnOldServer(t *testing.T) {
	a, b := startPair(t)
	c := redis.Open(redis.Target{Instance: model.At(a.s.Addr)}, redis.Limits{Dial: time.Second, Reply: time.Second})
	defer c.Close()
	if _, err := c.Do(sessiontest.Within(t, time.Second), "client", "setname", "session"); err != nil {
		t.Fatal(err)
	}
	o := b.observe()
	for i := range o.Peers {
		o.Peers[i].Info.Version = model.Version{Major: 3, Minor: 2} // it is spoken to as one
	}
	if err := b.r.Apply(sessiontest.Within(t, 5*time.Second), o, model.Plan{Steps: []model.Step{{Do: model.Switchover, Instance: model.At(b.s.Addr), From: model.At(a.s.Addr)}}}); err != nil {
		t.Fatal(err)
	}
	b.is(model.Master)
	a.is(model.Replica)
	if v := a.setting("min-slaves-to-write"); v != "0" {
		t.Errorf("min-slaves-to-write is %s", v)
	}
	if strings.Contains(a.s.Do(t, "client", "list"), "name=session") {
		t.Error("the session is still open")
	}
	if conf := a.conf(); !replicaLine(conf) || strings.Contains(conf, "-to-write 99") {
		t.Errorf("the configuration of the old master:\n%s", conf)
	}
}

func TestPairSwitchoverThatDies(t *testing.T) {
	a, b := startPair(t)
	for _, m := range []session.SwitchoverRecord{{Pause: true}, {}} {
		m.From, m.To, m.Pair = model.At(a.s.Addr), model.At(b.s.Addr), true
		c := b.r.Conn(model.At(a.s.Addr))
		stop, _, err := b.r.PrepareStop(sessiontest.Within(t, time.Second), c, m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stop(); err != nil {
			t.Fatal(err)
		}
		c.Close()
		b.r.Store.Save(b.r.Store.Durable, session.SwitchoverFile, session.Switchovers{Open: []session.SwitchoverRecord{m}})
		b.until(model.UndoSwitchover)
		begun := time.Now()
		a.s.Do(t, "set", "k", "v")
		if took := time.Since(begun); took > act.PauseFor/2 {
			t.Errorf("a write still waited %s", took)
		}
	}
	// It died after its promotion: the old master must follow before it takes a write again.
	b.s.Do(t, "slaveof", "no", "one")
	b.r.Store.Save(b.r.Store.Durable, session.SwitchoverFile, session.Switchovers{Open: []session.SwitchoverRecord{
		{At: state.Now(), From: model.At(a.s.Addr), To: model.At(b.s.Addr), Pair: true, Pause: true, Sent: true}}})
	b.until(model.UndoSwitchover)
	a.is(model.Replica)
	b.is(model.Master)
}

func TestPairPromotesWhenTheMasterIsLostAndTheLoserFollows(t *testing.T) {
	a, b := startPair(t)
	a.s.Do(t, "set", "k", "replicated")
	redistest.Await(t, "k is replicated", func() bool { return b.s.Do(t, "exists", "k") == "1" })
	a.s.Kill()
	b.state = model.VRRPMaster
	b.until(model.Promote)
	b.is(model.Master)
	if replicaLine(b.conf()) {
		t.Error("a restart would bring a replica back")
	}
	term := b.term()
	if term == 0 {
		t.Fatal("the term was not raised")
	}
	b.s.Do(t, "set", "k", "new")

	// The old master comes back with what only it has: kept aside, then it follows.
	a.state = model.VRRPBackup
	a.s.Run(t)
	a.s.Do(t, "set", "only", "here")
	plan := a.until(model.Follow)
	if !fixture.Says(plan, model.Follow, reason.Outranked) {
		t.Error(reason.Lines(plan.Clauses))
	}
	a.awaitLinked()
	if got := a.s.Do(t, "get", "k"); got != "new" {
		t.Errorf("k is %s", got)
	}
	if a.setting("min-slaves-to-write") != "0" || a.term() != term || !replicaLine(a.conf()) {
		t.Errorf("min-slaves-to-write %s, term %d, configuration:\n%s", a.setting("min-slaves-to-write"), a.term(), a.conf())
	}
	kept, err := filepath.Glob(filepath.Join(a.r.Config.StateDir, act.DivergentDir, "*.rdb"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("kept %v, %v", kept, err)
	}
	if text, err := os.ReadFile(kept[0]); err != nil || !strings.Contains(string(text), "only") {
		t.Errorf("the data set that was kept lacks the write: %v", err)
	}
	// And the VIP's host notices nothing but a replica.
	if plan, err := b.checkRun(); err != nil || !fixture.Says(plan, model.Keep, reason.InPlace) {
		t.Errorf("%s, %v", reason.Lines(plan.Clauses), err)
	}
}

// The VIP comes back to a master whose peer was promoted while nobody here saw it, and has died since: what is written from now on counts when
// that one returns.
func TestPairMasterIsPromotedAnewWhereItsPeerIsLost(t *testing.T) {
	a, b := startPair(t)
	b.s.Do(t, "slaveof", "no", "one")
	b.s.Do(t, "set", model.TermKey, model.NextTerm(7, model.Term{N: a.term(), Known: true}))
	b.s.Do(t, "set", "k", "of the side that died")
	b.s.Do(t, "config", "rewrite")
	b.s.Kill()
	a.awaitOld()
	a.state, a.vip = model.VRRPMaster, a.s.Addr.Addr()
	a.r.Memory.HeldSince, a.r.Memory.Takings = nil, nil // the VIP came back: what is known of its stretch is gone
	plan := a.until(model.Promote)
	if !fixture.Says(plan, model.Promote, reason.PeerLostUnheard, model.At(a.s.Addr)) {
		t.Error(reason.Lines(plan.Clauses))
	}
	a.s.Do(t, "set", "k", "since")
	term := a.term()
	if plan, err := a.checkRun(); err != nil || len(plan.Steps) > 0 || a.term() != term {
		t.Errorf("again: %s, %v", reason.Lines(plan.Clauses), err)
	}
	b.s.Run(t)
	b.state = model.VRRPBackup
	b.until(model.Follow)
	b.awaitLinked()
	if got := b.s.Do(t, "get", "k"); got != "since" {
		t.Errorf("k is %s", got)
	}
	if plan, err := a.checkRun(); err != nil || len(plan.Steps) > 0 {
		t.Errorf("afterwards: %s, %v", reason.Lines(plan.Clauses), err)
	}
}

// FLUSHALL, an eviction or a cleaner deletes the term. An old master that was repaired must not outrank the one that has led since.
func TestPairTermIsDeleted(t *testing.T) {
	for name, remove := range map[string][]any{
		"FLUSHALL":                      {"flushall"},
		"a cleaner":                     {"del", model.TermKey},
		"a backup was restored":         {"set", model.TermKey, 1},
		"the same, and it was released": {"set", model.TermKey, "01"},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := startPair(t)
			a.s.Do(t, "set", model.TermKey, 4)
			a.checkRun()
			a.s.Kill()
			b.state, b.hook = model.VRRPMaster, true
			b.until(model.Promote)
			term := b.observe().Pairs[b.instance()].Term
			if term <= 4 {
				t.Fatalf("term %d", term)
			}
			b.s.Do(t, remove...)
			b.s.Do(t, "set", "k", "of the side that leads")
			b.r.Memory = nil // another run
			a.s.Run(t)       // its file could not be written: it is a master
			a.s.Do(t, "slaveof", "no", "one")
			o := b.observe()
			if l := o.Locals[0]; model.Overruled(&o, l) || l.Term.N != term {
				t.Errorf("outranked %v, term %d, want %d", model.Overruled(&o, l), l.Term.N, term)
			}
			plan := b.until(model.RenewTerm)
			if got := b.term(); got != term || !fixture.Says(plan, model.RenewTerm, reason.TermLost, model.At(b.s.Addr)) {
				t.Errorf("term %d, want %d: %s", got, term, reason.Lines(plan.Clauses))
			}
			if plan, err := b.checkRun(); err != nil || len(plan.Steps) > 0 {
				t.Errorf("again: %s, %v", reason.Lines(plan.Clauses), err)
			}
			a.state = model.VRRPBackup
			a.until(model.Follow)
			a.awaitLinked()
			if got := a.s.Do(t, "get", "k"); got != "of the side that leads" {
				t.Errorf("k is %q", got)
			}
		})
	}
}

// The next term is above one that the data has lost.
func TestPairPromotionAboveALostTerm(t *testing.T) {
	a, b := startPair(t)
	a.s.Do(t, "set", model.TermKey, 40)
	redistest.Await(t, "the term", func() bool { return b.observe().Pairs[b.instance()].Term == 40 })
	a.s.Do(t, "flushall")
	redistest.Await(t, "no term", func() bool { return b.s.Do(t, "dbsize") == "0" })
	a.s.Kill()
	b.state, b.hook = model.VRRPMaster, true
	b.until(model.Promote)
	if b.term() <= 40 {
		t.Errorf("term %d", b.term())
	}
}

// As MASTER with an older term: follow the peer, then switch the master back.
func TestPairMasterOfAnOlderTermFollowsAndSwitchesBack(t *testing.T) {
	a, b := startPair(t)
	b.s.Do(t, "slaveof", "no", "one")
	b.s.Do(t, "set", model.TermKey, 7)
	b.s.Do(t, "set", "k", "of the higher term")
	a.until(model.Follow)
	a.is(model.Replica)
	a.until(model.Switchover)
	a.is(model.Master)
	b.is(model.Replica)
	if got := a.s.Do(t, "get", "k"); got != "of the higher term" {
		t.Errorf("k is %s", got)
	}
}

// A file that could not be written: the server comes up as a master, with the term that it got from the other one.
func TestPairComesUpAsAMasterOfTheSameTerm(t *testing.T) {
	a, b := startPair(t)
	old := a.conf()
	a.state, b.state = model.VRRPBackup, model.VRRPMaster
	b.until(model.Switchover)
	a.awaitLinked()
	redistest.Await(t, "no save is under way", func() bool { return strings.Contains(a.s.Do(t, "info", "persistence"), "rdb_bgsave_in_progress:0") })
	a.s.Do(t, "save")
	a.s.Kill()
	if err := os.WriteFile(a.s.Conf, []byte(old), 0o644); err != nil {
		t.Fatal(err)
	}
	a.s.Run(t)
	a.is(model.Master)
	if at, bt := a.term(), b.term(); at != bt {
		t.Fatalf("terms %d and %d", at, bt)
	}
	if plan, err := b.checkRun(); err != nil || len(plan.Steps) > 0 {
		t.Errorf("%v, %v", plan, err)
	}
	a.until(model.Follow)
	a.awaitLinked()
}

func TestPairBothReplicas(t *testing.T) {
	a, b := startPair(t)
	b.awaitLinked()
	a.s.Do(t, "slaveof", b.s.Addr.Addr().String(), b.s.Addr.Port())
	a.is(model.Replica)
	b.is(model.Replica)
	a.until(model.Promote)
	redistest.Await(t, "the VIP's host has the master again", func() bool {
		_, err := a.checkRun()
		return err == nil && a.s.Look().Role() == model.Master
	})
	b.awaitLinked()
}

// The role cannot be written down: the promotion counts all the same, and the operator is told.
func TestPairWithoutAConfigurationFileThatCanBeWritten(t *testing.T) {
	a, b := startPair(t)
	if err := os.RemoveAll(filepath.Dir(b.s.Conf)); err != nil {
		t.Fatal(err)
	}
	a.s.Kill()
	b.state = model.VRRPMaster
	b.until(model.Promote)
	b.is(model.Master)
}

// Both hosts hold the VIP: the one that lost the master does not take it back until the VIP was away.
func TestPairBothHostsMaster(t *testing.T) {
	a, b := startPair(t)
	vip := netip.MustParseAddr("127.0.0.1") // always held
	look := func(x *pairHost) model.Plan {
		x.vip = vip
		plan, err := x.checkRun()
		if err != nil {
			t.Error(err)
		}
		return plan
	}
	look(a)
	b.state = model.VRRPMaster
	b.until(model.Switchover)
	for range 3 {
		if plan := look(a); fixture.Promotes(plan) || !fixture.Says(plan, model.NoSwitchover, reason.BothHoldVIP) {
			t.Error(reason.Lines(plan.Clauses))
		}
	}
	a.vip = netip.Addr{}
	a.state = model.VRRPBackup
	if plan, err := a.checkRun(); err != nil || fixture.Promotes(plan) {
		t.Error(plan, err)
	}
	a.state, a.vip = model.VRRPMaster, vip
	a.until(model.Switchover)
	a.is(model.Master)
}

// Both hosts held the VIP, and the one that took the master has lost the VIP: it marks that in the data, once, and the one that held back takes the master at
// once. That the VIP comes back takes the mark away.
func TestPairHoldEndsWithTheMark(t *testing.T) {
	a, b := startPair(t)
	vip := netip.MustParseAddr("127.0.0.1") // always held
	a.vip = vip
	if _, err := a.checkRun(); err != nil {
		t.Fatal(err)
	}
	b.state = model.VRRPMaster
	b.until(model.Switchover)
	term := b.term()
	key := func() string { return b.s.Do(t, "get", model.TermKey) }
	for range 2 {
		b.state, b.vip = model.VRRPBackup, netip.Addr{}
		b.until(model.Release)
		if got, want := key(), fmt.Sprintf("0%d", term); got != want {
			t.Fatalf("the key is %q, want %q", got, want)
		}
		if plan, err := b.checkRun(); err != nil || len(plan.Steps) > 0 || plan.Again > 0 {
			t.Errorf("marked again: %+v, %v", plan, err)
		}
		b.state, b.vip = model.VRRPMaster, vip
		b.until(model.Claim)
		if got, want := key(), fmt.Sprint(term); got != want {
			t.Fatalf("the key is %q, want %q", got, want)
		}
	}
	if plan, err := a.checkRun(); err != nil || fixture.Promotes(plan) {
		t.Errorf("both are MASTER: %+v, %v", plan, err)
	}
	b.state, b.vip = model.VRRPBackup, netip.Addr{}
	b.until(model.Release)
	if plan, err := a.checkRun(); err != nil || !fixture.Promotes(plan) {
		t.Errorf("%+v, %v", plan, err)
	}
	a.is(model.Master)
	if got, want := a.s.Do(t, "get", model.TermKey), fmt.Sprint(a.term()); got != want || a.term() <= term {
		t.Errorf("the key is %q, want %q, above %d", got, want, term)
	}
}
