// Package resp speaks as much of Redis' protocol as the lab needs to look at a server. It shares nothing with the programs
// under test, so that one mistake cannot hide in both.
package resp

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// Error is an error that the server answered.
type Error string

// Error is the server's text.
func (e Error) Error() string { return string(e) }

// Ask dials a server, sends one command and returns the reply, flattened (see Read). It never takes longer than limit. An error
// reply comes back as Error.
func Ask(ctx context.Context, limit time.Duration, addr string, args ...string) ([]string, error) {
	return AskInTurn(ctx, limit, addr, args)
}

// AskInTurn is Ask with several commands on one connection. It ends at the first error, and returns the reply of the last command.
func AskInTurn(ctx context.Context, limit time.Duration, addr string, commands ...[]string) (reply []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("reach %s: %w", addr, err)
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return nil, fmt.Errorf("reach %s: %w", addr, err)
	}
	in := bufio.NewReader(conn)
	for _, args := range commands {
		if _, err := conn.Write(Command(args...)); err != nil {
			return nil, fmt.Errorf("send %s to %s: %w", args[0], addr, err)
		}
		if reply, err = Read(in); err != nil {
			return nil, fmt.Errorf("read the reply of %s to %s: %w", addr, args[0], err)
		}
		if len(reply) == 1 && strings.HasPrefix(reply[0], "-") {
			return nil, fmt.Errorf("%s answers %s: %w", addr, strings.Join(args, " "), Error(reply[0][1:]))
		}
	}
	return reply, nil
}

// Command encodes one command.
func Command(args ...string) []byte {
	b := fmt.Appendf(nil, "*%d\r\n", len(args))
	for _, a := range args {
		b = fmt.Appendf(b, "$%d\r\n%s\r\n", len(a), a)
	}
	return b
}

// maxBulk and maxItems bound what a reply may claim.
const (
	maxBulk  = 64 << 20
	maxItems = 1 << 20
)

// Read reads one RESP2 reply and flattens it: the elements of an array in order, a missing value as an empty text, an error with
// its minus sign in front.
func Read(r *bufio.Reader) ([]string, error) {
	line, err := r.ReadBytes('\n')
	if err != nil {
		return nil, err
	}
	line = bytes.TrimRight(line, "\r\n")
	if len(line) == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	switch line[0] {
	case '-':
		return []string{string(line)}, nil
	case '$':
		n, err := count(line, maxBulk)
		if err != nil || n < 0 {
			return []string{""}, err
		}
		data := make([]byte, n+2)
		if _, err := io.ReadFull(r, data); err != nil {
			return nil, err
		}
		return []string{string(data[:n])}, nil
	case '*':
		n, err := count(line, maxItems)
		if err != nil {
			return nil, err
		}
		var all []string
		for range n {
			more, err := Read(r)
			if err != nil {
				return nil, err
			}
			all = append(all, more...)
		}
		return all, nil
	default:
		return []string{string(line[1:])}, nil
	}
}

func count(line []byte, limit int) (int, error) {
	n, err := strconv.Atoi(string(line[1:]))
	if err == nil && n > limit {
		err = errors.New("reply too large")
	}
	return n, err
}
