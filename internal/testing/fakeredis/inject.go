package fakeredis

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// What a test does to a server, and asks it beside its protocol.

// Crash ends it. For good: no start helps any more.
func (s *Server) Crash(forGood bool) {
	s.locked(func() {
		s.stop()
		s.broken = s.broken || forGood
	})
}

// Boot turns its host on, which starts it or does not.
func (s *Server) Boot(start bool) {
	s.locked(func() {
		if s.joined = false; start {
			s.start()
		}
	})
}

// Lag has a replica be asked for INFO that often before it has what its master writes from now on.
func (s *Server) Lag(questions int) { s.locked(func() { s.lag = questions }) }

// Fail has it refuse commands that begin with these words, in the words of the error; none: it takes them again.
func (s *Server) Fail(command, err string) {
	s.locked(func() {
		if s.fails[command] = err; err == "" {
			delete(s.fails, command)
		}
	})
}

// WorkAgain ends every Fail.
func (s *Server) WorkAgain() { s.locked(func() { clear(s.fails) }) }

// ReadOnly says whether its configuration file can be written.
func (s *Server) ReadOnly(on bool) { s.locked(func() { s.readOnly = on }) }

// Stall has it take connections and answer nothing.
func (s *Server) Stall(on bool) { s.locked(func() { s.stalled = on }) }

// StallAfter has it stall as soon as it has done a command that begins with these words, without an answer to that one.
func (s *Server) StallAfter(command string) { s.locked(func() { s.stallAfter = command }) }

// Subscribe says how many clients are subscribed to a channel.
func (s *Server) Subscribe(n int) { s.locked(func() { s.channels = n }) }

// ServeNoStale gives it slave-serve-stale-data no.
func (s *Server) ServeNoStale() { s.locked(func() { s.noStale = true }) }

// RunScript has it run a script.
func (s *Server) RunScript() { s.locked(func() { s.scripts = true }) }

// Killed is how often its clients were thrown out.
func (s *Server) Killed() (times int) {
	s.locked(func() { times = s.killed })
	return times
}

// Write is a client that writes, and tells whether that was acknowledged. One that is held back is not, so far.
func (s *Server) Write(what int) (acknowledged bool) {
	s.locked(func() {
		if !s.up || s.w.now < s.pausedUntil || s.refuses() != "" {
			return
		}
		acknowledged = true
		s.data = append(s.data, what)
		s.wrote()
	})
	return acknowledged
}

// DeleteTerm is a client that deletes the term key, as by FLUSHALL.
func (s *Server) DeleteTerm() {
	s.locked(func() {
		if s.up && s.w.now >= s.pausedUntil && s.refuses() == "" {
			s.term = ""
			s.wrote()
		}
	})
}

// SetTerm writes the term key.
func (s *Server) SetTerm(text string) { s.locked(func() { s.term = text }) }

// View is how a server stands.
type View struct {
	Up, Broken, Master, Linked, Paused bool
	// Joined: it has been part of a linked pair since its host was turned on. Refuses: a command of it fails, or its file cannot be written.
	Joined, Refuses        bool
	Follows                netip.AddrPort
	Replicas, MaxLag, Term string
	// ConfFollows is the master that it has after a restart.
	ConfFollows netip.AddrPort
	Offset      int64
	Data        string
}

// View is how it stands.
func (s *Server) View() (v View) {
	s.locked(func() {
		v = View{
			Up: s.up, Broken: s.broken, Master: s.isMaster(), Linked: s.linked,
			Paused: s.w.now < s.pausedUntil, Joined: s.joined, Refuses: len(s.fails) > 0 || s.readOnly, Follows: s.following(),
			Replicas: s.rule.replicas, MaxLag: s.rule.maxLag, Term: s.term, ConfFollows: s.conf.master, Offset: s.offset, Data: words(s.data)}
	})
	return v
}

// Has: it has that write.
func (s *Server) Has(what int) (has bool) {
	s.locked(func() { has = slices.Contains(s.data, what) })
	return has
}

func (s *Server) locked(do func()) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	do()
	s.w.settle()
}

// failure is the error that a command is refused with.
func (s *Server) failure(args []string) (string, bool) {
	for command, err := range s.fails {
		if begins(args, command) {
			return err, true
		}
	}
	return "", false
}

// uptime is for how long it has run.
func (s *Server) uptime() time.Duration { return s.w.now - s.startedAt }

// begins: a command begins with these words, which are in lower case.
func begins(args []string, words string) bool {
	return strings.HasPrefix(strings.ToLower(strings.Join(args, " ")), words)
}
