package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"keepalived-redis/lab"
	"keepalived-redis/lab/report"
	"keepalived-redis/lab/resume"
)

// oftenEnough is how often a scenario runs that does not say more.
const oftenEnough = 3

// task is what all has to do for one scenario.
type task struct {
	// command is that of the one scenario.
	command
	// kept are the runs that went well, left the numbers of the others.
	kept []report.Record
	left []int
}

// records is the directory of the finished runs of a scenario. Those with another slack promise something else.
func (c command) records() string {
	name := c.label()
	if c.opts.Slack > 1 {
		name += fmt.Sprintf("-slack%d", c.opts.Slack)
	}
	return filepath.Join(c.opts.Results, "runs", name)
}

// tasks says for each scenario what is done and what is left.
func (c command) tasks() ([]task, error) {
	var all []task
	for _, s := range c.many {
		t := task{command: c}
		t.scenario = s
		if t.runs == 0 {
			t.runs = max(s.Runs, oftenEnough)
		}
		if c.again {
			if err := resume.Forget(t.records()); err != nil {
				return nil, err
			}
		}
		records, err := resume.Read[report.Record](t.records(), say)
		if err != nil {
			return nil, err
		}
		t.kept, t.left = report.Remaining(records, t.runs)
		all = append(all, t)
	}
	return all, nil
}

func say(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// playAll runs many scenarios, each as often as it promises, and prints their medians as one table. What an earlier call has done is not
// done again. A scenario that breaks a promise does not stop the others; all that was broken is said at the end.
func (c command) playAll(ctx context.Context) error {
	tasks, err := c.tasks()
	if err != nil {
		return err
	}
	sayDone(tasks)
	var errs []error
	for i := range tasks {
		t := &tasks[i]
		if len(t.left) == 0 || ctx.Err() != nil {
			continue
		}
		if err := t.play(ctx); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", t.scenario.Name, err))
		}
		fmt.Println()
	}
	fmt.Print(report.Table(rows(tasks)...))
	if ctx.Err() != nil {
		fmt.Println("interrupted: the same command goes on with what is left")
	}
	return errors.Join(errs...)
}

// sayDone says in one line how many scenarios are done already.
func sayDone(tasks []task) {
	done := 0
	for _, t := range tasks {
		if len(t.left) == 0 {
			done++
		}
	}
	if done > 0 {
		say("%d of %d scenarios are done already; --again begins anew", done, len(tasks))
	}
}

// rows are the lines of the table: the medians of all runs that there are.
func rows(tasks []task) []report.Row {
	var all []report.Row
	for _, t := range tasks {
		if len(t.kept) == 0 {
			continue
		}
		rep := report.Report{Scenario: t.scenario.Name}
		for _, r := range t.kept {
			rep.Runs = append(rep.Runs, r.Result)
		}
		all = append(all, report.Row{System: fmt.Sprintf("%s ×%d", t.scenario.Name, len(rep.Runs)), Result: rep.Median(), Commit: report.Commits(t.kept)})
	}
	return all
}

// play runs what is left of a scenario. After it, kept also has the runs that broke a promise.
func (t *task) play(ctx context.Context) error {
	t.opts.Say = say
	say("%s: %s", t.scenario.Name, t.scenario.About)
	if len(t.kept) > 0 {
		say("%d of %d runs are done already", len(t.kept), t.runs)
	}
	var errs []error
	for _, n := range t.left {
		r, err := t.once(ctx, n)
		if err != nil {
			errs = append(errs, fmt.Errorf("run %d: %w", n, err))
			say("run %d of %d: %v", n, t.runs, err)
		} else {
			say("run %d of %d done", n, t.runs)
		}
		if err == nil || r.Result.Acked > 0 {
			t.kept = append(t.kept, r)
		}
		if err != nil && (ctx.Err() != nil || r.Result.Acked == 0) {
			break
		}
	}
	slices.SortFunc(t.kept, func(a, b report.Record) int { return a.Run - b.Run })
	var outcomes []lab.Outcome
	for _, r := range t.kept {
		outcomes = append(outcomes, lab.Recall(r))
	}
	return errors.Join(append(errs, t.tell(outcomes))...)
}

// once runs the scenario and keeps what came of it, unless it was interrupted.
func (t *task) once(ctx context.Context, n int) (report.Record, error) {
	commit, err := lab.Commit(ctx, t.opts.Build)
	if err != nil {
		return report.Record{}, err
	}
	out, err := lab.Play(ctx, t.scenario, t.opts, nil)
	if err != nil && ctx.Err() != nil {
		return report.Record{}, err
	}
	r := report.Record{Scenario: t.label(), Run: n, Commit: commit, System: out.Recorded.System, Result: out.Result, Extra: out.Run.Extra}
	if err != nil {
		r.Failure = err.Error()
	}
	return r, errors.Join(err, resume.Write(t.records(), r))
}
