package loop

import (
	"context"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"pgregory.net/rapid"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/decide"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/observe"
	"keepalived-redis/internal/reason"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/testing/fakeredis"
	"keepalived-redis/internal/vrrp"
)

// modelWorld is two hosts with fake servers and a fake clock. On each the real programs look, decide and act; a run may be killed at any change.
type modelWorld struct {
	t     rapid.TB
	fake  *fakeredis.World
	hosts [2]*modelHost
	// cut: the hosts do not see each other.
	cut bool
	// calm: no run is killed.
	calm bool
	now  time.Duration
	dir  string
	modelLog
}

// modelLog is what happened, for people. Runs that were killed may still write to it.
type modelLog struct {
	mu    sync.Mutex
	lines []string
}

func (l *modelLog) Write(line []byte) (int, error) {
	l.say("    " + strings.TrimSpace(string(line)))
	return len(line), nil
}

func (l *modelLog) say(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}

func (l *modelLog) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

// modelHost is one host.
type modelHost struct {
	w     *modelWorld
	addr  netip.Addr
	state model.VRRP
	// down: the host is off. noWitness: it does not reach the witness.
	down, noWitness bool
	servers         []*fakeredis.Server
	config          config.Config
	// boots counts its boots, and dirs its directories for state: a run that was killed keeps the old ones.
	boots, dirs int
	// wasMaster: it had the VIP in a run before its last boot; isMaster: since then.
	wasMaster, isMaster bool
	// last is what the last run decided.
	last model.Plan
}

var modelVIP = netip.MustParseAddr("192.0.2.1")

// newModelWorld is two hosts without servers. The caller closes it.
func newModelWorld(t rapid.TB) *modelWorld {
	memory := "/dev/shm" // a file system that waits for no disk
	if _, err := os.Stat(memory); err != nil {
		memory = ""
	}
	dir, err := os.MkdirTemp(memory, "keepalived-redis-model-")
	if err != nil {
		t.Fatal(err)
	}
	w := &modelWorld{t: t, fake: fakeredis.NewWorld(), dir: dir}
	for i, addr := range fakeredis.Hosts() {
		h := &modelHost{w: w, addr: addr, state: model.VRRPBackup}
		h.config = config.Config{VIPs: []netip.Addr{modelVIP}, Policy: model.PolicyAuto, MaxLag: 1 << 20}
		h.config.Restart = config.Restart{When: config.RestartDied, Burst: 1000, Window: 2 * time.Second}
		h.config.Times = model.Times{Deadline: 900 * time.Millisecond, Dial: time.Second, ColdStartWait: 4 * time.Second, HoldOff: time.Second,
			FenceStopAfter: 2 * time.Second, MaxStaleness: time.Minute}
		h.newDirs(h.path("run"), h.path("state"))
		w.hosts[i] = h
	}
	w.hosts[0].state = model.VRRPMaster
	return w
}

func (w *modelWorld) close() {
	state.SetClock(nil)
	w.fake.Close()
	_ = os.RemoveAll(w.dir) // a run that was killed may still write there
}

// start starts a server on a host.
func (h *modelHost) start(version string, follows netip.AddrPort) *fakeredis.Server {
	s, err := h.w.fake.Start(h.w.dir, version, h.addr, follows)
	if err != nil {
		h.w.t.Fatal(err)
	}
	h.servers = append(h.servers, s)
	h.config.Instances = append(h.config.Instances, config.Instance{Addr: s.Addr, Port: s.Addr.Port(), Conf: s.Conf})
	return s
}

func (h *modelHost) other() *modelHost {
	if h == h.w.hosts[0] {
		return h.w.hosts[1]
	}
	return h.w.hosts[0]
}

// sees: the other host answers this one.
func (h *modelHost) sees() bool { return !h.w.cut && !h.other().down }

// alone: it sees neither the other host nor the witness.
func (h *modelHost) alone() bool { return h.noWitness && !h.sees() }

func (w *modelWorld) setCut(cut bool) {
	w.cut = cut
	w.fake.Cut(w.hosts[0].addr, w.hosts[1].addr, cut)
}

// path is a directory of this host that no earlier run has used.
func (h *modelHost) path(kind string) string {
	return filepath.Join(h.w.dir, fmt.Sprintf("%s-%s-%d", kind, h.addr, h.dirs))
}

func (h *modelHost) newDirs(run, durable string) {
	for _, d := range []string{run, durable} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			h.w.t.Fatal(err)
		}
	}
	h.config.RunDir, h.config.StateDir = run, durable
}

// moveDirs takes the state files away from a run that was killed: what it still writes is lost, and its locks are open.
func (h *modelHost) moveDirs() {
	h.dirs++
	for _, d := range []*string{&h.config.RunDir, &h.config.StateDir} {
		to := h.path(strings.SplitN(filepath.Base(*d), "-", 2)[0])
		if err := os.Rename(*d, to); err != nil {
			panic(err)
		}
		*d = to
		locks, _ := filepath.Glob(filepath.Join(to, "*.lock"))
		for _, lock := range locks {
			_ = os.Remove(lock) // else the next run finds it in its way
		}
	}
}

// power turns the host off, and boot on, with what is durable. Whether the system starts the servers is up to it.
func (h *modelHost) power() {
	h.down, h.state = true, model.VRRPNone
	for _, s := range h.servers {
		s.Crash(false)
	}
}

func (h *modelHost) boot(servers bool) {
	if !h.down {
		return
	}
	h.boots++
	h.wasMaster = h.wasMaster || h.isMaster
	h.isMaster = false
	h.dirs++
	h.down, h.state = false, model.VRRPBackup
	h.newDirs(h.path("run"), h.config.StateDir)
	for _, s := range h.servers {
		s.Boot(servers)
	}
}

// modelRun is one run of the check on a host.
type modelRun struct {
	h *modelHost
	*Reconciler
	fake *fakeredis.Run
	ctx  context.Context
	end  context.CancelFunc
	dead chan struct{}
}

// runs counts the runs of this process: each has a password of its own, by which the fake servers know it.
var runs int

func (h *modelHost) newRun() *modelRun {
	runs++
	password := fmt.Sprintf("run-%d", runs)
	log := zerolog.New(&h.w.modelLog)
	cfg := h.config
	cfg.Instances = append([]config.Instance(nil), h.config.Instances...)
	for i := range cfg.Instances {
		cfg.Instances[i].Password = config.Secret(password)
	}
	r := &modelRun{h: h, dead: make(chan struct{})}
	r.ctx, r.end = context.WithTimeout(context.Background(), 5*time.Second)
	r.fake = h.w.fake.Begin(password, h.addr, func() {
		h.moveDirs()
		close(r.dead)
	}, r.end)
	r.Reconciler = New(session.Session{Config: &cfg, Log: &log, Service: fakeredis.Manager{Run: r.fake}})
	now := state.Stamp{Boot: fmt.Sprintf("%s boot %d", h.addr, h.boots), Mono: h.w.now, Wall: time.Unix(1_700_000_000, 0).Add(h.w.now)}
	state.SetClock(func() state.Stamp { return now })
	return r
}

// look is one look around: the real one at the servers, and what the model says of VRRP and of the network.
func (r *modelRun) look() model.Observation {
	h := r.h
	patient := redis.Limits{Dial: 2 * time.Second, Reply: 2 * time.Second} // on a busy machine silence is what the model says, not the load
	held := h.state == model.VRRPMaster
	around := observe.Surroundings{Own: map[netip.Addr]bool{h.addr: true, modelVIP: held}, VIPs: h.config.VIPs,
		Witness: model.Witness{Name: "w", Counts: true, Answers: !h.noWitness}}
	for _, s := range h.other().servers {
		around.Peers = append(around.Peers, model.Look{Instance: model.At(s.Addr), State: model.Silent})
	}
	r.Begin()
	if h.sees() {
		around.Peers = redis.LookAtAll(r.ctx, r.TargetsOf(around.Peers), patient)
	}
	o := r.Observe(r.ctx, redis.LookAtAll(r.ctx, redis.Targets(r.Config.Instances), patient), around)
	o.KeepalivedLives, o.State, o.Why = h.state != model.VRRPNone, h.state, model.Clause{Action: model.Keep, Reason: reason.VIPHere}
	for i, p := range o.Pairs { // what depends on the state that the model says
		l, _ := o.Local(i)
		p.Left = r.Memory.Stretches.Note("the-model", i.Name(), model.LeftBehind(o.State, vrrp.Held(around.VIPs, around.Own), l), state.Now())
		o.Pairs[i] = p
	}
	r.Keep()
	return o
}

// apply carries a plan out, and is over when the run is killed.
func (r *modelRun) apply(o model.Observation, plan model.Plan) (lived bool) {
	defer r.end()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = r.Apply(r.ctx, o, plan) // what failed is in the log
		r.Restart(r.ctx, &o, plan)
		r.Store.SaveMemory(r.Memory)
	}()
	select {
	case <-done:
		return true
	case <-r.dead:
		r.h.w.say("    killed")
		return false
	}
}

// kill is where a run is killed: at its nth change, before or after it; at 0 it is not.
type kill struct {
	at    int
	after bool
}

// checkRun is one run, and what it must not do.
func (h *modelHost) checkRun(k kill) model.Plan {
	if h.down {
		return model.Plan{}
	}
	r := h.newRun()
	o := r.look()
	plan := r.decide(r.ctx, &o, decide.Decide)
	h.w.say(fmt.Sprintf("%s at %s on %s: %s", h.addr, h.w.now, h.state, reason.Lines(plan.Clauses)))
	h.last, h.isMaster = plan, h.isMaster || h.state == model.VRRPMaster
	before := h.before(o.Fence != nil)
	before.gap = o.Gap > 0
	r.fake.KillAt(k.at, k.after)
	if lived := r.apply(o, plan); lived {
		h.hasDone(plan, before)
	}
	h.promotedNothingWrong(r.fake.Promoted(), plan, before)
	return plan
}

// pass lets time pass.
func (w *modelWorld) pass(d time.Duration) {
	w.now += d
	w.fake.Advance(d)
}

// rounds are check runs on both hosts, a second apart on each.
func (w *modelWorld) rounds(n int) {
	for range n {
		for _, h := range w.hosts {
			w.pass(500 * time.Millisecond)
			h.checkRun(kill{})
		}
	}
}

// record tells whether a state file is there, and reads it.
func (h *modelHost) record(name string, v any) bool {
	found, err := state.Dir(h.config.StateDir).Peek(name, v)
	return found && err == nil
}

func (h *modelHost) fenced() bool {
	var f session.FenceRecord
	return h.record(session.FenceFile, &f) && f.Lifted == nil
}

func (h *modelHost) switching() bool {
	return h.record(session.SwitchoverFile, &session.Switchovers{})
}

// checksGiven: the command line says how many checks there are to be.
var checksGiven = sync.OnceValue(func() (given bool) {
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	return given
})

// checkModel is rapid.Check with so many checks, where the command line does not say how many.
func checkModel(t *testing.T, checks int, property func(*rapid.T)) {
	t.Helper()
	if !checksGiven() {
		before := flag.Lookup("rapid.checks").Value.String()
		_ = flag.Set("rapid.checks", strconv.Itoa(checks))
		defer func() { _ = flag.Set("rapid.checks", before) }()
	}
	rapid.Check(t, property)
}
