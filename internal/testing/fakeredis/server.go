package fakeredis

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Server is one fake redis-server. It keeps what it has through a crash, as one with an append only file does.
type Server struct {
	Addr netip.AddrPort
	// Conf is its configuration file, Dir its data directory.
	Conf, Dir string
	w         *World
	version   string
	listener  net.Listener
	up        bool
	// broken: it never starts again. readOnly: its configuration file cannot be written. stalled: it takes connections and says nothing.
	broken, readOnly, stalled bool
	// stallAfter is the command behind which it stalls; none where it is empty.
	stallAfter string
	// lag is how many times a replica is asked for INFO before it has what its master wrote; behind is how many of these are left.
	lag, behind int
	// joined: it has been part of a linked pair since its host was turned on.
	joined bool
	// told: a run has made it a replica.
	told bool
	// fails are the commands that it refuses, by their first words in lower case, and in what words.
	fails map[string]string
	// master is the address that it follows outside a cluster; not valid for a master.
	master      netip.AddrPort
	rule        rule
	conf        settings
	term        string
	data        []int
	offset      int64
	linked      bool
	wasLinked   bool
	channels    int
	pausedUntil time.Duration
	startedAt   time.Duration
	// starts counts its starts.
	starts      int
	connections map[net.Conn]bool
	saves       int
	// scripts: it has run some. killed is how often its clients were thrown out.
	scripts bool
	// noStale: slave-serve-stale-data no.
	noStale bool
	killed  int
	*node
}

// rule is min-slaves-to-write and min-slaves-max-lag.
type rule struct{ replicas, maxLag string }

// settings are what its configuration file says.
type settings struct {
	master netip.AddrPort
	rule   rule
}

// Start makes a server of a version on an address and starts it. It follows a master, if one is given.
func (w *World) Start(dir, version string, host netip.Addr, follows netip.AddrPort) (*Server, error) {
	s := &Server{w: w, Dir: dir, version: version, fails: map[string]string{}, connections: map[net.Conn]bool{},
		conf: settings{master: follows, rule: rule{"0", "10"}}}
	if err := s.takePort(host); err != nil {
		return nil, err
	}
	s.Conf = filepath.Join(dir, fmt.Sprintf("redis-%d.conf", s.Addr.Port()))
	w.mu.Lock()
	defer w.mu.Unlock()
	s.writeConf()
	w.servers = append(w.servers, s)
	s.start()
	w.settle()
	return s, nil
}

// firstPort is below the ports that the kernel gives to connections.
const firstPort, lastPort = 7000, 8000

// takePort finds a free port.
func (s *Server) takePort(host netip.Addr) error {
	for port := uint16(firstPort); port < lastPort; port++ {
		s.Addr = netip.AddrPortFrom(host, port)
		if l, err := net.Listen("tcp", s.Addr.String()); err == nil {
			s.listener = l
			go s.accept(l)
			return nil
		}
	}
	return fmt.Errorf("no free port on %s", host)
}

// start makes it what its configuration file says, with the data that it had.
func (s *Server) start() {
	if s.up || s.broken {
		return
	}
	s.up, s.master, s.rule, s.linked, s.wasLinked = true, s.conf.master, s.conf.rule, false, false
	s.starts++
	s.startedAt, s.pausedUntil, s.told = s.w.now, 0, false
	s.listen(true)
}

// stop ends it.
func (s *Server) stop() {
	s.up, s.linked = false, false
	s.listen(false)
}

func (s *Server) listen(on bool) {
	switch {
	case on && s.listener == nil:
		l, err := net.Listen("tcp", s.Addr.String())
		if err != nil {
			panic(err) // it had that port a moment ago
		}
		s.listener = l
		go s.accept(l)
	case !on && s.listener != nil:
		s.listener.Close()
		s.listener = nil
		for c := range s.connections {
			c.Close()
		}
	}
}

// following is the master of a replica.
func (s *Server) following() netip.AddrPort {
	if s.node != nil {
		return s.node.following()
	}
	return s.master
}

func (s *Server) isMaster() bool { return !s.following().IsValid() }

// refuses is the error that a write gets, if any.
func (s *Server) refuses() string {
	switch {
	case !s.isMaster():
		return "READONLY You can't write against a read only replica."
	case s.rule.replicas != "0" && s.rule.maxLag != "0" && s.w.replicas(s) < number(s.rule.replicas):
		return "NOREPLICAS Not enough good replicas to write."
	}
	return ""
}

func (s *Server) wrote() {
	s.offset++
	for _, r := range s.w.servers {
		if r.following() == s.Addr {
			r.behind = r.lag
		}
	}
	s.w.settle()
}

// writeConf writes the configuration file that it is started with.
func (s *Server) writeConf() {
	lines := []string{"dir " + s.Dir, "dbfilename " + s.dumpName(), "min-slaves-to-write " + s.conf.rule.replicas, "min-slaves-max-lag " + s.conf.rule.maxLag}
	if m := s.conf.master; m.IsValid() {
		lines = append(lines, fmt.Sprintf("slaveof %s %d", m.Addr(), m.Port()))
	}
	if err := os.WriteFile(s.Conf, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		panic(err)
	}
}

func (s *Server) dumpName() string { return fmt.Sprintf("dump-%d.rdb", s.Addr.Port()) }

// dump writes the data set to its file, as words.
func (s *Server) dump() {
	s.saves++
	file := filepath.Join(s.Dir, s.dumpName())
	text := fmt.Sprintf("save %d of %v", s.saves, s.data)
	if err := os.WriteFile(file+".new", []byte(text), 0o644); err != nil {
		panic(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		panic(err)
	}
}
