package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"keepalived-redis/internal/model"
)

// dialsPerPeer is how many connections are tried to each peer at once: one lost SYN must not make it silent.
const dialsPerPeer = 2

// patience is the longest that a survey waits before it looks whether the run is over.
const patience = 50 * time.Millisecond

// LookAt asks the target PING, INFO and CLUSTER NODES in one round trip. It returns at ctx's deadline at the latest. It
// changes nothing on the server.
func LookAt(ctx context.Context, t Target, l Limits) model.Look {
	return LookAtAll(ctx, []Target{t}, l)[0]
}

// LookAtAll looks at every target side by side. The result has the order of the targets.
func LookAtAll(ctx context.Context, targets []Target, l Limits) []model.Look {
	s := NewSurvey(ctx)
	s.Look(targets, l)
	return s.Run()
}

// LookAtPeers is LookAtAll for other hosts. What is silent here may be taken for lost, and masters promoted, so each is tried
// by more than one connection.
func LookAtPeers(ctx context.Context, targets []Target, l Limits) []model.Look {
	s := NewSurvey(ctx)
	s.LookAtPeers(targets, l)
	return s.Run()
}

// Survey looks at many targets from one goroutine, by poll(2), and waits in the same loop for answers of what is no Redis.
// Not for concurrent use.
//
// A goroutine a target costs a check of three instances a quarter of its CPU time, in threads that are made and woken. And the
// kernel's poll looks once more after its time is up: an answer that came in time counts also when this process got no CPU
// to see it, so that a host short of CPU takes no living peer for a silent one.
type Survey struct {
	ctx     context.Context
	begun   time.Time
	queries []*query
	lines   []line
	polls   []unix.PollFd
	// open counts the targets and questions that are still waited for.
	open int
	// secure are the looks over TLS, and for it, that are under way, each in a goroutine of its own.
	secure sync.WaitGroup
}

// query is what becomes of one target.
type query struct {
	look   inquiry
	limits Limits
	// end is when its time is up, cut that this is the end of the run and not of a limit.
	end  time.Time
	cut  bool
	done bool
	// asked is the number of the connection that was taken, negative before.
	asked int
}

// line is one connection.
type line struct {
	fd int
	// of is the target, negative where it is a question.
	of int
	// question is what is waited for when it is none.
	question Question
	// request is what is still to be written, answers what has been read.
	request []byte
	answers answers
}

// Question is something asked of what is no Redis. The survey closes FD when it is answered or its time is up.
type Question struct {
	FD int
	// Events are those of poll(2) to wait for.
	Events int16
	End    time.Time
	// Heard is called for each of them; true ends the waiting.
	Heard func() bool
}

// NewSurvey is a survey without targets. It ends at ctx's deadline at the latest.
func NewSurvey(ctx context.Context) *Survey { return &Survey{ctx: ctx, begun: time.Now()} }

// Look begins looks at targets, as LookAtAll does.
func (s *Survey) Look(targets []Target, l Limits) { s.add(targets, l, 1) }

// LookAtPeers begins looks at targets of other hosts.
func (s *Survey) LookAtPeers(targets []Target, l Limits) { s.add(targets, l, dialsPerPeer) }

// Ask adds a question that has been asked.
func (s *Survey) Ask(q Question) {
	s.lines, s.polls = append(s.lines, line{fd: q.FD, of: -1, question: q}), append(s.polls, unix.PollFd{Fd: int32(q.FD), Events: q.Events})
	s.open++
}

func (s *Survey) add(targets []Target, l Limits, tries int) {
	first := len(s.queries)
	s.queries = slices.Grow(s.queries, len(targets))
	s.lines, s.polls = slices.Grow(s.lines, tries*len(targets)), slices.Grow(s.polls, tries*len(targets))
	s.open += len(targets)
	for _, t := range targets {
		g := &query{look: inquire(t), limits: l, asked: -1}
		s.limit(g, l.Dial)
		s.queries = append(s.queries, g)
	}
	for n := range tries {
		for i := first; i < len(s.queries); i++ {
			if n == 0 || s.queries[i].look.Instance.Socket == "" && !s.queries[i].done {
				s.connect(i)
			}
		}
	}
}

// limit gives a target time from now on, and no more than the run has.
func (s *Survey) limit(g *query, d time.Duration) {
	g.end, g.cut = time.Now().Add(d), false
	if end, ok := s.ctx.Deadline(); ok && end.Before(g.end) {
		g.end, g.cut = end, true
	}
}

// Run returns when every target has answered or its time is up, and every question. The looks have the order in which they were
// begun.
func (s *Survey) Run() []model.Look {
	for s.open > 0 {
		// The time is read before the poll: what the poll has not seen after that time has not come.
		now := time.Now()
		wait := unix.NsecToTimespec(int64(s.wait(now)))
		n, err := unix.Ppoll(s.polls, &wait, nil)
		if err != nil && !errors.Is(err, unix.EINTR) { // Go's own signals
			s.fail(connError{fmt.Errorf("wait for answers: %w", err)})
			break
		}
		if n > 0 {
			for p := range s.polls {
				if s.polls[p].Fd >= 0 && s.polls[p].Revents != 0 {
					s.ready(p)
				}
			}
		}
		if err == nil {
			s.expire(now)
		}
	}
	s.secure.Wait()
	looks := make([]model.Look, len(s.queries))
	for i, g := range s.queries {
		if looks[i] = g.look.Look; doubtful(g.look) {
			s.secure.Add(1)
			go func() {
				defer s.secure.Done()
				looks[i] = lookTwice(s.ctx, g.look, g.limits)
			}()
		}
	}
	s.secure.Wait()
	return looks
}

// doubtful looks are those that lookTwice is for.
func doubtful(l inquiry) bool {
	t := l.target
	return t.Socket == "" && (l.State == model.Dropped && t.TLS == nil || l.State == model.Stalled && t.TLS != nil)
}

// wait is the time until the first target's is up, or until it is worth looking whether the run is over.
func (s *Survey) wait(now time.Time) time.Duration {
	wait := patience
	for i := range s.queries {
		if g := s.queries[i]; !g.done {
			wait = min(wait, max(0, g.end.Sub(now)))
		}
	}
	for p := range s.lines {
		if s.asks(p) {
			wait = min(wait, max(0, s.lines[p].question.End.Sub(now)))
		}
	}
	return wait
}

// expire ends what had its time before now, and everything if the run is over.
func (s *Survey) expire(now time.Time) {
	over := errors.Is(s.ctx.Err(), context.Canceled)
	for i := range s.queries {
		g := s.queries[i]
		if g.done || !over && now.Before(g.end) {
			continue
		}
		name := g.look.Instance.Name()
		switch {
		case over, g.cut:
			g.look.fail(g.noTime())
		case g.asked >= 0:
			g.look.conclude(&s.lines[g.asked].answers, fmt.Errorf("read from %s: no answer within %s: %w", name, g.limits.Reply, os.ErrDeadlineExceeded))
		default:
			g.look.fail(connError{fmt.Errorf("connect to %s: no answer within %s: %w", name, g.limits.Dial, os.ErrDeadlineExceeded)})
		}
		s.finish(i)
	}
	for p := range s.lines {
		if s.asks(p) && (over || !now.Before(s.lines[p].question.End)) {
			s.drop(p)
		}
	}
}

// noTime is why a look was not finished before the run was over.
func (g *query) noTime() error {
	return fmt.Errorf("look at %s: this run had no more time: %w", g.look.Instance.Name(), context.Canceled)
}

// asks: this connection is a question that is still open.
func (s *Survey) asks(p int) bool { return s.lines[p].of < 0 && s.polls[p].Fd >= 0 }

// drop ends a question.
func (s *Survey) drop(p int) {
	s.hangUp(p)
	s.open--
}

// fail ends everything.
func (s *Survey) fail(err error) {
	for i := range s.queries {
		if !s.queries[i].done {
			s.queries[i].look.fail(err)
			s.finish(i)
		}
	}
	for p := range s.lines {
		if s.asks(p) {
			s.drop(p)
		}
	}
}

// finish ends one target, and closes its connections.
func (s *Survey) finish(i int) {
	g := s.queries[i]
	g.done, g.look.Took = true, time.Since(s.begun)
	s.open--
	for p := range s.polls {
		if s.lines[p].of == i {
			s.hangUp(p)
		}
	}
}

// hangUp closes a connection; what was to be learnt from it is known, or never will be.
func (s *Survey) hangUp(p int) {
	if s.polls[p].Fd >= 0 {
		_ = unix.Close(s.lines[p].fd)
		s.polls[p].Fd = -1
	}
}

// connect begins one connection. A network that cannot send it is a silent target.
func (s *Survey) connect(i int) {
	t := s.queries[i].look.target
	family, to := unix.AF_UNIX, unix.Sockaddr(&unix.SockaddrUnix{Name: t.Socket})
	if t.Socket == "" {
		family, to = SocketAddress(t.Addr)
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		s.unreachable(i, "socket", err)
		return
	}
	s.lines, s.polls = append(s.lines, line{fd: fd, of: i}), append(s.polls, unix.PollFd{Fd: int32(fd), Events: unix.POLLOUT})
	switch err = unix.Connect(fd, to); {
	case err == nil, errors.Is(err, unix.EISCONN):
		s.connected(len(s.lines) - 1)
	case !errors.Is(err, unix.EINPROGRESS):
		s.unreachable(i, "connect", err)
	}
}

// SocketAddress is an address in the form that the kernel takes, with its address family.
func SocketAddress(a netip.AddrPort) (family int, to unix.Sockaddr) {
	ip := a.Addr().Unmap()
	if ip.Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(a.Port()), Addr: ip.As4()}
	}
	to6 := &unix.SockaddrInet6{Port: int(a.Port()), Addr: ip.As16()}
	if zone := ip.Zone(); zone != "" {
		if link, err := net.InterfaceByName(zone); err == nil { // without it the kernel says what is wrong
			to6.ZoneId = uint32(link.Index)
		}
	}
	return unix.AF_INET6, to6
}

// unreachable ends a target that could not be connected to, in the words of package net.
func (s *Survey) unreachable(i int, call string, err error) {
	t := s.queries[i].look.target
	op := &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(t.Addr), Err: os.NewSyscallError(call, err)}
	if t.Socket != "" {
		op.Net, op.Addr = "unix", &net.UnixAddr{Name: t.Socket, Net: "unix"}
	}
	s.queries[i].look.fail(connError{op})
	s.finish(i)
}

// ready goes on with a connection that the kernel has news of.
func (s *Survey) ready(p int) {
	l := &s.lines[p]
	if l.of < 0 {
		if l.question.Heard() {
			s.drop(p)
		}
		return
	}
	g := s.queries[l.of]
	switch {
	case g.asked < 0:
		errno, err := unix.GetsockoptInt(l.fd, unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && errno != 0 {
			err = unix.Errno(errno)
		}
		if err != nil {
			s.unreachable(l.of, "connect", err)
			return
		}
		s.connected(p)
	case g.asked == p:
		s.converse(p)
	default:
		s.hangUp(p)
	}
}

// connected takes the first connection of a target that opens.
func (s *Survey) connected(p int) {
	l := &s.lines[p]
	g := s.queries[l.of]
	for other := range s.polls {
		if other != p && s.lines[other].of == l.of {
			s.hangUp(other)
		}
	}
	g.asked = p
	if g.look.target.TLS != nil {
		s.handOver(p)
		return
	}
	s.limit(g, g.limits.Reply)
	l.request, l.answers = request(g.look.target)
	s.converse(p)
}

// handOver gives a connection to a goroutine that speaks TLS.
func (s *Survey) handOver(p int) {
	i := s.lines[p].of
	g := s.queries[i]
	file := os.NewFile(uintptr(s.lines[p].fd), "")
	s.polls[p].Fd = -1
	conn, err := net.FileConn(file)
	file.Close()
	if err != nil {
		g.look.fail(connError{fmt.Errorf("use the connection: %w", err)})
		s.finish(i)
		return
	}
	g.done = true
	s.open--
	s.secure.Add(1)
	go func() {
		defer s.secure.Done()
		s.lookSecurely(g, conn)
	}()
}

// converse writes what is still to be written and reads what there is.
func (s *Survey) converse(p int) {
	l := &s.lines[p]
	g := s.queries[l.of]
	if len(l.request) > 0 {
		n, err := unix.Write(l.fd, l.request)
		l.request = l.request[max(n, 0):]
		if err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			l.request = nil // it hung up before we spoke: what it said is still to be read, and tells why
		}
		s.polls[p].Events = unix.POLLIN
		if len(l.request) > 0 {
			s.polls[p].Events |= unix.POLLOUT
		}
		return
	}
	if end, err := l.answers.readFrom(l.fd); end {
		g.look.conclude(&l.answers, err)
		s.finish(l.of)
	}
}
