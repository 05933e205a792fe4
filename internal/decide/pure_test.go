package decide

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// allowed are the packages of the standard library that a decision may use: none of them reads or writes anything.
var allowed = []string{"cmp", "errors", "fmt", "maps", "math", "net/netip", "slices", "sort", "strconv", "strings", "time", "unicode"}

// clocks are what package time has beside its plain types.
var clocks = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

// TestDecisionsArePure reads the imports of this package and of every package of this module below it. What decides gets everything by its
// Observation: no I/O, no clock, no log.
func TestDecisionsArePure(t *testing.T) {
	const module = "keepalived-redis/"
	seen, queue := map[string]bool{}, []string{module + "internal/decide"}
	for len(queue) > 0 {
		pkg := queue[0]
		queue = queue[1:]
		if seen[pkg] {
			continue
		}
		seen[pkg] = true
		for _, imported := range impure(t, filepath.Join("../..", strings.TrimPrefix(pkg, module))) {
			if strings.HasPrefix(imported.name, module) {
				queue = append(queue, imported.name)
				continue
			}
			t.Errorf("%s: %s is not for decisions", imported.at, imported.name)
		}
	}
	if len(seen) < 2 {
		t.Error("the packages below are not seen")
	}
}

// TestPureIsSeen: the test above can fail.
func TestPureIsSeen(t *testing.T) {
	dir := t.TempDir()
	text := "package x\n\nimport (\n\t\"os\"\n\tclock \"time\"\n)\n\nvar _ = os.Args\nvar _ = clock.Now()\nvar _ = clock.Second\n"
	if err := os.WriteFile(filepath.Join(dir, "x.go"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, u := range impure(t, dir) {
		got = append(got, u.name)
	}
	if strings.Join(got, " ") != "os time.Now" {
		t.Errorf("%q", got)
	}
}

// usage is something that a package uses, and where.
type usage struct{ name, at string }

// impure are the imports of a package that are not allowed, those of this module, and its uses of a clock. Tests do not count.
func impure(t *testing.T, dir string) (found []usage) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no source in %s: %v", dir, err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		positions := token.NewFileSet()
		f, err := parser.ParseFile(positions, file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		clock := ""
		for _, i := range f.Imports {
			path, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if path == "time" {
				clock = "time"
				if i.Name != nil {
					clock = i.Name.Name
				}
			}
			if !slices.Contains(allowed, path) {
				found = append(found, usage{path, positions.Position(i.Pos()).String()})
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := s.X.(*ast.Ident); ok && clock != "" && x.Name == clock && slices.Contains(clocks, s.Sel.Name) {
				found = append(found, usage{"time." + s.Sel.Name, positions.Position(s.Pos()).String()})
			}
			return true
		})
	}
	return found
}
