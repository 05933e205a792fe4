package packaging_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// kept compares a file of the packages with what it is made of; with UPDATE_GOLDEN it is written again.
func kept(t *testing.T, file, want string) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if read(t, file) != want {
		t.Errorf("%s is not what the programs say; hint: UPDATE_GOLDEN=1 go test ./packaging", file)
	}
}

// The page has every key of the file, in its words.
func TestConfigurationPage(t *testing.T) {
	const file, begin, end = "man/keepalived-redis.toml.5", ".\\\" keys begin\n", ".\\\" keys end\n"
	text := read(t, file)
	before, rest, ok1 := strings.Cut(text, begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatalf("%s has no place for the keys", file)
	}
	keys := pageOfKeys(read(t, "keepalived-redis.toml"))
	if n := strings.Count(keys, ".TP\n"); n < 30 {
		t.Fatalf("only %d keys are found in the file", n)
	}
	kept(t, file, before+begin+keys+end+after)
}

// pageOfKeys renders the file: comments of one line, each above its key, in tables.
func pageOfKeys(file string) string {
	var b strings.Builder
	escape := strings.NewReplacer(`\`, `\e`, "-", `\-`)
	doc := ""
	for _, line := range strings.Split(file, "\n") {
		name, value, isKey := strings.Cut(strings.TrimPrefix(line, "#"), " = ")
		switch {
		case strings.HasPrefix(line, "["):
			b.WriteString(".SS " + line + "\n")
		case strings.HasPrefix(line, "# "):
			doc = line[2:]
		case strings.HasPrefix(line, "#") && isKey:
			b.WriteString(".TP\n\\fB" + escape.Replace(name) + "\\fR = " + escape.Replace(value) + "\n\\&" + escape.Replace(doc) + "\n")
		}
	}
	return b.String()
}

// man finds nothing to complain about in the pages.
func TestPages(t *testing.T) {
	pages, err := filepath.Glob("man/*.[0-9]")
	if err != nil || len(pages) != 4 {
		t.Fatalf("%q, %v", pages, err)
	}
	for _, page := range pages {
		out, err := exec.Command("groff", "-man", "-Tutf8", "-ww", "-z", page).CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Errorf("%s: %v: %s", page, err, out)
		}
	}
}
