package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/reason"
)

// speakers are the packages that log more than reasons.
var speakers = []string{"internal/act", "internal/observe", "internal/loop", "internal/session", "internal/check", "internal/reason", "cmd/notify-redis"}

// hintMark parts a sentence from its hints.
const hintMark = "; hint: "

var (
	verb = regexp.MustCompile(`%[-+.0-9]*[a-z]`)
	code = regexp.MustCompile("`([^`]+)`")
)

// Each sentence that the programs log beside reasons is in docs/operations.md, and each sentence there is one that they can log.
func TestEverySentenceIsExplained(t *testing.T) {
	doc := read(t, "docs/operations.md")
	var sentences []string
	for _, row := range rows(t, doc, "## What else the log says", "### After a disk was full") {
		s := strings.Trim(row[0], "`")
		if len(row) != 3 || s == row[0] || len(strings.ReplaceAll(s, "…", "")) < 5 {
			t.Errorf("a row that is no sentence, or fits too much: %q", row)
		}
		sentences = append(sentences, s)
	}
	var hints []string
	for _, m := range code.FindAllStringSubmatch(fence.ReplaceAllString(doc, ""), -1) {
		if hint, ok := strings.CutPrefix(m[1], "hint: "); ok {
			hints = append(hints, hint)
		}
	}
	logged, texts := spoken(t)
	if len(logged) < 40 {
		t.Errorf("only %d sentences were found", len(logged))
	}
	for _, text := range logged {
		parts := strings.Split(text, hintMark)
		if strings.Contains(parts[0], " ") && !fits(sentences, parts[0]) {
			t.Errorf("docs/operations.md does not have: %s", parts[0])
		}
		for _, hint := range parts[1:] {
			if !fits(hints, hint) {
				t.Errorf("docs/operations.md does not have the hint: %s", hint)
			}
		}
	}
	for _, d := range []model.Deed{{Do: model.Takeover}, {Do: model.Switchover}, {Do: model.Follow}, {Do: model.Restart}, {Do: model.Restart, Hung: time.Second}} {
		if text := reason.Deed(d); text == "" || !fits(sentences, text) {
			t.Errorf("docs/operations.md does not have: %s", text)
		}
	}
	for _, s := range append(sentences, hints...) {
		for _, words := range strings.Split(s, "…") {
			words = strings.Trim(words, " :,()")
			if !slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, words) }) {
				t.Errorf("docs/operations.md has a sentence that nothing says: %s", s)
			}
		}
	}
}

// fits: one of the sentences of the document is this one. … is anything.
func fits(sentences []string, text string) bool {
	return slices.ContainsFunc(sentences, func(s string) bool {
		return regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(s), "…", ".+") + "$").MatchString(text)
	})
}

// spoken are the texts that the speakers log, and all texts in their code, with … for each verb of fmt.
func spoken(t *testing.T) (logged, texts []string) {
	t.Helper()
	for _, dir := range speakers {
		files, err := filepath.Glob(filepath.Join("..", dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %v", dir, files, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.BasicLit:
					texts = append(texts, textOf(n))
				case *ast.CallExpr:
					switch s, ok := n.Fun.(*ast.SelectorExpr); {
					case !ok || len(n.Args) == 0:
					case s.Sel.Name == "Msgf":
						logged = append(logged, textOf(n.Args[0]))
					case s.Sel.Name == "Msg" || s.Sel.Name == "complain":
						logged = append(logged, textOf(n.Args[len(n.Args)-1]))
					}
				case *ast.AssignStmt:
					if name, ok := n.Lhs[0].(*ast.Ident); ok && n.Tok != token.ADD_ASSIGN && (name.Name == "warning" || name.Name == "why") {
						logged = append(logged, textOf(n.Rhs[0]))
					}
				}
				return true
			})
		}
	}
	return logged, texts
}

// textOf is the text of an expression, with … for what is no text.
func textOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if s, err := strconv.Unquote(e.Value); err == nil && e.Kind == token.STRING {
			return verb.ReplaceAllString(s, "…")
		}
	case *ast.BinaryExpr:
		return textOf(e.X) + textOf(e.Y)
	case *ast.CallExpr:
		if s, ok := e.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "Sprintf" {
			return textOf(e.Args[0])
		}
	}
	return "…"
}

// Each exit code is explained: those that the help of a program names, and those of the LSB that redis-initd has.
func TestEveryExitCodeIsExplained(t *testing.T) {
	explained := map[string]bool{}
	program := ""
	for _, row := range rows(t, read(t, "docs/operations.md"), "## Exit codes", "## What else the log says") {
		if row[0] != "" {
			program = row[0]
		}
		explained[program+" "+row[1]] = true
	}
	want := map[string]bool{}
	for _, name := range []string{"chk-redis", "notify-redis"} {
		m := regexp.MustCompile(`Exit codes: (.*)\.`).FindStringSubmatch(read(t, map[string]string{"chk-redis": "internal/check", "notify-redis": "cmd/notify-redis"}[name]+"/main.go"))
		if m == nil {
			t.Fatalf("the help of %s names no exit codes", name)
		}
		for _, code := range regexp.MustCompile(`\d`).FindAllString(m[1], -1) {
			want[name+" "+code] = true
		}
	}
	lsb := read(t, "cmd/redis-initd/lsb.go")
	of := "redis-initd, actions"
	for _, m := range regexp.MustCompile(`(?m)^// Exit codes of status|^\t\w+ += (\d)$`).FindAllStringSubmatch(lsb, -1) {
		if m[1] == "" {
			of = "redis-initd status"
			continue
		}
		want[of+" "+m[1]] = true
	}
	if len(want) != 3+3+8+5 {
		t.Errorf("%d exit codes were found", len(want))
	}
	for code := range want {
		if !explained[code] {
			t.Errorf("docs/operations.md does not explain exit code %s", code)
		}
	}
	for code := range explained {
		if !want[code] {
			t.Errorf("docs/operations.md explains exit code %s, which nothing has", code)
		}
	}
}
