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
var Check = []string{"chk-redis", whole.Name}

// All are what is installed.
var All = append(Check[:2:2], "notify-redis", "redis-initd")

// Programs builds programs of this module into a directory. more is added to the environment.
func Programs(root, dir string, programs []string, more ...string) error {
	for _, p := range programs {
		args := []string{"build", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(dir, p)}
		switch p {
		case "chk-redis":
			args = append(args, "-tags", "quiet", "./cmd/chk-redis")
		case whole.Name:
			args = append(args, "./cmd/chk-redis")
		default:
			args = append(args, "./cmd/"+p)
		}
		cmd := exec.Command("go", args...)
		cmd.Dir, cmd.Env = root, append(append(os.Environ(), "CGO_ENABLED=0"), more...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w: %s", p, err, bytes.TrimSpace(out))
		}
	}
	return nil
}
