package show

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/program"
	"keepalived-redis/internal/reason"
)

// The colours of a terminal.
const (
	bold  = "\x1b[1m"
	red   = "\x1b[31m"
	green = "\x1b[32m"
	reset = "\x1b[0m"
)

// row is one line of the table: its cells, and the colour of the state.
type row struct {
	cells  []string
	colour string
}

// stateColumn is the one that is coloured.
const stateColumn = 2

// Table is the scene for people. The verdict is its last line, as in a run without flags. Warnings are not in it: people
// have them on the error output.
func Table(s Scene, colour bool) string {
	columns := []string{"ROLE", "STATE", "LATENCY", "LINK", "LAG", "MEMORY", "SAVED"}
	rows := []row{{append([]string{"INSTANCE"}, columns...), bold}}
	for _, in := range s.Instances {
		rows = append(rows, row{s.cells(in.Look), verdictColour(in.Healthy)})
	}
	if len(s.Peers) > 0 {
		rows = append(rows, row{append([]string{"PEER"}, columns...), bold})
	}
	for _, p := range s.Peers {
		rows = append(rows, row{s.cells(p), verdictColour(p.State.Alive())})
	}
	var b strings.Builder
	align(&b, rows, colour)
	b.WriteString("\n")
	line := func(key, text string) { fmt.Fprintf(&b, "%-13s%s\n", key+":", program.Plain(text)) }
	if s.Why.Reason != "" {
		line("vrrp", cmp.Or(s.State, "unknown")+" ("+reason.Why(s.Why)+")")
		hint(&b, s.Why)
	}
	if s.VIPHeld != nil {
		where := "not on this host"
		if *s.VIPHeld {
			where = "on this host"
		}
		line("vip", where)
	}
	line("witness", s.Witness.words())
	if s.Maintenance != "" {
		line("maintenance", s.Maintenance)
	}
	if s.Fenced {
		line("fence", "writes are refused here")
	}
	for _, c := range s.Decision {
		if c.Reason != s.Why.Reason {
			line("decision", reason.Text(c))
			hint(&b, c)
		}
	}
	verdict, hints, _ := strings.Cut(program.Lines(reason.Verdict(s.Verdict)), "\n")
	if colour {
		verdict = verdictColour(s.Health.EnoughForVIP()) + verdict + reset
	}
	b.WriteString(verdict + "\n" + hints)
	return b.String()
}

// hint is what can be done about a clause, on a line of its own.
func hint(b *strings.Builder, c model.Clause) {
	if text := reason.Hint(c); text != "" {
		b.WriteString("  hint: " + program.Plain(text) + "\n")
	}
}

func verdictColour(healthy bool) string {
	if healthy {
		return green
	}
	return red
}

// align pads every column to its widest cell. Colours come after the padding: they have no width.
func align(b *strings.Builder, rows []row, colour bool) {
	var widths []int
	for _, r := range rows {
		for i, c := range r.cells {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	for _, r := range rows {
		for i, c := range r.cells {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c)+2)
			if i == len(r.cells)-1 {
				pad = ""
			}
			if colour && (r.colour == bold || i == stateColumn) {
				c = r.colour + c + reset
			}
			b.WriteString(c + pad)
		}
		b.WriteString("\n")
	}
}

// cells are the columns of one look.
func (s *Scene) cells(l model.Look) []string {
	cells := []string{program.Plain(l.Instance.Name()), cmp.Or(string(l.Role()), "-"), strings.ReplaceAll(key(l.State), "_", " "), latency(l), "-", "-", "-", "-"}
	if l.Info == nil {
		return cells
	}
	if l.Role() == model.Replica {
		cells[4] = "down"
		if l.Info.LinkUp {
			cells[4] = "up"
		}
		if l.Info.Syncing {
			cells[4] = "sync"
		}
	}
	if n, known := s.lag(l); known {
		cells[5] = Size(n)
	}
	if m := l.Info.UsedMemory; m.Known {
		cells[6] = Size(m.Value)
	}
	if t := l.Info.LastSave; t.Known {
		cells[7] = Age(s.At.Sub(time.Unix(t.Value, 0))) + " ago"
	}
	if l.Info.SaveStatus == model.StatusErr {
		cells[7] += ", fails"
	}
	if l.Info.AOFStatus == model.StatusErr {
		cells[7] += ", AOF fails"
	}
	return cells
}

func latency(l model.Look) string {
	if !l.State.Alive() {
		return "-"
	}
	return strconv.FormatFloat(l.Took.Seconds()*1000, 'f', 1, 64) + "ms"
}

// Size is in the units of Redis' own used_memory_human.
func Size(n int64) string {
	const units = "BKMGTPE"
	f, u := float64(n), 0
	for ; f >= 1024 && u < len(units)-1; u++ {
		f /= 1024
	}
	if u == 0 {
		return strconv.FormatInt(n, 10) + "B"
	}
	return strconv.FormatFloat(f, 'f', 1, 64) + units[u:u+1]
}

// Age is how long ago something was, in its largest unit. What lies ahead, by a clock that was set back, is now.
func Age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return strconv.Itoa(int(max(0, d).Seconds())) + "s"
	case d < time.Hour:
		return strconv.Itoa(int(d.Minutes())) + "m"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d.Hours())) + "h"
	}
	return strconv.Itoa(int(d.Hours()/24)) + "d"
}

func (w Witness) words() string {
	switch {
	case w.Name == "":
		return "none"
	case w.Answers:
		return w.Name + " answers"
	case w.Counts:
		return w.Name + " does not answer"
	}
	return w.Name + " has never answered, so it does not count"
}
