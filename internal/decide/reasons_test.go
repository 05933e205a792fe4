package decide

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestEveryReasonHasACase: each reason that this package can give stands in a table of its tests.
func TestEveryReasonHasACase(t *testing.T) {
	words := reasonWords(t)
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	given, tables := map[string]bool{}, ""
	for _, file := range files {
		text, err := os.ReadFile(file)
		switch {
		case err != nil:
			t.Fatal(err)
		case strings.HasSuffix(file, "_test.go"):
			tables += string(text)
		default:
			for _, m := range regexp.MustCompile(`\breason\.([A-Z]\w*)`).FindAllStringSubmatch(string(text), -1) {
				given[m[1]] = true
			}
		}
	}
	seen := 0
	for name := range given {
		word, ok := words[name]
		if !ok {
			continue // a function
		}
		if seen++; !regexp.MustCompile(`"[^"]*[ +]` + word + `[ +;"]`).MatchString(tables) {
			t.Errorf("reason %s has no case", word)
		}
	}
	if seen < 50 {
		t.Errorf("only %d reasons are seen", seen)
	}
}

// reasonWords are the reasons by the names of their constants.
func reasonWords(t *testing.T) map[string]string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "../reason/reason.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	words := map[string]string{}
	ast.Inspect(f, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) == 1 {
			if text, ok := v.Values[0].(*ast.BasicLit); ok {
				words[v.Names[0].Name], _ = strconv.Unquote(text.Value)
			}
		}
		return true
	})
	return words
}
