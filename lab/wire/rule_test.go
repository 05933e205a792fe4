package wire

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"
)

var (
	hostA = netip.MustParseAddr("192.168.9.70")
	hostB = netip.MustParseAddr("192.168.9.71")
	hostC = netip.MustParseAddr("192.168.9.1")
	alias = netip.MustParseAddr("192.168.9.10")
)

func macOf(a netip.Addr) mac {
	b := a.As4()
	return mac{2, 0, b[0], b[1], b[2], b[3]}
}

var everybody = mac{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// packet makes a frame with the kernel's header before it: IP protocol proto, and for TCP the ports. Its last four bytes are a number.
func packet(from, to mac, sender, target netip.Addr, proto byte, source, dest uint16, number uint32) []byte {
	b := make([]byte, virtioLen+etherLen+20+4+4)
	e := b[virtioLen:]
	copy(e[0:], to[:])
	copy(e[6:], from[:])
	binary.BigEndian.PutUint16(e[12:], 0x0800)
	p := e[etherLen:]
	p[0], p[9] = 0x45, proto
	s, t := sender.As4(), target.As4()
	copy(p[12:], s[:])
	copy(p[16:], t[:])
	binary.BigEndian.PutUint16(p[20:], source)
	binary.BigEndian.PutUint16(p[22:], dest)
	binary.BigEndian.PutUint32(p[24:], number)
	return b
}

func TestWhatAFrameIsAbout(t *testing.T) {
	arp := make([]byte, etherLen+28)
	binary.BigEndian.PutUint16(arp[12:], 0x0806)
	for _, c := range []struct {
		name  string
		frame []byte
		want  Proto
	}{
		{"vrrp", packet(macOf(hostA), macOf(hostB), hostA, hostB, 112, 0, 0, 0)[virtioLen:], VRRP},
		{"redis, to the server", packet(macOf(hostA), macOf(hostB), hostA, hostB, 6, 40000, 7003, 0)[virtioLen:], Redis},
		{"redis, from the server", packet(macOf(hostA), macOf(hostB), hostA, hostB, 6, 7003, 40000, 0)[virtioLen:], Redis},
		{"the bus", packet(macOf(hostA), macOf(hostB), hostA, hostB, 6, 40000, 17003, 0)[virtioLen:], Bus},
		{"other TCP", packet(macOf(hostA), macOf(hostB), hostA, hostB, 6, 40000, 22, 0)[virtioLen:], Other},
		{"ping", packet(macOf(hostA), macOf(hostB), hostA, hostB, 1, 0, 0, 0)[virtioLen:], ICMP},
		{"ARP", arp, ARP},
		{"cut short", packet(macOf(hostA), macOf(hostB), hostA, hostB, 6, 40000, 7003, 0)[virtioLen : virtioLen+etherLen+20], Other},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, ok := parse(c.frame)
			if !ok || f.proto != c.want {
				t.Errorf("it is %q (%v), want %q", f.proto, ok, c.want)
			}
		})
	}
	if _, ok := parse(make([]byte, etherLen-1)); ok {
		t.Error("13 bytes are taken for a frame")
	}
}

// FuzzParse: no frame that a network can carry may stop the switch.
func FuzzParse(f *testing.F) {
	f.Add(packet(macOf(hostA), macOf(hostB), hostA, hostB, 6, 40000, 7003, 0)[virtioLen:])
	f.Add(make([]byte, etherLen+28))
	f.Fuzz(func(_ *testing.T, b []byte) { parse(b) })
}

// bench is a switch with one port a host, which keeps what comes out.
type bench struct {
	*Switch
	mu  sync.Mutex
	got map[string][]uint32
	// came is signalled for each frame that comes out.
	came chan struct{}
}

func newBench(t *testing.T, seed uint64) *bench {
	b := &bench{Switch: New(seed), got: map[string][]uint32{}, came: make(chan struct{}, 10000)}
	t.Cleanup(b.Close)
	for name, addr := range map[string]netip.Addr{"a": hostA, "b": hostB, "c": hostC} {
		p := &port{name: name, close: func() {}}
		p.send = func(f []byte) error {
			b.mu.Lock()
			b.got[name] = append(b.got[name], binary.BigEndian.Uint32(f[len(f)-4:]))
			b.mu.Unlock()
			b.came <- struct{}{}
			return nil
		}
		b.add(p)
		// Every host has been heard of.
		b.handle(p, packet(macOf(addr), macOf(addr), addr, addr, 1, 0, 0, 0), time.Now())
	}
	return b
}

// send lets a host send a frame with a number.
func (b *bench) send(port string, frame []byte) { b.handle(b.ports[port], frame, time.Now()) }

func (b *bench) at(port string) []uint32 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.got[port])
}

func redisFrame(from, to netip.Addr, n uint32) []byte {
	return packet(macOf(from), macOf(to), from, to, 6, 40000, 7003, n)
}

func TestForwards(t *testing.T) {
	b := newBench(t, 1)
	b.send("a", redisFrame(hostA, hostB, 5))
	b.send("a", packet(macOf(hostA), everybody, hostA, hostB, 1, 0, 0, 6))
	b.send("a", packet(macOf(hostA), macOf(alias), hostA, hostB, 1, 0, 0, 7))
	if want := []uint32{5, 6, 7}; !slices.Equal(b.at("b"), want) {
		t.Errorf("b got %v, want %v", b.at("b"), want)
	}
	if want := []uint32{6, 7}; !slices.Equal(b.at("c"), want) {
		t.Errorf("c got %v, want only what is for everybody or for somebody unknown: %v", b.at("c"), want)
	}
	if got := b.at("a"); len(got) != 0 {
		t.Errorf("a got its own frames %v", got)
	}
}

func TestCuts(t *testing.T) {
	vrrp := func(from, to netip.Addr, n uint32) []byte {
		return packet(macOf(from), macOf(to), from, to, 112, 0, 0, n)
	}
	for _, c := range []struct {
		name  string
		rules []Rule
		// want are the numbers that come to b; 1 is Redis from a, 2 VRRP from a, 3 Redis from c, 4 a broadcast of a, 5 Redis from c by its other address.
		want []uint32
		// back is whether b reaches a.
		back bool
	}{
		{"none", nil, []uint32{1, 2, 3, 4, 5}, true},
		{"both ways", Cut(hostA, hostB), []uint32{3, 5}, false},
		{"one way", []Rule{{From: hostA, To: hostB, Effect: Effect{Cut: true}}}, []uint32{3, 5}, true},
		{"the other way", []Rule{{From: hostB, To: hostA, Effect: Effect{Cut: true}}}, []uint32{1, 2, 3, 4, 5}, false},
		{"VRRP only", Both(Rule{Proto: VRRP, Effect: Effect{Cut: true}}), []uint32{1, 3, 4, 5}, true},
		{"a host from everybody", Cut(hostB, netip.Addr{}), nil, false},
		{"an address of c", []Rule{{From: hostC, About: alias, Effect: Effect{Cut: true}}}, []uint32{1, 2, 3, 4}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, 1)
			b.Set("cut", c.rules...)
			send := func() {
				b.send("a", redisFrame(hostA, hostB, 1))
				b.send("a", vrrp(hostA, hostB, 2))
				b.send("c", redisFrame(hostC, hostB, 3))
				b.send("a", packet(macOf(hostA), everybody, hostA, hostB, 1, 0, 0, 4))
				b.send("c", packet(macOf(hostC), macOf(hostB), alias, hostB, 6, 40000, 7003, 5))
			}
			send()
			if !slices.Equal(b.at("b"), c.want) {
				t.Errorf("b got %v, want %v", b.at("b"), c.want)
			}
			b.send("b", redisFrame(hostB, hostA, 9))
			if got := slices.Contains(b.at("a"), 9); got != c.back {
				t.Errorf("b reaches a: %v, want %v", got, c.back)
			}
			b.Clear("cut")
			before := len(b.at("b"))
			send()
			if got := len(b.at("b")) - before; got != 5 {
				t.Errorf("after the cut %d of 5 frames pass", got)
			}
		})
	}
}

// pattern is which of n frames from a come to b, with others of c between them that must change nothing.
func pattern(t *testing.T, seed uint64, name string, n int, others bool) []uint32 {
	b := newBench(t, seed)
	b.Set(name, Rule{To: hostB, Effect: Effect{Loss: 0.2, Duplicate: 0.1}})
	for i := range n {
		b.send("a", redisFrame(hostA, hostB, uint32(i)))
		if others {
			b.send("c", redisFrame(hostC, hostB, 1<<20))
		}
	}
	return slices.DeleteFunc(b.at("b"), func(n uint32) bool { return n == 1<<20 })
}

func TestSameSeedSameFate(t *testing.T) {
	const frames = 2000
	first := pattern(t, 7, "noise", frames, false)
	if again := pattern(t, 7, "noise", frames, true); !slices.Equal(first, again) {
		t.Error("the same seed lost other frames when another host sent, too")
	}
	if other := pattern(t, 8, "noise", frames, false); slices.Equal(first, other) {
		t.Error("another seed lost the same frames")
	}
	if other := pattern(t, 7, "other noise", frames, false); slices.Equal(first, other) {
		t.Error("rules of another name lost the same frames")
	}
	once := slices.Compact(slices.Clone(first))
	if lost := frames - len(once); lost < frames/8 || lost > frames*2/7 {
		t.Errorf("%d of %d are lost, want about 20 %%", lost, frames)
	}
	if twice := len(first) - len(once); twice < len(once)/20 || twice > len(once)/6 {
		t.Errorf("%d of %d came twice, want about 10 %%", twice, len(once))
	}
}

// await waits until n frames have come out anywhere, beyond those of newBench.
func (b *bench) await(t *testing.T, n int) {
	t.Helper()
	for i := range n {
		select {
		case <-b.came:
		case <-time.After(20 * time.Second):
			t.Fatalf("only %d of %d frames came", i, n)
		}
	}
}

func TestDelay(t *testing.T) {
	const frames = 200
	for _, reorder := range []float64{0, 0.2} {
		t.Run(fmt.Sprint("reorder ", reorder), func(t *testing.T) {
			b := newBench(t, 3)
			began := time.Now()
			b.Set("late", Rule{From: hostA, Effect: Effect{Delay: 30 * time.Millisecond, Jitter: 20 * time.Millisecond, Reorder: reorder, Late: 50 * time.Millisecond}})
			for i := range frames {
				b.send("a", redisFrame(hostA, hostB, uint32(i)))
			}
			// The way back has no delay, so this does not wait for the others.
			b.send("b", redisFrame(hostB, hostA, 1))
			if !slices.Contains(b.at("a"), 1) {
				t.Error("a frame of the other direction waits")
			}
			b.await(t, frames+1)
			if took := time.Since(began); took < 30*time.Millisecond {
				t.Errorf("all came after %s", took)
			}
			got := b.at("b")
			if inOrder := slices.IsSorted(got); inOrder != (reorder == 0) {
				t.Errorf("in order: %v", inOrder)
			}
			slices.Sort(got)
			if len(slices.Compact(got)) != frames {
				t.Errorf("%d frames came, want %d", len(got), frames)
			}
			if c := b.Cost(); c.Delayed != frames {
				t.Errorf("the cost counts %d delayed frames, want %d", c.Delayed, frames)
			}
		})
	}
}

// TestOrderAfterADelay: a frame sent after the rule is gone must not overtake those that are still on their way.
func TestOrderAfterADelay(t *testing.T) {
	b := newBench(t, 3)
	b.Set("late", Rule{Effect: Effect{Delay: 200 * time.Millisecond}})
	b.send("a", redisFrame(hostA, hostB, 1))
	b.Clear("late")
	b.send("a", redisFrame(hostA, hostB, 2))
	b.await(t, 2)
	if want := []uint32{1, 2}; !slices.Equal(b.at("b"), want) {
		t.Errorf("b got %v, want %v", b.at("b"), want)
	}
}

func TestRemovedPort(t *testing.T) {
	b := newBench(t, 1)
	b.Set("late", Rule{To: hostB, Effect: Effect{Delay: 20 * time.Millisecond}})
	b.send("a", redisFrame(hostA, hostB, 1))
	if err := b.Remove("b"); err != nil {
		t.Fatal(err)
	}
	if err := b.Remove("b"); err == nil {
		t.Error("a port can be taken off twice")
	}
	b.send("a", redisFrame(hostA, hostC, 2))
	b.await(t, 1)
	b.Clear("late")
	b.Set("late", Rule{To: hostC, Effect: Effect{Delay: 40 * time.Millisecond}})
	b.send("a", redisFrame(hostA, hostC, 3))
	b.await(t, 1)
	if got := b.at("b"); len(got) != 0 {
		t.Errorf("a port that is gone got %v", got)
	}
}
