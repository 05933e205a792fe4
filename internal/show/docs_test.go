package show

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"keepalived-redis/internal/model"
)

// What programs rely on is written down.
func TestEveryNameIsDocumented(t *testing.T) {
	b, err := os.ReadFile("../../docs/monitoring.md")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := JSON(mixed())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for s := range model.StateWords {
		names = append(names, key(model.State(s)))
	}
	for _, m := range regexp.MustCompile(`(?m)^ *"([a-z_]+)": `).FindAllStringSubmatch(string(doc), -1) {
		names = append(names, m[1])
	}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE `+prefix+`(\S+)`).FindAllStringSubmatch(Metrics(mixed()), -1) {
		names = append(names, m[1])
	}
	if len(names) < 60 {
		t.Fatalf("only %d names were found", len(names))
	}
	for _, n := range names {
		if !strings.Contains(string(b), "`"+n+"`") {
			t.Errorf("docs/monitoring.md does not name %s", n)
		}
	}
}
