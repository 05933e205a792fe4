package act

import (
	"context"
	"errors"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/service"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/testing/redistest"
	"keepalived-redis/internal/testing/sessiontest"
)

// startsAllBut starts every instance but one.
type startsAllBut struct {
	service.Manager
	broken uint16
	mu     sync.Mutex
	began  []uint16
}

func (m *startsAllBut) Start(_ context.Context, in config.Instance) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.began = append(m.began, in.Port)
	if in.Port == m.broken {
		return errors.New("it does not start")
	}
	return nil
}

// Each start is tried, one that fails is an error, and the record says that nothing is stopped any more; what answers is left alone.
func TestLiftStartsWhatIsStopped(t *testing.T) {
	up := redistest.Start(t)
	r := actor(t, up)
	m := &startsAllBut{broken: redistest.FreePort(t)}
	r.Service = m
	dead := netip.AddrPortFrom(up.Addr.Addr(), m.broken)
	r.Config.Instances = append(r.Config.Instances, config.Instance{Addr: dead, Port: m.broken})
	r.Store.Save(r.Store.Durable, session.FenceFile, session.FenceRecord{Since: state.Now(), Stopped: true, Count: 1})
	o := model.Observation{Locals: []model.Look{up.Look(), {Instance: model.Instance{Addr: dead}, State: model.Refused}}}
	if err := r.liftStart(sessiontest.Within(t, 5*time.Second), o); err == nil || !strings.Contains(err.Error(), "it does not start") {
		t.Errorf("error %v", err)
	}
	if !slices.Equal(m.began, []uint16{m.broken}) {
		t.Errorf("started %v", m.began)
	}
	var f session.FenceRecord
	if r.Store.Load(r.Store.Durable, session.FenceFile, &f); f.Stopped {
		t.Error("the record still says stopped")
	}
}

// What a fence stopped and has lost its data is not started while its replica has them.
func TestLiftLeavesWhatLostItsData(t *testing.T) {
	for name, keys := range map[string]int64{"its replica has them": 3, "nobody has them": 0} {
		b := stubbed(t, &stub{}, t.TempDir())
		b.cfg.StateDir = t.TempDir()
		in := &b.cfg.Instances[0]
		in.Conf = confWithoutData(t)
		b.remembers(model.Look{Instance: model.At(in.Addr), Info: &model.Info{Role: model.Master, Replicas: 1}})
		m := &startsAllBut{}
		log := zerolog.New(&b.log)
		r := Actor{Session: &session.Session{Config: b.cfg, Service: m, Log: &log}}
		r.Begin()
		follower := model.Look{Instance: model.At(netip.MustParseAddrPort("10.0.0.2:7003")), State: model.Up,
			Info: &model.Info{Role: model.Replica, Master: in.Addr, Keys: keys}}
		o := model.Observation{Locals: []model.Look{{Instance: model.At(in.Addr), State: model.Refused}}, Peers: []model.Look{follower}}
		err := r.liftStart(sessiontest.Within(t, 5*time.Second), o)
		if kept := err != nil && strings.Contains(err.Error(), "its replica 10.0.0.2:7003 has it"); kept != (keys > 0) || len(m.began) > 0 == kept {
			t.Errorf("%s: started %v, %v", name, m.began, err)
		}
	}
}

// TestRefuseOnTheSecondSocket: on real servers behind unix sockets, a step reaches the instance that it names.
func TestRefuseOnTheSecondSocket(t *testing.T) {
	sockets := []string{filepath.Join(t.TempDir(), "a.sock"), filepath.Join(t.TempDir(), "b.sock")}
	servers := []*redistest.Server{redistest.Start(t, "unixsocket "+sockets[0]), redistest.Start(t, "unixsocket "+sockets[1])}
	r := actor(t, servers...)
	for i, path := range sockets {
		r.Config.Instances[i].Socket, r.Config.Instances[i].Addr = path, netip.AddrPort{}
	}
	refused := func() (all [2]bool) {
		for i, s := range servers {
			all[i] = strings.Contains(s.Do(t, "config", "get", "min-slaves-to-write"), redis.StopWrites)
		}
		return all
	}
	second := redis.TargetOf(r.Config.Instances[1]).Instance
	if err := r.refuse(sessiontest.Within(t, time.Second), second); err != nil || refused() != [2]bool{false, true} {
		t.Errorf("%v, writes are refused: %v", err, refused())
	}
	if err := r.restore(sessiontest.Within(t, time.Second), second); err != nil || refused() != [2]bool{} {
		t.Errorf("%v, writes are refused: %v", err, refused())
	}
}
