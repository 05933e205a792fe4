// Package redistest starts real redis-servers for tests and stops them at the end.
package redistest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
)

// Server is a running redis-server.
type Server struct {
	Addr netip.AddrPort
	// Conf is its configuration file, Dir its data directory.
	Conf, Dir string
	// login is how Look and Do get in.
	login redis.Target
	cmd   *exec.Cmd
}

// FreePort is a port that nothing listens on at this moment, nor on the cluster's bus port, 10000 above. Both are below those that the
// kernel gives to connections (ip_local_port_range), of which any may be taken in the next moment.
func FreePort(t testing.TB) uint16 {
	t.Helper()
	for range 100 {
		port := uint16(10000 + rand.IntN(12000))
		if free(port) && free(port+10000) {
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

func free(port uint16) bool {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return false
	}
	l.Close()
	return true
}

// plain is the way to servers that want nothing of their clients.
var plain = redis.Target{Instance: model.At(netip.MustParseAddrPort("127.0.0.1:0"))}

// Start starts a server with the further configuration lines and waits until it answers.
func Start(t testing.TB, lines ...string) *Server {
	t.Helper()
	return StartFor(t, plain, lines...)
}

// StartFor is Start for a server that is reached in this way: its port is chosen, and is its tls-port for a login with TLS.
func StartFor(t testing.TB, login redis.Target, lines ...string) *Server {
	t.Helper()
	dir := t.TempDir()
	port := FreePort(t)
	s := &Server{Addr: netip.AddrPortFrom(login.Addr.Addr(), port), Dir: dir, Conf: filepath.Join(dir, "redis.conf"), login: login}
	s.login.Addr = s.Addr
	listen := fmt.Sprintf("port %d", port)
	if login.TLS != nil {
		listen = fmt.Sprintf("port 0\ntls-port %d", port)
	}
	// Of itself a master waits 5 s for further replicas before a sync without a disk.
	conf := append([]string{listen, "bind " + s.Addr.Addr().String(), "dir " + dir, "save \"\"", "repl-diskless-sync-delay 0", "pidfile " + filepath.Join(dir, "redis.pid")}, lines...)
	if err := os.WriteFile(s.Conf, []byte(strings.Join(conf, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.Run(t)
	return s
}

// Run starts the server again, after Kill.
func (s *Server) Run(t testing.TB) {
	t.Helper()
	s.cmd = exec.Command("redis-server", s.Conf)
	if err := s.cmd.Start(); err != nil {
		t.Fatalf("start redis-server: %v; hint: apt-get install redis-server", err)
	}
	t.Cleanup(s.Kill)
	Await(t, "the server answers", func() bool {
		return s.Look().State.Alive()
	})
}

// Look is one look at the server.
func (s *Server) Look() model.Look {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return redis.LookAt(ctx, s.login, redis.Limits{Dial: time.Second, Reply: time.Second})
}

// Do sends a command.
func (s *Server) Do(t testing.TB, args ...any) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c := redis.Open(s.login, redis.Limits{Dial: time.Second, Reply: 5 * time.Second})
	defer c.Close()
	r, err := c.Do(ctx, args...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// PID of the server.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Kill ends it with SIGKILL; killing a dead one does nothing.
func (s *Server) Kill() {
	if s.cmd.ProcessState == nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	}
}

// awaitLimit is long: gossip between the nodes of a cluster takes seconds, and on a busy machine many.
const awaitLimit = 45 * time.Second

// Await polls until ok or awaitLimit has passed.
func Await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(awaitLimit); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("not within %s: %s", awaitLimit, what)
}

// Meet has every node greet every other. Whom they know already they tell in this way, within 100 ms, what they are and the latest epoch
// that they know; by themselves they tell it to one node a second.
func Meet(t testing.TB, all []*Server) {
	t.Helper()
	for _, s := range all {
		for _, other := range all {
			if other != s {
				s.Do(t, "cluster", "meet", other.Addr.Addr().String(), other.Addr.Port())
			}
		}
	}
}

// Cluster makes a cluster of masters with one replica each, in the order masters, then replicas.
func Cluster(t testing.TB, masters int) []*Server {
	t.Helper()
	return ClusterFor(t, plain, masters)
}

// ClusterFor is Cluster for servers as those of StartFor.
func ClusterFor(t testing.TB, login redis.Target, masters int, lines ...string) []*Server {
	t.Helper()
	var all []*Server
	for range 2 * masters {
		all = append(all, StartFor(t, login, append([]string{"cluster-enabled yes", "cluster-node-timeout 15000", "cluster-config-file nodes.conf"}, lines...)...))
	}
	for i, s := range all[:masters] {
		s.Do(t, "cluster", "addslotsrange", i*16384/masters, (i+1)*16384/masters-1)
		s.Do(t, "cluster", "set-config-epoch", i+1)
	}
	Meet(t, all)
	Await(t, "every node knows every node", func() bool {
		for _, s := range all {
			known := 0
			for _, n := range s.Look().Nodes {
				if !n.Unknown && n.Addr.IsValid() {
					known++
				}
			}
			if known != len(all) {
				return false
			}
		}
		return true
	})
	for i, s := range all[masters:] {
		me, _ := all[i].Look().Self()
		s.Do(t, "cluster", "replicate", me.ID)
	}
	Meet(t, all)
	Await(t, "every replica is linked", func() bool {
		for _, s := range all[masters:] {
			if l := s.Look(); l.Info == nil || l.Info.Role != model.Replica || !l.Info.LinkUp {
				return false
			}
		}
		return true
	})
	// A replica that does not know the latest epoch yet asks for votes of an old one, is refused, and asks again only after a minute
	// (clusterHandleSlaveFailover in cluster.c).
	Await(t, "every node knows the latest epoch and the state of the cluster", func() bool {
		epochs := map[string]bool{}
		for _, s := range all {
			info := s.Do(t, "cluster", "info")
			_, epoch, _ := strings.Cut(info, "cluster_current_epoch:")
			epoch, _, _ = strings.Cut(epoch, "\r")
			epochs[epoch] = true
			if !strings.Contains(info, "cluster_state:ok") || s.Look().Nodes.HighestEpoch() != uint64(masters) {
				return false
			}
		}
		return len(epochs) == 1
	})
	return all
}
