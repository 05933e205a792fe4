package program

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode"

	"github.com/rs/zerolog"

	"keepalived-redis/internal/reason"
)

// ReasonField is the field of a line that names its reason: a field of the journal only, for the line ends with it.
const ReasonField = "keepalived_redis_reason"

// field is one key and value of a line.
type field struct{ key, value string }

// render turns zerolog's JSON into what people read: the sentence first, then key=value in the order of the calls, and each hint on a line of its
// own. The fields are those of the line, as they were logged. It happens only when something is logged, so its cost does not matter.
func render(p []byte) (lines []string, fields []field) {
	sentence, fields, err := parse(p)
	if err != nil {
		// Never lose a line because it looks odd.
		sentence, fields = string(bytes.TrimSpace(p)), nil
	}
	sentence, hints := hinted(sentence)
	line := Plain(sentence)
	for _, f := range fields {
		if f.key == ReasonField {
			continue
		}
		value, more := hinted(f.value)
		line += " " + Plain(f.key) + "=" + quoted(value)
		hints = append(hints, more...)
	}
	lines = []string{cut(strings.TrimSpace(line))}
	for _, h := range hints {
		lines = append(lines, cut(hintHead+Plain(h)))
	}
	return lines, fields
}

// hintHead begins the line of a hint.
const hintHead = "hint: "

// hinted parts a text from its hints.
func hinted(text string) (string, []string) {
	parts := strings.Split(text, reason.HintMark)
	return parts[0], parts[1:]
}

// cut shortens what is too long for a line.
func cut(s string) string {
	if len(s) > maxLine {
		return strings.ToValidUTF8(s[:maxLine], "") + "…"
	}
	return s
}

func parse(p []byte) (sentence string, fields []field, err error) {
	d := json.NewDecoder(bytes.NewReader(p))
	d.UseNumber()
	if _, err := d.Token(); err != nil {
		return "", nil, err
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return "", nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return "", nil, err
		}
		var text string
		if json.Unmarshal(value, &text) != nil {
			text = string(value)
		}
		switch key {
		case zerolog.MessageFieldName:
			sentence = text
		case zerolog.LevelFieldName:
		default:
			name, _ := key.(string)
			fields = append(fields, field{name, text})
		}
	}
	return sentence, fields, nil
}

// quoted puts a value in quotes where it would not read back as one word.
func quoted(s string) string {
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r == ' ' || r == '"' || r == '=' || !unicode.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}

// Plain keeps one line one line, and a terminal a terminal: what a server said may hold anything.
func Plain(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}
