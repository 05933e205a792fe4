package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// goldens are files whose lines at the margin are all the sentences of a decision.
var goldens = []string{"internal/decide/testdata/decide.txt", "internal/decide/testdata/replica.txt", "internal/decide/testdata/pair.txt", "internal/decide/testdata/verdict.txt"}

// speakers are the packages whose words an operator reads in the log.
var speakers = []string{"internal/decide", "internal/observe", "internal/act", "internal/loop", "internal/session", "internal/model", "internal/vrrp", "internal/check", "cmd/notify-redis"}

// said are the parts of all sentences, by where they come from. A sentence is a list of parts with "; " between.
func said(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	add := func(sentence, from string) {
		for _, part := range strings.Split(sentence, "; ") {
			all[part] = from
		}
	}
	for _, file := range goldens {
		for _, line := range strings.Split(read(t, file), "\n") {
			if line != "" && line[0] != ' ' {
				add(line, file)
			}
		}
	}
	for _, dir := range speakers {
		files, err := filepath.Glob(filepath.Join("..", dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %v", dir, files, err)
		}
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				for _, s := range spoken(t, file) {
					add(s, file)
				}
			}
		}
	}
	return all
}

// verb is a verb of fmt, or a regular one in a text that is joined from pieces.
var verb = regexp.MustCompile(`%[-+.0-9]*[a-z]`)

// spoken are the sentences that a file of Go says: the texts given to say, complain, Msg and Msgf, with 1 for each verb of fmt, which is
// also what an operand that is no text counts as.
func spoken(t *testing.T, file string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	add := func(text string) {
		// What is only a variable is said where it is made, and a word alone is part of something.
		if text = verb.ReplaceAllString(text, "1"); strings.Contains(text, " ") && text[0] != ' ' && fixed(text) > 0 {
			all = append(all, text)
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if s, ok := n.Fun.(*ast.SelectorExpr); ok && len(n.Args) > 0 {
				switch s.Sel.Name {
				case "say", "complain", "Msg":
					add(textOf(n.Args[len(n.Args)-1]))
				case "Msgf":
					add(textOf(n.Args[0]))
				case "NewVerdict":
					if h, ok := n.Args[0].(*ast.SelectorExpr); ok {
						add(strings.ToLower(h.Sel.Name) + ": " + textOf(n.Args[1]))
					}
				case "lift":
					add("the fence lifts: " + textOf(n.Args[len(n.Args)-1]))
				}
			}
		case *ast.KeyValueExpr:
			if name, ok := n.Key.(*ast.Ident); ok && name.Name == "Sentence" {
				add(textOf(n.Value))
			}
		case *ast.ReturnStmt:
			// A state of VRRP and why.
			if len(n.Results) == 2 && strings.HasSuffix(file, "effective.go") {
				add(textOf(n.Results[1]))
			}
		case *ast.AssignStmt:
			if name, ok := n.Lhs[0].(*ast.Ident); ok && name.Name == "warning" {
				add(textOf(n.Rhs[0]))
			}
		}
		return true
	})
	return all
}

// fixed counts the letters of a sentence.
func fixed(sentence string) (n int) {
	for _, r := range sentence {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			n++
		}
	}
	return n
}

// textOf is the text of an expression.
func textOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if s, err := strconv.Unquote(e.Value); err == nil {
			return s
		}
	case *ast.BinaryExpr:
		return textOf(e.X) + textOf(e.Y)
	case *ast.CallExpr:
		if s, ok := e.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "Sprintf" {
			return textOf(e.Args[0])
		}
	}
	return "1"
}

// pattern is a sentence of the document as a regular expression: … is anything.
func pattern(sentence string) *regexp.Regexp {
	return regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(sentence), "…", ".+") + "$")
}

// general is a text of the code as a regular expression: the document may have one row for each of the things that stand for a verb.
func general(part string) *regexp.Regexp {
	return regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(part), "1", ".+") + "$")
}

var code = regexp.MustCompile("`([^`]+)`")

// Each sentence that the programs can say is in docs/operations.md, and each sentence there is one that they can say.
func TestEverySentenceIsExplained(t *testing.T) {
	doc := read(t, "docs/operations.md")
	table := rows(t, doc, "## Every sentence", "## States of an instance")
	var sentences []string
	for _, row := range table {
		s := strings.Trim(row[0], "`")
		if len(row) != 3 || s == row[0] {
			t.Errorf("a row that is no sentence: %q", row)
			continue
		}
		if fixed := strings.ReplaceAll(s, "…", ""); len(fixed) < 5 {
			t.Errorf("%q fits too much", s)
		}
		sentences = append(sentences, strings.Split(s, "; ")...)
	}
	hints := map[string]bool{}
	for _, m := range code.FindAllStringSubmatch(fence.ReplaceAllString(doc, ""), -1) {
		if strings.HasPrefix(m[1], "hint: ") {
			hints[m[1]] = true
		}
		if _, hint, ok := strings.Cut(m[1], "; hint: "); ok {
			hints["hint: "+hint] = true
		}
	}
	parts := said(t)
	if len(parts) < 200 {
		t.Errorf("only %d sentences were found", len(parts))
	}
	patterns := map[string]*regexp.Regexp{}
	// A state stands in a verdict behind the name of an instance, and has a row of its own: that a verdict is unhealthy explains nothing.
	for _, row := range rows(t, doc, "## States of an instance", "") {
		state := strings.Trim(row[0], "`")
		patterns[state] = regexp.MustCompile(strings.Replace(pattern(state).String(), "^.+", `^(unhealthy: |degraded: )?\S+`, 1))
	}
	headings := []string{"unhealthy: …", "degraded: …"}
	for _, s := range sentences {
		patterns[s] = pattern(s)
	}
	for h := range hints {
		patterns[h] = pattern(h)
	}
	used := map[string]bool{}
	for part, from := range parts {
		found, format := false, general(part)
		for s, p := range patterns {
			one, other := p.MatchString(part), format.MatchString(s)
			found = found || one && !slices.Contains(headings, s) || other
			used[s] = used[s] || one || other && fixed(part) > 8
		}
		if !found {
			t.Errorf("%s: docs/operations.md does not have: %s", from, part)
		}
	}
	texts := allText(t)
	for _, s := range sentences {
		if !used[s] && !inCode(texts, s) {
			t.Errorf("docs/operations.md has a sentence that nobody says: %s", s)
		}
	}
}

// allText are all texts in the code of those who speak, and of what gives them words.
func allText(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, dir := range append(speakers, "internal/redis") {
		files, _ := filepath.Glob(filepath.Join("..", dir, "*.go"))
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			f, err := parser.ParseFile(token.NewFileSet(), file, source, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					all = append(all, verb.ReplaceAllString(textOf(lit), "…"))
				}
				return true
			})
		}
	}
	return all
}

// inCode: each run of fixed words of a sentence is in some text of the code.
func inCode(texts []string, sentence string) bool {
	for _, words := range strings.Split(sentence, "…") {
		words = strings.Trim(words, " :,()")
		if words != "" && !slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(s, words) }) {
			return false
		}
	}
	return true
}

// Each exit code is explained: those that the help of a program names, and those of the LSB that redis-initd has.
func TestEveryExitCodeIsExplained(t *testing.T) {
	explained := map[string]bool{}
	program := ""
	for _, row := range rows(t, read(t, "docs/operations.md"), "## Exit codes", "## Every sentence") {
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
