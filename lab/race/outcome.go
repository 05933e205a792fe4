package race

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/google/renameio/v2"

	"keepalived-redis/lab/report"
)

// Outcome is all that a race measured.
type Outcome struct {
	// Machine is where, At when.
	Machine Machine
	At      time.Time
	// runs are the results, by fault and system.
	runs map[string]map[string][]report.Result
}

func newOutcome(ctx context.Context) *Outcome {
	return &Outcome{Machine: thisMachine(ctx), At: time.Now(), runs: map[string]map[string][]report.Result{}}
}

func (o *Outcome) add(fault, system string, r report.Result) {
	if o.runs[fault] == nil {
		o.runs[fault] = map[string][]report.Result{}
	}
	o.runs[fault][system] = append(o.runs[fault][system], r)
}

// Empty says whether nothing was measured.
func (o *Outcome) Empty() bool { return len(o.runs) == 0 }

// figures are what is compared: medians of the runs of a system under a fault.
type figures struct {
	// Writable is the time from the fault until every slot, or the one master, took writes again; in a switchover 0 when no gap was long
	// enough to be an interruption. Nil: never.
	Writable *time.Duration
	// WorstGap is the longest time between two acknowledgements of a slot range; nil when one never ended.
	WorstGap *time.Duration
	// Lost counts acknowledged writes that were not there at the end: gone, or on nobody that serves them.
	Lost int
}

func figuresOf(runs []report.Result) figures {
	m := report.Report{Runs: runs}.Median()
	return figures{m.Writable, m.WorstGap, m.Lost + m.Unread}
}

// Figures are those of a system under a fault; false when it did not run.
func (o *Outcome) figures(fault, system string) (figures, bool) {
	runs := o.runs[fault][system]
	return figuresOf(runs), len(runs) > 0
}

// String is the figures in a line.
func (f figures) String() string {
	return fmt.Sprintf("writable after %s, worst gap %s, lost %d", orNever(f.Writable), orNever(f.WorstGap), f.Lost)
}

// MarshalJSON writes {"writable_ms": …, "worst_gap_ms": …, "lost": …}: milliseconds with three digits after the point, null for never.
func (f figures) MarshalJSON() ([]byte, error) {
	ms := func(d *time.Duration) json.RawMessage {
		if d == nil {
			return json.RawMessage("null")
		}
		return strconv.AppendFloat(nil, float64(d.Round(time.Microsecond))/float64(time.Millisecond), 'f', 3, 64)
	}
	return json.Marshal(struct {
		Writable json.RawMessage `json:"writable_ms"`
		WorstGap json.RawMessage `json:"worst_gap_ms"`
		Lost     int             `json:"lost"`
	}{ms(f.Writable), ms(f.WorstGap), f.Lost})
}

// orNever is a time for people.
func orNever(d *time.Duration) string {
	if d == nil {
		return "never"
	}
	return millis(*d)
}

// millis is a time in milliseconds: whole ones, below ten with one digit after the point.
func millis(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	if ms != 0 && ms < 10 {
		return strconv.FormatFloat(ms, 'f', 1, 64) + " ms"
	}
	text := strconv.FormatFloat(ms, 'f', 0, 64)
	if n := len(text); n > 3 {
		text = text[:n-3] + "," + text[n-3:]
	}
	return text + " ms"
}

// Write writes failover.json, {fault: {system: figures}}, and failover-runs.json, every single run, into a directory.
func (o *Outcome) Write(dir string) error {
	medians := map[string]map[string]figures{}
	every := map[string]map[string]report.Report{}
	for fault, systems := range o.runs {
		medians[fault], every[fault] = map[string]figures{}, map[string]report.Report{}
		for system, runs := range systems {
			medians[fault][system] = figuresOf(runs)
			every[fault][system] = report.Report{Scenario: fault, Runs: runs}
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	for name, value := range map[string]any{
		"failover.json": medians,
		"failover-runs.json": struct {
			Machine Machine                             `json:"machine"`
			At      time.Time                           `json:"at"`
			Faults  map[string]map[string]report.Report `json:"faults"`
		}{o.Machine, o.At, every},
	} {
		data, err := json.MarshalIndent(value, "", "  ")
		if err != nil {
			return fmt.Errorf("encode %s: %w", name, err)
		}
		if err := renameio.WriteFile(filepath.Join(dir, name), append(data, '\n'), 0o644); err != nil {
			return fmt.Errorf("write results: %w", err)
		}
	}
	return nil
}
