package lab

import (
	"context"
	"errors"
	"sync"
	"time"

	"keepalived-redis/lab/host"
	"keepalived-redis/lab/probe"
	"keepalived-redis/lab/report"
)

// Finish stops the writers, reads everything back and returns what the run recorded. It does not close the lab.
func (r *Run) Finish(ctx context.Context) (report.Run, error) {
	rec := report.Run{System: string(r.opts.Setup), Fault: r.Fault, FaultText: r.faultText(), Heal: r.Healed, End: host.Now(),
		Client: r.Out.Source, Whole: r.whole, Takeover: r.firstTakeover()}
	var errs []error
	if r.In != nil {
		rec.Cut = r.In.Source
		// Those on the host first: they read from their own host only, and their keys are none of the client's.
		rec.CutOthers = sources(r.cutOthers)
		seen, err := finish(ctx, append([]*Writer{r.In}, r.cutOthers...))
		rec.Probe, errs = seen, append(errs, err)
	}
	rec.Others = sources(r.others)
	seen, err := finish(ctx, append([]*Writer{r.Out}, r.others...))
	rec.Probe, errs = append(rec.Probe, seen...), append(errs, err)
	for _, e := range r.Timeline.Events() {
		rec.Events = append(rec.Events, report.Event(e))
	}
	for _, b := range r.Hosts() {
		for _, a := range b.Instances() {
			rec.Instances = append(rec.Instances, report.Instance{Addr: a, Host: b.Name})
		}
	}
	return rec, errors.Join(errs...)
}

// finish ends writers, which read back at the same time, and returns what they saw.
func finish(ctx context.Context, writers []*Writer) (events []probe.Event, err error) {
	errs := make([]error, len(writers))
	var wg sync.WaitGroup
	for i, w := range writers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			errs[i] = w.Finish(ctx)
		}()
	}
	wg.Wait()
	for _, w := range writers {
		events = append(events, w.Events()...)
	}
	return events, errors.Join(errs...)
}

// sources are the names of writers in their events.
func sources(writers []*Writer) (names []string) {
	for _, w := range writers {
		names = append(names, w.Source)
	}
	return names
}

// faultText is the sentence of the step that was the fault.
func (r *Run) faultText() string {
	e, _ := r.Timeline.Last(func(e Event) bool { return e.Kind == KindStep && e.At == r.Fault })
	return e.Text
}

// ms is a duration as the result files have it.
func ms(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}
