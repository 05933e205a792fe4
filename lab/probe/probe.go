// Package probe writes to Redis all the time and notes every acknowledgement, so that a gap is seen to a few milliseconds and a value
// that was acknowledged and is gone is counted.
//
// A writer behaves like the best client one can think of: it has many attempts under way at once, none of which can hold up the next;
// it follows MOVED, asks the VIP again when a node does not answer, and tries every instance it knows. So what it measures is the
// installation, not the client.
package probe

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"keepalived-redis/lab/host"
)

// ErrNotFound: the cluster was not found through the VIP in time.
var ErrNotFound = errors.New("cluster not found")

// Run writes until ctx ends, then reads everything back within Options.VerifyWithin, and returns. The last event is Ended. The events go
// to emit, one at a time and never at the same time; a slow emit delays reports, not measurements. The caller repairs what it broke before
// it ends ctx: what nobody serves cannot be read back and counts as Unread.
//
// The error wraps ErrNotFound when nothing could be written to at the start; bad options are an error too. Values that are lost or
// cannot be read back are not an error but part of the result.
func Run(ctx context.Context, opts Options, emit func(Event)) error {
	opts, err := opts.complete()
	if err != nil {
		return err
	}
	q := newQueue(emit)
	defer q.close()
	w := &writer{opts: opts, queue: q, pools: newPools(opts.Dial), run: opts.Source + "-" + strconv.FormatInt(int64(host.Now()), 36)}
	defer w.pools.close()
	ranges, err := w.find(ctx)
	if err != nil {
		return err
	}
	w.emit(Event{Kind: Started, At: host.Now(), Ranges: ranges})
	w.write(ctx)
	// The reading back has a deadline of its own; that the writing was stopped must not stop it.
	w.verify(context.WithoutCancel(ctx))
	return nil
}

// writer is one running probe.
type writer struct {
	opts  Options
	queue *queue
	pools *pools
	lanes []*lane
	// run makes the keys unique.
	run string
	// seq numbers the attempts.
	seq atomic.Uint32
}

func (w *writer) emit(e Event) {
	e.Source = w.opts.Source
	w.queue.put(e)
}

// write makes attempts until ctx ends, and waits for those under way.
func (w *writer) write(ctx context.Context) {
	stop, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.watchMap(stop)
	}()
	w.pace(stop)
	cancel()
	<-done
	for _, l := range w.lanes {
		l.wg.Wait()
		l.mu.Lock()
		l.flush(host.Now())
		l.mu.Unlock()
	}
}

// lateAfter is how late a step may be before it is reported.
const lateAfter = 10 * time.Millisecond

// pace runs the steps: one of calmSteps makes an ordinary attempt on each range, the others only where there is trouble.
func (w *writer) pace(ctx context.Context) {
	step := w.opts.Interval / calmSteps
	due := host.Now()
	flushed := due
	for n := int64(0); ctx.Err() == nil; n++ {
		sleepUntil(due)
		now := host.Now()
		if late := now.Sub(due); late > lateAfter {
			w.emit(Event{Kind: Late, At: now, Gap: late})
			// What was missed is not made up for: the attempts would all come at once.
			due = now
		}
		for _, l := range w.lanes {
			l.step(n, now)
		}
		if now.Sub(flushed) >= FlushPeriod {
			flushed = now
			for _, l := range w.lanes {
				l.mu.Lock()
				l.flush(now)
				l.mu.Unlock()
			}
		}
		due = due.Add(step)
	}
}

// sleepUntil sleeps in the kernel: Go's own timers are rounded to a millisecond. An early return by a signal does no harm.
func sleepUntil(at host.Mono) {
	ts := unix.NsecToTimespec(int64(at))
	_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &ts, nil)
}

// kinds is a count of failures for people: "timeout 3, MOVED 1".
func kinds(failed map[string]int) string {
	text := ""
	for _, k := range byCount(failed) {
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf("%s %d", k, failed[k])
	}
	return text
}
