package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"keepalived-redis/lab/host"
	"keepalived-redis/lab/probe"
)

// writerWord is the command of the lab's own program that makes it a write probe.
const writerWord = "probe"

// IsWriter says whether a command line asks for a write probe instead of a lab. The program that makes labs must look at it first.
func IsWriter(args []string) bool { return len(args) > 0 && args[0] == writerWord }

// WriterMain runs the write probe and returns the exit code of the program.
func WriterMain(args []string) int { return probe.Main(args[1:], os.Stdin, os.Stdout, os.Stderr) }

// Writer is a write probe that runs on a host. Its methods may be called at the same time.
type Writer struct {
	// Source is its name in its events.
	Source  string
	host    *Host
	process *host.Process
	read    chan error

	mu      sync.Mutex
	events  []probe.Event
	ranges  map[string]*rangeState
	changed chan struct{}
	taps    []func(probe.Event)
}

// rangeState is what is known of one slot range right now.
type rangeState struct {
	acked   int
	lastAck host.Mono
	silent  bool
}

// StartWriter starts a write probe on a host: on the client through the VIP, as any client of the cluster; on a host to the host's own
// masters only, so that it sees what a host that is cut off still acknowledges.
func (l *Lab) StartWriter(ctx context.Context, on *Host, way probe.Way) (*Writer, error) {
	opts := probe.Options{Source: on.Name, Mode: probe.Cluster, VIP: netip.MustParseAddr(VIP)}
	hosts := l.Hosts()
	if l.opts.Mode == Replication {
		// Both hosts have the same ports.
		opts.Mode, hosts = probe.Replication, hosts[:1]
	}
	for _, b := range hosts {
		for _, p := range b.Ports {
			opts.Ports = append(opts.Ports, uint16(p))
		}
	}
	if on != l.Client {
		opts = probe.Options{Source: "in-" + on.Name, Mode: probe.Local, VIP: opts.VIP}
		for _, a := range on.Instances() {
			opts.Local = append(opts.Local, netip.MustParseAddrPort(a))
		}
	}
	if opts.Way = way; way != probe.Plain {
		opts.Source += "-" + string(way)
	}
	return l.StartProbe(ctx, on, opts)
}

// otherWays are those beside the plain one: what stops SET need not stop them.
var otherWays = []probe.Way{probe.Script, probe.Transaction}

// startWriters starts the write probes of a scenario on a host, the plain one first.
func (r *Run) startWriters(ctx context.Context, on *Host) (plain *Writer, others []*Writer, err error) {
	if plain, err = r.StartWriter(ctx, on, probe.Plain); err != nil {
		return nil, nil, err
	}
	if r.Scenario.Still || r.opts.Setup == OldScripts {
		return plain, nil, nil
	}
	for _, way := range otherWays {
		w, err := r.StartWriter(ctx, on, way)
		if err != nil {
			return plain, others, err
		}
		others = append(others, w)
	}
	return plain, others, nil
}

// StartProbe starts a write probe of any kind on a host.
func (l *Lab) StartProbe(ctx context.Context, on *Host, opts probe.Options) (*Writer, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start the writer on %s: %w", on.Name, err)
	}
	errs, err := os.Create(filepath.Join(on.dir, "log", opts.Source+".err"))
	if err != nil {
		r.Close()
		w.Close()
		return nil, fmt.Errorf("start the writer on %s: %w", on.Name, err)
	}
	p, err := on.host.Start(ctx, append([]string{host.Self, writerWord}, opts.Args()...), nil, w, errs)
	w.Close()
	errs.Close()
	if err != nil {
		r.Close()
		return nil, fmt.Errorf("start the writer on %s: %w", on.Name, err)
	}
	// Only the plain one measures times.
	if opts.Way == probe.Plain {
		if err := p.Prefer(ctx); err != nil {
			r.Close()
			return nil, fmt.Errorf("start the writer on %s: %w", on.Name, err)
		}
	}
	wr := &Writer{Source: opts.Source, host: on, process: p, read: make(chan error, 1), ranges: map[string]*rangeState{}, changed: make(chan struct{})}
	go func() {
		defer r.Close()
		wr.read <- probe.Decode(r, wr.add)
	}()
	return wr, nil
}

// add takes in one event.
func (w *Writer) add(e probe.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
	for _, r := range e.Ranges {
		w.ranges[r.Name] = &rangeState{}
	}
	if s := w.ranges[e.Range]; s != nil {
		switch e.Kind {
		case probe.Acks:
			s.acked += len(e.Acks)
			if n := len(e.Acks); n > 0 {
				s.lastAck = max(s.lastAck, e.Acks[n-1])
			}
		case probe.Silent:
			s.silent = true
		case probe.Back:
			s.silent, s.lastAck = false, max(s.lastAck, e.At)
		}
	}
	for _, f := range w.taps {
		f(e)
	}
	close(w.changed)
	w.changed = make(chan struct{})
}

// Tap calls f for each event from now on. f must not block, and must not call the writer.
func (w *Writer) Tap(f func(probe.Event)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.taps = append(w.taps, f)
}

// Events are all events so far.
func (w *Writer) Events() []probe.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]probe.Event(nil), w.events...)
}

// Acked counts the acknowledgements so far.
func (w *Writer) Acked() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, s := range w.ranges {
		n += s.acked
	}
	return n
}

// AwaitWriting waits until every range has been acknowledged.
func (w *Writer) AwaitWriting(ctx context.Context, within time.Duration) error {
	return w.await(ctx, "acknowledgements of every slot range", within, 0)
}

// seenAfter is how long after a fault the probe has surely noticed it: only acknowledgements from then on show that a range is writable.
const seenAfter = 250 * time.Millisecond

// AwaitWritable waits until the probe on the client gets acknowledgements of every range again, after the fault.
func (r *Run) AwaitWritable(ctx context.Context, within time.Duration) error {
	return r.Out.await(ctx, "every slot to be writable", within, r.Fault.Add(seenAfter))
}

// AwaitOthersWritable is AwaitWritable without the range that nobody can serve.
func (r *Run) AwaitOthersWritable(ctx context.Context, within time.Duration) error {
	return r.Out.await(ctx, "every slot but "+r.Dead+" to be writable", within, r.Fault.Add(seenAfter), r.Dead)
}

// await waits until every range, but for some, has been acknowledged after an instant and is not silent.
func (w *Writer) await(ctx context.Context, what string, within time.Duration, after host.Mono, but ...string) error {
	timer := time.NewTimer(within)
	defer timer.Stop()
	for {
		w.mu.Lock()
		not := slices.DeleteFunc(w.notSince(after), func(name string) bool { return slices.Contains(but, name) })
		ok, changed := len(w.ranges) > 0 && len(not) == 0, w.changed
		w.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case err := <-w.read:
			w.read <- err
			return fmt.Errorf("wait for %s: the writer on %s has ended%s", what, w.host.Name, w.lastWords())
		case <-timer.C:
			return &TimeoutError{What: what, Within: within, Seen: "not " + strings.Join(not, ", ") + "; " + w.host.lab.Timeline.View().String()}
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, context.Cause(ctx))
		}
	}
}

// lastWords is what the writer wrote to its standard error.
func (w *Writer) lastWords() string {
	text, err := os.ReadFile(filepath.Join(w.host.dir, "log", w.Source+".err"))
	if err != nil || len(text) == 0 {
		return ""
	}
	return ": " + strings.TrimSpace(string(text))
}

// finishWait bounds the reading back at the end.
const finishWait = 40 * time.Second

// Finish stops writing, lets the writer read everything back, and waits for its end. A writer whose host has lost its power has nothing
// more to say; that is no error.
func (w *Writer) Finish(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, finishWait, fmt.Errorf("the writer on %s still reads back after %s", w.host.Name, finishWait))
	defer cancel()
	err := w.process.Signal(ctx, syscall.SIGTERM)
	if errors.Is(err, host.ErrGone) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("stop the writer: %w", err)
	}
	code, err := w.process.Wait(ctx)
	if err != nil {
		return fmt.Errorf("stop the writer: %w", err)
	}
	select {
	case err := <-w.read:
		w.read <- err
		if err != nil {
			return err
		}
	case <-ctx.Done():
		return fmt.Errorf("stop the writer: %w", context.Cause(ctx))
	}
	if code != 0 {
		return fmt.Errorf("the writer on %s ended with exit code %d%s", w.host.Name, code, w.lastWords())
	}
	return nil
}
