package lab

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"keepalived-redis/lab/host"
	"keepalived-redis/lab/resp"
)

const (
	// settleLimit is how long after the last fault all must be whole again, without a human.
	settleLimit = 60 * time.Second
	// settledFor is how long that must hold: a move that is still to come would disturb it.
	settledFor = 2 * time.Second
	// settlePeriod is how often it is looked at: what is not whole for less than that may be missed.
	settlePeriod = 50 * time.Millisecond
)

// settle waits until all is whole and stays so: the VIP on one host, one master for everything that takes writes, every replica linked to
// it, nothing left that refuses writes. It notes how long after the last step that began.
func (r *Run) settle(ctx context.Context) error {
	step, _ := r.Timeline.Last(func(e Event) bool { return e.Kind == KindStep })
	deadline := time.NewTimer(settleLimit + settledFor)
	defer deadline.Stop()
	tick := time.NewTicker(settlePeriod)
	defer tick.Stop()
	var since host.Mono
	for {
		at := host.Now()
		missing := r.unsettled(ctx, step.At)
		switch {
		case missing != "":
			since, r.missing = 0, missing
		case since == 0:
			since = at
		case at.Sub(since) >= settledFor:
			whole := since.Sub(step.At)
			r.whole = &whole
			return nil
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return &TimeoutError{What: "all to be whole again", Within: settleLimit, Seen: missing + "; " + r.Timeline.View().String()}
		case <-ctx.Done():
			return fmt.Errorf("wait for all to be whole again: %w", context.Cause(ctx))
		}
	}
}

// unsettled says what is missing for a good end, or nothing. after is the instant of the last step.
func (r *Run) unsettled(ctx context.Context, after host.Mono) string {
	if holders := r.Timeline.View().Holders(); len(holders) != 1 {
		return fmt.Sprintf("the VIP is on %q", holders)
	}
	if missing := r.notWhole(ctx); missing != "" {
		return missing
	}
	for _, b := range r.Hosts() {
		for _, addr := range b.Instances() {
			// Under its name of every version.
			refuse, err := resp.Ask(ctx, 300*time.Millisecond, addr, "CONFIG", "GET", "min-slaves-to-write")
			if err != nil {
				return err.Error()
			}
			if len(refuse) != 2 || refuse[1] != "0" {
				return fmt.Sprintf("%s still refuses writes: %q", addr, refuse)
			}
		}
	}
	if silent := r.Out.silent(after); silent != "" {
		return "no write goes through to " + silent
	}
	return ""
}

// silent names the ranges that are not written to now, or were not since an instant.
func (w *Writer) silent(after host.Mono) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.notSince(after), ", ")
}

// notSince is silent with the lock held.
func (w *Writer) notSince(after host.Mono) []string {
	var not []string
	for name, s := range w.ranges {
		if s.silent || s.lastAck <= after {
			not = append(not, name)
		}
	}
	return not
}

// takeoverWords are what Redis logs when it becomes a master because somebody said so.
var takeoverWords = []string{"Taking over the master (user request)", "MASTER MODE enabled (user request"}

// firstTakeover is the time from the VIP's first arrival on another host after the fault to the first takeover that the Redis of that
// host logs from then on; nil when one of them did not happen. Redis stamps its lines with milliseconds of the wall clock.
func (r *Run) firstTakeover() *time.Duration {
	to := r.Standby
	vip, ok := r.Timeline.FirstVIP(to.Name, r.Fault)
	if at, also := r.Timeline.FirstVIP(r.Holder.Name, r.Fault); also && (!ok || at < vip) {
		to, vip, ok = r.Holder, at, true
	}
	if !ok {
		return nil
	}
	// What the two clocks are apart now they were then, but for what a time service corrects in a minute.
	toWall := time.Now().Add(-time.Duration(host.Now()))
	var first *time.Duration
	for _, p := range to.Ports {
		f, err := os.Open(filepath.Join(to.dir, "log", fmt.Sprintf("redis_%d.log", p)))
		if err != nil {
			continue
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			at, ok := takeoverAt(lines.Text(), toWall)
			if !ok || at < vip {
				continue
			}
			if d := at.Sub(vip); first == nil || d < *first {
				first = &d
			}
		}
	}
	return first
}

// takeoverAt reads the instant of a takeover from a line like "413:S 25 Nov 2026 19:37:01.123 # Taking over the master (user request).".
func takeoverAt(line string, toWall time.Time) (host.Mono, bool) {
	for _, words := range takeoverWords {
		before, _, found := strings.Cut(line, " "+words)
		_, stamp, ok := strings.Cut(before, " ")
		if !found || !ok {
			continue
		}
		// The last sign is that of the line's level.
		at, err := time.ParseInLocation("02 Jan 2006 15:04:05.000", strings.TrimRight(stamp, " #*"), time.Local)
		if err == nil {
			return host.Mono(at.Sub(toWall)), true
		}
	}
	return 0, false
}
