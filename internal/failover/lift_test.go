package failover

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/decide"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/redistest"
	"keepalived-redis/internal/service"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/testing/fixture"
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
	r := reconciler(t, up)
	m := &startsAllBut{broken: redistest.FreePort(t)}
	r.Service = m
	dead := netip.AddrPortFrom(up.Addr.Addr(), m.broken)
	r.Config.Instances = append(r.Config.Instances, config.Instance{Addr: dead, Port: m.broken})
	r.store.save(r.store.durable, fenceFile, fenceRecord{Since: state.Now(), Stopped: true, Count: 1})
	o := model.Observation{Locals: []model.Look{up.Look(), {Instance: model.Instance{Addr: dead}, State: model.Refused}}}
	if err := r.liftStart(within(t, 5*time.Second), o); err == nil || !strings.Contains(err.Error(), "it does not start") {
		t.Errorf("error %v", err)
	}
	if !slices.Equal(m.began, []uint16{m.broken}) {
		t.Errorf("started %v", m.began)
	}
	var f fenceRecord
	if r.store.load(r.store.durable, fenceFile, &f); f.Stopped {
		t.Error("the record still says stopped")
	}
}

// A replica that was cut off from its master is not promoted because that one refuses connections: its own fence may have stopped it, with what it
// acknowledged meanwhile. Once the master says what it has, or has been waited for, the usual rules hold.
func TestSeveredReplicaWaits(t *testing.T) {
	r := reconciler(t)
	o := fixture.Cluster()
	fixture.PeersAre(&o, model.Refused, model.Ail{For: time.Hour, Looks: 9})
	if err := r.fence(within(t, time.Second), model.Observation{Locals: []model.Look{{Instance: o.Locals[1].Instance, State: model.Refused}}}, model.Instance{}); err != nil {
		t.Fatal(err)
	}
	see := func(lifted time.Duration) model.Observation {
		at := state.Now()
		at.Mono -= lifted
		r.store.save(r.store.durable, fenceFile, fenceRecord{Since: at, Lifted: &at, Count: 1})
		seen := o
		r.Config.Times.ColdStartWait = time.Minute
		seen.Fence = r.seeFence(&seen, state.Now())
		return seen
	}
	waits := func(o model.Observation) bool {
		return !strings.Contains(decide.Decide(o).Sentence, "promote 192.168.9.71:7004 by")
	}
	if p := see(time.Second); !waits(p) {
		t.Errorf("just after the fence: %s", decide.Decide(p).Sentence)
	}
	if p := see(61 * time.Second); waits(p) {
		t.Errorf("after cold_start_wait: %s", decide.Decide(p).Sentence)
	}
	linked := fixture.Cluster()
	r.seeStanding(&linked, true, state.Now())
	if p := see(time.Second); waits(p) {
		t.Errorf("linked since: %s", decide.Decide(p).Sentence)
	}
}

// TestSocketsAreTwoInstances: instances behind unix sockets have no address, and each is known by its name.
func TestSocketsAreTwoInstances(t *testing.T) {
	o := fixture.Cluster()
	for i := range o.Locals {
		o.Locals[i].Instance = model.Instance{Socket: fmt.Sprintf("/run/redis/%d.sock", i)}
	}
	o.Unconfirmed = []model.Instance{o.Locals[1].Instance}
	if p := decide.Decide(o); !slices.Contains(p.Steps, model.Step{Do: model.Refuse, Instance: model.Instance{Socket: "/run/redis/1.sock"}}) || strings.Contains(p.Sentence, "invalid") {
		t.Errorf("%v: %s", p.Steps, p.Sentence)
	}
	r := reconciler(t)
	r.Config.Instances = []config.Instance{{Socket: "/run/redis/0.sock"}, {Socket: "/run/redis/1.sock"}}
	for i, in := range r.Config.Instances {
		if got := r.target(redis.TargetOf(in).Instance); got.Socket != in.Socket {
			t.Errorf("instance %d is asked at %q", i, got.Socket)
		}
	}
}

// TestRefuseOnTheSecondSocket: on real servers behind unix sockets, a step reaches the instance that it names.
func TestRefuseOnTheSecondSocket(t *testing.T) {
	sockets := []string{filepath.Join(t.TempDir(), "a.sock"), filepath.Join(t.TempDir(), "b.sock")}
	servers := []*redistest.Server{redistest.Start(t, "unixsocket "+sockets[0]), redistest.Start(t, "unixsocket "+sockets[1])}
	r := reconciler(t, servers...)
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
	if err := r.refuse(within(t, time.Second), second); err != nil || refused() != [2]bool{false, true} {
		t.Errorf("%v, writes are refused: %v", err, refused())
	}
	if err := r.restore(within(t, time.Second), second); err != nil || refused() != [2]bool{} {
		t.Errorf("%v, writes are refused: %v", err, refused())
	}
}
