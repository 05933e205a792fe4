package loop

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// writers are what changes a state file, a lock, an instance or a process.
var writers = []string{"Save", "SaveText", "SaveMemory", "Keep", "StoreBytes", "SetAside", "Remove", "TryLock", "Make",
	"SetWriteRule", "Takeover", "Force", "BumpEpoch", "PauseWrites", "PauseAll", "ServeStale", "Unpause", "Lead", "SetTerm", "RenewTerm", "Mark", "Follow", "RewriteConf", "KillClients", "Do",
	"Start", "Stop", "Restart", "Kill"}

// TestOnlyActWrites: what looks and what decides changes nothing, and neither knows what acts.
func TestOnlyActWrites(t *testing.T) {
	files := 0
	for dir, forbidden := range map[string][]string{
		"model": {"session", "redis", "observe", "decide", "act", "loop"}, "decide": {"session", "redis", "observe", "act", "loop"},
		"observe": {"decide", "act", "loop"}, "act": {"observe", "loop"}, "session": {"observe", "decide", "act", "loop"},
	} {
		names, err := filepath.Glob(filepath.Join("..", dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			files++
			positions := token.NewFileSet()
			f, err := parser.ParseFile(positions, name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range f.Imports {
				path, err := strconv.Unquote(i.Path.Value)
				if err != nil {
					t.Fatal(err)
				}
				if own, ok := strings.CutPrefix(path, "keepalived-redis/internal/"); ok && slices.Contains(forbidden, own) {
					t.Errorf("%s: %s imports %s", positions.Position(i.Pos()), dir, own)
				}
			}
			if dir == "act" || dir == "session" {
				continue
			}
			for _, call := range calls(f, writers) {
				t.Errorf("%s: %s calls %s", positions.Position(call.Pos()), dir, call.Name)
			}
		}
	}
	if files < 20 {
		t.Errorf("only %d files were seen", files)
	}
	f, err := parser.ParseFile(token.NewFileSet(), "", "package x\nfunc f() { r.Store.Save(1); r.Store.Load(1); g(r.Store) }", 0)
	if got := calls(f, writers); err != nil || len(got) != 1 || got[0].Name != "Save" {
		t.Errorf("%v, the test sees %v", err, got)
	}
}

// calls are the names among these that are called as methods or as functions of other packages.
func calls(f *ast.File, names []string) (found []*ast.Ident) {
	ast.Inspect(f, func(n ast.Node) bool {
		if c, ok := n.(*ast.CallExpr); ok {
			if s, ok := c.Fun.(*ast.SelectorExpr); ok && slices.Contains(names, s.Sel.Name) {
				found = append(found, s.Sel)
			}
		}
		return true
	})
	return found
}
