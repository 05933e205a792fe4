package act

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/decide"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/service"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/testing/disktest"
	"keepalived-redis/internal/testing/redistest"
)

var limits = redis.Limits{Dial: time.Second, Reply: time.Second}

// stub is a manager that only counts. Its start does what the test wants.
type stub struct {
	service.Manager
	status service.Status
	start  func(config.Instance) error
	starts int
}

func (s *stub) Status(context.Context, config.Instance) service.State {
	return service.State{Status: s.status, Reason: "the test says so"}
}

func (s *stub) Start(_ context.Context, in config.Instance) error {
	s.starts++
	if s.start != nil {
		return s.start(in)
	}
	return nil
}

// host is one host with instances that a test may kill.
type host struct {
	t   *testing.T
	cfg *config.Config
	m   service.Manager
	log bytes.Buffer
	// peers are the looks at other hosts, limits those of the looks if not the usual ones.
	peers  []model.Look
	limits *redis.Limits
	// hungFor is how long the first instance has given no answer.
	hungFor time.Duration
	// meanwhile happens between the look and restart, if set.
	meanwhile func()
}

func newHost(t *testing.T, m service.Manager, run string, instances ...config.Instance) *host {
	t.Helper()
	return &host{t: t, m: m, cfg: &config.Config{Instances: instances, RunDir: run, Restart: config.Restart{Burst: 5, Window: time.Minute}}}
}

// stubbed is a host with one instance on a port where nobody listens.
func stubbed(t *testing.T, m *stub, run string) *host {
	t.Helper()
	if m.status == service.Unknown {
		m.status = service.Dead
	}
	addr := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), redistest.FreePort(t))
	return newHost(t, m, run, config.Instance{Addr: addr, Port: addr.Port()})
}

// restart is one run of the check: nothing but the state directory outlives it.
func (b *host) restart(within time.Duration) (look model.Look, gaveUp bool) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	b.log.Reset()
	begun := time.Now()
	limits := limits
	if b.limits != nil {
		limits = *b.limits
	}
	looks := redis.LookAtAll(ctx, redis.Targets(b.cfg.Instances), limits)
	if b.meanwhile != nil {
		b.meanwhile()
	}
	b.cfg.Times.Deadline = 2 * limits.Reply
	o := b.carryOut(ctx, looks...)
	if took := time.Since(begun); took > within+time.Second {
		b.t.Errorf("it had %s and took %s", within, took)
	}
	return o.Locals[0], o.GivenUp[o.Locals[0].Instance]
}

// carryOut lets a run decide on these looks, and act. Its time for restarts is that of ctx.
func (b *host) carryOut(ctx context.Context, looks ...model.Look) model.Observation {
	b.t.Helper()
	log := zerolog.New(&b.log)
	r := Actor{Session: &session.Session{Config: b.cfg, Service: b.m, Log: &log}}
	r.Begin()
	o := model.Observation{Locals: looks, Peers: b.peers,
		Restarts: model.Restarts{Never: b.cfg.Restart.When == config.RestartNever, HungAfter: b.cfg.Restart.HungAfter},
		HungFor:  map[model.Instance]time.Duration{looks[0].Instance: b.hungFor}}
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(context.WithoutCancel(ctx), end.Add(min(restartRoom, b.cfg.Times.Deadline/2)))
		defer cancel()
	}
	r.Restart(ctx, &o, decide.Decide(o))
	o.GivenUp = r.GaveUp
	return o
}

func (b *host) file() string { return "restart-" + id(b.cfg.Instances[0]) + ".json" }

// remember puts a memory of earlier starts into place.
func (b *host) remember(v any) {
	b.t.Helper()
	if err := state.Dir(b.cfg.RunDir).Store(b.file(), v); err != nil {
		b.t.Fatal(err)
	}
}

func (b *host) remembered() (s starts) {
	b.t.Helper()
	if _, err := state.Dir(b.cfg.RunDir).Load(b.file(), &s); err != nil {
		b.t.Fatal(err)
	}
	return s
}

// ago is a start of this boot.
func ago(d time.Duration) state.Stamp {
	s := state.Now()
	s.Mono -= d
	s.Wall = s.Wall.Add(-d)
	return s
}

// real is a host with a real server under the process backend.
func real(t *testing.T, lines ...string) (*host, *redistest.Server) {
	t.Helper()
	s := redistest.Start(t, lines...)
	dir := t.TempDir()
	run, durable := state.Dir(filepath.Join(dir, "run")), state.Dir(filepath.Join(dir, "lib"))
	if err := errors.Join(run.Make(), durable.Make()); err != nil {
		t.Fatal(err)
	}
	in := config.Instance{Addr: s.Addr, Port: s.Addr.Port(), Conf: s.Conf}
	m, err := service.New(&config.Config{Service: config.Service{Backend: config.BackendProcess, Account: "root", StartTimeout: 10 * time.Second, StopTimeout: 10 * time.Second}}, run, durable)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := m.Kill(ctx, in); err != nil {
			t.Error(err)
		}
	})
	return newHost(t, m, string(run), in), s
}

func TestRestartARealServer(t *testing.T) {
	b, s := real(t)
	if look, _ := b.restart(5 * time.Second); look.State != model.Up || b.log.Len() > 0 {
		t.Fatalf("it lives: %s, %s", look.State, &b.log)
	}
	if n := len(b.remembered().At); n != 0 {
		t.Errorf("%d starts of a server that lives", n)
	}
	s.Kill()
	look, gaveUp := b.restart(5 * time.Second)
	if look.State != model.Up || look.Role() != model.Master || gaveUp || !strings.Contains(b.log.String(), "was dead and has been started") {
		t.Fatalf("it %s, given up %v, %s", look.State, gaveUp, &b.log)
	}
	first := b.remembered()
	if len(first.At) != 1 || first.Next < firstBackoff || first.Next > firstBackoff*5/4 {
		t.Errorf("remembered %+v", first)
	}
	// It dies again at once. The next run is another process, and knows of the first.
	b.kill(look)
	first.Next = time.Hour
	b.remember(first)
	if look, gaveUp := b.restart(5 * time.Second); look.State != model.Refused || gaveUp {
		t.Errorf("within the back-off: it %s, given up %v", look.State, gaveUp)
	}
	first.Next = firstBackoff
	first.At[0] = ago(time.Second)
	b.remember(first)
	if look, _ := b.restart(5 * time.Second); look.State != model.Up {
		t.Errorf("after the back-off: it %s, %s", look.State, &b.log)
	}
	if second := b.remembered(); len(second.At) != 2 || second.Next < 2*firstBackoff {
		t.Errorf("remembered %+v", second)
	}
}

// pid is the process of the instance.
func (b *host) pid() int {
	return b.m.Status(context.Background(), b.cfg.Instances[0]).PID
}

// stop makes the process stand still.
func (b *host) stop(pid int) {
	b.t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		b.t.Fatal(err)
	}
	redistest.Await(b.t, "it stands still", func() bool {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err == nil && strings.Contains(string(text), ") T ")
	})
}

// kill ends the server that restart has started.
func (b *host) kill(l model.Look) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := b.m.Kill(ctx, b.cfg.Instances[0]); err != nil {
		b.t.Fatal(err)
	}
	redistest.Await(b.t, "the server is gone", func() bool {
		return redis.LookAt(ctx, redis.Target{Instance: l.Instance}, limits).State == model.Refused
	})
}

func TestWhatIsNotRestarted(t *testing.T) {
	t.Run("stopped by hand", func(t *testing.T) {
		b, _ := real(t)
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := b.m.Stop(ctx, b.cfg.Instances[0], true); err != nil {
			t.Fatal(err)
		}
		if look, gaveUp := b.restart(300 * time.Millisecond); look.State != model.Refused || gaveUp || len(b.remembered().At) != 0 {
			t.Errorf("it %s, given up %v, remembered %+v", look.State, gaveUp, b.remembered())
		}
	})
	t.Run("cannot start", func(t *testing.T) {
		b, s := real(t)
		s.Kill()
		if err := os.WriteFile(s.Conf, []byte("port garbage\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		look, gaveUp := b.restart(5 * time.Second)
		if look.State != model.Refused || gaveUp || !strings.Contains(b.log.String(), "is dead and could not be started") || len(b.remembered().At) != 1 {
			t.Errorf("it %s, given up %v, %s", look.State, gaveUp, &b.log)
		}
	})
	for _, status := range []service.Status{service.Stopped, service.Busy, service.Running} {
		m := &stub{status: status}
		b := stubbed(t, m, t.TempDir())
		if look, _ := b.restart(50 * time.Millisecond); m.starts != 0 || len(b.remembered().At) != 0 || look.State != model.Refused {
			t.Errorf("status %d: %d starts, remembered %+v", status, m.starts, b.remembered())
		}
	}
	// Only what refuses is dead.
	for s := model.Unseen; s <= model.NotRedis; s++ {
		m := &stub{}
		b := stubbed(t, m, t.TempDir())
		look := model.Look{Instance: model.Instance{Addr: b.cfg.Instances[0].Addr}, State: s}
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		if b.carryOut(ctx, look); (m.starts > 0) != (s == model.Refused) {
			t.Errorf("an instance that %s: %d starts", s, m.starts)
		}
		cancel()
	}
}

// Where this program may not start servers, it says so once, and does not claim that the instance died again and again.
func TestRefusedStartsDoNotCount(t *testing.T) {
	m := &stub{start: func(config.Instance) error { return fmt.Errorf("start: %w", service.ErrRefused) }}
	b := stubbed(t, m, t.TempDir())
	for n := range b.cfg.Restart.Burst + 2 {
		_, gaveUp := b.restart(50 * time.Millisecond)
		if said := b.log.Len() > 0; gaveUp || said != (n == 0) {
			t.Errorf("run %d: given up %v, %s", n+1, gaveUp, &b.log)
		}
	}
	if len(b.remembered().At) != 0 {
		t.Errorf("remembered %+v", b.remembered())
	}
}

func TestBurst(t *testing.T) {
	other := ago(time.Second)
	other.Boot = "another"
	toCome := ago(-time.Hour)
	burst := func(s state.Stamp) []state.Stamp { return []state.Stamp{s, s, s, s, s} }
	for name, c := range map[string]struct {
		memory         any
		started, given bool
		left           int
	}{
		"none":                      {starts{}, true, false, 1},
		"one below the burst":       {starts{At: burst(ago(30 * time.Second))[:4]}, true, false, 5},
		"the burst":                 {starts{At: burst(ago(30 * time.Second))}, false, true, 5},
		"more than the burst":       {starts{At: append(burst(ago(time.Second)), ago(0))}, false, true, 6},
		"the window has passed":     {starts{At: burst(ago(61 * time.Second)), Next: time.Hour, Said: "it died"}, true, false, 1},
		"another boot":              {starts{At: burst(other), Next: time.Hour}, true, false, 1},
		"within the back-off":       {starts{At: []state.Stamp{ago(time.Second)}, Next: 2 * time.Second}, false, false, 1},
		"after the back-off":        {starts{At: []state.Stamp{ago(3 * time.Second)}, Next: 2 * time.Second}, true, false, 2},
		"starts that are to come":   {starts{At: burst(toCome), Next: time.Hour}, true, false, 1},
		"a back-off below nothing":  {starts{At: []state.Stamp{ago(time.Second)}, Next: -time.Hour}, true, false, 2},
		"a back-off beyond numbers": {starts{At: []state.Stamp{ago(time.Second)}, Next: 1<<63 - 1}, false, false, 1},
		"a damaged memory":          {[]string{"not", "ours"}, true, false, 1},
		"half a memory":             {map[string]any{"at": burst(ago(time.Second)), "next_ns": "long"}, true, false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			m := &stub{}
			b := stubbed(t, m, t.TempDir())
			b.remember(c.memory)
			_, given := b.restart(20 * time.Millisecond)
			if (m.starts == 1) != c.started || given != c.given {
				t.Errorf("%d starts, given up %v", m.starts, given)
			}
			got := b.remembered()
			if name != "within the back-off" && name != "a back-off beyond numbers" && len(got.At) != c.left {
				t.Errorf("remembered %+v", got)
			}
			if c.started && (got.Next < firstBackoff || got.Next > b.cfg.Restart.Window/4*5/4) {
				t.Errorf("the next start may come after %s", got.Next)
			}
		})
	}
}

// TestGivingUpIsSaidOnce: from start to start until the burst is used up, each run a process of its own.
func TestGivingUpIsSaidOnce(t *testing.T) {
	m := &stub{}
	b := stubbed(t, m, t.TempDir())
	last := time.Duration(0)
	for n := 1; n <= b.cfg.Restart.Burst; n++ {
		if _, given := b.restart(20 * time.Millisecond); given || m.starts != n {
			t.Fatalf("run %d: %d starts, given up %v", n, m.starts, given)
		}
		s := b.remembered()
		if s.Next <= last {
			t.Errorf("run %d: the back-off is %s after %s", n, s.Next, last)
		}
		last = s.Next
		for i := range s.At { // time passes
			s.At[i].Mono -= s.Next
		}
		b.remember(s)
	}
	said := 0
	for range 3 {
		if _, given := b.restart(20 * time.Millisecond); !given || m.starts != b.cfg.Restart.Burst {
			t.Errorf("%d starts, given up %v", m.starts, given)
		}
		if strings.Contains(b.log.String(), "died 5 times within 1m0s and is not started again; hint: look at its log, then redis-initd") {
			said++
		}
	}
	if said != 1 {
		t.Errorf("said %d times", said)
	}
}

// TestOtherRun: while another run starts the instance, this one waits for it and starts nothing.
func TestOtherRun(t *testing.T) {
	m := &stub{}
	b := stubbed(t, m, t.TempDir())
	unlock, err := state.Dir(b.cfg.RunDir).TryLock(strings.TrimSuffix(b.file(), ".json") + ".lock")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	if look, _ := b.restart(100 * time.Millisecond); look.State != model.Refused || m.starts != 0 {
		t.Errorf("it %s, %d starts", look.State, m.starts)
	}
	b.meanwhile = func() {
		if err := answering(t, b.cfg.Instances[0].Addr, "+PONG\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	if look, _ := b.restart(5 * time.Second); look.State != model.Up || m.starts != 0 {
		t.Errorf("it %s, %d starts", look.State, m.starts)
	}
}

// answering listens there from now on, like a server that has this to say to every question.
func answering(t *testing.T, addr netip.AddrPort, text string) error {
	l, err := net.Listen("tcp", addr.String())
	if err != nil {
		return err
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.WriteString(c, text+"$13\r\nrole:master\r\n\r\n-ERR This instance has cluster support disabled\r\n")
				io.Copy(io.Discard, c)
			}()
		}
	}()
	return nil
}

// TestStartedServerThatLoads: the verdict is the last look within the time.
func TestStartedServerThatLoads(t *testing.T) {
	m := &stub{}
	b := stubbed(t, m, t.TempDir())
	m.start = func(in config.Instance) error {
		return answering(t, in.Addr, "-LOADING Redis is loading the dataset in memory\r\n")
	}
	look, gaveUp := b.restart(300 * time.Millisecond)
	if look.State != model.Loading || gaveUp || m.starts != 1 || decide.Judge(decide.Facts{Locals: []model.Look{look}}).EnoughForVIP() {
		t.Errorf("it %s, %d starts", look.State, m.starts)
	}
}

// TestTwoSocketsWithoutAPort: each instance has a memory of its own.
func TestTwoSocketsWithoutAPort(t *testing.T) {
	dir := t.TempDir()
	m := &stub{status: service.Dead}
	b := newHost(t, m, dir, config.Instance{Socket: filepath.Join(dir, "a.sock")})
	b.restart(20 * time.Millisecond)
	b.cfg.Instances[0].Socket = filepath.Join(dir, "b.sock")
	if _, gaveUp := b.restart(20 * time.Millisecond); m.starts != 2 || gaveUp {
		t.Errorf("%d starts", m.starts)
	}
}

// TestStartsThatCannotBeCounted: without a memory there would be no end of starts.
func TestStartsThatCannotBeCounted(t *testing.T) {
	for name, spoil := range map[string]func(*testing.T, string){"full": disktest.Fill, "read-only": disktest.ReadOnly} {
		t.Run(name, func(t *testing.T) {
			disktest.Run(t, "64k", func(t *testing.T, dir string) {
				m := &stub{}
				b := stubbed(t, m, dir)
				spoil(t, dir)
				if look, gaveUp := b.restart(50 * time.Millisecond); look.State != model.Refused || gaveUp || m.starts != 0 {
					t.Errorf("it %s, %d starts", look.State, m.starts)
				}
				if !strings.Contains(b.log.String(), "is not restarted: its starts cannot be counted") {
					t.Errorf("said %s", &b.log)
				}
			})
		})
	}
}

// TestDiesInTheMiddleOfALook: the look that meets the death of a server sees a connection that is closed, not one that is refused.
func TestDiesInTheMiddleOfALook(t *testing.T) {
	m := &stub{}
	b := stubbed(t, m, t.TempDir())
	l, err := net.Listen("tcp", b.cfg.Instances[0].Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	died := make(chan struct{})
	go func() {
		defer close(died)
		c, err := l.Accept()
		l.Close()
		if err == nil {
			c.Close()
		}
	}()
	b.restart(300 * time.Millisecond)
	<-died
	if m.starts != 1 {
		t.Errorf("it was started %d times: %s", m.starts, b.log.String())
	}
}
