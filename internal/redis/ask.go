package redis

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"keepalived-redis/internal/model"
)

// questions are those of a look, in one round trip, in RESP2, which every version speaks without a greeting.
const questions = "*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nINFO\r\n*2\r\n$7\r\nCLUSTER\r\n$5\r\nNODES\r\n"

// askTerm is the further question to one of a pair.
const askTerm = "*2\r\n$3\r\nGET\r\n$21\r\n" + model.TermKey + "\r\n"

// The replies to them.
const (
	ping = iota
	info
	nodes
	asked
	term = asked
)

// request is what is written to a target, with the password in front where there is one, and the answers that it asks for.
func request(t Target) ([]byte, answers) {
	ask, n := questions, asked
	if t.Paired {
		ask, n = questions+askTerm, asked+1
	}
	if t.Password == "" && t.Username == "" {
		return []byte(ask), answers{replies: make([]reply, n)}
	}
	words := []string{"AUTH"}
	if t.Username != "" {
		words = append(words, t.Username)
	}
	words = append(words, t.Password)
	b := append(make([]byte, 0, 256), '*')
	b = append(strconv.AppendInt(b, int64(len(words)), 10), "\r\n"...)
	for _, w := range words {
		b = append(strconv.AppendInt(append(b, '$'), int64(len(w)), 10), "\r\n"...)
		b = append(append(b, w...), "\r\n"...)
	}
	return append(b, ask...), answers{replies: make([]reply, 1+n), auth: true}
}

// reply is one reply: a simple string, a bulk string, or an error.
type reply struct {
	text string
	kind byte
	err  error
}

// replyError is an error reply, without its dash.
type replyError string

func (e replyError) Error() string { return string(e) }

// RedisError marks it as go-redis marks its own.
func (replyError) RedisError() {}

// marked is an error reply, whether we have read it or go-redis has.
type marked interface {
	error
	RedisError()
}

// errNil is the reply that there is no such value, in the words of go-redis.
const errNil replyError = "redis: nil"

// isNil tells whether the reply was errNil or that of go-redis.
func isNil(err error) bool {
	var m marked
	return errors.As(err, &m) && m.Error() == string(errNil)
}

// answers reads the replies to a request.
type answers struct {
	replies []reply
	// auth: the first reply is that to AUTH.
	auth bool
	n    int
	// buf holds what has been read and belongs to no whole reply yet, from at on.
	buf   []byte
	at    int
	total int
}

// firstRead is enough for INFO of a server without a cluster and all replies around it.
const firstRead = 8 << 10

// room is where the next bytes go.
func (a *answers) room() []byte {
	switch {
	case a.buf == nil:
		a.buf = make([]byte, 0, firstRead)
	case len(a.buf) == cap(a.buf):
		a.buf = append(make([]byte, 0, 2*cap(a.buf)), a.buf...)
	}
	return a.buf[len(a.buf):cap(a.buf)]
}

// readFrom reads what there is. end: every reply is there, or no more will come, and err says why.
func (a *answers) readFrom(fd int) (end bool, err error) {
	for {
		n, err := unix.Read(fd, a.room())
		switch {
		case errors.Is(err, unix.EAGAIN):
			return false, nil
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return true, fmt.Errorf("read: %w", err)
		case n == 0:
			return true, io.EOF
		}
		whole := len(a.buf)+n < cap(a.buf)
		a.buf = a.buf[:len(a.buf)+n]
		if end, err := a.take(n); end || whole {
			return end, err
		}
	}
}

// take parses what n more bytes have made whole.
func (a *answers) take(n int) (end bool, err error) {
	if a.total += n; a.total > maxAnswer {
		return true, fmt.Errorf("%w: more than %d bytes", errTooLarge, maxAnswer)
	}
	for a.n < len(a.replies) {
		r, size, err := parseReply(a.buf[a.at:])
		if err != nil {
			return true, err
		}
		if size == 0 {
			return false, nil
		}
		a.replies[a.n] = r
		a.n++
		a.at += size
	}
	return true, nil
}

// parseReply reads the first reply in b. A size of 0 means that it is not whole yet.
func parseReply(b []byte) (r reply, size int, err error) {
	h, size, err := parseHeader(b, "+-$")
	if size == 0 {
		return r, 0, err
	}
	r.kind = h.kind
	switch {
	case h.kind == '+':
		r.text = string(h.text)
		return r, size, nil
	case h.kind == '-':
		r.err = replyError(h.text)
		return r, size, nil
	case h.n < 0:
		r.err = errNil
		return r, size, nil
	}
	bulk := b[size:]
	if len(bulk) < h.n+2 {
		return r, 0, nil
	}
	if string(bulk[h.n:h.n+2]) != "\r\n" {
		return r, 0, fmt.Errorf("%w: a bulk string of another length", errNoRESP)
	}
	r.text = string(bulk[:h.n])
	return r, size + h.n + 2, nil
}

// needless: the server wants no password, and says so to who brings one (before 6.0, and since).
func needless(err error) bool {
	return strings.HasPrefix(err.Error(), "ERR Client sent AUTH, but no password is set") || strings.HasPrefix(err.Error(), "ERR AUTH <password> called without any password")
}

// fail notes why a target was not asked.
func (l *inquiry) fail(err error) { l.State, l.Err = Classify(err), err }

// conclude makes the look of the replies; err is why no more will come, nil when all came.
func (l *inquiry) conclude(a *answers, err error) {
	got := a.replies[:a.n]
	if err != nil {
		l.fail(err)
		if said := parting(a.buf); said != model.Unseen && l.State != model.Stalled {
			l.State = said
		}
		return
	}
	if a.auth {
		if err := got[0].err; err != nil && !needless(err) {
			l.fail(err)
		}
		got = got[1:]
	}
	switch p := got[ping]; {
	case got[info].kind == '+' || got[nodes].kind == '+' || p.kind == '$' || got[info].err == errNil || got[nodes].err == errNil:
		l.fail(fmt.Errorf("%w: %.40q", errNoRESP, p.text))
		return
	case l.Err == nil && p.err != nil:
		l.fail(p.err)
	case p.err == nil && p.text != "PONG":
		l.State, l.Err = model.NotRedis, fmt.Errorf("PING was answered by %.40q", p.text)
		return
	case l.Err == nil:
		l.State = model.Up
	}
	if l.State.Alive() {
		l.read(got[info], got[nodes])
		if len(got) > term {
			l.term(got[term])
		}
	}
}
