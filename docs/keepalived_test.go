package docs

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// shipped are the files below keepalived/ with a suffix.
func shipped(t *testing.T, suffix string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir("../keepalived", func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, suffix) {
			all = append(all, strings.TrimPrefix(path, "../"))
		}
		return err
	})
	if err != nil || len(all) == 0 {
		t.Fatalf("shipped files: %v, %v", all, err)
	}
	return all
}

// Each setting of the shipped keepalived.conf files is explained, with the value that it has there.
func TestEverySettingIsExplained(t *testing.T) {
	explained := map[string]string{}
	for _, row := range rows(t, read(t, "docs/keepalived.md"), "## Settings", "## In our own file") {
		if len(row) != 3 || row[2] == "" {
			t.Errorf("a row that explains nothing: %q", row)
			continue
		}
		explained[strings.Trim(row[0], "`")] = row[1]
	}
	used := map[string]bool{}
	for _, file := range shipped(t, ".conf") {
		for _, line := range strings.Split(read(t, file), "\n") {
			line, comment, _ := strings.Cut(line, "#")
			words := strings.Fields(strings.TrimRight(strings.TrimSpace(line), "{ "))
			// Bare addresses and the name of the check are values of the block that they stand in.
			if len(words) == 0 || words[0] == "}" || words[0] == "chk_redis" || strings.Trim(words[0], "0123456789.") == "" {
				continue
			}
			value, ok := explained[words[0]]
			used[words[0]] = true
			if !ok {
				t.Errorf("%s: %s is not explained in docs/keepalived.md", file, words[0])
			}
			if want := strings.Join(words[1:], " "); !strings.Contains(comment, "CHANGE") && !hasValue(value, want) {
				t.Errorf("%s: docs/keepalived.md says %s %s, and not %s", file, words[0], value, want)
			}
		}
	}
	for name := range explained {
		if !used[name] {
			t.Errorf("docs/keepalived.md explains %s, which no file has", name)
		}
	}
	if len(used) < 20 {
		t.Errorf("only %d settings were found", len(used))
	}
}

// hasValue: the value is one of those in the cell, as in "0.1 or 1".
func hasValue(cell, value string) bool {
	for _, v := range strings.Split(cell, " or ") {
		if v == value {
			return true
		}
	}
	return cell == "yours" || value == ""
}

// So is each key of the shipped toml files, also where it is a comment with its default.
func TestEveryKeyIsExplained(t *testing.T) {
	explained := map[string]bool{}
	for _, row := range rows(t, read(t, "docs/keepalived.md"), "## In our own file", "## weight 0 or not") {
		explained[strings.Trim(row[0], "`")] = false
	}
	for _, file := range shipped(t, ".toml") {
		for _, m := range regexp.MustCompile(`(?m)^#?(\w+) = `).FindAllStringSubmatch(read(t, file), -1) {
			if _, ok := explained[m[1]]; !ok {
				t.Errorf("%s: %s is not explained in docs/keepalived.md", file, m[1])
			}
			explained[m[1]] = true
		}
	}
	for name, used := range explained {
		if !used {
			t.Errorf("docs/keepalived.md explains %s, which no file has", name)
		}
	}
}

// Each line of the old scripts and their keepalived.conf that does something is in docs/migrate.md.
func TestEveryOldLineIsExplained(t *testing.T) {
	doc := read(t, "docs/migrate.md")
	for _, line := range strings.Split(read(t, "testdata/oldscripts/keepalived.conf"), "\n") {
		words := strings.Fields(strings.TrimRight(line, "{ "))
		// These only open and close, name an address, or say what docs/keepalived.md says of the same line.
		if len(words) == 0 || strings.Contains("} global_defs authentication chk_redis vrrp_script vrrp_instance", words[0]) || strings.ContainsAny(words[0], "@.") {
			continue
		}
		if !strings.Contains(doc, words[0]) {
			t.Errorf("docs/migrate.md does not say what became of %s", line)
		}
	}
	for _, file := range []string{"chk_redis.sh", "redis", "redisPORT"} {
		if !strings.Contains(doc, file[:5]) {
			t.Errorf("docs/migrate.md does not name %s", file)
		}
	}
}
