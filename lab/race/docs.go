package race

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/google/renameio/v2"
)

// Table is the outcome as a table in Markdown: a line for each system, two columns for each fault.
func (o *Outcome) Table() string {
	var b strings.Builder
	runs := "One run each."
	if n := o.rounds(); n > 1 {
		runs = fmt.Sprintf("Medians of %d runs.", n)
	}
	fmt.Fprintf(&b, "Measured on %s: %s. %s\n\n", o.At.Format(time.DateOnly), o.Machine, runs)
	head, rule := "| |", "|---|"
	for _, f := range Faults {
		if len(o.runs[f.Name]) == 0 {
			continue
		}
		head += fmt.Sprintf(" `%s` | lost |", f.Name)
		rule += "---|---|"
	}
	fmt.Fprintf(&b, "%s\n%s\n", head, rule)
	for _, s := range Systems {
		line, ran := "| "+s.Label+" |", false
		for _, f := range Faults {
			if len(o.runs[f.Name]) == 0 {
				continue
			}
			got, ok := o.figures(f.Name, s.Name)
			ran = ran || ok
			if ok {
				line += fmt.Sprintf(" %s | %s |", f.shown(got), lostText(got))
			} else {
				line += " | |"
			}
		}
		if ran {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

// shown is the one figure of a fault for people: until when everything was writable again, in a switchover the worst write gap.
func (f Fault) shown(got figures) string {
	if f.planned && got.Writable != nil {
		return orNever(got.WorstGap)
	}
	return orNever(got.Writable)
}

// lostText is how many writes are gone. What nobody serves is not lost for good, but nobody has it either.
func lostText(f figures) string {
	if f.Writable == nil && f.Lost > 0 {
		return fmt.Sprintf("%d not readable", f.Lost)
	}
	return fmt.Sprint(f.Lost)
}

// rounds is the most runs that any system made under any fault.
func (o *Outcome) rounds() (most int) {
	for _, systems := range o.runs {
		for _, runs := range systems {
			most = max(most, len(runs))
		}
	}
	return most
}

// Bounds holds the figures against what was promised, a line each.
func (o *Outcome) Bounds() string {
	var b strings.Builder
	line := func(what string, known, ok bool) {
		word := "NOT SHOWN"
		switch {
		case !known:
			word = "not measured"
		case ok:
			word = "shown"
		}
		fmt.Fprintf(&b, "%-78s %s\n", what, word)
	}
	first, have := o.figures("host-dies", "ours-v3-0.1")
	for _, other := range []string{"sentinel-1s", "cluster-1s"} {
		theirs, ran := o.figures("host-dies", other)
		ok := first.Writable != nil && (theirs.Writable == nil || 3**first.Writable <= *theirs.Writable)
		line("host-dies: ours-v3-0.1 at most a third of "+other, have && ran, ok)
	}
	fast, ran := o.figures("host-dies", "ours-v3-0.03")
	line("host-dies: ours-v3-0.03 within 200 ms", ran, fast.Writable != nil && *fast.Writable <= 200*time.Millisecond)
	old, ran := o.figures("host-dies", "old-scripts")
	line("host-dies: the old scripts never", ran, old.Writable == nil)
	switchover, ran := o.figures("switchover", "ours-v3-0.1")
	line("switchover: ours-v3-0.1 at most 10 ms, nothing lost", ran,
		switchover.Writable != nil && switchover.WorstGap != nil && *switchover.WorstGap <= 10*time.Millisecond && switchover.Lost == 0)
	return b.String()
}

// The lines between which the table stands in a document.
const (
	tableBegin = "<!-- make bench-failover writes from here -->\n"
	tableEnd   = "<!-- to here -->\n"
)

// UpdateTable puts the table into a document, in the place that is marked for it.
func (o *Outcome) UpdateTable(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the document: %w", err)
	}
	before, rest, ok := bytes.Cut(text, []byte(tableBegin))
	_, after, ends := bytes.Cut(rest, []byte(tableEnd))
	if !ok || !ends {
		return fmt.Errorf("put the table into %s: the place for it is not marked; hint: %q and %q, a line each", path, strings.TrimSpace(tableBegin), strings.TrimSpace(tableEnd))
	}
	var b bytes.Buffer
	for _, part := range [][]byte{before, []byte(tableBegin + "\n" + o.Table() + "\n" + tableEnd), after} {
		b.Write(part)
	}
	if err := renameio.WriteFile(path, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write the document: %w", err)
	}
	return nil
}
