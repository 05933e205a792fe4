package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"keepalived-redis/internal/model"
)

// tlsError marks an error of the handshake: somebody listens there and lives, whatever it has against us.
type tlsError struct {
	error
	// bare is set where we had no certificate to show.
	bare bool
}

func (e tlsError) Unwrap() error { return e.error }

// handshake begins TLS within the limit of a reply: a server that hangs accepts connections, the kernel does that, but does
// not answer.
func handshake(ctx context.Context, c net.Conn, t Target, l Limits) (net.Conn, error) {
	secure := tls.Client(c, t.TLS.Client(t.Addr.Addr()))
	ctx, cancel := context.WithTimeout(ctx, l.Reply)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		// It is of no use any more, and why is in err.
		_ = c.Close()
		return nil, tlsError{fmt.Errorf("begin TLS: %w", err), !t.TLS.Shows()}
	}
	return secure, nil
}

// lookTwice asks again what a look alone cannot tell: whether the server speaks TLS and we do not, or the other way round.
// Redis drops a connection without TLS before it says a word, and takes a hello of TLS for a line whose end is still to
// come. Without this a mistake in our configuration would look like a server that hangs.
func lookTwice(ctx context.Context, look inquiry, l Limits) model.Look {
	t := look.target
	l.Reply /= 4 // it has answered before, or has hung already
	switch {
	case look.State == model.Dropped && asks(ctx, t, l, speaksTLS):
		look.State = model.WantsTLS
	case look.State == model.Stalled && asks(ctx, t, l, speaksPlain):
		look.State = model.NoTLS
	}
	return look.Look
}

// asks puts a question over a connection of its own.
func asks(ctx context.Context, t Target, l Limits, question func(context.Context, net.Conn) bool) bool {
	c, err := dial(ctx, "tcp", t.Addr.String(), l)
	if err != nil {
		return false
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, l.Reply)
	defer cancel()
	return question(ctx, c)
}

func speaksTLS(ctx context.Context, c net.Conn) bool {
	// Nothing is told to whoever that is, so it need not be verified.
	err := tls.Client(c, &tls.Config{InsecureSkipVerify: true}).HandshakeContext(ctx)
	var alert *net.OpError
	return err == nil || errors.As(err, &alert) && alert.Op == "remote error"
}

func speaksPlain(ctx context.Context, c net.Conn) bool {
	end, _ := ctx.Deadline()
	if err := c.SetDeadline(end); err != nil {
		return false
	}
	if _, err := io.WriteString(c, "PING\r\n"); err != nil {
		return false
	}
	var reply [2]byte
	_, err := io.ReadFull(c, reply[:])
	return err == nil && isReply(reply[:])
}

// isReply tells whether this is how an answer of Redis to PING begins: +PONG, or an error in capitals.
func isReply(b []byte) bool { return (b[0] == '+' || b[0] == '-') && b[1] >= 'A' && b[1] <= 'Z' }

// alerts are what a server says of us in TLS. crypto/tls gives the words only; those of RFC 8446, section 6.
var alerts = []struct {
	words string
	state model.State
}{
	{"certificate required", model.WantsCert},
	{"bad certificate", model.RefusesCert}, {"unsupported certificate", model.RefusesCert}, {"revoked certificate", model.RefusesCert},
	{"expired certificate", model.RefusesCert}, {"unknown certificate", model.RefusesCert}, {"access denied", model.RefusesCert},
}

// stateOfTLS is what an error of TLS says; Unseen when err is none.
func stateOfTLS(err error) model.State {
	var (
		plain   tls.RecordHeaderError
		invalid x509.CertificateInvalidError
		alert   *net.OpError
		begin   tlsError
	)
	switch {
	case errors.As(err, &plain):
		if isReply(plain.RecordHeader[:]) {
			return model.NoTLS
		}
		return model.NotRedis
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return model.ExpiredCert
	case errors.As(err, new(x509.HostnameError)):
		return model.BadName
	case errors.As(err, &invalid), errors.As(err, new(x509.UnknownAuthorityError)), errors.As(err, new(x509.SystemRootsError)):
		return model.UnknownCA
	case errors.As(err, &alert) && alert.Op == "remote error":
		for _, a := range alerts {
			if strings.Contains(alert.Err.Error(), a.words) {
				return a.state
			}
		}
		if errors.As(err, &begin) && begin.bare && strings.Contains(alert.Err.Error(), "handshake failure") {
			return model.WantsCert // before TLS 1.3 a server has no better word for it
		}
		return model.OtherTLS
	case errors.As(err, &begin) && !gone(err):
		return model.OtherTLS
	}
	return model.Unseen
}

// gone: the connection came to nothing below TLS.
func gone(err error) bool {
	var op *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, context.Canceled) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.As(err, &op) && (op.Op == "read" || op.Op == "write")
}
