package probe

import (
	"bufio"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"keepalived-redis/lab/host"
)

// pulse is a client that asks a server of its own once a millisecond, with nothing of the probe in between. What keeps it waiting is the
// machine, and the same machine keeps the probe waiting: bounds on what the probe measures are counted on top of it.
type pulse struct {
	// waking is what the machine took to let a process go on that had been stopped.
	waking time.Duration

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

// twin is a server that is stopped and goes on together with one that a test stops, while a client waits for its answer: what the machine
// takes to let a stopped process run again, no server that runs all the time can show.
type twin struct {
	s      *server
	answer chan host.Mono
}

func newTwin(t *testing.T) *twin {
	t.Helper()
	w := &twin{newServer(t), make(chan host.Mono, 1)}
	w.s.start()
	return w
}

// stop stops it with a question on its way.
func (w *twin) stop() {
	w.s.signal(syscall.SIGSTOP)
	go func() {
		if _, err := w.s.try("PING"); err == nil {
			w.answer <- host.Now()
		}
		close(w.answer)
	}()
}

// goOn lets it go on, and gives the time from the instant up until it has answered; 0 if it never does.
func (w *twin) goOn(up host.Mono) time.Duration {
	w.s.signal(syscall.SIGCONT)
	if at, ok := <-w.answer; ok {
		return at.Sub(up)
	}
	return 0
}
