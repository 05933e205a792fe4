package redis

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"

	"keepalived-redis/internal/model"
)

// wire is the connection under go-redis. It remembers how the server's first answer began, because go-redis takes the
// first error reply for an answer to its HELLO, but a server that is full or protected says its one sentence there and
// hangs up. And it bounds the answers, because go-redis reserves as much memory as a header announces.
type wire struct {
	net.Conn
	first [64]byte
	n     int
	answer
}

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.n += copy(w.first[w.n:], p[:n])
	if err := w.take(p[:n]); err != nil {
		return 0, err // not even the part before it: go-redis would believe the header
	}
	return n, err
}

func (w *wire) Write(p []byte) (int, error) {
	w.total = 0
	n, err := w.Conn.Write(p)
	if w.n == 0 && (errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)) {
		// It hung up before we spoke. What it said is still to be read, and a read cannot block any more.
		var said error
		if w.n, said = w.Conn.Read(w.first[:]); stateOfTLS(said) != model.Unseen {
			return n, said // TLS tells why by an alert, and that comes as an error
		}
	}
	return n, err
}

// answer follows the frames of RESP as far as their sizes go. https://redis.io/docs/latest/develop/reference/protocol-spec/
type answer struct {
	// total is what has been read since the last request.
	total int
	// left is what of a bulk is still to come.
	left int
	// head is how the line that is being read begins, line its length so far.
	head [24]byte
	line int
}

// take looks at the next bytes that were read.
func (a *answer) take(p []byte) error {
	if a.total += len(p); a.total > maxAnswer {
		return fmt.Errorf("%w: more than %d bytes", errTooLarge, maxAnswer)
	}
	for len(p) > 0 {
		if n := min(a.left, len(p)); n > 0 {
			a.left -= n
			p = p[n:]
			continue
		}
		end := bytes.IndexByte(p, '\n') + 1
		part := p[:end]
		if end == 0 {
			part = p
		}
		if a.line < len(a.head) {
			copy(a.head[a.line:], part)
		}
		if a.line += len(part); a.line > maxLine {
			return fmt.Errorf("%w: a line of more than %d bytes", errTooLarge, maxLine)
		}
		p = p[len(part):]
		if end > 0 {
			if err := a.header(string(a.head[:min(a.line, len(a.head))])); err != nil {
				return err
			}
			a.line = 0
		}
	}
	return nil
}

// header takes in a whole line. One that is no header, or none that can be read, is left to go-redis.
func (a *answer) header(line string) error {
	n, err := strconv.ParseInt(strings.TrimSpace(line[1:]), 10, 64)
	limit := int64(maxElements)
	switch line[0] {
	case '$', '!', '=':
		limit = maxAnswer
	case '*', '%', '~', '>', '|':
	default:
		return nil
	}
	if errors.Is(err, strconv.ErrRange) || n > limit {
		return fmt.Errorf("%w: %.30q", errTooLarge, line)
	}
	if limit == maxAnswer && err == nil && n >= 0 {
		a.left = int(n) + len("\r\n")
	}
	return nil
}
