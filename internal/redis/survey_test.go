package redis

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"keepalived-redis/internal/model"
)

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func listenOn(t *testing.T, addr string) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().(*net.TCPAddr).AddrPort()
}

func TestSurveyOfSilentPeers(t *testing.T) {
	refused := netip.MustParseAddrPort("127.0.0.1:1")
	addrs := []netip.AddrPort{listenOn(t, "127.0.0.1:0"), refused, deaf(t), listenOn(t, "[::1]:0"), netip.MustParseAddrPort("255.255.255.255:7000")}
	want := []model.State{model.Stalled, model.Refused, model.Silent, model.Stalled, model.Silent} // nobody accepts and answers
	before := descriptors(t)
	var targets []Target
	for _, a := range addrs {
		targets = append(targets, Target{Instance: model.At(a)})
	}
	for i, l := range LookAtPeers(context.Background(), targets, Limits{Dial: 100 * time.Millisecond, Reply: 100 * time.Millisecond}) {
		if l.State != want[i] {
			t.Errorf("%s: %s, want %s (%v)", addrs[i], l.State, want[i], l.Err)
		}
	}
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors were open, now %d", before, after)
	}
}

func TestSurveyEndsWithTheRun(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	looks := LookAtPeers(ctx, []Target{{Instance: model.At(deaf(t))}}, Limits{Dial: time.Hour, Reply: time.Hour})
	if looks[0].State != model.Unseen {
		t.Errorf("the run had no time, and the peer %s (%v)", looks[0].State, looks[0].Err)
	}
}

func TestPeersAreLookedAtThroughTheirOpenDoor(t *testing.T) {
	up := replay(t, []byte("+PONG\r\n$13\r\nrole:master\r\n\r\n-ERR This instance has cluster support disabled\r\n"))
	looks := LookAtPeers(context.Background(), []Target{{Instance: model.At(deaf(t))}, up}, quick)
	if looks[0].State != model.Silent || looks[1].State != model.Up || looks[1].Role() != model.Master {
		t.Errorf("got %s and %s, %s (%v)", looks[0].State, looks[1].State, looks[1].Role(), looks[1].Err)
	}
}

// lateDial is the process that TestAnAnswerInTimeCountsAlsoWhenSeenLate stops while it dials.
const lateDial = "KEEPALIVED_REDIS_TEST_DIAL"

const lateLimit = 2 * time.Second

func TestMain(m *testing.M) {
	if addr := os.Getenv(lateDial); addr != "" {
		peer := Target{Instance: model.At(netip.MustParseAddrPort(addr))}
		fmt.Println(LookAtPeers(context.Background(), []Target{peer}, Limits{Dial: lateLimit, Reply: 50 * time.Millisecond})[0].State)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A host that is short of CPU must not take a living peer for a dead one: the answer comes while the process is stopped, and
// its time is over when it goes on.
func TestAnAnswerInTimeCountsAlsoWhenSeenLate(t *testing.T) {
	for range 10 {
		if answerInTimeSeenLate(t) || t.Failed() {
			return
		}
	}
	t.Fatal("the answer never came in time, so this test shows nothing")
}

// answerInTimeSeenLate tries it once. On a machine that is busy enough this process misses the second in which the kernel sends the
// next SYN, and then it has shown nothing.
func answerInTimeSeenLate(t *testing.T) (shown bool) {
	t.Helper()
	fd, addr := deafListener(t)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), lateDial+"="+addr.String())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	begun := time.Now()
	const synSent, established = "02", "01"
	before := connections(t, addr, established)
	for connections(t, addr, synSent) == 0 {
		if time.Since(begun) > lateLimit {
			return false
		}
		time.Sleep(time.Millisecond)
	}
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	c, _, err := unix.Accept(fd) // now the next SYN is answered; the kernel sends it a second after the first
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(c) })
	for connections(t, addr, established) < before+1 {
		if time.Since(begun) > lateLimit {
			return false
		}
		time.Sleep(time.Millisecond)
	}
	time.Sleep(lateLimit - time.Since(begun) + 100*time.Millisecond) // the time of the dial runs out: there is nothing to await
	if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(line); got != model.Stalled.String() { // it was accepted, and nobody answers there
		t.Errorf("the peer answered in time and is taken for one that %s", got)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	return true
}

// connections counts those to an address that are in a state, as the kernel names it.
func connections(t *testing.T, to netip.AddrPort, state string) int {
	t.Helper()
	text, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, line := range strings.Split(string(text), "\n") {
		f := strings.Fields(line)
		if len(f) > 3 && f[2] == fmt.Sprintf("0100007F:%04X", to.Port()) && f[3] == state {
			n++
		}
	}
	return n
}

// Many at once, of every kind, some of which never end: each gets its own answer, and none waits for another.
func TestSurveyOfMany(t *testing.T) {
	up := replay(t, []byte("+PONG\r\n$13\r\nrole:master\r\n\r\n-ERR This instance has cluster support disabled\r\n"))
	trickle := listen(t, func(c net.Conn) {
		for {
			if _, err := c.Write([]byte("+")); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	kinds := []struct {
		target Target
		want   model.State
	}{
		{up, model.Up}, {Target{Instance: model.At(refusing(t))}, model.Refused}, {Target{Instance: model.At(deaf(t))}, model.Silent}, {says(t, "", true), model.Stalled}, {trickle, model.Stalled},
		{says(t, "", false), model.Dropped}, {pours(t, "-ERR unknown command\r\n"), model.OtherError}, {pours(t, "\x00"), model.NotRedis},
		{Target{Instance: model.Instance{Socket: filepath.Join(t.TempDir(), "none.sock")}}, model.Refused},
	}
	var targets []Target
	for range 20 {
		for _, k := range kinds {
			targets = append(targets, k.target)
		}
	}
	before := descriptors(t)
	looks := LookAtAll(context.Background(), targets, Limits{Dial: 500 * time.Millisecond, Reply: 500 * time.Millisecond})
	for i, l := range looks {
		if want := kinds[i%len(kinds)].want; l.State != want || l.Instance != targets[i].Instance {
			t.Errorf("%d: %s, want %s (%v)", i, l.State, want, l.Err)
		}
	}
	for end := time.Now().Add(10 * time.Second); descriptors(t) > before; time.Sleep(time.Millisecond) { // the servers close theirs
		if time.Now().After(end) {
			t.Fatalf("%d descriptors were open, now %d", before, descriptors(t))
		}
	}
}

// A run that is ended by a signal does not wait for what hangs.
func TestSurveyIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan []model.Look)
	go func() {
		done <- LookAtAll(ctx, []Target{says(t, "", true), {Instance: model.At(deaf(t))}}, Limits{Dial: time.Hour, Reply: time.Hour})
	}()
	cancel()
	select {
	case looks := <-done:
		for _, l := range looks {
			if l.State != model.Unseen || !errors.Is(l.Err, context.Canceled) {
				t.Errorf("%s (%v)", l.State, l.Err)
			}
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it goes on")
	}
}
