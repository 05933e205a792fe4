package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"keepalived-redis/lab/host"
	"keepalived-redis/lab/report"
)

// runLimit bounds one run of a scenario, with everything.
const runLimit = 5 * time.Minute

// Play runs a scenario once and takes the lab down again. watch, which may be nil, is called when the pair holds still and before the
// fault; what it returns is called when the last step is over. The outcome is complete unless there is an error; the error names the
// directory where logs and files were kept.
func Play(ctx context.Context, s Scenario, opts Options, watch func(*Run) (over func())) (out Outcome, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, runLimit, fmt.Errorf("the run takes longer than %s", runLimit))
	defer cancel()
	r, err := begin(ctx, s, opts)
	out.Run = r
	defer func() {
		// Ctrl-C is no failure whose logs anybody wants.
		failure := err
		if errors.Is(err, context.Canceled) {
			failure = nil
		}
		kept, closing := r.Close(failure)
		err = errors.Join(err, closing)
		if kept != "" && err != nil {
			err = fmt.Errorf("%w; hint: logs, files and the time line are in %s", err, kept)
		} else if kept != "" {
			r.opts.Say("logs, files and the time line are in %s", kept)
		}
	}()
	if err != nil {
		return out, fmt.Errorf("begin %s: %w", s.Name, err)
	}
	over := func() {}
	if watch != nil {
		over = watch(r)
	}
	err = r.Do(ctx)
	over()
	if err != nil {
		var late *TimeoutError
		// The old scripts are expected to fail; that is what they are here for.
		if r.opts.Setup != OldScripts || !errors.As(err, &late) {
			return out, fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	if out.Recorded, err = r.Finish(ctx); err != nil {
		return out, fmt.Errorf("%s: %w", s.Name, err)
	}
	out.Result = report.Measure(out.Recorded)
	r.addExtra(out)
	if opts.Setup == OldScripts || s.Must == nil {
		return out, nil
	}
	if wrong := s.Must(out); len(wrong) > 0 {
		errs := make([]error, len(wrong))
		for i, w := range wrong {
			errs[i] = errors.New(w)
		}
		return out, fmt.Errorf("%s: %w", s.Name, errors.Join(errs...))
	}
	return out, nil
}

// oldTries is how often the old scripts may try to come up: they restart Redis whenever keepalived starts, and on a busy machine their
// cluster can fall apart before there is any fault.
const oldTries = 3

// begin brings a scenario to its beginning.
func begin(ctx context.Context, s Scenario, opts Options) (*Run, error) {
	for try := 1; ; try++ {
		r, err := Start(ctx, s, opts)
		var late *TimeoutError
		if opts.Setup != OldScripts || !errors.As(err, &late) || try == oldTries {
			return r, err
		}
		r.opts.Say("the old scripts did not come up, once more: %v", late)
		if _, err := r.Close(nil); err != nil {
			return r, err
		}
	}
}

// addExtra notes the numbers that only some scenarios have.
func (r *Run) addExtra(out Outcome) {
	if len(r.Switchovers) > 0 {
		var gaps []float64
		for _, g := range switchoverGaps(out.Recorded, r.Switchovers) {
			gaps = append(gaps, ms(g))
		}
		r.Extra["switchover_worst_gap_ms"] = gaps
	}
	if absent := vipAbsent(out.Recorded); absent > 0 {
		r.Extra["vip_absent_ms"] = ms(absent)
	}
	for _, s := range r.stalls {
		texts, _ := r.Extra["stalls"].([]string)
		r.Extra["stalls"] = append(texts, s.String())
	}
	r.Extra["written_percent"] = math.Round(1000*out.Result.Through) / 10
	if at, ok := r.firstWords(r.Fault); ok {
		r.Extra["first_words_ms"] = ms(at.Sub(r.Fault))
	}
}

// firstWords is when a hook of ours first spoke after an instant.
func (r *Run) firstWords(after host.Mono) (host.Mono, bool) {
	for _, e := range r.Timeline.Events() {
		if e.Kind == host.EventLog && e.At >= after && e.Program == "notify-redis" {
			return e.At, true
		}
	}
	return 0, false
}

// Commit is the commit of the programs that a lab installs, as they say themselves: somebody may have built them anew since this one began.
func Commit(ctx context.Context, build string) (string, error) {
	out, err := exec.CommandContext(ctx, filepath.Join(build, "chk-redis"), "--version").Output()
	if err != nil {
		return "", fmt.Errorf("ask the programs for their commit: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// Recall is a run as its record tells it.
func Recall(r report.Record) Outcome {
	return Outcome{Run: &Run{Extra: r.Extra}, Recorded: report.Run{System: r.System}, Result: r.Result}
}

// WriteResults writes NAME.json into the directory of results: the report, with the extra numbers of each run beside its own.
func WriteResults(dir, name string, outcomes []Outcome) (string, error) {
	rep := report.Report{Scenario: name}
	for _, o := range outcomes {
		rep.Runs = append(rep.Runs, o.Result)
	}
	data, err := json.Marshal(rep)
	if err != nil {
		return "", fmt.Errorf("encode results: %w", err)
	}
	// Raw, so that the numbers stay as the report writes them.
	var file struct {
		Scenario string                       `json:"scenario"`
		Runs     []map[string]json.RawMessage `json:"runs"`
		Median   json.RawMessage              `json:"median"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return "", fmt.Errorf("encode results: %w", err)
	}
	for i, o := range outcomes {
		for k, v := range o.Run.Extra {
			if file.Runs[i][k], err = json.Marshal(v); err != nil {
				return "", fmt.Errorf("encode results: %w", err)
			}
		}
	}
	if data, err = json.MarshalIndent(file, "", "  "); err != nil {
		return "", fmt.Errorf("encode results: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("write results: %w", err)
	}
	path := filepath.Join(dir, name+".json")
	if err := renameio.WriteFile(path, append(data, '\n'), 0o644); err != nil {
		return "", fmt.Errorf("write results: %w", err)
	}
	return path, nil
}

// Rows are the outcomes as lines of a table, the median last when there is more than one.
func Rows(name string, outcomes []Outcome) []report.Row {
	var rows []report.Row
	rep := report.Report{Scenario: name}
	for i, o := range outcomes {
		label := o.Recorded.System
		if len(outcomes) > 1 {
			label = fmt.Sprintf("run %d", i+1)
		}
		rows = append(rows, report.Row{System: label, Result: o.Result})
		rep.Runs = append(rep.Runs, o.Result)
	}
	if len(outcomes) > 1 {
		rows = append(rows, report.Row{System: "median", Result: rep.Median()})
	}
	return slices.Clip(rows)
}
