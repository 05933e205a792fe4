package lab

import (
	"context"
	_ "embed" // the library that makes calls long
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"keepalived-redis/lab/host"
)

// stall is a time in which a server answered nothing because it was busy, as it was measured.
type stall struct {
	what string
	took time.Duration
	// states counts in which state of /proc its process was seen.
	states map[string]int
}

// String is the stall as the result has it.
func (s stall) String() string {
	seen := 0
	for _, n := range s.states {
		seen += n
	}
	var states []string
	for _, state := range slices.Sorted(maps.Keys(s.states)) {
		states = append(states, fmt.Sprintf("%s %d %%", state, 100*s.states[state]/seen))
	}
	return fmt.Sprintf("%s: %.0f ms (%s)", s.what, ms(s.took), strings.Join(states, ", "))
}

// stallLimit bounds what keeps a server busy. It is far above all that is meant: nobody knows how slow a machine is.
const stallLimit = 20 * time.Second

// statePeriod is how often the state of a process is looked at.
const statePeriod = 20 * time.Millisecond

// stall keeps an instance of a host busy: do returns when it answers again. Where something moved meanwhile do may fail, which is no error of the
// lab: the claims tell.
func (r *Run) stall(ctx context.Context, b *Host, port int, what string, do func(context.Context) error) error {
	pid, err := b.redisPid(ctx, port)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, stallLimit, fmt.Errorf("%s: redis %d on %s answers nothing for %s", what, port, b.Name, stallLimit))
	defer cancel()
	at := r.Timeline.Step("%s: redis %d on %s", what, port, b.Name)
	if r.Fault == 0 {
		r.Fault = at
	}
	states := b.watchState(ctx, pid)
	err = do(ctx)
	s := stall{what, host.Now().Sub(at), states()}
	r.stalls = append(r.stalls, s)
	r.Timeline.Step("redis %d on %s is through: %s", port, b.Name, s)
	if err != nil && r.disturbed() {
		return nil
	}
	return err
}

// watchState looks at the state of a process until the function that it returns is called, which returns how often it saw which.
func (b *Host) watchState(ctx context.Context, pid int) func() map[string]int {
	ctx, cancel := context.WithCancel(ctx)
	seen := make(chan map[string]int)
	go func() {
		states := map[string]int{}
		tick := time.NewTicker(statePeriod)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				seen <- states
				return
			}
			// A host that does not answer has no state: then there is none to count.
			procs, _ := b.host.Procs(ctx)
			for _, p := range procs {
				if p.Pid == pid && p.State != "" {
					states[p.State]++
				}
			}
		}
	}()
	return func() map[string]int {
		cancel()
		return <-seen
	}
}

// disturbed says whether something moved since the fault.
func (r *Run) disturbed() bool { return r.Fault != 0 && r.movedSince(r.Fault) }

// movedSince says whether the VIP or a role is another one since an instant.
func (r *Run) movedSince(at host.Mono) bool {
	roles := rolesBefore{}
	_, moved := r.Timeline.first(func(e Event) bool {
		return e.Kind == host.EventVIP && e.At >= at || roles.changed(e, at)
	})
	return moved
}

// busyGrace is busy_grace, after which a busy server counts as lost. What takes that long is none of the faults here.
const busyGrace = 5 * time.Second

// stalledFor: the fault was what it says. A server answered nothing for so long, and no longer than busy_grace; meanwhile its process was in this state
// at least half of the time, and never stopped.
func stalledFor(least time.Duration, state string) claim {
	return func(o Outcome) (wrong []string) {
		longest := stall{what: "no server was kept busy"}
		for _, s := range o.Run.stalls {
			if s.took > longest.took {
				longest = s
			}
		}
		seen := 0
		for _, n := range longest.states {
			seen += n
		}
		wrong = when(longest.took < least || 2*longest.states[state] < seen || longest.states["T"] > 0, "the fault was none: %s, not %s or more in state %s", longest, least, state)
		return append(wrong, when(longest.took >= busyGrace, "the fault was another one: %s, more than busy_grace; hint: this machine is busy with other things", longest)...)
	}
}

// rolesStay: from the fault on no instance was anything but what it was before, or silent.
func rolesStay(o Outcome) (wrong []string) {
	roles := rolesBefore{}
	for _, e := range o.Recorded.Events {
		if roles.changed(Event(e), o.Recorded.Fault) {
			wrong = append(wrong, fmt.Sprintf("%s after the fault: %s %s", e.At.Sub(o.Recorded.Fault), e.Host, Event(e).Sentence()))
		}
	}
	return wrong
}

// bothStayHealthy: from the fault on no host was in FAULT. One that has not the VIP would not get it, were the other lost.
func bothStayHealthy(o Outcome) (wrong []string) {
	for _, e := range o.Recorded.Events {
		if e.Kind == host.EventLog && e.At >= o.Recorded.Fault && strings.HasSuffix(e.Text, "Entering FAULT STATE") {
			wrong = append(wrong, fmt.Sprintf("%s after the fault: %s %s", e.At.Sub(o.Recorded.Fault), e.Host, Event(e).Sentence()))
		}
	}
	return wrong
}

// rolesBefore are the roles of instances, as the events up to an instant tell.
type rolesBefore map[string]string

// changed takes in an event, and says whether it is another role than the one before an instant. An instance that does not answer, or answers that it
// is busy, has the role that it had.
func (r rolesBefore) changed(e Event, after host.Mono) bool {
	if e.Kind != host.EventRole || e.Text == "hung" || e.Text == "busy" {
		return false
	}
	if e.At < after {
		r[e.Addr] = e.Text
		return false
	}
	return e.Text != r[e.Addr]
}

//go:embed preload/stall.c
var stallSource string

// compiler makes a library of it.
const compiler = "gcc"

// stallLibrary is where the library is on a host.
const stallLibrary = "libexec/stall.so"

// canStall prepares a host so that stallNext works on its instances, for as long as the lab's own start of them lives.
func canStall(b *Host) error {
	source := filepath.Join(b.dir, "libexec", "stall.c")
	if err := os.WriteFile(source, []byte(stallSource), 0o644); err != nil {
		return fmt.Errorf("make calls long: %w", err)
	}
	cmd := exec.Command(compiler, "-shared", "-fPIC", "-O1", "-nostdlib", "-o", filepath.Join(b.dir, stallLibrary), source)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make calls long: %w: %s", err, strings.TrimSpace(string(out)))
	}
	b.preload = "/usr/libexec/keepalived/" + filepath.Base(stallLibrary)
	return nil
}

// stallFile is the file that makes the next call of an instance long.
func (b *Host) stallFile(call string, port int) string {
	return filepath.Join(b.dir, "redis", fmt.Sprint(port), "stall-"+call)
}

// stallNext makes the next fork or fdatasync of instances, or that of their next term, take so long.
func (b *Host) stallNext(call string, takes time.Duration, ports ...int) error {
	for _, p := range ports {
		if err := renameio.WriteFile(b.stallFile(call, p), []byte(strconv.FormatInt(takes.Milliseconds(), 10)), 0o644); err != nil {
			return fmt.Errorf("make the next %s of %d long: %w", call, p, err)
		}
	}
	return nil
}

// awaitStalling waits until each of the instances is in that call.
func (b *Host) awaitStalling(ctx context.Context, call string, ports ...int) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		waiting := slices.ContainsFunc(ports, func(p int) bool {
			_, err := os.Stat(b.stallFile(call, p))
			return !errors.Is(err, os.ErrNotExist)
		})
		if !waiting {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for a %s: %w", call, context.Cause(ctx))
		}
	}
}
