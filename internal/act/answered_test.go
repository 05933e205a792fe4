package act

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/testing/sessiontest"
)

// yesMan is a server that says OK to whoever promotes it and stays a replica.
func yesMan(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	const list = "a 127.0.0.1:1@2 master - 0 0 1 connected 0-16383\nb 127.0.0.1:2@3 myself,slave a 0 0 1 connected\n"
	serve := func(c net.Conn) {
		defer c.Close()
		in := bufio.NewReader(c)
		line := func() string {
			s, _ := in.ReadString('\n') // an end is seen by the caller: the line is empty then
			return strings.TrimSpace(s)
		}
		for {
			n, err := strconv.Atoi(strings.TrimPrefix(line(), "*"))
			if err != nil {
				return
			}
			var words []string
			for range n {
				size, _ := strconv.Atoi(strings.TrimPrefix(line(), "$"))
				word := make([]byte, size+2)
				if _, err := io.ReadFull(in, word); err != nil {
					return
				}
				words = append(words, strings.ToLower(string(word[:size])))
			}
			switch strings.Join(words, " ") {
			case "cluster nodes":
				fmt.Fprintf(c, "$%d\r\n%s\r\n", len(list), list)
			case "cluster failover takeover", "cluster failover force":
				fmt.Fprint(c, "+OK\r\n")
			default: // as before 6.0, to a greeting
				fmt.Fprint(c, "-ERR unknown command\r\n")
			}
		}
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	return netip.MustParseAddrPort(l.Addr().String())
}

// OK is not believed: what was answered and did not happen is an error, within its time, and the next look asks again.
func TestATakeoverThatWasAnsweredAndDidNotHappen(t *testing.T) {
	a := yesMan(t)
	for _, how := range []model.Verb{model.Takeover, model.Force} {
		r := actor(t)
		err := r.Apply(sessiontest.Within(t, 20*time.Second), model.Observation{}, model.Plan{Steps: []model.Step{{Do: how, Instance: model.At(a)}}})
		if !errors.Is(err, ErrNotPromoted) {
			t.Errorf("%s: %v", how, err)
		}
		if asks := r.Memory.Stretches[session.Topic{Kind: session.VoteAsked, Name: a.String()}].Looks; (asks == 1) != (how == model.Force) {
			t.Errorf("%s: %d looks without a vote are noted", how, asks)
		}
	}
}
