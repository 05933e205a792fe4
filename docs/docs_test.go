package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// read reads a file of the checkout.
func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// documents are all that people read.
func documents(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob("*.md")
	if err != nil || len(all) < 5 {
		t.Fatalf("documents: %v, %v", all, err)
	}
	for i := range all {
		all[i] = "docs/" + all[i]
	}
	return append(all, "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "testdata/oldscripts/README.md")
}

var (
	fence   = regexp.MustCompile("(?ms)^```.*?^```")
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
)

// anchors are those of a document's headings, as GitHub makes them.
func anchors(text string) []string {
	var all []string
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		name := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		all = append(all, strings.ReplaceAll(strings.TrimSpace(name), " ", "-"))
	}
	return all
}

// Each link within the checkout leads to a file that is there, and to a heading that it has.
func TestLinks(t *testing.T) {
	n := 0
	for _, doc := range documents(t) {
		text := read(t, doc)
		for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			n++
			file, anchor, _ := strings.Cut(m[1], "#")
			to := doc
			if file != "" {
				to = filepath.Join(filepath.Dir(doc), file)
			}
			if _, err := os.Stat(filepath.Join("..", to)); err != nil {
				t.Errorf("%s links to %s: %v", doc, m[1], err)
			} else if anchor != "" && !slices.Contains(anchors(read(t, to)), anchor) {
				t.Errorf("%s links to %s: no such heading in %s", doc, m[1], to)
			}
		}
	}
	if n < 20 {
		t.Errorf("only %d links were found", n)
	}
}

// rows are the rows of all tables between two headings, without those that only head a table.
func rows(t *testing.T, text, from, to string) [][]string {
	t.Helper()
	_, text, ok := strings.Cut(text, "\n"+from+"\n")
	if !ok {
		t.Fatalf("there is no heading %q", from)
	}
	if to != "" {
		if text, _, ok = strings.Cut(text, "\n"+to+"\n"); !ok {
			t.Fatalf("there is no heading %q", to)
		}
	}
	var all [][]string
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|---") || i+1 < len(lines) && strings.HasPrefix(lines[i+1], "|---") {
			continue
		}
		all = append(all, cells(line))
	}
	return all
}

// The first screen tells a new reader what this does, what it does not, and how to try it.
func TestFirstScreen(t *testing.T) {
	lines := strings.Split(read(t, "README.md"), "\n")
	screen := strings.Join(lines[:24], "\n")
	for _, words := range []string{"**It does**", "**It does not**", "`make demo`", "#quick-start", "lost", "VIP 192.168.9.91"} {
		if !strings.Contains(screen, words) {
			t.Errorf("%s is not in the first 24 lines of the README", words)
		}
	}
}

// The quick start is for machines as well: blocks of shell, each for one host or both, in fewer than ten steps.
func TestQuickStart(t *testing.T) {
	_, text, ok := strings.Cut(read(t, "README.md"), "\n## Quick start\n")
	if !ok {
		t.Fatal("the README has no quick start")
	}
	text, _, _ = strings.Cut(text, "\n## ")
	if steps := regexp.MustCompile(`(?m)^\d+\. `).FindAllString(text, -1); len(steps) < 3 || len(steps) > 9 {
		t.Errorf("%d steps", len(steps))
	}
	blocks := regexp.MustCompile("(?s)<!-- host: (\\w+) -->\n```sh\n(.*?)\n```\n").FindAllStringSubmatch(text, -1)
	if all := strings.Count(text, "```sh\n"); all != len(blocks) || all < 5 {
		t.Errorf("%d blocks of shell, %d with a host", all, len(blocks))
	}
	for _, b := range blocks {
		if !slices.Contains([]string{"both", "redis1", "redis2"}, b[1]) {
			t.Errorf("host %s is unknown", b[1])
		}
		for _, m := range regexp.MustCompile(`/examples/(\S+)`).FindAllStringSubmatch(b[2], -1) {
			if _, err := os.Stat("../keepalived/" + m[1]); err != nil {
				t.Error(err)
			}
		}
	}
}
