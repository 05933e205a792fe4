package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// lookSecurely looks over a connection with TLS, and closes it. The handshake and the answers have the time of a reply each.
func (s *Survey) lookSecurely(g *query, c net.Conn) {
	defer c.Close()
	ask, a := request(g.look.target)
	s.limit(g, g.limits.Reply)
	secure, err := handshake(s.ctx, c, g.look.target, g.limits)
	if err == nil {
		s.limit(g, g.limits.Reply)
		err = a.exchange(secure, ask, g.end)
	}
	if g.cut && (errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)) {
		err = g.noTime()
	}
	g.look.conclude(&a, err)
	g.look.Took = time.Since(s.begun)
}

// exchange writes the request and reads the replies.
func (a *answers) exchange(c net.Conn, request []byte, end time.Time) error {
	if err := c.SetDeadline(end); err != nil {
		return err
	}
	_, _ = c.Write(request) // it hung up before we spoke: what it said is still to be read, and tells why
	for {
		n, err := c.Read(a.room())
		a.buf = a.buf[:len(a.buf)+n]
		if end, err := a.take(n); end {
			return err
		}
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
	}
}
