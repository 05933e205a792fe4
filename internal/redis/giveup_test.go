package redis

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"keepalived-redis/internal/model"
)

// A command that was given up is not delivered later: a TAKEOVER that comes when the writers of the old master were let go would lose their writes. So
// the end of a connection throws away what was not sent, which the server sees as a reset.
func TestWhatWasGivenUpIsNotSentLater(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ended := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			ended <- err
			return
		}
		defer c.Close()
		for buf := make([]byte, 256); err == nil; {
			_, err = c.Read(buf)
		}
		ended <- err
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c := Open(Target{Instance: model.At(netip.MustParseAddrPort(l.Addr().String()))}, Limits{Dial: time.Second, Reply: 50 * time.Millisecond})
	if err := c.Takeover(ctx); err == nil {
		t.Error("it was answered")
	}
	c.Close()
	select {
	case err := <-ended:
		if !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the connection ended by %v", err)
		}
	case <-ctx.Done():
		t.Error("the connection did not end")
	}
}
