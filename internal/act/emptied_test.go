package act

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/service"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/testing/redistest"
	"keepalived-redis/internal/testing/sessiontest"
)

// A master whose data set is gone would empty its replica: it is not started while that has the data.
func TestEmptiedMaster(t *testing.T) {
	b, s := real(t)
	b.cfg.StateDir = t.TempDir()
	s.Do(t, "set", "k", "v")
	replica := redistest.Start(t, fmt.Sprintf("slaveof %s %d", s.Addr.Addr(), s.Addr.Port()))
	var looked model.Look
	redistest.Await(t, "the replica has the data", func() bool {
		looked = replica.Look()
		return looked.Info != nil && looked.Info.LinkUp && looked.Info.Keys == 1
	})
	b.remembers(s.Look())
	s.Kill()
	b.peers = []model.Look{looked}
	look, gaveUp := b.restart(time.Second)
	want := fmt.Sprintf("%s was a master and is not started, because it has no longer a data set in %s/dump.rdb: its replica %s has it, which would be emptied as well; hint: promote that replica; redis-initd %d start --force if the data may go",
		s.Addr, s.Dir, replica.Addr, s.Addr.Port())
	if look.State != model.Refused || !gaveUp || !strings.Contains(b.log.String(), want) || len(b.remembered().At) != 0 {
		t.Fatalf("it %s, given up %v, %s", look.State, gaveUp, &b.log)
	}
	if _, again := b.restart(time.Second); !again || b.log.Len() > 0 {
		t.Errorf("the next run: given up %v, %s", again, &b.log)
	}
	// Nobody answers there: nobody knows.
	b.peers = nil
	if _, gaveUp := b.restart(time.Second); !gaveUp || !strings.Contains(b.log.String(), "a replica that followed it may have it") {
		t.Errorf("no replica seen: given up %v, %s", gaveUp, &b.log)
	}
	// With its data back it is started.
	replica.Do(t, "save")
	data, err := os.ReadFile(filepath.Join(replica.Dir, "dump.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.Dir, "dump.rdb"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	if look, _ := b.restart(5 * time.Second); look.State != model.Up || look.Info.Keys != 1 {
		t.Errorf("with its data it %s, %s", look.State, &b.log)
	}
}

// remembers makes a run of the check note what the instances are.
func (b *host) remembers(looks ...model.Look) {
	log := zerolog.New(&b.log)
	r := Actor{Session: &session.Session{Config: b.cfg, Service: b.m, Log: &log}}
	r.Begin()
	r.Remember(looks)
}

// TestKeeper: every situation of a former master of a cluster and its replicas.
func TestKeeper(t *testing.T) {
	const id = "aaaa"
	dir := t.TempDir()
	conf := filepath.Join(dir, "redis.conf")
	if err := os.WriteFile(conf, []byte("port 7000\ndir "+dir+"\nappendonly yes\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	there := netip.MustParseAddrPort("10.0.0.2:7003")
	replicaThere := model.Nodes{{ID: id, Myself: true, Role: model.Master}, {ID: "bbbb", MasterID: id, Role: model.Replica, Addr: there}}
	at := func(a netip.AddrPort, s model.State, info *model.Info) model.Look {
		return model.Look{Instance: model.Instance{Addr: a}, State: s, Info: info}
	}
	for name, c := range map[string]struct {
		was   model.Look
		peers []model.Look
		want  string
	}{
		"a replica":           {model.Look{Info: &model.Info{Role: model.Replica}}, nil, ""},
		"without replicas":    {model.Look{Info: &model.Info{Role: model.Master}}, nil, ""},
		"never seen":          {model.Look{}, nil, ""},
		"its replica has it":  {model.Look{Nodes: replicaThere, Info: &model.Info{Role: model.Master}}, []model.Look{at(there, model.Up, &model.Info{Role: model.Replica, Keys: 3})}, "its replica 10.0.0.2:7003 has it"},
		"its replica is mute": {model.Look{Nodes: replicaThere, Info: &model.Info{Role: model.Master}}, []model.Look{at(there, model.NoAuth, nil)}, "its replica 10.0.0.2:7003 does not say whether it has it"},
		"its replica is dead": {model.Look{Nodes: replicaThere, Info: &model.Info{Role: model.Master}}, []model.Look{at(there, model.Refused, nil)}, "its replica 10.0.0.2:7003 does not say whether it has it"},
		"its replica loads":   {model.Look{Nodes: replicaThere, Info: &model.Info{Role: model.Master}}, []model.Look{at(there, model.Loading, &model.Info{Role: model.Replica, Loading: true})}, "its replica 10.0.0.2:7003 does not say whether it has it"},
		"not seen":            {model.Look{Nodes: replicaThere, Info: &model.Info{Role: model.Master}}, nil, "a replica of it that is not seen may have it"},
		"as empty":            {model.Look{Nodes: replicaThere, Info: &model.Info{Role: model.Master}}, []model.Look{at(there, model.Up, &model.Info{Role: model.Replica})}, ""},
		"promoted in between": {model.Look{Nodes: replicaThere, Info: &model.Info{Role: model.Master}}, []model.Look{at(there, model.Up, &model.Info{Role: model.Master, Keys: 3})}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := &stub{}
			b := stubbed(t, m, t.TempDir())
			b.cfg.StateDir = t.TempDir()
			in := &b.cfg.Instances[0]
			in.Conf = conf
			c.was.Instance = model.At(in.Addr)
			b.peers = c.peers
			b.remembers(c.was)
			_, gaveUp := b.restart(50 * time.Millisecond)
			if gaveUp != (c.want != "") || (m.starts == 0) != gaveUp || !strings.Contains(b.log.String(), c.want) {
				t.Errorf("given up %v, %d starts, said %s, want %q", gaveUp, m.starts, &b.log, c.want)
			}
		})
	}
}

// The other one of a pair was promoted: it follows nobody, and has nothing to lose.
func TestKeeperOfAPair(t *testing.T) {
	peer := netip.MustParseAddrPort("10.0.0.2:7000")
	for name, c := range map[string]struct {
		state model.State
		info  *model.Info
		want  string
	}{
		"promoted":    {model.Up, &model.Info{Role: model.Master, Keys: 3}, ""},
		"its replica": {model.Up, &model.Info{Role: model.Replica, Keys: 3}, "its replica 10.0.0.2:7000 has it"},
		"dead":        {model.Refused, nil, "its replica 10.0.0.2:7000 does not say whether it has it"},
	} {
		m := &stub{}
		b := stubbed(t, m, t.TempDir())
		b.cfg.StateDir = t.TempDir()
		in := &b.cfg.Instances[0]
		in.Peer, in.Conf = peer, confWithoutData(t)
		if c.info != nil && c.info.Role == model.Replica {
			c.info.Master = in.Addr
		}
		b.peers = []model.Look{{Instance: model.Instance{Addr: peer}, State: c.state, Info: c.info}}
		b.remembers(model.Look{Instance: model.At(in.Addr), Info: &model.Info{Role: model.Master, Replicas: 1}})
		if _, gaveUp := b.restart(50 * time.Millisecond); gaveUp != (c.want != "") || !strings.Contains(b.log.String(), c.want) {
			t.Errorf("%s: given up %v, said %s, want %q", name, gaveUp, &b.log, c.want)
		}
	}
}

func confWithoutData(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	conf := filepath.Join(dir, "redis.conf")
	if err := os.WriteFile(conf, []byte("port 7000\ndir "+dir+"\nappendonly yes\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return conf
}

// deaf is an address at which nothing answers: the queue of connections there is full.
func deaf(t *testing.T) netip.AddrPort {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	at, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(at.(*unix.SockaddrInet4).Port))
	for {
		c, err := net.DialTimeout("tcp", addr.String(), 50*time.Millisecond)
		if err != nil {
			return addr
		}
		t.Cleanup(func() { c.Close() })
	}
}

// TestMayStart: whoever else starts an instance gets an answer in time, and what nobody knows holds up no boot.
func TestMayStart(t *testing.T) {
	silent := deaf(t)
	refuses := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), redistest.FreePort(t))
	for name, c := range map[string]struct {
		roles string
		peer  netip.AddrPort
		ok    bool
		says  string
		least time.Duration
	}{
		"no record":                        {"", silent, true, "", 0},
		"a replica":                        {`{"NAME":{}}`, silent, true, "", 0},
		"a damaged record":                 {`{`, silent, true, "", 0},
		"a master without replicas":        {`{"NAME":{"master":true}}`, silent, true, "", 0},
		"its replica is dead on its host":  {`{"NAME":{"master":true,"count":1}}`, refuses, false, "does not say whether it has it", 0},
		"its replica's host is away":       {`{"NAME":{"master":true,"count":1}}`, silent, true, "is started all the same", 200 * time.Millisecond},
		"nobody knows where replicas were": {`{"NAME":{"master":true,"count":2}}`, refuses, true, "is started all the same", 200 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			b := stubbed(t, &stub{}, t.TempDir())
			b.cfg.StateDir, b.cfg.Times.Dial = t.TempDir(), 10*time.Millisecond
			in := &b.cfg.Instances[0]
			in.Peer, in.Conf, b.cfg.Peers = c.peer, confWithoutData(t), []netip.AddrPort{c.peer}
			file := state.Dir(b.cfg.StateDir).Path(rolesFile)
			if c.roles != "" {
				if err := os.WriteFile(file, []byte(strings.ReplaceAll(c.roles, "NAME", in.Name())), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			log := zerolog.New(&b.log)
			r := Actor{Session: &session.Session{Config: b.cfg, Service: b.m, Log: &log}}
			r.Begin()
			begun := time.Now()
			ok, why := r.MayStart(sessiontest.Within(t, 300*time.Millisecond), *in)
			if took := time.Since(begun); took < c.least || took > c.least+time.Second {
				t.Errorf("it took %s", took)
			}
			if ok != c.ok || (why == "") != (c.says == "") || !strings.Contains(why, c.says) {
				t.Errorf("may start %v: %q, want %v %q", ok, why, c.ok, c.says)
			}
			if text, err := os.ReadFile(file); c.roles == "{" && (err != nil || string(text) != "{") {
				t.Errorf("the record was touched: %s, %v", text, err)
			}
		})
	}
}

// TestRememberKeepsWhatTheDeadWere: and writes only what is new.
func TestRememberKeepsWhatTheDeadWere(t *testing.T) {
	b := stubbed(t, &stub{}, t.TempDir())
	b.cfg.StateDir = t.TempDir()
	file := state.Dir(b.cfg.StateDir).Path(rolesFile)
	master, other := at(7000, model.Up), at(7001, model.Up)
	master.Info, other.Info = &model.Info{Role: model.Master, Replicas: 1}, &model.Info{Role: model.Replica}
	b.remembers(master, other)
	before, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []model.State{model.Refused, model.Stalled, model.NoAuth} {
		b.remembers(at(7000, s), other)
	}
	loading := at(7000, model.Loading)
	loading.Info = &model.Info{Role: model.Master, Loading: true}
	b.remembers(loading, other)
	after, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(before, after) {
		t.Error("it was written again, and says the same")
	}
	read := func() map[string]former {
		var was map[string]former
		if _, err := state.Dir(b.cfg.StateDir).Peek(rolesFile, &was); err != nil {
			t.Fatal(err)
		}
		return was
	}
	if was := read(); !was["10.0.0.1:7000"].Master || was["10.0.0.1:7001"].Master {
		t.Errorf("%+v", was)
	}
	master.Info = &model.Info{Role: model.Replica}
	b.remembers(master)
	if was := read(); was["10.0.0.1:7000"].Master || len(was) != 1 {
		t.Errorf("an instance that is configured no more stays: %+v", was)
	}
	for _, garbage := range []string{"{", "master", `{"10.0.0.1:7000":{"count":"x"}}`, "\x00\n\n \n", `{"10.0.0.1:7000":{"replicas":["nowhere"]}}`} {
		if err := os.WriteFile(file, []byte(garbage), 0o644); err != nil {
			t.Fatal(err)
		}
		b.remembers(at(7000, model.Refused), other)
		if was := read(); len(was) != 1 || was["10.0.0.1:7001"].Count != 0 {
			t.Errorf("%q: %+v", garbage, was)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(file, 0o755); err != nil {
		t.Fatal(err)
	}
	b.remembers(master)
	if !strings.Contains(b.log.String(), "what the instances were is written down again") {
		t.Errorf("not a file: %s", &b.log)
	}
}

func TestRestartWhen(t *testing.T) {
	for _, c := range []struct {
		when   config.RestartWhen
		status service.Status
		starts int
	}{
		{config.RestartDied, service.Dead, 1}, {config.RestartDied, service.Stopped, 0},
		{config.RestartAlways, service.Dead, 1}, {config.RestartAlways, service.Stopped, 1}, {config.RestartAlways, service.Busy, 0},
		{config.RestartNever, service.Dead, 0}, {config.RestartNever, service.Stopped, 0},
	} {
		m := &stub{status: c.status}
		b := stubbed(t, m, t.TempDir())
		b.cfg.Restart.When = c.when
		if look, gaveUp := b.restart(30 * time.Millisecond); m.starts != c.starts || gaveUp || look.State != model.Refused {
			t.Errorf("when %s, status %d: %d starts, want %d", c.when, c.status, m.starts, c.starts)
		}
	}
}

// TestRestartWhatHangs: only where it is asked for, only after its time, and counted as a start.
func TestRestartWhatHangs(t *testing.T) {
	b, s := real(t)
	s.Kill()
	if look, _ := b.restart(5 * time.Second); look.State != model.Up {
		t.Fatalf("it %s, %s", look.State, &b.log)
	}
	pid := b.pid()
	b.stop(pid)
	brief := limits
	brief.Reply = 50 * time.Millisecond
	b.limits = &brief
	for range 3 {
		if look, _ := b.restart(time.Second); look.State != model.Stalled || b.pid() != pid {
			t.Fatalf("not asked for: it %s, %s", look.State, &b.log)
		}
	}
	b.cfg.Restart.HungAfter = time.Minute
	for range 3 {
		if look, _ := b.restart(time.Second); look.State != model.Stalled || b.pid() != pid {
			t.Fatalf("not yet: it %s, %s", look.State, &b.log)
		}
	}
	b.hungFor = time.Minute
	b.remember(starts{At: []state.Stamp{ago(30 * time.Second)}})
	look, _ := b.restart(10 * time.Second)
	if look.State != model.Up || b.pid() == pid || !strings.Contains(b.log.String(), "has given no answer for 1m0s, was killed and has been started, after ") {
		t.Fatalf("it %s, %s", look.State, &b.log)
	}
	if mem := b.remembered(); len(mem.At) != 2 {
		t.Errorf("remembered %+v", mem)
	}
}

// A crash loop ends in one sentence, with the server's own words.
func TestCrashLoop(t *testing.T) {
	dir := t.TempDir()
	b, s := real(t, "logfile "+filepath.Join(dir, "redis.log"))
	s.Kill()
	if err := os.WriteFile(filepath.Join(dir, "redis.log"), []byte("7:M 25 Nov 2026 12:00:00.000 # Out Of Memory allocating 8 bytes!\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	b.remember(starts{At: []state.Stamp{ago(5 * time.Second), ago(4 * time.Second), ago(3 * time.Second), ago(2 * time.Second), ago(time.Second)}})
	if _, gaveUp := b.restart(time.Second); !gaveUp {
		t.Fatal("not given up")
	}
	want := fmt.Sprintf("%s died 5 times within 1m0s and is not started again; its last words: Out Of Memory allocating 8 bytes!; hint: look at its log, then redis-initd %d start", s.Addr, s.Addr.Port())
	if n := strings.Count(b.log.String(), "\n"); n != 1 || !strings.Contains(b.log.String(), want) {
		t.Errorf("%d lines: %s, want %s", n, &b.log, want)
	}
	if _, gaveUp := b.restart(time.Second); !gaveUp || b.log.Len() > 0 {
		t.Errorf("said again: %s", &b.log)
	}
}

// at is a look at an instance on that port.
func at(port uint16, s model.State) model.Look {
	return model.Look{Instance: model.At(netip.AddrPortFrom(netip.MustParseAddr("10.0.0.1"), port)), State: s}
}

// TestDemotedSinceItWasNoted: a replica that was a master at the last check run is started, whatever can be seen of its data, where another
// one has its slots now; not on the word of a node that has just been started.
func TestDemotedSinceItWasNoted(t *testing.T) {
	id := strings.Repeat("a", 40)
	there := model.At(netip.MustParseAddrPort("10.0.0.2:7003"))
	led := model.Nodes{{ID: id, Myself: true, Role: model.Master, Slots: []model.Slots{{Last: 5460}}}, {ID: "bbbb", MasterID: id, Role: model.Replica, Addr: there.Addr}}
	sees := func(uptime time.Duration, slots ...model.Slots) []model.Look {
		return []model.Look{{Instance: there, State: model.Up, Info: &model.Info{Role: model.Replica, Keys: 3, Uptime: uptime},
			Nodes: model.Nodes{{ID: "bbbb", Myself: true, Role: model.Replica}, {ID: id, Role: model.Master, Slots: slots}}}}
	}
	for name, c := range map[string]struct {
		peers   []model.Look
		started bool
	}{
		"another one has its slots":         {sees(time.Hour), true},
		"it has them still":                 {sees(time.Hour, model.Slots{Last: 5460}), false},
		"the one that says so just started": {sees(time.Second), false},
		"nobody says anything":              {nil, false},
	} {
		m := &stub{}
		b := stubbed(t, m, t.TempDir())
		b.cfg.StateDir = t.TempDir()
		in := &b.cfg.Instances[0]
		in.Conf = filepath.Join(t.TempDir(), "redis.conf")
		if err := os.WriteFile(in.Conf, []byte("port 7000\ndir "+t.TempDir()+"\nappendonly yes\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		b.peers = c.peers
		b.remembers(model.Look{Instance: model.At(in.Addr), Info: &model.Info{Role: model.Master, Replicas: 1}, Nodes: led})
		if _, gaveUp := b.restart(50 * time.Millisecond); gaveUp == c.started || (m.starts > 0) != c.started {
			t.Errorf("%s: given up %v, %d starts, said %s", name, gaveUp, m.starts, &b.log)
		}
	}
}
