package config

import (
	"errors"
	"strconv"
	"strings"
)

// ErrNothingConfigured: no instance is configured, and none was found on this host.
var ErrNothingConfigured = errors.New("no instance is configured, and none was found on this host")

// Error is one thing that is wrong with the configuration, in one line:
//
//	/etc/keepalived/keepalived-redis.toml:4: key "policy": "folow" is not known; hint: write "auto", "follow" or "stay"
type Error struct {
	// Where is the file, "environment NAME" or "flag --name".
	Where string
	// Line is the line of the file, counted from 1; 0 where there is none.
	Line int
	// Key is the full name of the key, such as times.deadline; empty when the whole file is meant.
	Key string
	// Text says what is wrong, Hint what to do.
	Text, Hint string
	// Cause is the error underneath; nil where there is none. Its text is already part of Text.
	Cause error
}

// Error is the one line that a person reads.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Where)
	if e.Line > 0 {
		b.WriteByte(':')
		b.WriteString(strconv.Itoa(e.Line))
	}
	b.WriteString(": ")
	if e.Key != "" {
		b.WriteString("key ")
		b.WriteString(strconv.Quote(e.Key))
		b.WriteString(": ")
	}
	b.WriteString(e.Text)
	if e.Hint != "" {
		b.WriteString("; hint: ")
		b.WriteString(e.Hint)
	}
	return b.String()
}

// Unwrap gives the error underneath.
func (e *Error) Unwrap() error { return e.Cause }

// flaw is what is wrong with a file, behind its name, and what to do.
type flaw struct {
	text, hint string
	cause      error
}

// Errors is everything that is wrong, one line each. Errors of the file come in the order of its lines.
type Errors []error

// Error joins the lines.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, err := range e {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.Is and errors.As see each one.
func (e Errors) Unwrap() []error { return e }
