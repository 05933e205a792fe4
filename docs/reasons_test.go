package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"keepalived-redis/internal/reason"
)

// Each reason has one row in reasons.md, with its text and its hint, and there is no other row.
func TestEveryReasonHasARow(t *testing.T) {
	rowed := map[string]int{}
	for _, row := range rows(t, "\n"+reasons, "# Reasons", "") {
		if len(row) != 4 || row[2] == "" {
			t.Errorf("a row that explains nothing: %q", row)
			continue
		}
		word := strings.Trim(links.ReplaceAllString(row[0], "$1"), "`")
		rowed[word]++
		if _, paged := pageOf(word); paged != strings.HasPrefix(row[0], "[") {
			t.Errorf("%s: the word is a link where there is a page, and only there", word)
		}
	}
	for _, r := range reason.All() {
		row := rowOf(string(r))
		if n := rowed[string(r)]; n != 1 || row == nil {
			t.Errorf("reasons.md has %d rows for %s", n, r)
			continue
		}
		text, hint := reason.Pattern(r)
		if row[1] != text {
			t.Errorf("%s: reasons.md says %q, the programs say %q", r, row[1], text)
		}
		if hint != "" && !strings.Contains(row[3], "`"+hint+"`") {
			t.Errorf("%s: reasons.md does not have the hint %q", r, hint)
		}
		delete(rowed, string(r))
	}
	for word := range rowed {
		t.Errorf("reasons.md has a row for %s, which is no reason", word)
	}
	pages := regexp.MustCompile(`(?m)^## ([a-z-]+)$`).FindAllStringSubmatch(reasons, -1)
	if len(pages) < 10 {
		t.Errorf("only %d pages were found", len(pages))
	}
	for _, m := range pages {
		if rowOf(m[1]) == nil {
			t.Errorf("the page %s has no row", m[1])
		}
		for _, part := range []string{"**Meaning.** ", "**What the programs do next.** ", "**What you do.** "} {
			if page, _ := pageOf(m[1]); strings.Count(page, part) != 1 {
				t.Errorf("the page %s has not one %q", m[1], part)
			}
		}
	}
}

func TestReason(t *testing.T) {
	for _, r := range reason.All() {
		text, ok := Reason(string(r))
		if !ok || !strings.HasPrefix(text, string(r)+": ") || strings.ContainsAny(text, "`{") || strings.Contains(text, "](") {
			t.Errorf("%s: %v, %q", r, ok, text)
		}
	}
	for word, want := range map[string]string{
		"cut-off":  "no peer and no witness (…) answers\n\nMeaning. No peer",
		"in-place": "every master is on this host\n\nThe state is MASTER and all is well.\n",
		"no-auth":  "\n\nWhat you do: set password_file.\n",
	} {
		if text, _ := Reason(word); !strings.Contains(text, want) {
			t.Errorf("%s: got %q, want %q", word, text, want)
		}
	}
	for _, word := range []string{"", "none", "reason", "Meaning"} {
		if text, ok := Reason(word); ok || text != "" {
			t.Errorf("%q: %v, %q", word, ok, text)
		}
	}
}

// No reason stays that nothing says any more.
func TestEveryReasonIsUsed(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "../internal/reason/reason.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, d := range f.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.CONST {
			for _, s := range g.Specs {
				if v, ok := s.(*ast.ValueSpec); ok {
					all = append(all, v.Names[0].Name)
				}
			}
		}
	}
	used := map[string]bool{}
	for _, dir := range []string{"../internal", "../cmd"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || filepath.Base(filepath.Dir(path)) == "reason" {
				return err
			}
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok {
					if x, ok := s.X.(*ast.Ident); ok && x.Name == "reason" {
						used[s.Sel.Name] = true
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(all) < 90 {
		t.Errorf("only %d reasons were found", len(all))
	}
	if dead := slices.DeleteFunc(all, func(name string) bool { return used[name] }); len(dead) > 0 {
		t.Errorf("no program says these reasons: %s", strings.Join(dead, " "))
	}
}
