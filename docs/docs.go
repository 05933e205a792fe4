// Package docs holds the documents. Programs explain a reason with it; its tests compare the documents with the programs, the files and each other.
package docs

import (
	_ "embed" // reasons.md
	"regexp"
	"strings"
)

//go:embed reasons.md
var reasons string

// Reason explains a reason in plain text, as reasons.md does: by its page, or by its row where it has none. ok is false for a word that is no reason.
func Reason(word string) (text string, ok bool) {
	row := rowOf(word)
	if row == nil {
		return "", false
	}
	text = word + ": " + plain(row[1]) + "\n\n"
	if page, ok := pageOf(word); ok {
		return text + plain(page), true
	}
	text += plain(row[2]) + "\n"
	if row[3] != "" {
		text += "\nWhat you do: " + plain(row[3]) + "\n"
	}
	return text, true
}

// rowOf are the cells of a reason's row: the reason, its text, what it means, what to do. It is nil where there is none.
func rowOf(word string) []string {
	for _, line := range strings.Split(reasons, "\n") {
		if strings.HasPrefix(line, "| `"+word+"` |") || strings.HasPrefix(line, "| [`"+word+"`](#"+word+") |") {
			row := cells(line)
			row[1] = strings.Trim(row[1], "`")
			return row
		}
	}
	return nil
}

// pageOf is the page of a reason, without its heading.
func pageOf(word string) (page string, ok bool) {
	_, page, ok = strings.Cut(reasons, "\n## "+word+"\n")
	page, _, _ = strings.Cut(page, "\n## ")
	return strings.TrimSpace(page) + "\n", ok
}

// cells splits a row of a table. A | in a cell is written \|.
func cells(row string) []string {
	row = strings.TrimSuffix(strings.TrimPrefix(strings.ReplaceAll(row, `\|`, "\x00"), "|"), "|")
	var all []string
	for _, c := range strings.Split(row, "|") {
		all = append(all, strings.ReplaceAll(strings.TrimSpace(c), "\x00", "|"))
	}
	return all
}

var (
	// places stand in a text or a hint for what a line of the log names.
	places = regexp.MustCompile(`\{[a-z-]+\}`)
	links  = regexp.MustCompile(`\[([^\]]+)\]\([^)\s]+\)`)
)

// plain takes the marks of Markdown off a text. What stands between fences is indented.
func plain(markdown string) string {
	var out []string
	fenced := false
	for _, line := range strings.Split(markdown, "\n") {
		switch {
		case strings.HasPrefix(line, "```"):
			fenced = !fenced
		case fenced:
			out = append(out, "    "+line)
		default:
			line = places.ReplaceAllString(links.ReplaceAllString(line, "$1"), "…")
			out = append(out, strings.NewReplacer("`", "", "**", "").Replace(line))
		}
	}
	return strings.Join(out, "\n")
}
