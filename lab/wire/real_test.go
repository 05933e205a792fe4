package wire_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"keepalived-redis/lab/host"
	"keepalived-redis/lab/wire"
)

const (
	labAddr  = "192.168.9.2"
	hostAddr = "192.168.9.70"
	port     = "7000"
)

var work string

// echoWord makes this program the server on the host: it sends back what it gets.
const echoWord = "echo-server"

func TestMain(m *testing.M) {
	host.Init()
	if len(os.Args) > 1 && os.Args[1] == echoWord {
		os.Exit(echo())
	}
	root, err := host.Module(".")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(host.Main(filepath.Join(root, "build", "lab", "wire"), func(w string) int {
		work = w
		return m.Run()
	}))
}

func echo() int {
	l, err := net.Listen("tcp", ":"+port)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return 1
		}
		go func() {
			defer c.Close()
			// The other side hangs up; nothing is left to say then.
			_, _ = io.Copy(c, c)
		}()
	}
}

// network is a host behind a switch, with the echo server.
type network struct {
	cable *host.Cable
}

// newNetwork makes it: over is nil for the kernel's bridge.
func newNetwork(t *testing.T, over *wire.Switch) *network {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var s *host.Switch
	var err error
	if over == nil {
		s, err = host.NewSwitch(ctx, labAddr+"/24")
	} else {
		s, err = host.NewSwitchOver(ctx, labAddr+"/24", over)
	}
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(work, fmt.Sprint(time.Now().UnixNano()))
	for _, d := range []string{"root", "etc", "libexec", "redis", "state", "log"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	h, err := host.Boot(ctx, host.Spec{Name: "echo", Dir: dir, BootID: "0"}, func(host.Event) {})
	if err != nil {
		t.Fatal(err)
	}
	n := &network{}
	t.Cleanup(func() {
		h.Kill()
		<-h.Done()
		if n.cable != nil {
			// Its port may have vanished with the host.
			_ = n.cable.Unplug()
		}
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := s.Remove(ctx); err != nil {
			t.Error(err)
		}
	})
	if n.cable, err = s.Connect(ctx, h, "", hostAddr+"/24"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Start(ctx, []string{host.Self, echoWord}, nil, nil, os.Stderr); err != nil {
		t.Fatal(err)
	}
	return n
}

// ping sends one ICMP echo and says whether the answer came in time.
func ping(t *testing.T, number uint16, within time.Duration) bool {
	t.Helper()
	c, err := net.Dial("ip4:icmp", hostAddr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	b := []byte{8, 0, 0, 0, 0x7a, 0x7a, 0, 0}
	binary.BigEndian.PutUint16(b[6:], number)
	sum := uint32(0)
	for i := 0; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	binary.BigEndian.PutUint16(b[2:], ^uint16(sum+sum>>16))
	if _, err := c.Write(b); err != nil {
		// A neighbour that does not answer ARP comes back as an error.
		return false
	}
	answer := make([]byte, 1500)
	for {
		n, err := c.Read(answer)
		if err != nil {
			return false
		}
		if n >= 8 && bytes.Equal(answer[n-4:n], b[4:]) && answer[n-8] == 0 {
			return true
		}
	}
}

// dial waits until the server is up, through what the switch lets pass.
func dial(t *testing.T) net.Conn {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; {
		c, err := net.DialTimeout("tcp", net.JoinHostPort(hostAddr, port), time.Second)
		if err == nil {
			t.Cleanup(func() { c.Close() })
			if err := c.SetDeadline(end); err != nil {
				t.Fatal(err)
			}
			return c
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// through sends bytes to the server and compares what comes back.
func through(t *testing.T, size int) {
	t.Helper()
	c := dial(t)
	sent := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	failed := make(chan error, 1)
	go func() {
		_, err := c.Write(sent)
		failed <- err
	}()
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(c, got); err != nil {
		t.Fatalf("read it back: %v", err)
	}
	if err := <-failed; err != nil {
		t.Fatalf("send: %v", err)
	}
	if !bytes.Equal(got, sent) {
		t.Error("what came back is not what was sent")
	}
}

// TestPing: what the hosts' own kernels send passes, a cut stops it, and so does a cable that is silent or without carrier; afterwards it passes again.
func TestPing(t *testing.T) {
	s := wire.New(1)
	defer s.Close()
	n := newNetwork(t, s)
	number := uint16(0)
	passes := func(when string, want bool, within time.Duration) {
		t.Helper()
		number++
		if got := ping(t, number, within); got != want {
			t.Errorf("%s: ping passes: %v, want %v", when, got, want)
		}
	}
	const long, short = 10 * time.Second, 300 * time.Millisecond
	passes("at first", true, long)
	s.Set("cut", wire.Rule{From: netip.MustParseAddr(hostAddr), Proto: wire.ICMP, Effect: wire.Effect{Cut: true}})
	passes("with the way back cut", false, short)
	dial(t)
	s.Clear("cut")
	passes("after the cut", true, long)
	for _, f := range []struct {
		name string
		do   func() error
	}{{"silent", n.cable.Silence}, {"pulled out", n.cable.Cut}} {
		if err := f.do(); err != nil {
			t.Fatal(err)
		}
		passes(f.name, false, short)
		if err := n.cable.Plug(); err != nil {
			t.Fatal(err)
		}
		passes("after "+f.name, true, long)
	}
	t.Log(s.Cost())
}

// TestBulk: large segments and checksums that the kernel puts off arrive whole, also where frames are lost, late, twice and out of order.
func TestBulk(t *testing.T) {
	s := wire.New(1)
	defer s.Close()
	newNetwork(t, s)
	// So much comes back through segments of 64 KiB.
	through(t, 32<<20)
	s.Set("bad cable", wire.Rule{Effect: wire.Effect{Loss: 0.02, Duplicate: 0.02, Reorder: 0.05, Delay: time.Millisecond, Jitter: time.Millisecond, Late: 3 * time.Millisecond}})
	through(t, 1<<20)
	if c := s.Cost(); c.Dropped == 0 || c.Delayed == 0 {
		t.Errorf("nothing was lost or delayed: %s", c)
	}
}

// TestCost prints what the switch takes, beside the kernel's bridge: it claims nothing, for machines differ.
func TestCost(t *testing.T) {
	measure := func(t *testing.T, s *wire.Switch) (median, p99 time.Duration) {
		newNetwork(t, s)
		c := dial(t)
		var took []time.Duration
		b := make([]byte, 64)
		for range 2000 {
			at := time.Now()
			if _, err := c.Write(b); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(c, b); err != nil {
				t.Fatal(err)
			}
			took = append(took, time.Since(at))
		}
		slices.Sort(took)
		return took[len(took)/2], took[len(took)*99/100]
	}
	t.Run("bridge", func(t *testing.T) {
		median, p99 := measure(t, nil)
		t.Logf("64 bytes there and back: median %s, 99 %% %s", median, p99)
	})
	t.Run("wire", func(t *testing.T) {
		s := wire.New(1)
		defer s.Close()
		median, p99 := measure(t, s)
		t.Logf("64 bytes there and back: median %s, 99 %% %s; %s", median, p99, s.Cost())
	})
}
