package main

import (
	"slices"
	"testing"
	"time"
)

// sideBySide makes so many checks. So many controls are begun just before and just after each, so that what befalls the
// check befalls them too.
func (b *host) sideBySide(t *testing.T, runs, atOnce, before, after int) (checks, controls []*execution) {
	t.Helper()
	for ; runs > 0; runs -= atOnce {
		var wave []*execution
		for range min(runs, atOnce) {
			for range before {
				wave = append(wave, b.beginControl(t))
			}
			checks = append(checks, b.beginCheck(t))
			for range after {
				wave = append(wave, b.beginControl(t))
			}
		}
		controls = append(controls, wave...)
		for _, r := range append(wave, checks...) {
			<-r.ended
		}
	}
	return checks, controls
}

// compare fails when a check was later than the machine makes a program that has a deadline. What that is nobody can say
// beforehand where the machine is busy: it is what the controls beside the checks show.
//
// A check may be as late as the latest control, and by one more wait for the CPU: it works where a control sleeps, so it
// has to be given the CPU more often, to learn that its time is up and to end its threads. The longest wait that the test
// knows of is the one that lies between the earliest and the latest control.
func compare(t *testing.T, checks, controls []*execution) {
	t.Helper()
	ours, theirs := overruns(checks), overruns(controls)
	first, last := theirs[0], theirs[len(theirs)-1]
	limit := last + last - first
	if !full {
		limit = 4*last + 500*time.Millisecond
	}
	t.Logf("%d checks: %s to %s after their deadline, median %s; the controls %s to %s, median %s; limit %s",
		len(ours), ours[0], ours[len(ours)-1], ours[len(ours)/2], first, last, theirs[len(theirs)/2], limit)
	if late := ours[len(ours)-1]; late > limit {
		t.Errorf("a check ended %s after its deadline; the latest control did after %s, so %s is the limit", late, last, limit)
	}
}

// overruns are sorted: how long each ran on after its deadline, seen from outside, so with its start and its end.
func overruns(all []*execution) []time.Duration {
	var out []time.Duration
	for _, r := range all {
		out = append(out, (r.took - r.deadline).Round(10*time.Microsecond))
	}
	slices.Sort(out)
	return out
}

// work is the CPU time that an execution takes on average.
func work(all []*execution) time.Duration {
	var sum time.Duration
	for _, r := range all {
		sum += r.cmd.ProcessState.UserTime() + r.cmd.ProcessState.SystemTime()
	}
	return (sum / time.Duration(len(all))).Round(10 * time.Microsecond)
}
