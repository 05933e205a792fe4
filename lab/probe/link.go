package probe

import (
	"bufio"
	"cmp"
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// link is a connection to an instance, used by one attempt at a time.
type link struct {
	conn net.Conn
	in   *bufio.Reader
	// answered is when the last answer came.
	answered time.Time
}

// ask sends one command and reads its answer. After an error the link is of no more use.
func (l *link) ask(timeout time.Duration, command []byte) (reply, error) {
	if err := l.conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return reply{}, err
	}
	if _, err := l.conn.Write(command); err != nil {
		return reply{}, err
	}
	r, err := readReply(l.in)
	l.answered = time.Now()
	return r, err
}

// transaction writes by MULTI and EXEC, with a pause in between. What refuses the write, when it is queued or when it is done, is the reply.
func (l *link) transaction(timeout, pause time.Duration, command []byte) (reply, error) {
	begun, err := l.ask(timeout, append(appendCommand(nil, "MULTI"), command...))
	if err != nil {
		return reply{}, err
	}
	queued, err := readReply(l.in)
	if err != nil {
		return reply{}, err
	}
	if refused := cmp.Or(begun.err, queued.err); refused != "" {
		_, err := l.ask(timeout, appendCommand(nil, "DISCARD"))
		return reply{err: refused}, err
	}
	time.Sleep(pause)
	done, err := l.ask(timeout, appendCommand(nil, "EXEC"))
	if err == nil && done.err == "" && len(done.items) == 1 {
		done = done.items[0]
	}
	return done, err
}

// drop closes the link without a farewell: a host that has gone would keep the kernel sending it for minutes.
func (l *link) drop() {
	if c, ok := l.conn.(*net.TCPConn); ok {
		// It only spares the kernel some work.
		_ = c.SetLinger(0)
	}
	l.conn.Close()
}

const (
	// hot is how recently a link must have answered to be trusted while a range is not acknowledged: one that has been silent for
	// longer may lead to a host that is gone.
	hot = 25 * time.Millisecond
	// idle is how long an unused link is kept.
	idle = time.Second
	// maxFree bounds the unused links to one instance.
	maxFree = 8
)

// pool keeps the links to one address. The latest used is used first, so that those that are not needed grow old.
type pool struct {
	addr string
	dial time.Duration

	mu   sync.Mutex
	free []*link
}

// take returns a free link that answered within the last maxAge, or dials.
func (p *pool) take(maxAge time.Duration) (*link, error) {
	p.mu.Lock()
	if n := len(p.free); n > 0 && time.Since(p.free[n-1].answered) < maxAge {
		l := p.free[n-1]
		p.free = p.free[:n-1]
		p.mu.Unlock()
		return l, nil
	}
	old := p.free
	p.free = nil
	p.mu.Unlock()
	for _, l := range old {
		l.drop()
	}
	conn, err := (&net.Dialer{Timeout: p.dial, KeepAlive: -1}).Dial("tcp", p.addr)
	if err != nil {
		return nil, err
	}
	return &link{conn: conn, in: bufio.NewReaderSize(conn, 4096)}, nil
}

// put gives a link back that has answered.
func (p *pool) put(l *link) {
	p.mu.Lock()
	keep := len(p.free) < maxFree
	if keep {
		p.free = append(p.free, l)
	}
	p.mu.Unlock()
	if !keep {
		l.drop()
	}
}

// close drops all free links.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.free {
		l.drop()
	}
	p.free = nil
}

// pools are the pools by address.
type pools struct {
	dial time.Duration
	mu   sync.Mutex
	all  map[string]*pool
}

func newPools(dial time.Duration) *pools { return &pools{dial: dial, all: map[string]*pool{}} }

func (p *pools) of(addr string) *pool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all[addr] == nil {
		p.all[addr] = &pool{addr: addr, dial: p.dial}
	}
	return p.all[addr]
}

// ask sends one command over a pooled link: see use.
func (p *pools) ask(addr string, maxAge, timeout time.Duration, command []byte) (r reply, sent bool, err error) {
	return p.use(addr, maxAge, func(l *link) (reply, error) { return l.ask(timeout, command) })
}

// use asks something over a pooled link. sent is false when there was no connection, so that certainly nothing was done.
func (p *pools) use(addr string, maxAge time.Duration, do func(*link) (reply, error)) (r reply, sent bool, err error) {
	pool := p.of(addr)
	l, err := pool.take(maxAge)
	if err != nil {
		return reply{}, false, err
	}
	r, err = do(l)
	if err != nil {
		l.drop()
		return reply{}, true, err
	}
	pool.put(l)
	return r, true, nil
}

func (p *pools) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, pool := range p.all {
		pool.close()
	}
}

// failure names what an attempt without an answer ended with.
func failure(sent bool, err error) string {
	switch {
	case !sent && errors.Is(err, syscall.ECONNREFUSED):
		return FailedRefused
	case !sent:
		return FailedDial
	case errors.Is(err, os.ErrDeadlineExceeded):
		return FailedTimeout
	default:
		return FailedClosed
	}
}
