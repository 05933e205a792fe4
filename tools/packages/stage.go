package main

import (
	"bytes"
	"compress/gzip"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// maintainer signs the changelogs.
const maintainer = "keepalived-redis maintainers <maintainers@keepalived-redis.example>"

// pages compresses the manual pages, without name and time in the header.
func (o options) pages(dir string) error {
	pages, err := filepath.Glob(filepath.Join(o.root, "packaging/man/*.[0-9]"))
	if err != nil {
		return err
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			return err
		}
		var b bytes.Buffer
		w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
		if err != nil {
			return err
		}
		if _, err := w.Write(text); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(page)+".gz"), b.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// changelog writes the newest part of CHANGELOG.md in the form from which nfpm makes those of both formats.
func (o options) changelog(dir string) error {
	text, err := os.ReadFile(filepath.Join(o.root, "CHANGELOG.md"))
	if err != nil {
		return err
	}
	type change struct {
		Note string `json:"note"`
	}
	var changes []change
	_, rest, _ := strings.Cut(string(text), "\n## ")
	part, _, _ := strings.Cut(rest, "\n## ")
	for _, item := range strings.Split(part, "\n- ")[1:] {
		changes = append(changes, change{fold(strings.ReplaceAll(item, "`", ""))})
	}
	if len(changes) == 0 {
		return fmt.Errorf("CHANGELOG.md has no list below its first heading")
	}
	// JSON is YAML as well.
	entry, err := json.Marshal([]any{map[string]any{
		"semver": o.version, "date": o.time.Format(time.RFC3339), "packager": maintainer, "changes": changes,
		"deb": map[string]any{"urgency": "medium", "distributions": []string{"unstable"}},
	}})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "changelog.yaml"), entry, 0o644)
}

// fold breaks a text into the short lines that changelogs have.
func fold(text string) string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > 70 {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return strings.Join(append(lines, line), "\n    ")
}

// licences writes the licence of every module that is in the programs, and of Go itself: once as Debian's copyright, once
// beside our own.
func (o options) licences(dir string) error {
	modules := map[string]string{} // versions by path
	for _, p := range programs {
		info, err := buildinfo.ReadFile(filepath.Join(dir, p))
		if err != nil {
			return err
		}
		for _, m := range info.Deps {
			if m.Replace != nil {
				m = m.Replace
			}
			modules[m.Path] = m.Version
		}
	}
	names := make([]string, 0, len(modules))
	for path := range modules {
		names = append(names, path)
	}
	slices.Sort(names)
	var list, debian strings.Builder
	list.WriteString("The programs are statically linked. These modules are in them, each under the licence that follows its name.\n")
	fmt.Fprintf(&debian, "keepalived-redis is licensed under the Apache License, version 2.0. On Debian systems its text is in\n/usr/share/common-licenses/Apache-2.0.\n\n%s", list.String())
	add := func(what, dir string) error {
		text, err := licence(dir)
		if err != nil {
			return fmt.Errorf("licence of %s: %w", what, err)
		}
		title := fmt.Sprintf("\n%s\n%s\n%s\n", strings.Repeat("=", 80), what, strings.Repeat("=", 80))
		list.WriteString(title + text)
		if strings.Contains(text, "Apache License") {
			text = "Apache License, version 2.0: see /usr/share/common-licenses/Apache-2.0.\n"
		}
		debian.WriteString(title + text)
		return nil
	}
	goroot, err := o.goCommand("env", "GOROOT")
	if err != nil {
		return err
	}
	if err := add("Go (runtime and standard library)", goroot); err != nil {
		return err
	}
	for _, path := range names {
		place, err := o.goCommand("list", "-m", "-f", "{{.Dir}}", path)
		if err != nil {
			return err
		}
		if err := add(path+" "+modules[path], place); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "LICENSES-modules"), []byte(list.String()), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "copyright"), []byte(debian.String()), 0o644)
}

// licence is the text of all files of a module that state one.
func licence(dir string) (string, error) {
	var text strings.Builder
	for _, pattern := range []string{"LICEN[CS]E*", "COPYING*", "NOTICE*"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return "", err
		}
		for _, file := range found {
			one, err := os.ReadFile(file)
			if err != nil {
				return "", err
			}
			text.WriteString(strings.TrimSpace(string(one)) + "\n")
		}
	}
	if text.Len() == 0 {
		return "", fmt.Errorf("no file in %s states it", dir)
	}
	return text.String(), nil
}

func (o options) goCommand(args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = o.root
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}
