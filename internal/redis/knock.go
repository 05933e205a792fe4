package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// knocks is how many connections are tried to each peer at once: one lost SYN must not make it silent.
const knocks = 2

// LookAtPeers looks at every target side by side, in two steps: it knocks on all of them, for l.Dial at most, and then asks
// those that opened. The result has the order of the targets.
//
// What is silent here may be taken for lost, and masters promoted. So the knock is one poll(2) of the kernel, which looks
// once more after its time is up: an answer that came in time counts also when this process got no CPU to see it.
func LookAtPeers(ctx context.Context, targets []Target, l Limits) []Look {
	addrs := make([]netip.AddrPort, len(targets))
	for i, t := range targets {
		addrs[i] = t.Addr
	}
	doors := knock(ctx, addrs, l.Dial)
	return sideBySide(targets, func(i int) Look {
		opened := func(context.Context, string, string, Limits) (net.Conn, error) { return doors[i].conn, doors[i].err }
		if doors[i].err != nil {
			return Look{Target: targets[i], State: Classify(doors[i].err), Err: doors[i].err}
		}
		return lookTwice(ctx, look(ctx, open(targets[i], l, opened)), l)
	})
}

// door is what came of knocking on one address: a connection, or a connError.
type door struct {
	conn net.Conn
	err  error
}

// knocking are the connections that are under way.
type knocking struct {
	doors []door
	polls []unix.PollFd
	// owner is the door that a connection belongs to.
	owner []int
	open  int
}

// knock connects to all addresses at once. It returns when each has answered, by opening or by refusing, or after limit: who
// has not answered then is silent. At ctx's deadline it returns as well, and that says nothing of anybody.
func knock(ctx context.Context, addrs []netip.AddrPort, limit time.Duration) []door {
	k := knocking{doors: make([]door, len(addrs)), open: len(addrs)}
	end, cut := time.Now().Add(limit), false
	if d, ok := ctx.Deadline(); ok && d.Before(end) {
		end, cut = d, true
	}
	for range knocks {
		for i, a := range addrs {
			k.begin(i, a)
		}
	}
	for k.open > 0 {
		left := unix.NsecToTimespec(int64(max(0, time.Until(end))))
		n, err := unix.Ppoll(k.polls, &left, nil)
		if errors.Is(err, unix.EINTR) {
			continue // Go's own signals
		}
		if err != nil || n == 0 {
			break
		}
		for p := range k.polls {
			if k.polls[p].Fd >= 0 && k.polls[p].Revents != 0 {
				k.answered(p)
			}
		}
	}
	for p := range k.polls {
		k.drop(p)
	}
	for i := range k.doors {
		switch {
		case k.settled(i):
		case cut:
			k.doors[i].err = fmt.Errorf("connect to %s: this run had no more time: %w", addrs[i], context.Canceled)
		default:
			k.doors[i].err = connError{fmt.Errorf("connect to %s: no answer within %s: %w", addrs[i], limit, os.ErrDeadlineExceeded)}
		}
	}
	return k.doors
}

// begin sends a SYN. A network that cannot send it is a silent peer.
func (k *knocking) begin(i int, a netip.AddrPort) {
	if k.settled(i) {
		return
	}
	family, to := socketAddress(a)
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		k.settle(i, door{err: connError{fmt.Errorf("make a socket: %w", err)}})
		return
	}
	err = unix.Connect(fd, to)
	k.polls, k.owner = append(k.polls, unix.PollFd{Fd: int32(fd), Events: unix.POLLOUT}), append(k.owner, i)
	switch {
	case err == nil, errors.Is(err, unix.EISCONN):
		k.answered(len(k.polls) - 1)
	case !errors.Is(err, unix.EINPROGRESS):
		k.drop(len(k.polls) - 1)
		k.settle(i, door{err: connError{fmt.Errorf("connect to %s: %w", a, err)}})
	}
}

func socketAddress(a netip.AddrPort) (family int, to unix.Sockaddr) {
	if ip := a.Addr().Unmap(); ip.Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(a.Port()), Addr: ip.As4()}
	}
	return unix.AF_INET6, &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

// answered takes in the end of one connect.
func (k *knocking) answered(p int) {
	fd, i := int(k.polls[p].Fd), k.owner[p]
	if k.settled(i) {
		k.drop(p)
		return
	}
	errno, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && errno != 0 {
		err = unix.Errno(errno)
	}
	if err != nil {
		k.drop(p)
		k.settle(i, door{err: connError{fmt.Errorf("connect: %w", err)}})
		return
	}
	k.polls[p].Fd = -1
	file := os.NewFile(uintptr(fd), "peer")
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		k.settle(i, door{err: connError{fmt.Errorf("use the connection: %w", err)}})
		return
	}
	k.settle(i, door{conn: conn})
}

func (k *knocking) settled(i int) bool { return k.doors[i].conn != nil || k.doors[i].err != nil }

func (k *knocking) settle(i int, d door) {
	k.doors[i] = d
	k.open--
}

// drop closes a connection that is still under way.
func (k *knocking) drop(p int) {
	if fd := k.polls[p].Fd; fd >= 0 {
		// A connect that is given up has nothing more to tell.
		_ = unix.Close(int(fd))
		k.polls[p].Fd = -1
	}
}
