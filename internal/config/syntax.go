package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/pelletier/go-toml/v2"
)

// parseTOML reads a text. The library can panic on a bug of its own; that must not end a check without a verdict.
func parseTOML(text string) (tree map[string]any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the TOML library failed: %v", r)
		}
	}()
	return tree, toml.Unmarshal([]byte(text), &tree)
}

// failSyntax reports a text that is not valid TOML, without showing values of keys that we do not know: one of them could
// be a password.
func (d *draft) failSyntax(err error) {
	e := &Error{Where: d.file, Text: "is not valid TOML", Hint: "compare it with keepalived-redis.toml as shipped", Cause: errSyntax}
	var wrong *toml.DecodeError
	if errors.As(err, &wrong) {
		e.Line, _ = wrong.Position()
		explainSyntax(e, wrong, strings.TrimSpace(strings.Split(d.text, "\n")[e.Line-1]))
	}
	d.errs = append(d.errs, e)
}

// errSyntax stands for the library's error, whose text may quote the file.
var errSyntax = errors.New("not valid TOML")

// explainSyntax fills in what is wrong and what to do, as far as the line tells.
func explainSyntax(e *Error, wrong *toml.DecodeError, line string) {
	name, value, isPair := strings.Cut(line, "=")
	value, _, _ = strings.Cut(value, "#")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	known := isKey(name)
	if isPair && known {
		e.Key = name
	}
	said := strings.TrimPrefix(wrong.Error(), "toml: ")
	switch {
	case strings.Contains(said, "already"):
		e.Text, e.Hint = "stands here a second time", "keep one of the two"
		if e.Key == "" {
			e.Text = "a key or table " + e.Text
		}
	case isPair && known && unquoted(value):
		e.Text = "the value is not in quotes"
		e.Hint = "write " + name + " = " + strconv.Quote(value)
	case isPair && !known:
		_, column := wrong.Position()
		e.Text += fmt.Sprintf(" at column %d", column)
		e.Hint = "text needs quotes, a list brackets"
	default:
		e.Text += ": " + strings.Map(printable, said)
		e.Hint = "text needs quotes, a list brackets with commas between its elements"
	}
}

// printable leaves out what would steer a terminal.
func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return -1
}

// unquoted tells whether a value looks like text without its quotes.
func unquoted(value string) bool {
	return value != "" && !strings.ContainsAny(value, "\"'[]{}\\")
}

// failUnknown reports keys and tables that the schema does not have.
func (d *draft) failUnknown(tree map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		table, isMap := tree[name].(map[string]any)
		at := place{key: &key{name: name}}
		switch {
		case isMap && isTable(name):
			for _, sub := range slices.Sorted(maps.Keys(table)) {
				d.failUnknownKey(name, sub)
			}
		case isTable(name):
			d.fail(at, "is "+typeName(tree[name])+", not a table", fmt.Sprintf("write [%s] on a line of its own, and its keys below", name), nil)
		case isMap && !isKey(name):
			d.fail(at, "no such table", hints(didYouMean(name, tableNames()), "the tables are "+strings.Join(tableNames(), ", ")), nil)
		default:
			d.failUnknownKey("", name)
		}
	}
}

// failUnknownKey reports one key, unless the schema has it.
func (d *draft) failUnknownKey(table, name string) {
	if !slices.ContainsFunc(keys[:], func(k key) bool { return k.table == table && k.name == name }) {
		d.fail(place{key: &key{table: table, name: name}}, "no such key", unknownHint(table, name), nil)
	}
}

// unknownHint says which key was meant.
func unknownHint(table, name string) string {
	var here, all []string
	for i := range keys {
		k := &keys[i]
		switch {
		case k.name == name && k.table != "":
			return "it belongs below [" + k.table + "]"
		case k.name == name:
			return "it belongs above the first table"
		case k.table == table:
			here = append(here, k.name)
		}
		all = append(all, k.name)
	}
	switch name {
	case "password", "requirepass", "auth", "auth_pass":
		return "passwords do not stand in this file; write one into a file of its own and name that with password_file"
	}
	if hint := didYouMean(name, here); hint != "" {
		return hint
	}
	near := nearest(name, all)
	if i := slices.IndexFunc(keys[:], func(k key) bool { return k.name == near }); i >= 0 {
		return fmt.Sprintf("did you mean %q?", keys[i].full())
	}
	return "remove the line; keepalived-redis.toml as shipped shows every key"
}

// didYouMean names the nearest word; it is empty when none is near.
func didYouMean(word string, words []string) string {
	if near := nearest(word, words); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return ""
}

// hints joins a question, if there is one, and a hint.
func hints(question, hint string) string {
	if question == "" {
		return hint
	}
	return question + " " + hint
}

// nearest is the word with the fewest changes, if these are few: a third of its letters at most.
func nearest(word string, words []string) string {
	best, found := len(word)/3+1, ""
	for _, w := range words {
		if n := distance(strings.ToLower(word), strings.ToLower(w)); n < best {
			best, found = n, w
		}
	}
	return found
}

// distance counts the letters to insert, delete or replace (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// userName is the account of this process, for hints.
func userName() string {
	if os.Geteuid() == 0 {
		return "root"
	}
	return "user " + strconv.Itoa(os.Geteuid())
}
