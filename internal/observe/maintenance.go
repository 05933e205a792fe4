package observe

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/state"
)

// maxReason bounds what sentences repeat.
const maxReason = 200

// untilForms are the ways in which people write the end: RFC 3339, or the time of this host.
var untilForms = [...]string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04"}

// parseMaintenance reads the text of the file. A maintenance that has ended is none. What cannot be understood holds
// everything, because somebody wanted hands off; warning says so.
func parseMaintenance(text string, now time.Time) (m model.Maintenance, warning string) {
	words := strings.FieldsFunc(strings.ToValidUTF8(text, "?"), func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) })
	switch {
	case len(words) > 0 && (words[0] == model.Drain || words[0] == model.Hold):
		m.Word, words = words[0], words[1:]
	default:
		m.Word = model.Hold
		warning = fmt.Sprintf("the file %s begins with neither %s nor %s and counts as %s", model.MaintenanceFile, model.Drain, model.Hold, model.Hold)
	}
	if len(words) > 1 && words[0] == "until" {
		end, ok := parseUntil(words[1])
		switch {
		case !ok:
			warning = fmt.Sprintf("the file %s has an end that cannot be read, %.40q, and does not end by itself; hint: write it as in until 2026-01-31T18:00", model.MaintenanceFile, words[1])
		case !now.Before(end):
			return model.Maintenance{}, ""
		default:
			m.Until = end.Local().Format("2006-01-02 15:04:05")
		}
		words = words[2:]
	}
	m.Reason = strings.Join(words, " ")
	if len(m.Reason) > maxReason {
		m.Reason = strings.ToValidUTF8(m.Reason[:maxReason], "") + "…"
	}
	if m.Reason == "" {
		m.Reason = "no reason given"
	}
	return m, warning
}

func parseUntil(s string) (time.Time, bool) {
	for _, form := range untilForms {
		if t, err := time.ParseInLocation(form, s, time.Local); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// maintenance reads the file. One that is there and cannot be read holds everything as well; one that another user may have written is none.
func maintenance(durable state.Dir) (m model.Maintenance, warning string) {
	text, found, err := durable.Text(model.MaintenanceFile)
	switch {
	case errors.Is(err, state.ErrForeign):
		return model.Maintenance{}, fmt.Sprintf("the file %s is not believed: %s; hint: write it as root", model.MaintenanceFile, err)
	case err != nil:
		return model.Maintenance{Word: model.Hold, Reason: "the file cannot be read"}, "maintenance: " + err.Error()
	case !found:
		return model.Maintenance{}, ""
	}
	return parseMaintenance(text, time.Now())
}
