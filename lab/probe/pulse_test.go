package probe

import (
	"bufio"
	"net"
	"sync"
	"testing"
	"time"

	"keepalived-redis/lab/host"
)

// pulse is a client that asks a server once a millisecond, with nothing of the probe in between. What keeps it waiting keeps the probe
// waiting too, and is not the probe's: bounds on what the probe measures are counted on top of it. One with a server of its own feels the
// machine. One with the server that a test stops or promotes feels what that server needs besides: to wake, to write its file.
type pulse struct {
	mu    sync.Mutex
	beats []host.Mono
}

// newPulse starts one with a server of its own.
func newPulse(t *testing.T) *pulse {
	t.Helper()
	s := newServer(t)
	s.start()
	return newPulseOf(t, s, "PING")
}

// newPulseOf starts one that sends a command to a server. An error for an answer is no beat.
func newPulseOf(t *testing.T, s *server, command ...string) *pulse {
	t.Helper()
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
		for {
			r, err := l.ask(2*time.Second, appendCommand(nil, command...))
			if err != nil {
				return
			}
			if r.err == "" {
				p.mu.Lock()
				p.beats = append(p.beats, host.Now())
				p.mu.Unlock()
			}
			time.Sleep(time.Millisecond)
		}
	}()
	return p
}

// pause is the longest wait between two instants: one that overlaps them counts whole.
func (p *pulse) pause(from, to host.Mono) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return longest(p.beats, from, to)
}

// pauseBefore is pause for a server that was stopped at the instant to: what it was waited for until then.
func (p *pulse) pauseBefore(from, to host.Mono) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	var beats []host.Mono
	for _, b := range p.beats {
		if b < to {
			beats = append(beats, b)
		}
	}
	return longest(append(beats, to), from, to)
}

// pauseAfter is pause for a server that goes on at the instant from: what it was waited for since then.
func (p *pulse) pauseAfter(from, to host.Mono) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	beats := []host.Mono{from}
	for _, b := range p.beats {
		if b > from {
			beats = append(beats, b)
		}
	}
	return longest(beats, from, to)
}

func longest(beats []host.Mono, from, to host.Mono) (longest time.Duration) {
	for i := 1; i < len(beats); i++ {
		if beats[i] >= from && beats[i-1] <= to {
			longest = max(longest, beats[i].Sub(beats[i-1]))
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
