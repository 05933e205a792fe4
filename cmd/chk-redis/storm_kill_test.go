package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// A killed run is repaired by the next ones, which come as keepalived's do, one after the other. The first may be within the
// back-off, which the shortest window bounds to 313 ms; then one starts, and on a machine that is busy one waits for it.
const (
	interval   = 200 * time.Millisecond
	repairedBy = 5
)

// TestStormKilled ends the check with SIGKILL at any instant of a run. That leaves nothing that the next runs do not repair.
func TestStormKilled(t *testing.T) {
	const seed1, seed2 = 3, 300
	t.Logf("seed %d %d", seed1, seed2)
	random := rand.New(rand.NewPCG(seed1, seed2))
	b := newHost(t, 900*time.Millisecond, freePorts(t, 3)...)
	b.bringUp(t)
	quiet, restarting := b.usual(t, nil), b.usual(t, b.ports)
	t.Logf("a run takes %s, with a dead instance %s", quiet, restarting)

	kills, tries, most := 0, 0, 0
	for want := size(15, 300); kills < want; tries++ {
		if tries == 4*want {
			t.Fatalf("only %d of %d runs were killed before their end", kills, tries)
		}
		span := quiet
		if dead := random.IntN(4); dead > 0 { // three of four runs have something to do
			span = restarting
			for _, i := range random.Perm(len(b.ports))[:dead] {
				b.watch.killAndWait(t, b.ports[i])
			}
		}
		after := time.Duration(random.Int64N(int64(span)))
		r := b.beginCheck(t)
		instant := time.NewTimer(after - time.Since(r.begun))
		select {
		case <-instant.C:
		case <-r.ended: // it was faster than usual
		}
		_ = r.cmd.Process.Kill() // one that has ended needs no more
		<-r.ended
		if r.code == -1 {
			kills++
		}
		b.leftovers(t)
		b.locksAreFree(t)
		runs, said := b.repair(t)
		if most = max(most, runs); runs > repairedBy {
			t.Errorf("it is not repaired by %d runs:%s", repairedBy, said)
		}
		if t.Failed() {
			t.Fatalf("that was after kill %d, at %s", kills, after)
		}
	}
	t.Logf("%d of %d runs were killed before their end, and %d runs repaired each of them", kills, tries, most)
	b.sweeps(t)
}

// usual is how long a run takes, the median of a few, when the instances of the ports are dead before it.
func (b *host) usual(t *testing.T, dead []uint16) time.Duration {
	t.Helper()
	var all []time.Duration
	for range size(3, 9) {
		for _, port := range dead {
			b.watch.killAndWait(t, port)
		}
		all = append(all, b.check(t).took)
		b.bringUp(t)
		if len(dead) > 0 {
			time.Sleep(time.Second) // so much is remembered of the last start, see window
		}
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// repair runs the check, as often as it takes and repairedBy times at most, and returns how often that was and what they said.
func (b *host) repair(t *testing.T) (runs int, said string) {
	t.Helper()
	for n := 1; n <= repairedBy; n++ {
		r := b.check(t)
		if r.allUp() {
			return n, said
		}
		said += fmt.Sprintf("\nrun %d: exit code %d, %s", n, r.code, r.out.String())
		time.Sleep(interval - r.took) // keepalived's pause, nothing to wait for
	}
	return repairedBy + 1, said
}
