package lab

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"keepalived-redis/lab/host"
)

// KindStep is an event of the lab itself: a fault or another step of a scenario, with its sentence in Text.
const KindStep = "step"

// Event is something that happened on a host of the lab.
type Event struct {
	// Host is the name of the host, empty for the lab itself.
	Host string `json:"host,omitempty"`
	host.Event
}

// View is what is true now, as the hosts themselves see it.
type View struct {
	// VIP says which hosts hold the VIP.
	VIP map[string]bool
	// Role is the role of each instance, by address; "off" while its host has no power.
	Role map[string]string
}

// Holders are the hosts that hold the VIP, in order.
func (v View) Holders() []string {
	var names []string
	for name, holds := range v.VIP {
		if holds {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// String is the view in one line, for messages.
func (v View) String() string {
	var b strings.Builder
	holders := v.Holders()
	if len(holders) == 0 {
		holders = []string{"nobody"}
	}
	fmt.Fprintf(&b, "VIP on %s", strings.Join(holders, " and "))
	for _, addr := range slices.Sorted(maps.Keys(v.Role)) {
		fmt.Fprintf(&b, ", %s %s", addr[strings.LastIndexByte(addr, '.')+1:], v.Role[addr])
	}
	return b.String()
}

// Timeline keeps everything that happens in a lab, in the order in which it arrives. Its methods may be called at the same time.
type Timeline struct {
	mu      sync.Mutex
	events  []Event
	view    View
	changed chan struct{}
	taps    []func(Event)
}

func newTimeline() *Timeline {
	return &Timeline{view: View{VIP: map[string]bool{}, Role: map[string]string{}}, changed: make(chan struct{})}
}

// Tap calls f for each event from now on. f must not block.
func (t *Timeline) Tap(f func(Event)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.taps = append(t.taps, f)
}

// add appends an event and brings the view up to date. instances are those of the event's host.
func (t *Timeline) add(e Event, instances []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch e.Kind {
	case host.EventVIP:
		t.view.VIP[e.Host] = e.Present
	case host.EventRole:
		t.view.Role[e.Addr] = e.Text
	case host.EventGone:
		t.view.VIP[e.Host] = false
		for _, i := range instances {
			t.view.Role[i] = "off"
		}
	}
	t.events = append(t.events, e)
	for _, f := range t.taps {
		f(e)
	}
	close(t.changed)
	t.changed = make(chan struct{})
}

// Step records a step of the scenario and returns its instant.
func (t *Timeline) Step(format string, args ...any) host.Mono {
	at := host.Now()
	t.add(Event{Event: host.Event{Kind: KindStep, At: at, Text: fmt.Sprintf(format, args...)}}, nil)
	return at
}

// View is what is true now.
func (t *Timeline) View() View {
	t.mu.Lock()
	defer t.mu.Unlock()
	return View{VIP: maps.Clone(t.view.VIP), Role: maps.Clone(t.view.Role)}
}

// Events are all events so far.
func (t *Timeline) Events() []Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.events)
}

// Last is the latest event for which match is true.
func (t *Timeline) Last(match func(Event) bool) (Event, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last(match)
}

func (t *Timeline) last(match func(Event) bool) (Event, bool) {
	for _, e := range slices.Backward(t.events) {
		if match(e) {
			return e, true
		}
	}
	return Event{}, false
}

// Said says whether a program of ours has logged such a line since an instant. It is for the condition of Await.
func (t *Timeline) Said(after host.Mono, is func(line string) bool) bool {
	_, found := t.last(func(e Event) bool { return e.Kind == host.EventLog && e.At >= after && is(e.Text) })
	return found
}

// first is the first event for which match is true, which is asked for each event in turn.
func (t *Timeline) first(match func(Event) bool) (Event, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.IndexFunc(t.events, match); i >= 0 {
		return t.events[i], true
	}
	return Event{}, false
}

// TimeoutError: something that a scenario waits for did not happen in time.
type TimeoutError struct {
	What   string
	Within time.Duration
	// Seen is what was true instead.
	Seen string
}

// Error says what was waited for, how long, and what was true instead.
func (e *TimeoutError) Error() string {
	return fmt.Sprintf("waited %s for %s: %s", e.Within, e.What, e.Seen)
}

// Await waits until cond is true of the view. Past the deadline it returns a TimeoutError.
func (t *Timeline) Await(ctx context.Context, what string, within time.Duration, cond func(View) bool) error {
	timer := time.NewTimer(within)
	defer timer.Stop()
	for {
		t.mu.Lock()
		ok, changed := cond(t.view), t.changed
		seen := t.view.String()
		t.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-timer.C:
			return &TimeoutError{What: what, Within: within, Seen: seen}
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, context.Cause(ctx))
		}
	}
}

// FirstVIP is the instant at which the VIP came to a host, the first time after an instant.
func (t *Timeline) FirstVIP(on string, after host.Mono) (host.Mono, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range t.events {
		if e.Kind == host.EventVIP && e.Present && e.Host == on && e.At >= after {
			return e.At, true
		}
	}
	return 0, false
}

// String is the event in one line: its instant in seconds since the machine started, where, what.
func (e Event) String() string {
	where := e.Host
	if where == "" {
		where = "lab"
	}
	return fmt.Sprintf("%.6f %-6s %s", time.Duration(e.At).Seconds(), where, e.Sentence())
}

// Sentence says what happened.
func (e Event) Sentence() string {
	_, port, _ := strings.Cut(e.Addr, ":")
	switch e.Kind {
	case host.EventVIP:
		if e.Present {
			return "has the VIP"
		}
		return "no longer has the VIP"
	case host.EventRole:
		return fmt.Sprintf("redis %s is %s", port, e.Text)
	case host.EventExit:
		return fmt.Sprintf("process %d ended with %d", e.Pid, e.Code)
	case host.EventGone:
		return "is off"
	case host.EventLog:
		return e.Program + ": " + e.Text
	default:
		return e.Text
	}
}
