package observe

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"keepalived-redis/internal/files"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
)

// witnessTimeout bounds one question to the witness.
const witnessTimeout = 50 * time.Millisecond

// maxRoutes bounds what is read of the routes, 128 bytes each.
const maxRoutes = 16 << 20

// defaultGateway reads the IPv4 default route from /proc/net/route.
func defaultGateway() (netip.Addr, bool) {
	b, err := files.Read("/proc/net/route", maxRoutes)
	if err != nil {
		return netip.Addr{}, false
	}
	for _, line := range strings.Split(string(b), "\n") {
		f := strings.Fields(line)
		if len(f) < 8 || f[1] != "00000000" || f[7] != "00000000" {
			continue
		}
		raw, err := hex.DecodeString(f[2])
		if err != nil || len(raw) != 4 || binary.LittleEndian.Uint32(raw) == 0 {
			continue
		}
		return netip.AddrFrom4([4]byte{raw[3], raw[2], raw[1], raw[0]}), true
	}
	return netip.Addr{}, false
}

// defaultWitnesses is the default gateway. A host whose network is torn down with its carrier, as NetworkManager does, has no
// default route any more just when it is cut off: then it is whatever gateway answered before.
func defaultWitnesses(answered map[string]bool) []netip.Addr {
	if gw, ok := gateway(); ok {
		return []netip.Addr{gw}
	}
	var before []netip.Addr
	for name := range answered {
		if a, err := netip.ParseAddr(name); err == nil {
			before = append(before, a)
		}
	}
	slices.SortFunc(before, netip.Addr.Compare)
	return before
}

// gateway is swapped in tests.
var gateway = defaultGateway

// question is an address that is asked by itself, whatever its instances do.
type question struct {
	to       netip.Addr
	answered bool
	// left: an echo request has left this host, so that silence is that of the address. err is what this host itself had against a question.
	left bool
	err  error
}

// ask asks an address by ICMP echo where that is permitted, else by a TCP dial, to which a refusal is an answer. The survey
// waits for it.
func ask(ctx context.Context, survey *redis.Survey, limit time.Duration, into *question) {
	q, err := echo(into)
	if err != nil {
		q, err = dial(netip.AddrPortFrom(into.to, 80), into)
	}
	awaitAnswer(ctx, survey, q, limit, err)
}

// askPort asks by a TCP dial alone.
func askPort(ctx context.Context, survey *redis.Survey, port uint16, into *question) {
	q, err := dial(netip.AddrPortFrom(into.to, port), into)
	awaitAnswer(ctx, survey, q, witnessTimeout, err)
}

// discard is a port at which nobody answers (RFC 863).
const discard = 9

// unasked is why an address that has not answered was not asked: this host itself has let nothing go there, for want of permission or of
// descriptors. That is known once the survey is over. A SYN that netfilter drops, by a rule or because its table of connections is full, only
// looks unanswered; the write of a datagram beside it fails.
func (q *question) unasked() error {
	if q.answered || q.left {
		return nil
	}
	if q.err == nil {
		fd, err := connect(unix.SOCK_DGRAM, 0, netip.AddrPortFrom(q.to, discard))
		if err == nil {
			_, err = unix.Write(fd, []byte{0})
			_ = unix.Close(fd)
		}
		q.note(err)
		q.left = q.err == nil
	}
	return q.err
}

// note keeps an error that is of this host.
func (q *question) note(err error) {
	if redis.OfThisHost(err) {
		q.err = err
	}
}

// proveNothing takes the silence of instances from looks where it is this host's own.
func proveNothing(looks []model.Look, asked map[netip.Addr]*question) {
	for i := range looks {
		l := &looks[i]
		if l.State != model.Silent {
			continue
		}
		host := l.Instance.Addr.Addr()
		q := asked[host]
		if q == nil {
			q = &question{to: host}
		}
		if err := q.unasked(); err != nil {
			l.State, l.Err = model.Unseen, fmt.Errorf("send to %s: %w; hint: does a firewall on this host, or its full table of connections, keep us from it?", host, err)
		}
	}
}

// awaitAnswer lets the survey wait for the answer.
func awaitAnswer(ctx context.Context, survey *redis.Survey, q redis.Question, limit time.Duration, err error) {
	if err != nil || q.FD < 0 {
		return
	}
	q.End = time.Now().Add(limit)
	if d, ok := ctx.Deadline(); ok && d.Before(q.End) {
		q.End = d
	}
	survey.Ask(q)
}

// nobody is a question that needs no waiting.
var nobody = redis.Question{FD: -1}

// echo sends one ICMP echo request (RFC 792, RFC 4443). An error means that it could not ask.
func echo(into *question) (redis.Question, error) {
	a := into.to
	protocol, request, reply := unix.IPPROTO_ICMP, byte(8), byte(0)
	if !a.Unmap().Is4() {
		protocol, request, reply = unix.IPPROTO_ICMPV6, 128, 129
	}
	fd, err := connect(unix.SOCK_RAW, protocol, netip.AddrPortFrom(a, 0))
	if err != nil {
		return nobody, err
	}
	msg := make([]byte, 16)
	msg[0] = request
	binary.BigEndian.PutUint16(msg[4:], uint16(os.Getpid()))
	binary.BigEndian.PutUint64(msg[8:], uint64(time.Now().UnixNano()))
	if protocol == unix.IPPROTO_ICMP { // the kernel adds the sum for IPv6
		binary.BigEndian.PutUint16(msg[2:], checksum(msg))
	}
	if _, err := unix.Write(fd, msg); err != nil {
		_ = unix.Close(fd)
		if into.note(err); into.err != nil {
			return nobody, err
		}
		into.left = true
		return nobody, nil // no route: silent, not unable
	}
	into.left = true
	buf := make([]byte, 256)
	return redis.Question{FD: fd, Events: unix.POLLIN, Heard: func() bool {
		n, err := unix.Read(fd, buf)
		if err != nil {
			return !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR)
		}
		got := buf[:n]
		if protocol == unix.IPPROTO_ICMP && n > 0 { // a raw IPv4 socket hands up the IP header as well
			got = got[min(n, int(got[0]&0x0f)*4):]
		}
		into.answered = len(got) >= 16 && got[0] == reply && string(got[4:6]) == string(msg[4:6]) && string(got[8:16]) == string(msg[8:])
		return into.answered
	}}, nil
}

// dial asks by a TCP connection.
func dial(a netip.AddrPort, into *question) (redis.Question, error) {
	fd, err := connect(unix.SOCK_STREAM, 0, a)
	if err != nil {
		into.answered = errors.Is(err, unix.ECONNREFUSED)
		into.note(err)
		return nobody, err
	}
	return redis.Question{FD: fd, Events: unix.POLLOUT, Heard: func() bool {
		errno, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
		into.answered = err == nil && (errno == 0 || unix.Errno(errno) == unix.ECONNREFUSED)
		return true
	}}, nil
}

// connect is a socket that does not block; the connection may still be under way.
func connect(kind, protocol int, to netip.AddrPort) (fd int, err error) {
	family, address := redis.SocketAddress(to)
	if fd, err = unix.Socket(family, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, protocol); err != nil {
		return -1, err
	}
	if err = unix.Connect(fd, address); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
