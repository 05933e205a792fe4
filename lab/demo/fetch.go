package demo

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// FetchedInit is the directory, below the build directory, of the packages of another init than systemd.
const FetchedInit = "sysvinit"

// sysvinit are Debian's packages of the init that CentOS 6 had, and of what runs its scripts. They would replace systemd, so they are not
// installed.
var sysvinit = []string{"sysvinit-core", "sysv-rc", "startpar", "insserv"}

// Fetch downloads the packages that tests unpack for machines of their own, unless they are there. Where there is no apt-get, or no
// root to make machines, there is nothing to fetch.
func Fetch(ctx context.Context, out io.Writer, build string) error {
	path, err := exec.LookPath("apt-get")
	if err != nil || os.Geteuid() != 0 {
		return nil
	}
	dir := filepath.Join(build, FetchedInit)
	var lacks []string
	for _, p := range sysvinit {
		if found, err := filepath.Glob(filepath.Join(dir, p+"_*.deb")); err != nil || len(found) == 0 {
			lacks = append(lacks, p)
		}
	}
	if len(lacks) == 0 {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("fetch %s: %w", strings.Join(lacks, ", "), err)
	}
	fmt.Fprintf(out, "fetching %s into %s (nothing of it is installed)\n", strings.Join(lacks, ", "), dir)
	ctx, cancel := context.WithTimeout(ctx, installLimit)
	defer cancel()
	get := func(args ...string) error {
		cmd := exec.CommandContext(ctx, path, args...)
		// apt's own user may not write here; as root it says so, and downloads all the same.
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "LC_ALL=C")
		if text, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("fetch %s: apt-get %s: %w: %s", strings.Join(lacks, ", "), args[0], err, strings.TrimSpace(string(text)))
		}
		return nil
	}
	download := append([]string{"download", "--quiet"}, lacks...)
	if get(download...) == nil {
		return nil
	}
	// The lists are fetched only if need be.
	if err := get("update", "--quiet"); err != nil {
		return err
	}
	return get(download...)
}
