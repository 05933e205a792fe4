package probe

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"keepalived-redis/lab/host"
)

const (
	// before and after are how far a measured instant may lie from the real one: the time between two ordinary attempts, the time
	// between two attempts in trouble, and as much again. What the machine adds, the pulse measures.
	before = 15 * time.Millisecond
	after  = 12 * time.Millisecond
)

// checkGap compares the longest gap of a range with what really happened. The two pulses are with the server that went and the one that came.
func checkGap(t *testing.T, r *recorder, name string, down, up host.Mono, gone, come *pulse) {
	t.Helper()
	last, first := r.around(name)
	t.Logf("%s: last acknowledgement %v before the fault, first %v after the cure, gap %v", name, down.Sub(last), first.Sub(up), first.Sub(last))
	if d, machine, server := down.Sub(last), r.pulse.pause(last, down), gone.pauseBefore(last, down); d > before+machine+server || d < -2*time.Millisecond-machine {
		t.Errorf("last acknowledgement %v before the fault, the machine paused for %v, the server for %v", d, machine, server)
	}
	if d, machine, server := first.Sub(up), r.pulse.pause(up, first), come.pauseAfter(up, first); d > after+machine+server || d < -2*time.Millisecond {
		t.Errorf("first acknowledgement %v after the cure, the machine paused for %v, the server for %v", d, machine, server)
	}
	back := r.await("Back", func(e Event) bool { return e.Kind == Back && e.Range == name && e.At == first })
	if back.Gap != first.Sub(last) {
		t.Errorf("Back tells a gap of %v, the acknowledgements %v", back.Gap, first.Sub(last))
	}
}

// checkCalm looks whether a range went on between two instants.
func checkCalm(t *testing.T, r *recorder, name string, from, to host.Mono) {
	t.Helper()
	n := 0
	for _, a := range r.acksOf(name) {
		if a > from && a < to {
			n++
		}
	}
	// Half of what an idle machine does, where the pulse beats 3 times in 4 ms.
	if want := min(int(to.Sub(from)/(8*time.Millisecond)), r.pulse.count(from, to)/6); n < want {
		t.Errorf("%s: %d acknowledgements while another range was down, want at least %d", name, n, want)
	}
}

// The cases share a cluster and leave it whole; the last one needs no whole one after it.
func TestCluster(t *testing.T) {
	all := newCluster(t)
	for _, c := range []struct {
		name string
		run  func(t *testing.T, all []*server)
	}{
		{"tags", testTags}, {"counts", testCounts}, {"lost", testLost}, {"local and fence", testLocal}, {"scripts", testScripts},
		{"transactions", testTransactions}, {"switchover", testSwitchover},
		{"hang", testHang}, {"restart", testRestart}, {"takeover", testTakeover},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, s := range all {
				s.t = t
			}
			c.run(t, all)
		})
	}
}

// Redis puts our tags where we think.
func testTags(t *testing.T, all []*server) {
	for i, g := range tags {
		r, _ := all[0].do("CLUSTER", "KEYSLOT", "probe:{"+g.text+"}:1")
		if r.text != fmt.Sprint(g.slot) || g.slot/(slotCount/tagCount) != i {
			t.Errorf("tag %s: slot %s, not %d", g.text, r.text, g.slot)
		}
	}
}

// Calm weather: at least 200 unique values a second on each range, in several slots, all of them there at the end.
func testCounts(t *testing.T, all []*server) {
	r := record1(t, clusterOptions(all))
	began := host.Now()
	time.Sleep(500 * time.Millisecond)
	ended := host.Now()
	end := r.end()
	started := r.all()[0]
	if started.Kind != Started || len(started.Ranges) != 3 {
		t.Fatalf("first event %+v", started)
	}
	sum := 0
	for i, g := range started.Ranges {
		acks := r.acksOf(g.Name)
		sum += len(acks)
		n := 0
		for _, a := range acks {
			if a >= began && a < ended {
				n++
			}
		}
		if want := min(100, r.pulse.count(began, ended)/4); n < want {
			t.Errorf("%s: %d acknowledgements in %v, want %d", g.Name, n, ended.Sub(began), want)
		}
		if g.Master != all[i].addr {
			t.Errorf("%s is served by %s, not %s", g.Name, g.Master, all[i].addr)
		}
	}
	if end.Result.Acked != sum || end.Result.Lost+end.Result.Wrong+end.Result.Unread != 0 {
		t.Errorf("%d acknowledgements, result %+v", sum, end.Result)
	}
	keys, _ := all[1].do("KEYS", "probe:*")
	slots := map[string]bool{}
	for _, k := range keys.items {
		slots[k.text[:strings.IndexByte(k.text, '}')]] = true
	}
	if len(slots) < 20 {
		t.Errorf("the writes to a range went to %d slots only", len(slots))
	}
	if end.Masters[all[0].addr]+end.Masters[all[1].addr]+end.Masters[all[2].addr] != slotCount {
		t.Errorf("masters %v", end.Masters)
	}
}

// What is deleted behind the writer's back is lost, what is changed is wrong, and each is counted exactly.
func testLost(t *testing.T, all []*server) {
	r := record1(t, clusterOptions(all))
	time.Sleep(100 * time.Millisecond)
	sent := host.Now()
	_, cut := all[0].do("FLUSHALL")
	time.Sleep(100 * time.Millisecond)
	keys, _ := all[1].do("KEYS", "probe:*:client-*")
	mine := slices.DeleteFunc(keys.items, func(k reply) bool {
		v, _ := all[1].do("GET", k.text)
		return !strings.Contains(v.text, runOf(r, all[1]))
	})
	all[1].do("SET", mine[0].text, "somebody else's")
	all[1].do("DEL", mine[1].text)
	end := r.end()
	least, most := 0, 1 // one write was perhaps on its way back from Redis, however late this machine lets us read it
	for _, a := range r.acksOf("0-5460") {
		if a < sent {
			least++
		}
		if a < cut {
			most++
		}
	}
	if got := end.Result.Lost - 1; got < least || got > most {
		t.Errorf("lost %d, want the %d to %d from before the flush and 1 more", end.Result.Lost, least, most)
	}
	if end.Result.Wrong != 1 || end.Result.Unread != 0 {
		t.Errorf("result %+v, want one wrong value", end.Result)
	}
	if !slices.IsSorted(end.Result.LostAcks) || len(end.Result.LostAcks) != end.Result.Lost {
		t.Errorf("instants of the lost: %v", end.Result.LostAcks)
	}
	one := r.await("the result of the first range", func(e Event) bool { return e.Kind == Verified && e.Range == "0-5460" })
	if one.Result.Lost != end.Result.Lost-1 {
		t.Errorf("lost in 0-5460: %d, in all: %d", one.Result.Lost, end.Result.Lost)
	}
}

// runOf finds the writer's run in the latest value of a server: runs are numbered by the clock, so the greatest is the latest.
func runOf(_ *recorder, s *server) string {
	latest := ""
	keys, _ := s.do("KEYS", "probe:*:client-*")
	for _, k := range keys.items {
		latest = max(latest, strings.Split(k.text, ":")[2])
	}
	return latest
}

// A host that is cut off and fenced: the writer in it sees the last acknowledgement, and writes to local masters only.
func testLocal(t *testing.T, all []*server) {
	r := record1(t, Options{Source: "inside", Mode: Local, Local: []netip.AddrPort{netip.MustParseAddrPort(all[0].addr), netip.MustParseAddrPort(all[4].addr)}})
	time.Sleep(100 * time.Millisecond)
	_, fenced := all[0].do("CONFIG", "SET", "min-slaves-to-write", "99")
	refused := r.await("a refusal", func(e Event) bool { return e.Kind == Acks && e.Failed["NOREPLICAS"] > 3 })
	_, lifted := all[0].do("CONFIG", "SET", "min-slaves-to-write", "0")
	back := r.await("Back", func(e Event) bool { return e.Kind == Back && e.At > lifted })
	end := r.end()
	if refused.Range != all[0].addr || back.Range != all[0].addr {
		t.Errorf("events of another instance: %+v, %+v", refused, back)
	}
	for _, a := range r.acksOf(all[0].addr) {
		if a > fenced+host.Mono(time.Millisecond) && a < lifted-host.Mono(time.Millisecond) {
			t.Errorf("an acknowledgement %v after the fence", a.Sub(fenced))
		}
	}
	if d := back.At.Sub(lifted); d > 30*time.Millisecond+r.pulse.pause(lifted, back.At) {
		t.Errorf("back %v after the fence was lifted", d)
	}
	if acks := r.acksOf(all[4].addr); len(acks) > 0 {
		t.Errorf("%d acknowledgements by a replica", len(acks))
	}
	if end.Result.Lost+end.Result.Wrong+end.Result.Unread != 0 || end.Result.Acked == 0 || end.Masters != nil && end.Masters[all[0].addr] != 5461 {
		t.Errorf("result %+v, masters %v", end.Result, end.Masters)
	}
}

func testScripts(t *testing.T, all []*server) { testWay(t, all, Script, "cmdstat_eval:") }

func testTransactions(t *testing.T, all []*server) { testWay(t, all, Transaction, "cmdstat_exec:") }

// Writes in another way are refused and sent elsewhere as plain ones are, and what was acknowledged is there.
func testWay(t *testing.T, all []*server, way Way, stat string) {
	all[0].do("CONFIG", "RESETSTAT")
	opts := clusterOptions(all)
	opts.Way, opts.Interval = way, defaultInterval
	r := record1(t, opts)
	time.Sleep(100 * time.Millisecond)
	_, fenced := all[0].do("CONFIG", "SET", "min-slaves-to-write", "99")
	r.await("a refusal, and that of the replica", func(e Event) bool { return e.Kind == Acks && e.Range == "0-5460" && e.Failed["MOVED"] > 0 })
	_, lifted := all[0].do("CONFIG", "SET", "min-slaves-to-write", "0")
	r.await("acknowledgements again", func(e Event) bool { return e.Kind == Acks && e.Range == "0-5460" && e.At > lifted && len(e.Acks) > 0 })
	end := r.end()
	for _, a := range r.acksOf("0-5460") {
		if a > fenced+host.Mono(2*time.Millisecond) && a < lifted-host.Mono(time.Millisecond) {
			t.Errorf("an acknowledgement %v after writes were refused", a.Sub(fenced))
		}
	}
	if end.Result.Acked < 10 || end.Result.Lost+end.Result.Wrong+end.Result.Unread != 0 || end.Result.Failed["NOREPLICAS"] == 0 {
		t.Errorf("result %+v", end.Result)
	}
	if info, _ := all[0].do("INFO", "commandstats"); !strings.Contains(info.text, stat) {
		t.Errorf("it did not write so: %s", info.text)
	}
}

// Redis' own coordinated failover: nothing is lost, the writer follows.
func testSwitchover(t *testing.T, all []*server) {
	r := record1(t, clusterOptions(all))
	time.Sleep(150 * time.Millisecond)
	all[4].do("CLUSTER", "FAILOVER")
	moved := r.await("the writes to move", func(e Event) bool { return e.Kind == Moved })
	time.Sleep(100 * time.Millisecond)
	end := r.end()
	t.Logf("worst gap %v", end.Result.WorstGap)
	if moved.Range != "5461-10922" || moved.From != all[1].addr || moved.Addr != all[4].addr {
		t.Errorf("%+v", moved)
	}
	if end.Result.Lost+end.Result.Wrong+end.Result.Unread != 0 || end.Masters[all[4].addr] != 5462 {
		t.Errorf("result %+v, masters %v", end.Result, end.Masters)
	}
	// Redis' own failover stops the writes for some milliseconds; it answers those with the move.
	if end.Result.WorstGap > 200*time.Millisecond {
		t.Errorf("worst gap %v", end.Result.WorstGap)
	}
}

// A master that stops answering but keeps its connections, and goes on later.
func testHang(t *testing.T, all []*server) {
	r := record1(t, clusterOptions(all))
	time.Sleep(150 * time.Millisecond)
	beside := newPulseOf(t, all[2], "SET", "{"+tags[100].text+"}", "x")
	down := host.Now()
	all[2].signal(syscall.SIGSTOP)
	time.Sleep(400 * time.Millisecond)
	up := host.Now()
	all[2].signal(syscall.SIGCONT)
	r.await("Back", func(e Event) bool { return e.Kind == Back && e.Range == "10923-16383" && e.At > up })
	time.Sleep(50 * time.Millisecond)
	end := r.end()
	checkGap(t, r, "10923-16383", down, up, beside, beside)
	checkCalm(t, r, "0-5460", down, up)
	if end.Result.Failed[FailedTimeout] == 0 || end.Result.Unknown < end.Result.Failed[FailedTimeout] {
		t.Errorf("no timeouts counted: %+v", end.Result)
	}
	if end.Result.Lost+end.Result.Wrong+end.Result.Unread != 0 {
		t.Errorf("result %+v", end.Result)
	}
}

// A master is killed and started again at the same address.
func testRestart(t *testing.T, all []*server) {
	r := record1(t, clusterOptions(all))
	time.Sleep(150 * time.Millisecond)
	down := host.Now()
	all[2].kill()
	time.Sleep(200 * time.Millisecond)
	all[2].start()
	// After a start a master of a cluster refuses writes for 2 s: CLUSTERDOWN.
	await(t, "the range to be served", 10*time.Second, func() bool {
		_, err := all[2].try("SET", "{"+tags[100].text+"}", "x")
		return err == nil
	})
	up := host.Now()
	r.await("Back", func(e Event) bool { return e.Kind == Back && e.Range == "10923-16383" && e.At > down })
	end := r.end()
	last, first := r.around("10923-16383")
	t.Logf("last acknowledgement %v before the kill, first %v before a test's own write passed", down.Sub(last), up.Sub(first))
	if d, paused := first.Sub(up), r.pulse.pause(up, first); d > after+paused {
		t.Errorf("first acknowledgement %v after the instance served again, the machine paused for %v", d, paused)
	}
	if end.Result.Failed[FailedRefused] == 0 || end.Result.Failed["CLUSTERDOWN"] == 0 {
		t.Errorf("refusals are not counted: %v", end.Result.Failed)
	}
	if end.Result.Wrong+end.Result.Unread != 0 {
		t.Errorf("result %+v", end.Result)
	}
}

// A master dies, its replica takes over 300 ms later: the gap is right on both sides, nothing that was replicated is lost, and the
// other ranges go on.
func testTakeover(t *testing.T, all []*server) {
	r := record1(t, clusterOptions(all))
	time.Sleep(150 * time.Millisecond)
	gone, come := newPulseOf(t, all[0], "SET", "{"+tags[1].text+"}", "x"), newPulseOf(t, all[3], "SET", "{"+tags[1].text+"}", "x")
	down := host.Now()
	all[0].signal(syscall.SIGSTOP)
	time.Sleep(300 * time.Millisecond)
	_, up := all[3].do("CLUSTER", "FAILOVER", "TAKEOVER")
	back := r.await("Back", func(e Event) bool { return e.Kind == Back && e.Range == "0-5460" && e.At > down })
	all[0].kill()
	time.Sleep(50 * time.Millisecond)
	end := r.end()
	checkGap(t, r, "0-5460", down, up, gone, come)
	checkCalm(t, r, "5461-10922", down, up)
	if back.Addr != all[3].addr {
		t.Errorf("back by %s, not by the replica %s", back.Addr, all[3].addr)
	}
	if end.Result.Lost+end.Result.Wrong+end.Result.Unread != 0 {
		t.Errorf("result %+v", end.Result)
	}
	if end.Masters[all[3].addr] != 5461 || end.Masters[all[0].addr] != 0 {
		t.Errorf("masters %v", end.Masters)
	}
}

// vip forwards connections to a server. When it moves, the sessions that are open hang, as they do when an address leaves a host.
type vip struct {
	mu    sync.Mutex
	to    string
	moved chan struct{}
}

func newVIP(t *testing.T, addr, to string) *vip {
	v := &vip{to: to, moved: make(chan struct{})}
	l, err := net.Listen("tcp", addr)
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
			v.mu.Lock()
			to, moved := v.to, v.moved
			v.mu.Unlock()
			go forward(c, to, moved)
		}
	}()
	return v
}

func forward(c net.Conn, to string, moved chan struct{}) {
	s, err := net.Dial("tcp", to)
	if err != nil {
		c.Close()
		return
	}
	pass := func(dst, src net.Conn) {
		buf := make([]byte, 4096)
		for {
			n, err := src.Read(buf)
			select {
			case <-moved:
				return
			default:
			}
			if err != nil {
				dst.Close()
				return
			}
			if _, err := dst.Write(buf[:n]); err != nil {
				return
			}
		}
	}
	go pass(s, c)
	pass(c, s)
}

func (v *vip) moveTo(to string) host.Mono {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.to = to
	close(v.moved)
	v.moved = make(chan struct{})
	return host.Now()
}

// A plain pair behind a VIP: the VIP moves to a replica, which refuses, then is promoted.
func TestReplication(t *testing.T) {
	a, b := newServer(t), newServer(t)
	a.start()
	b.start()
	b.do("REPLICAOF", "127.0.0.1", fmt.Sprint(a.port))
	awaitStream(t, a, b, "warm")
	port := freePort(t)
	v := newVIP(t, fmt.Sprintf("127.0.0.2:%d", port), a.addr)
	r := record1(t, Options{Source: "client", Mode: Replication, VIP: netip.MustParseAddr("127.0.0.2"), Ports: []uint16{port}})
	time.Sleep(100 * time.Millisecond)
	gone, come := newPulseOf(t, a, "SET", "beside", "x"), newPulseOf(t, b, "SET", "beside", "x")
	down := v.moveTo(b.addr)
	time.Sleep(200 * time.Millisecond)
	_, up := b.do("REPLICAOF", "NO", "ONE")
	name := fmt.Sprintf("port %d", port)
	r.await("Back", func(e Event) bool { return e.Kind == Back && e.At > up-host.Mono(time.Millisecond) })
	time.Sleep(50 * time.Millisecond)
	end := r.end()
	checkGap(t, r, name, down, up, gone, come)
	if end.Result.Failed["READONLY"] == 0 || end.Result.Lost+end.Result.Wrong+end.Result.Unread != 0 {
		t.Errorf("result %+v", end.Result)
	}
}

// As a program: arguments in, lines out, a word to stop.
func TestMain_(t *testing.T) {
	s := newServer(t)
	s.start()
	opts := Options{Source: "client", Mode: Replication, VIP: netip.MustParseAddr("127.0.0.1"), Ports: []uint16{s.port}, Interval: 5 * time.Millisecond}
	stdin, say := io.Pipe()
	events, stdout := io.Pipe()
	code := make(chan int, 1)
	go func() {
		defer stdout.Close()
		code <- Main(opts.Args(), stdin, stdout, io.Discard)
	}()
	var kinds []Kind
	var last Event
	err := Decode(events, func(e Event) {
		if e.Kind == Acks && e.Source == "client" && last.Kind == Started {
			go fmt.Fprintln(say, "stop")
		}
		kinds = append(kinds, e.Kind)
		last = e
	})
	if err != nil || last.Kind != Ended || last.Result.Acked == 0 || last.Result.Lost != 0 || <-code != 0 {
		t.Errorf("%v, events %v, last %+v", err, kinds, last)
	}
}
