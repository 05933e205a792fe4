package program

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode"

	"github.com/rs/zerolog"
)

// field is one key and value of a line.
type field struct{ key, value string }

// render turns zerolog's JSON into what people read: the sentence first, then key=value in the order of the calls. The
// fields are those of the line, as they were logged. It happens only when something is logged, so its cost does not matter.
func render(p []byte) (line string, fields []field) {
	sentence, fields, err := parse(p)
	if err != nil {
		// Never lose a line because it looks odd.
		sentence, fields = string(bytes.TrimSpace(p)), nil
	}
	line = Plain(sentence)
	for _, f := range fields {
		line += " " + Plain(f.key) + "=" + quoted(f.value)
	}
	return cut(strings.TrimSpace(line)), fields
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
