package reason

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"keepalived-redis/internal/model"
)

// constants are the values of the constants of a type in a file.
func constants(t *testing.T, file, typ string) (all []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || len(v.Values) != 1 {
			return true
		}
		of := v.Type
		if s, ok := of.(*ast.SelectorExpr); ok {
			of = s.Sel
		}
		name, typed := of.(*ast.Ident)
		value, literal := v.Values[0].(*ast.BasicLit)
		if typed && literal && name.Name == typ {
			text, err := strconv.Unquote(value.Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, text)
		}
		return true
	})
	if len(all) < 10 {
		t.Fatalf("only %d constants are seen in %s", len(all), file)
	}
	return all
}

func TestEveryReasonHasAText(t *testing.T) {
	named := constants(t, "reason.go", "Reason")
	for _, word := range named {
		if entries[model.Reason(word)].text == "" {
			t.Errorf("%s has no text", word)
		}
	}
	all := All()
	if want := len(named) + len(states); len(all) != want || len(slices.Compact(slices.Clone(all))) != want {
		t.Errorf("%d reasons, and %d states and %d constants: a word stands for two", len(all), len(states), len(named))
	}
	for _, r := range all {
		if !regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`).MatchString(string(r)) {
			t.Errorf("%q is no word", r)
		}
		if text, _ := Pattern(r); text == "" || text == "it " {
			t.Errorf("%s has no text", r)
		}
	}
	if text, hint := Pattern(Of(model.NoAuth)); text != "it asks for a password" || hint != "set password_file" {
		t.Errorf("a state: %q, %q", text, hint)
	}
}

func TestEveryVerbHasAPhrase(t *testing.T) {
	for _, verb := range constants(t, "../model/plan.go", "Verb") {
		if p, ok := phrases[model.Verb(verb)]; !ok || p.with == "" && p.without == "" {
			t.Errorf("%s has no phrase", verb)
		}
	}
}

func TestEveryStateIsAReason(t *testing.T) {
	if len(states) != len(model.StateWords) {
		t.Errorf("%d reasons for %d states", len(states), len(model.StateWords))
	}
	for s := range model.StateWords {
		s := model.State(s)
		if back, ok := stateOf(Of(s)); Of(s) == "" || !ok || back != s {
			t.Errorf("%s is %q, which is %s", s, Of(s), back)
		}
	}
	for r := range entries {
		if s, ok := stateOf(r); ok {
			t.Errorf("%s is the state %s", r, s)
		}
	}
}

// TestPlaceholders: what stands in braces is filled in, in every text, hint and phrase.
func TestPlaceholders(t *testing.T) {
	var texts []string
	for _, e := range entries {
		texts = append(texts, e.text, e.hint)
	}
	for _, p := range phrases {
		texts = append(texts, p.with, p.without)
	}
	for _, h := range hints {
		texts = append(texts, h)
	}
	for _, text := range texts {
		if filled := fill(text, model.Clause{Instances: here, Others: there, Name: "x"}, mostNames); regexp.MustCompile(`[{}]`).MatchString(filled) {
			t.Errorf("not filled in: %s", filled)
		}
	}
}
