package main

import (
	"bytes"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestStormWaves: many checks at once while the servers are killed all the time. No instance ever has two servers, no file
// is damaged, no check is later than the machine makes it, and when it is over one check finds all well.
func TestStormWaves(t *testing.T) {
	const seed1, seed2 = 2, 100
	t.Logf("seed %d %d", seed1, seed2)
	b := newHost(t, 900*time.Millisecond, freePorts(t, 3)...)
	b.bringUp(t)
	var allChecks, allControls []*execution
	known := map[string]bool{} // what earlier waves left
	for n := range size(2, 10) {
		killed := b.killAlways(rand.New(rand.NewPCG(seed1, seed2+uint64(n))))
		many := size(40, 100)
		checks, controls := b.sideBySide(t, many, many, 0, 1)
		kills := killed()
		codes, without, late := map[int]int{}, 0, 0
		for _, r := range checks {
			switch {
			case bytes.Contains(r.out.Bytes(), []byte("no verdict")):
				without++
			case r.took >= r.deadline:
				late++
			}
			if codes[r.code]++; r.code != 0 && r.code != 1 {
				t.Errorf("exit code %d, after %s: %s", r.code, r.took, r.out.String())
			}
		}
		t.Logf("wave %d: %d times was a server killed; exit codes and how often: %v; a check takes %s of CPU time, a control %s",
			n, kills, codes, work(checks), work(controls))
		if kills == 0 {
			t.Error("no server was killed")
		}
		ours, theirs := overruns(checks), overruns(controls)
		t.Logf("%d without a verdict; the latest check %s after its deadline, the latest control %s", without, ours[many-1], theirs[many-1])
		allChecks, allControls = append(allChecks, checks...), append(allControls, controls...)
		// Only the deadline ends a check in the middle of a write. Once it has a verdict, all that it still writes is that.
		var verdicts, others []string
		for _, path := range b.leftovers(t) {
			switch isVerdict := strings.HasPrefix(filepath.Base(path), ".verdict"); {
			case known[path]:
			case isVerdict:
				verdicts = append(verdicts, path)
			default:
				others = append(others, path)
			}
			known[path] = true
		}
		if len(others) > without || len(verdicts) > without+late {
			t.Errorf("%d checks ended without a verdict and %d behind their deadline with one, and left behind is %q", without, late, append(others, verdicts...))
		}
		b.locksAreFree(t)
	}
	compare(t, allChecks, allControls)
	runs, said := b.repair(t)
	if runs > repairedBy {
		t.Errorf("after the storm %d runs do not find the instances up:%s", repairedBy, said)
	}
	t.Logf("after the storm all were up with run %d", runs)
	b.sweeps(t)
}

// killAlways kills one server at least every 200 ms, until it is told to stop, and then says how many it killed.
func (b *host) killAlways(random *rand.Rand) (stop func() int) {
	end, ended := make(chan struct{}), make(chan struct{})
	var kills atomic.Int32
	go func() {
		defer close(ended)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-end:
				return
			case <-tick.C:
			}
			victims := random.Perm(len(b.ports))[:1+random.IntN(len(b.ports))]
			for _, s := range b.watch.servers() {
				for _, v := range victims {
					if s.port == b.ports[v] {
						s.kill(syscall.SIGKILL)
						kills.Add(1)
					}
				}
			}
		}
	}()
	return func() int {
		close(end)
		<-ended
		return int(kills.Load())
	}
}
