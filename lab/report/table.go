package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Row is one system in the table: the name and what it measured, usually a median.
type Row struct {
	System string
	Result Result
	// Commit is what it was measured on; empty where nobody asks.
	Commit string
}

// column is a number of the table: its heading in two lines, and the text of it for one result.
type column struct {
	head [2]string
	text func(Result) string
	// need says whether a result has something to say in an optional column; nil: the column is always there.
	need func(Result) bool
}

var columns = []column{
	{head: [2]string{"VIP moved", "after"}, text: func(r Result) string { return orElse(r.VIP, "did not move") }},
	{head: [2]string{"every slot", "writable after"}, text: writableText},
	{head: [2]string{"after", "the VIP"}, text: func(r Result) string { return orElse(r.AfterVIP, "-") },
		need: func(r Result) bool { return r.AfterVIP != nil }},
	{head: [2]string{"worst", "write gap"}, text: func(r Result) string { return orElse(r.WorstGap, "never ends") }},
	{head: [2]string{"cut-off host", "wrote until"}, text: func(r Result) string { return orElse(r.LastCutAck, "-") },
		need: func(r Result) bool { return r.LastCutAck != nil }},
	{head: [2]string{"and got", "acknowledged"}, text: func(r Result) string { return grouped(int64(r.CutAcks)) },
		need: func(r Result) bool { return r.CutAcks > 0 }},
	{head: [2]string{"first takeover", "after the VIP"}, text: func(r Result) string { return orElse(r.Takeover, "-") },
		need: func(r Result) bool { return r.Takeover != nil }},
	{head: [2]string{"whole", "again after"}, text: func(r Result) string { return orElse(r.Whole, "-") },
		need: func(r Result) bool { return r.Whole != nil }},
	{head: [2]string{"", "acknowledged"}, text: func(r Result) string { return grouped(int64(r.Acked)) }},
	{head: [2]string{"", "lost"}, text: func(r Result) string { return grouped(int64(r.Lost)) }},
	{head: [2]string{"not read", "back"}, text: func(r Result) string { return grouped(int64(r.Unread)) },
		need: func(r Result) bool { return r.Unread > 0 }},
}

// Table compares systems on one fault: a line each, aligned, for a terminal. It ends with a line break.
func Table(rows ...Row) string {
	lines := [][]string{{""}, {""}}
	for _, r := range rows {
		lines = append(lines, []string{r.System})
	}
	for _, c := range columns {
		if c.need != nil && !slices.ContainsFunc(rows, func(r Row) bool { return c.need(r.Result) }) {
			continue
		}
		lines[0], lines[1] = append(lines[0], c.head[0]), append(lines[1], c.head[1])
		for i, r := range rows {
			lines[i+2] = append(lines[i+2], c.text(r.Result))
		}
	}
	same := sameCommit(rows)
	if !same {
		lines[0], lines[1] = append(lines[0], ""), append(lines[1], "commit")
		for i, r := range rows {
			lines[i+2] = append(lines[i+2], r.Commit)
		}
	}
	text := align(lines) + notes(rows)
	if same && len(rows) > 0 && rows[0].Commit != "" {
		text += fmt.Sprintf("all of commit %s\n", rows[0].Commit)
	}
	return text
}

// sameCommit: no row is of another commit than the others, nor of several.
func sameCommit(rows []Row) bool {
	return !slices.ContainsFunc(rows, func(r Row) bool { return r.Commit != rows[0].Commit || strings.Contains(r.Commit, ",") })
}

// align makes columns of equal width: the first flush left, the others right.
func align(lines [][]string) string {
	width := make([]int, len(lines[0]))
	for _, l := range lines {
		for i, text := range l {
			width[i] = max(width[i], utf8.RuneCountInString(text))
		}
	}
	var b strings.Builder
	for _, l := range lines {
		var line strings.Builder
		for i, text := range l {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(text))
			if i == 0 {
				line.WriteString(text + pad)
			} else {
				line.WriteString("  " + pad + text)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}

// notes say what the words in the table mean, where it is not plain.
func notes(rows []Row) string {
	var text string
	if watched := shortestNever(rows); watched > 0 {
		text += fmt.Sprintf("never: not within the %s that were watched\n", seconds(watched))
	}
	if slices.ContainsFunc(rows, func(r Row) bool { return r.Result.Unread > 0 }) {
		text += "not read back: acknowledged, and nobody served them at the end\n"
	}
	return text
}

// shortestNever is how long was watched at least where something never came, 0 when everything came.
func shortestNever(rows []Row) time.Duration {
	var shortest time.Duration
	for _, r := range rows {
		if (r.Result.Writable == nil || r.Result.WorstGap == nil) && (shortest == 0 || r.Result.Observed < shortest) {
			shortest = r.Result.Observed
		}
	}
	return shortest
}

func writableText(r Result) string {
	if r.Writable != nil && *r.Writable == 0 {
		return "not interrupted"
	}
	return orElse(r.Writable, "never")
}

// orElse is a time for people, or other words when there is none.
func orElse(d *time.Duration, other string) string {
	if d == nil {
		return other
	}
	return millis(*d)
}

// millis is a time in milliseconds: whole ones, below ten with one digit after the point.
func millis(d time.Duration) string {
	if tenths := d.Round(100 * time.Microsecond); tenths != 0 && tenths.Abs() < 10*time.Millisecond {
		return strconv.FormatFloat(float64(tenths)/float64(time.Millisecond), 'f', 1, 64) + " ms"
	}
	return grouped(d.Round(time.Millisecond).Milliseconds()) + " ms"
}

// seconds is a longer time, with at most one digit after the point.
func seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Round(100*time.Millisecond).Seconds(), 'f', -1, 64) + " s"
}

// grouped is a number with a comma at every thousand.
func grouped(n int64) string {
	text := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, text = "-", text[1:]
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return sign + text
}
