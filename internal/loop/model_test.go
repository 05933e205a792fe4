package loop

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"keepalived-redis/internal/act"
	"keepalived-redis/internal/decide"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/reason"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/testing/fakeredis"
)

// pairModel is a replication pair on two hosts.
type pairModel struct {
	*modelWorld
	// written counts the writes that were acknowledged, discarded how many of those that were thrown away have been looked at.
	written, discarded int
}

func newPairModel(t rapid.TB, version string, durability model.Durability) *pairModel {
	w := newModelWorld(t)
	master := w.hosts[0].start(version, netip.AddrPort{})
	w.hosts[1].start(version, master.Addr)
	for _, h := range w.hosts {
		peer := h.other().servers[0].Addr
		h.config.Peers, h.config.Instances[0].Peer, h.config.Durability = []netip.AddrPort{peer}, peer, durability
	}
	w.rounds(1) // each has seen the other
	return &pairModel{modelWorld: w}
}

// drawPair is a pair of any version and durability.
func drawPair(t *rapid.T) *pairModel {
	return newPairModel(t, rapid.SampledFrom([]string{"7.0.15", "3.2.4"}).Draw(t, "version"),
		rapid.SampledFrom([]model.Durability{model.DurabilityAsync, model.DurabilityReplicated}).Draw(t, "durability"))
}

func (h *modelHost) server() *fakeredis.Server { return h.servers[0] }

// networkEvents are those of hosts, VRRP and the network, of which both models have the same.
var networkEvents = []string{"vip", "cut", "alone", "heal", "power", "boot", "up alone", "witness lost", "cut ends", "witness back", "state", "time", "standstill"}

// networkEvent is one of them, on that host.
func (h *modelHost) networkEvent(t *rapid.T, what string) {
	switch what {
	case "vip":
		h.state = model.VRRPMaster
		if rapid.Bool().Draw(t, "the other one lets go") {
			h.other().state = model.VRRPBackup
		}
	case "state":
		h.state = rapid.SampledFrom([]model.VRRP{model.VRRPBackup, model.VRRPFault, model.VRRPStop, model.VRRPNone}).Draw(t, "state")
	case "power":
		h.power()
	case "boot":
		h.boot(rapid.Bool().Draw(t, "the system starts the servers"))
	case "up alone": // both lose their power, and this one comes back with the VIP
		h.power()
		h.other().power()
		h.boot(true)
		h.state = model.VRRPMaster
	case "standstill": // it answers nothing, and the other one goes on
		cut := h.w.cut
		h.w.setCut(true)
		if other := h.other(); !other.down {
			other.state = model.VRRPMaster
			for range 6 {
				h.w.pass(time.Second)
				other.checkRun(kill{})
			}
		}
		h.w.setCut(cut)
	case "cut":
		h.w.setCut(true)
	case "cut ends":
		h.w.setCut(false)
	case "witness lost":
		h.noWitness = true
	case "witness back":
		h.noWitness = false
	case "alone":
		h.w.setCut(true)
		h.noWitness = true
	case "heal":
		h.w.setCut(false)
		h.noWitness = false
	case "time":
		h.w.pass(rapid.SampledFrom([]time.Duration{3 * time.Second, 10 * time.Second, 2 * time.Minute}).Draw(t, "passes"))
	}
}

// checkRuns are those of the second that follows an event. A host may be late, and its run may be killed.
func (w *modelWorld) checkRuns(t *rapid.T, mostChanges int) {
	for _, h := range w.hosts {
		w.pass(500 * time.Millisecond)
		kinds := []string{"a whole run", "no run", "a killed run"}
		if w.calm {
			kinds = kinds[:2]
		}
		switch rapid.SampledFrom(kinds).Draw(t, "run") {
		case "a whole run":
			h.checkRun(kill{})
		case "a killed run":
			h.checkRun(kill{rapid.IntRange(1, mostChanges).Draw(t, "killed at change"), rapid.Bool().Draw(t, "which is still made")})
		}
	}
}

// The events of a pair, and those of a calm one, in which no run is killed and no server refuses anything.
var (
	calmEvents = append([]string{"nothing", "write", "write", "lag", "kill server", "channels", "term deleted"}, networkEvents...)
	pairEvents = append([]string{"file", "refuse"}, calmEvents...)
)

// refusals are commands that a server may refuse, and so a switchover may fail, and its undo. GETSET is none of them: a master that could not be
// given its term needs a person, and so it may be with CONFIG SET where a master needs a replica.
func (h *modelHost) refusals() []string {
	commands := []string{"client unpause", "slaveof no one", "slaveof 127", "config rewrite", "bgsave"}
	if h.config.Durability != model.DurabilityReplicated {
		commands = append(commands, "config set min-slaves-to-write")
	}
	return commands
}

// event is one thing that happens.
func (w *pairModel) event(t *rapid.T) {
	h := w.hosts[rapid.IntRange(0, 1).Draw(t, "host")]
	events := pairEvents
	if w.calm {
		events = calmEvents
	}
	what := rapid.SampledFrom(events).Draw(t, "event")
	w.say(fmt.Sprintf("%s: %s", h.addr, what))
	switch what {
	case "nothing":
	case "write":
		w.write(h)
	case "kill server":
		h.server().Crash(false)
	case "channels": // clients use channels, so that a run asks for Sentinels before it changes roles
		h.server().Subscribe(1)
	case "term deleted": // after a run has seen it
		var lin session.Lineage
		if h.record(session.LineageFile, &lin) && lin.Terms[h.server().Addr.String()] == uint64(termOf(h.server().View())) {
			h.server().DeleteTerm()
		}
	case "lag":
		h.server().Lag(rapid.SampledFrom([]int{12, 40, 0}).Draw(t, "questions"))
	case "file":
		h.server().ReadOnly(rapid.Bool().Draw(t, "read only"))
	case "refuse":
		if command := rapid.SampledFrom(h.refusals()).Draw(t, "command"); rapid.Bool().Draw(t, "refused") {
			h.server().Fail(command, "ERR the test says so")
		} else {
			h.server().WorkAgain()
		}
	default:
		h.networkEvent(t, what)
	}
	w.checkRuns(t, 5)
	w.lostNothing(t)
}

// write is a client that writes to the server of a host.
func (w *pairModel) write(h *modelHost) bool {
	acknowledged := h.server().Write(w.written + 1)
	if acknowledged {
		w.written++
	}
	return acknowledged
}

// lostNothing: what a server has thrown away because a run made it follow another one was kept first. With runs that live and files that can be
// written that is so for whatever it has thrown away.
func (w *pairModel) lostNothing(t rapid.TB) {
	all := w.fake.Discarded()
	for _, d := range all[w.discarded:] {
		for _, n := range d.Writes {
			if (d.Told || w.calm) && !w.kept(n) {
				t.Fatalf("%s has thrown away the write %d, and it was not kept (by a run: %v)", d.By, n, d.Told)
			}
		}
	}
	w.discarded = len(all)
}

// heal ends every fault. Files that cannot be written may stay so.
func (w *modelWorld) heal() {
	w.setCut(false)
	w.fake.CutBus(false)
	for _, h := range w.hosts {
		h.noWitness = false
		h.boot(true)
		h.state = model.VRRPBackup
		for _, s := range h.servers {
			s.WorkAgain()
		}
	}
}

// settle lets the check runs repair what they can: what is not yet well after 25 s may still have to wait for the longest hold-off or for
// takenAwayFor, or for the next try of a switchover that was undone.
func (w *modelWorld) settle(well func() bool) {
	w.rounds(25)
	for _, wait := range []time.Duration{time.Minute, time.Hour} {
		if well() {
			return
		}
		w.say("later")
		w.pass(wait)
		w.rounds(10)
	}
}

// whole is what is not as it should be with the VIP on a host, or nothing.
func (w *pairModel) whole(home *modelHost) (wrong []string) {
	away := home.other()
	for _, h := range w.hosts {
		if h.fenced() || h.switching() {
			wrong = append(wrong, fmt.Sprintf("%s: fence %v, unfinished switchover %v", h.addr, h.fenced(), h.switching()))
		}
	}
	if m, r := home.server().View(), away.server().View(); !m.Master || r.Master || !r.Linked || m.Replicas == "99" || r.Replicas == "99" {
		wrong = append(wrong, fmt.Sprintf("home %+v, away %+v", m, r))
	}
	return wrong
}

// kept: a data set with that write was kept aside.
func (w *pairModel) kept(n int) bool {
	for _, h := range w.hosts {
		files, _ := filepath.Glob(filepath.Join(h.config.StateDir, act.DivergentDir, "*.rdb"))
		for _, file := range files {
			text, _ := os.ReadFile(file)
			for _, word := range strings.FieldsFunc(string(text), func(r rune) bool { return r == ' ' || r == '[' || r == ']' }) {
				if word == fmt.Sprint(n) {
					return true
				}
			}
		}
	}
	return false
}

// TestModelAnyOrderOfEventsIsRepaired: whatever happens, in whatever order, and wherever runs are killed: nothing is promoted but by
// a host that is MASTER and not cut off, and once both hosts are well the check runs come to one master, where the VIP is, with a linked replica.
func TestModelAnyOrderOfEventsIsRepaired(t *testing.T) {
	checkModel(t, 60, func(t *rapid.T) {
		w := drawPair(t)
		w.calm = rapid.Bool().Draw(t, "calm")
		defer w.end(t)
		for range rapid.IntRange(5, 40).Draw(t, "events") {
			w.event(t)
		}
		w.heal()
		home := w.hosts[rapid.IntRange(0, 1).Draw(t, "VIP in the end")]
		home.state = model.VRRPMaster
		w.settle(func() bool { return len(w.whole(home)) == 0 })
		w.lostNothing(t)
		if wrong := w.whole(home); len(wrong) > 0 {
			t.Fatalf("not repaired: %s", strings.Join(wrong, "\n"))
		}
		if !w.write(home) || w.write(home.other()) {
			t.Errorf("a write is not taken by the master alone")
		}
		w.atRest(t)
	})
}

// atRest: nothing is left to do. A server that is dead for good is tried again and again.
func (w *modelWorld) atRest(t *rapid.T) {
	for _, h := range w.hosts {
		for _, s := range h.checkRun(kill{}).Steps {
			if s.Do != model.Restart {
				t.Errorf("never at rest: %s", reason.Lines(h.last.Clauses))
			}
		}
	}
}

// end says what happened where a test has failed, and ends the world.
func (w *modelWorld) end(t rapid.TB) {
	if t.Failed() {
		t.Log(w.text())
	}
	w.close()
}

// While both hosts hold the VIP the master stays where it was taken to, and it comes back at once when that host has lost the VIP.
func TestModelHoldEndsWhenTheOtherHostHasLeft(t *testing.T) {
	w := newPairModel(t, "7.0.15", model.DurabilityAsync)
	defer w.end(t)
	a, b := w.hosts[0], w.hosts[1]
	for range 3 { // the VIP comes and goes on b, and a holds it all the while
		b.state = model.VRRPMaster
		w.rounds(10)
		if a.server().View().Master || !b.server().View().Master {
			t.Fatalf("both MASTER: a is %+v, b is %+v", a.server().View(), b.server().View())
		}
		b.state = model.VRRPBackup
		w.rounds(3)
		if x, y := a.server().View(), b.server().View(); !x.Master || y.Master || strings.HasPrefix(x.Term, "0") || strings.HasPrefix(y.Term, "0") {
			t.Fatalf("b is BACKUP: a is %+v, b is %+v", x, y)
		}
	}
}

// A mark that is left on the data of two hosts that both hold the VIP causes one switchover at most.
func TestModelStaleMarkSwitchesNothingToAndFro(t *testing.T) {
	w := newPairModel(t, "7.0.15", model.DurabilityAsync)
	defer w.end(t)
	w.hosts[1].state = model.VRRPMaster
	w.rounds(3)
	b := w.hosts[1].server()
	b.SetTerm("0" + b.View().Term)
	switchovers := 0
	for range 25 { // two looks each, less than takenAwayFor
		for _, h := range w.hosts {
			w.pass(time.Second)
			for _, s := range h.checkRun(kill{}).Steps {
				if s.Do == model.Switchover {
					switchovers++
				}
			}
		}
	}
	if switchovers > 1 {
		t.Errorf("%d switchovers", switchovers)
	}
}

// TestModelAPairsPlanTwiceIsAPlanOnce: whatever a look finds, the plan carried out twice leaves what it leaves once.
func TestModelAPairsPlanTwiceIsAPlanOnce(t *testing.T) {
	checkModel(t, 60, func(t *rapid.T) {
		w := drawPair(t)
		defer w.end(t)
		for range rapid.IntRange(5, 30).Draw(t, "events") {
			w.event(t)
		}
		w.hosts[rapid.IntRange(0, 1).Draw(t, "host")].twice(t)
	})
}

// twice carries a plan out twice.
func (h *modelHost) twice(t *rapid.T) {
	if h.down {
		return
	}
	r := h.newRun()
	defer r.end()
	o := r.look()
	plan := r.decide(r.ctx, &o, decide.Decide)
	h.w.say(fmt.Sprintf("twice: %s", reason.Lines(plan.Clauses)))
	var once []fakeredis.View
	for range 2 {
		_ = r.Apply(r.ctx, o, plan)
		var views []fakeredis.View
		for _, host := range h.w.hosts {
			for _, s := range host.servers {
				v := s.View()
				v.Offset = 0 // a term that is written again is a write
				views = append(views, v)
			}
		}
		if once != nil && fmt.Sprint(once) != fmt.Sprint(views) {
			t.Errorf("%s\nonce  %+v\ntwice %+v", reason.Lines(plan.Clauses), once, views)
		}
		once = views
	}
}
