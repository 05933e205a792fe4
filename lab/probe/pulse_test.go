package probe

import (
	"bufio"
	"net"
	"sync"
	"testing"
	"time"

	"keepalived-redis/lab/host"
)

// pulse is a client that asks a server of its own once a millisecond, with nothing of the probe in between. What keeps it waiting is the
// machine, and the same machine keeps the probe waiting: bounds on what the probe measures are counted on top of it.
type pulse struct {
	mu    sync.Mutex
	beats []host.Mono
}

func newPulse(t *testing.T) *pulse {
	t.Helper()
	s := newServer(t)
	s.start()
	conn, err := net.DialTimeout("tcp", s.addr, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		conn.Close()
		<-done
	})
	p := &pulse{}
	go func() {
		defer close(done)
		l := link{conn: conn, in: bufio.NewReader(conn)}
		ping := appendCommand(nil, "PING")
		for {
			if _, err := l.ask(2*time.Second, ping); err != nil {
				return
			}
			p.mu.Lock()
			p.beats = append(p.beats, host.Now())
			p.mu.Unlock()
			time.Sleep(time.Millisecond)
		}
	}()
	return p
}

// pause is the longest that the machine kept anybody waiting between two instants: a wait that overlaps them counts whole.
func (p *pulse) pause(from, to host.Mono) (longest time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := 1; i < len(p.beats); i++ {
		if p.beats[i] >= from && p.beats[i-1] <= to {
			longest = max(longest, p.beats[i].Sub(p.beats[i-1]))
		}
	}
	return longest
}

// count is how often it was answered between two instants.
func (p *pulse) count(from, to host.Mono) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.beats {
		if b > from && b < to {
			n++
		}
	}
	return n
}
