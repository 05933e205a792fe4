// Package buildtest builds the programs for tests, as make build does.
package buildtest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
)

// Keepalived are the programs that keepalived runs.
var Keepalived = []string{"chk-redis", "notify-redis"}

// All are what is installed.
var All = append(Keepalived[:2:2], "redis-initd")

// Programs builds programs of this module into a directory. more is added to the environment.
func Programs(root, dir string, programs []string, more ...string) error {
	args := []string{"build", "-trimpath", "-ldflags", "-s -w", "-o", dir + "/"}
	for _, p := range programs {
		args = append(args, "./cmd/"+p)
	}
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env = root, append(append(os.Environ(), "CGO_ENABLED=0"), more...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %q: %w: %s", programs, err, bytes.TrimSpace(out))
	}
	return nil
}
