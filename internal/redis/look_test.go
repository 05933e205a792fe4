package redis

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"keepalived-redis/internal/model"
)

var recordings = filepath.Join("..", "..", "testdata", "recordings")

// recorded gives one raw reply.
func recorded(t *testing.T, server, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(recordings, server, name+".resp"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// bulk is the text inside a recorded bulk reply.
func bulk(t *testing.T, server, name string) string {
	t.Helper()
	_, text, ok := strings.Cut(string(recorded(t, server, name)), "\r\n")
	if !ok {
		t.Fatalf("%s/%s is not a bulk reply", server, name)
	}
	return strings.TrimSuffix(text, "\r\n")
}

// servers are the recorded ones that have the file.
func servers(t *testing.T, name string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(recordings, "*", name+".resp"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recording of %s: %v", name, err)
	}
	var out []string
	for _, f := range files {
		out = append(out, filepath.Base(filepath.Dir(f)))
	}
	return out
}

// listen serves each connection with handle, which need not close it.
func listen(t testing.TB, handle func(net.Conn)) Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				handle(c)
			}()
		}
	}()
	return Target{Instance: model.At(netip.MustParseAddrPort(l.Addr().String()))}
}

// replay answers each command on one connection with the next reply. A server that is full or protected says that first and
// hangs up.
func replay(t *testing.T, answers ...[]byte) Target {
	t.Helper()
	return listen(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		if len(answers) > 0 && (bytes.HasPrefix(answers[0], []byte("-ERR max")) || bytes.HasPrefix(answers[0], []byte("-DENIED"))) {
			c.Write(answers[0])
			return
		}
		for _, a := range answers {
			if !skipCommand(r) {
				return
			}
			c.Write(a)
		}
		io.Copy(io.Discard, r)
	})
}

func skipCommand(r *bufio.Reader) bool {
	var n int
	if _, err := fmt.Fscanf(r, "*%d\r\n", &n); err != nil {
		return false
	}
	for range 2 * n {
		if _, err := r.ReadString('\n'); err != nil {
			return false
		}
	}
	return true
}

var quick = Limits{Dial: 300 * time.Millisecond, Reply: 300 * time.Millisecond}

func TestLookAtRecordedStates(t *testing.T) {
	noCluster := []byte("-ERR This instance has cluster support disabled\r\n")
	for name, want := range map[string]struct {
		ping, info string
		state      model.State
	}{
		"up":         {"master.ping", "master.info", model.Up},
		"loading":    {"loading.ping", "master.info", model.Loading},
		"busy":       {"busy.ping", "busy.info", model.Busy},
		"misconf":    {"misconf.ping", "master.info", model.Misconf},
		"no auth":    {"auth.ping-noauth", "auth.ping-noauth", model.NoAuth},
		"wrong auth": {"auth.auth-wrong", "auth.ping-noauth", model.WrongPassword},
	} {
		for _, s := range servers(t, want.ping) {
			t.Run(name+" "+s, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
				defer cancel()
				got := LookAt(ctx, replay(t, recorded(t, s, want.ping), recorded(t, s, want.info), noCluster), quick)
				if got.State != want.state {
					t.Errorf("state is %q, want %q (%v)", got.State, want.state, got.Err)
				}
				if !got.State.Alive() {
					t.Error("an instance that answers counts as dead")
				}
			})
		}
	}
}

func TestLookAtWhatDoesNotAnswer(t *testing.T) {
	closed := refusing(t)
	stalled := replay(t)
	for name, c := range map[string]struct {
		target Target
		want   model.State
	}{
		"refused":        {Target{Instance: model.At(closed)}, model.Refused},
		"missing socket": {Target{Instance: model.Instance{Socket: filepath.Join(t.TempDir(), "none.sock")}}, model.Refused},
		"stalled":        {stalled, model.Stalled},
		"silent":         {Target{Instance: model.At(deaf(t))}, model.Silent},
		"an http server": {replay(t, []byte("HTTP/1.1 400 Bad Request\r\n\r\n")), model.NotRedis},
		"full":           {replay(t, []byte("-ERR max number of clients reached\r\n")), model.TooManyClients},
		"protected":      {replay(t, []byte("-DENIED Redis is running in protected mode\r\n")), model.Denied},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			defer cancel()
			if got := LookAt(ctx, c.target, quick); got.State != c.want {
				t.Errorf("state is %q, want %q (%v)", got.State, c.want, got.Err)
			}
		})
	}
}

// refusing is an address that somebody has taken and does not listen on, so that nobody else can.
func refusing(t *testing.T) netip.AddrPort {
	t.Helper()
	_, addr := bound(t)
	return addr
}

// bound is a TCP socket with an address, and not listening yet.
func bound(t *testing.T) (fd int, addr netip.AddrPort) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		t.Cleanup(func() { unix.Close(fd) })
		err = unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}
	if err != nil {
		t.Fatal(err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fd, netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(sa.(*unix.SockaddrInet4).Port))
}

// deaf listens with a full queue: the kernel drops every further SYN.
func deaf(t *testing.T) netip.AddrPort {
	t.Helper()
	_, addr := deafListener(t)
	return addr
}

// deafListener is deaf until somebody accepts from fd.
func deafListener(t *testing.T) (fd int, addr netip.AddrPort) {
	t.Helper()
	fd, addr = bound(t)
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	for {
		c, err := net.DialTimeout("tcp", addr.String(), 200*time.Millisecond)
		if err != nil {
			return fd, addr
		}
		t.Cleanup(func() { c.Close() })
	}
}

func TestParseRecordedNodes(t *testing.T) {
	for _, s := range servers(t, "cluster-majority-lost-replica.cluster-nodes") {
		ns, err := ParseNodes(bulk(t, s, "cluster-majority-lost-replica.cluster-nodes"))
		if err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		me, ok := ns.Myself()
		if len(ns) != 6 || !ok || me.Role != model.Replica || len(ns.Masters()) != 3 {
			t.Errorf("%s: %d nodes, myself %+v, %d masters", s, len(ns), me, len(ns.Masters()))
		}
		m, ok := ns.ByID(me.MasterID)
		if !ok || !m.Suspected && !m.Failed || m.Slots[0] != (model.Slots{Last: 5460}) || !m.Addr.IsValid() {
			t.Errorf("%s: master is %+v", s, m)
		}
	}
}

func TestParseRecordedInfo(t *testing.T) {
	for _, s := range servers(t, "replica-link-down.info-replication") {
		i, err := ParseInfo(bulk(t, s, "replica-link-down.info-replication"))
		if err != nil || i.Role != model.Replica || i.LinkUp || !i.Master.IsValid() || i.Offset < 1 {
			t.Errorf("%s: %+v, %v", s, i, err)
		}
	}
	i, err := ParseInfo(bulk(t, "redis-3.2.4", "cluster-master.info"))
	if err != nil || !i.Cluster || i.Version != (model.Version{Major: 3, Minor: 2, Patch: 4}) || i.Role != model.Master {
		t.Errorf("3.2.4: %+v, %v", i, err)
	}
}

func TestNodesBadInput(t *testing.T) {
	for _, text := range []string{"", "garbage", "a b c", strings.Repeat("x ", 9), "id 1.2.3.4:7000 master - 0 0 1 connected 9-3",
		"id 1.2.3.4:7000 master - 0 0 1 connected 0-99999"} {
		if _, err := ParseNodes(text); err == nil {
			t.Errorf("%q is taken for a cluster", text)
		}
	}
	n, err := ParseNodes("id :0 myself,master - 0 0 1 connected [5-<-abc]\nid2 ::1:7000@17000,redis.example slave id 0 0 2 connected")
	if err != nil || n[0].Addr.IsValid() || len(n[0].Open) != 1 || n[1].Addr.String() != "[::1]:7000" {
		t.Errorf("%+v, %v", n, err)
	}
}
