package lab

import (
	"context"
	"errors"
	"time"

	"keepalived-redis/lab/host"
	"keepalived-redis/lab/report"
)

// Finish stops the writers, reads everything back and returns what the run recorded. It does not close the lab.
func (r *Run) Finish(ctx context.Context) (report.Run, error) {
	rec := report.Run{System: string(r.opts.Setup), Fault: r.Fault, FaultText: r.faultText(), Heal: r.Healed, End: host.Now(),
		Client: r.Out.Source, Whole: r.whole, Takeover: r.firstTakeover()}
	var errs []error
	if r.In != nil {
		rec.Cut = r.In.Source
		// The one on the host first: it reads from its own host only, and its keys are none of the client's.
		errs = append(errs, r.In.Finish(ctx))
		rec.Probe = append(rec.Probe, r.In.Events()...)
	}
	errs = append(errs, r.Out.Finish(ctx))
	rec.Probe = append(rec.Probe, r.Out.Events()...)
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

// faultText is the sentence of the step that was the fault.
func (r *Run) faultText() string {
	e, _ := r.Timeline.Last(func(e Event) bool { return e.Kind == KindStep && e.At == r.Fault })
	return e.Text
}

// ms is a duration as the result files have it.
func ms(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}
