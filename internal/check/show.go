package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/program"
	"keepalived-redis/internal/reason"
	"keepalived-redis/internal/show"
	"keepalived-redis/internal/state"
)

// Validate is kong's: what only looks does not act, and there is one output.
func (f flags) Validate() error {
	var chosen []string
	for _, o := range []struct {
		set  bool
		name string
	}{{f.CheckConfig, "--check-config"}, {f.DryRun, "--dry-run"}, {f.JSON, "--json"}, {f.Verbose, "--verbose"}} {
		if o.set {
			chosen = append(chosen, o.name)
		}
	}
	switch {
	case len(chosen) > 1:
		return fmt.Errorf("%s and %s do not go together; hint: leave one of them away, each has an output of its own", chosen[0], chosen[1])
	case len(chosen) == 1 && f.Act:
		return fmt.Errorf("%s only looks, so --act does not go with it; hint: leave one of them away", chosen[0])
	}
	return nil
}

// onlyLooks: whoever asks for an output never acts, also when keepalived runs it.
func (f flags) onlyLooks() bool { return f.Verbose || f.JSON || f.DryRun }

// scene is what is shown of a run that came to this verdict.
func (c *check) scene(v model.Verdict) show.Scene {
	s, now := c.seen, time.Now()
	sc := show.Scene{Verdict: v, Decision: s.outcome.Clauses, Fenced: s.outcome.Fenced, Warnings: c.warnings, Done: s.done,
		At: now, Took: now.Sub(c.begun), Version: program.Version()}
	o := s.observation
	if o == nil {
		return sc
	}
	if o.Maintenance.Word != "" {
		sc.Maintenance = o.Maintenance.String()
	}
	if len(o.VIPs) > 0 {
		sc.VIPHeld = &o.VIPHere
	}
	sc.State, sc.Why, sc.Peers = string(o.State), o.Why, o.Peers
	sc.Witness = show.Witness{Name: o.Witness.Name, Counts: o.Witness.Counts, Answers: o.Witness.Answers}
	facts := c.facts(*o)
	for _, l := range o.Locals {
		sc.Instances = append(sc.Instances, show.Instance{Look: l, Healthy: facts.Healthy(l)})
	}
	return sc
}

// print tells what came of the run in the form that was asked for. The scene is set only for a form that shows it.
func (f flags) print(out io.Writer, v model.Verdict, scene func() show.Scene) error {
	text := program.Lines(reason.Verdict(v))
	switch {
	case f.JSON:
		b, err := show.JSON(scene())
		if err != nil {
			return err
		}
		text = string(b)
	case f.Verbose:
		file, ok := out.(*os.File)
		text = show.Table(scene(), ok && show.Colours(file))
	}
	if _, err := io.WriteString(out, text); err != nil {
		return fmt.Errorf("print the verdict: %w", err)
	}
	return nil
}

// finish is what comes behind the verdict and cannot change it: the metrics, and the log of what is new. It is over when
// ctx is.
func (c *check) finish(ctx context.Context, v model.Verdict, errOut io.Writer) {
	if err := c.writeMetrics(ctx, v); err != nil {
		c.warnings = append(c.warnings, err.Error())
		if c.act {
			c.log.Warn().Msg(err.Error())
		} else {
			program.Fail(errOut, name+": warning", err)
		}
	}
	if !c.act || !c.news(v) {
		return
	}
	logged := make(chan struct{})
	go func() {
		c.logChange(state.Dir(c.cfg.RunDir), v)
		close(logged)
	}()
	select {
	case <-logged:
	case <-ctx.Done():
	}
}

const (
	// metricsWait is how long a check waits for its metrics: a hung disk must not make it late.
	metricsWait = 100 * time.Millisecond
	// metricsRoom is left of the run behind that wait.
	metricsRoom = 10 * time.Millisecond
)

// errMetricsLate: nobody waits for the file any more. It is as it was, or whole.
var errMetricsLate = errors.New("not done in time; hint: does the disk hang? the check goes on without it")

// writeMetrics writes the file of --metrics.
func (c *check) writeMetrics(ctx context.Context, v model.Verdict) error {
	if c.metrics == "" {
		return nil
	}
	file, text := c.metrics, show.Metrics(c.scene(v))
	return inTime(ctx, metricsWait, func() error { return show.Replace(file, text) }, fmt.Errorf("write metrics %s: %w", c.metrics, errMetricsLate))
}

// inTime does something that may hang. It returns late after wait, or a little before ctx's deadline, or when ctx ends;
// what was begun then goes on by itself.
func inTime(ctx context.Context, wait time.Duration, do func() error, late error) error {
	if deadline, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(deadline)-metricsRoom)
	}
	if wait <= 0 {
		return late
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	done := make(chan error, 1)
	go func() { done <- do() }()
	select {
	case err := <-done:
		return err
	case <-t.C:
	case <-ctx.Done():
	}
	return late
}
