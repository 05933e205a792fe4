// Package buildtest builds the programs for tests, as make build does.
package buildtest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"keepalived-redis/internal/whole"
)

// Check are the two programs of a check.
var Check = []string{whole.Check, whole.Program}

// All are what is installed.
var All = append(Check[:2:2], "redis-initd")

// Programs builds programs of this module into a directory. more is added to the environment.
func Programs(root, dir string, programs []string, more ...string) error {
	for _, p := range programs {
		ldflags, tags := "-s -w", ""
		switch p {
		case whole.Check:
			tags = "quiet"
		case whole.Program:
			ldflags += " -buildid=" + whole.Mark
		}
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags", ldflags, "-tags", tags, "-o", filepath.Join(dir, p), "./cmd/"+p)
		cmd.Dir, cmd.Env = root, append(append(os.Environ(), "CGO_ENABLED=0"), more...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w: %s", p, err, bytes.TrimSpace(out))
		}
	}
	return nil
}

// Whole makes a link by whose name the whole check in the directory runs without the quiet one, and returns it.
func Whole(dir string) (string, error) {
	link := filepath.Join(dir, "whole", whole.Check)
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		return "", err
	}
	return link, os.Symlink("../"+whole.Program, link)
}
