package probe

import (
	"bufio"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// newSentinel makes a Sentinel of the test, which names whom it is told to.
func newSentinel(t *testing.T, names *server) (addr netip.AddrPort, named *atomic.Pointer[server]) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	named = &atomic.Pointer[server]{}
	named.Store(names)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for in := bufio.NewReader(c); ; {
					r, err := readReply(in)
					if err != nil || len(r.items) != 3 || strings.ToLower(r.items[1].text) != "get-master-addr-by-name" || r.items[2].text != "pair" {
						return
					}
					if _, err := c.Write(appendCommand(nil, "127.0.0.1", fmt.Sprint(named.Load().port))); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).AddrPort(), named
}

// A client that asks Sentinels: a switch that one of them tells is followed, and one that has not heard of it takes nobody back, although
// the old master would take the writes.
func TestSentinel(t *testing.T) {
	a, b := newServer(t), newServer(t)
	a.start()
	b.start()
	b.do("REPLICAOF", "127.0.0.1", fmt.Sprint(a.port))
	awaitStream(t, a, b, "warm")
	first, firstNames := newSentinel(t, a)
	second, secondNames := newSentinel(t, a)
	r := record1(t, Options{Source: "client", Mode: Sentinel, Nodes: []netip.AddrPort{first, second}, MasterName: "pair"})
	writes := func(addr string) {
		r.await("writes to "+addr, func(e Event) bool { return e.Kind == Acks && e.Addr == addr && len(e.Acks) > 0 })
	}
	writes(a.addr)
	b.do("REPLICAOF", "NO", "ONE")
	firstNames.Store(b)
	writes(b.addr)
	time.Sleep(4 * FlushPeriod)
	secondNames.Store(b)
	time.Sleep(4 * FlushPeriod)
	end := r.end()
	moves := 0
	for _, e := range r.all() {
		if e.Kind == Moved {
			moves++
			if e.From != a.addr || e.Addr != b.addr {
				t.Errorf("moved from %s to %s", e.From, e.Addr)
			}
		}
	}
	if moves != 1 {
		t.Errorf("moved %d times", moves)
	}
	// What a took after b had left it is gone: read back is the master that the Sentinels name.
	if end.Result.Acked == 0 || end.Result.Unread != 0 || end.Result.Acked <= end.Result.Lost {
		t.Errorf("result %+v", end.Result)
	}
}

// A cluster without a VIP is found at its nodes.
func TestNodes(t *testing.T) {
	got, err := Options{Source: "client", Mode: Cluster, Nodes: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:7000"), netip.MustParseAddrPort("127.0.0.1:7001")}}.complete()
	if err != nil {
		t.Fatal(err)
	}
	if e := (&writer{opts: got}).entrances(); fmt.Sprint(e) != "[127.0.0.1:7000 127.0.0.1:7001]" {
		t.Errorf("entrances %v", e)
	}
}
