package systemdtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// debianTime bounds how long a Debian may take to be made, on a slow mirror; with a near one it is a minute.
const debianTime = 10 * time.Minute

// debianPackages are what a Debian has beside apt and what that needs: what a machine boots with, and what our quick start expects, with
// what keepalived recommends.
var debianPackages = []string{"systemd", "systemd-sysv", "dbus", "iproute2", "keepalived", "ipvsadm", "redis-server"}

// debianOptions: the packages and their lists stay in the root, so that apt finds them where there is no network.
var debianOptions = []string{"--mode=root", "--variant=apt", "--quiet", "--skip=cleanup/apt/cache,cleanup/apt/lists", "--dpkgopt=force-unsafe-io",
	`--customize-hook=rm -f "$1"/etc/dpkg/dpkg.cfg.d/99mmdebstrap`, "--include=" + strings.Join(debianPackages, ",")}

// Debian is the root of a small Debian of this machine's release for Spec's Root: made once below the directory cache, and again when
// its packages, or where this machine gets its own, have changed. Its packages come from where this machine's apt has them, by the
// same proxy. It is nobody's to change. It needs root.
func Debian(t testing.TB, cache string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("a container with systemd needs root; hint: run the tests as root")
	}
	tool, err := exec.LookPath("mmdebstrap")
	if err != nil {
		t.Fatalf("%v; hint: build/redis-lab install", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), debianTime)
	defer cancel()
	root, err := makeDebian(ctx, tool, cache)
	if err != nil {
		t.Fatalf("make a Debian: %v", err)
	}
	return root
}

func makeDebian(ctx context.Context, tool, cache string) (string, error) {
	cache, err := filepath.Abs(cache)
	if err != nil {
		return "", err
	}
	sources, err := aptSources(ctx)
	if err != nil {
		return "", err
	}
	settings, err := aptSettings(ctx)
	if err != nil {
		return "", err
	}
	key := sha256.Sum256([]byte(strings.Join(append(debianOptions, sources, settings), "\n")))
	// No Go tool looks into what begins with an underscore.
	root := filepath.Join(cache, fmt.Sprintf("_debian-%x", key[:6]))
	if _, err := os.Stat(root); err == nil {
		return root, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	work, err := os.MkdirTemp(cache, "_debian-new-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	for name, text := range map[string]string{"apt.list": sources, "apt.conf": settings} {
		if err := os.WriteFile(filepath.Join(work, name), []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	made := filepath.Join(work, "root")
	suite := strings.Fields(sources)[2]
	// In namespaces of its own: whatever happens, nothing is mounted any more when the directory is removed.
	args := []string{"--mount", "--pid", "--fork", "--kill-child", "--mount-proc", tool, "--aptopt=" + filepath.Join(work, "apt.conf")}
	args = append(append(args, debianOptions...), suite, made, filepath.Join(work, "apt.list"))
	if _, err := run(ctx, "unshare", args...); err != nil {
		return "", err
	}
	// Another test may have been first.
	if err := os.Rename(made, root); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	return root, nil
}

// aptSources are the lines of a sources.list with which this machine gets Debian itself, its release's own first.
func aptSources(ctx context.Context) (string, error) {
	ask := func() (string, error) {
		out, err := run(ctx, "apt-get", "indextargets", "--format", "deb $(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages", "Origin: Debian")
		var own, updates []string
		for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
			switch f := strings.Fields(line); {
			case len(f) != 4 || strings.Contains(f[2], "backports"):
			case strings.ContainsAny(f[2], "-/"):
				updates = append(updates, line+"\n")
			default:
				own = append(own, line+"\n")
			}
		}
		if err == nil && len(own) == 0 {
			err = errors.New("apt-get indextargets: none of Debian's releases is known")
		}
		return strings.Join(append(own, updates...), ""), err
	}
	sources, err := ask()
	if err == nil {
		return sources, nil
	}
	// The lists are fetched only if need be.
	if _, err := run(ctx, "apt-get", "update", "--quiet"); err != nil {
		return "", err
	}
	return ask()
}

// settingsOfTheWay are those that say how apt gets to what it loads.
var settingsOfTheWay = regexp.MustCompile(`(?m)^Acquire::(https?|Check-|ForceIP|Retries)\S* ".*";\n`)

// aptSettings are this machine's settings of the way to its mirror: proxies, authorities and the like.
func aptSettings(ctx context.Context) (string, error) {
	out, err := run(ctx, "apt-config", "dump", "--no-empty")
	return strings.Join(settingsOfTheWay.FindAllString(out, -1), ""), err
}

// run gives what a command prints; the error has the end of what it says.
func run(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = 5 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
		return "", fmt.Errorf("%s: %w: %s", name, err, strings.Join(lines[max(0, len(lines)-5):], "; "))
	}
	return stdout.String(), nil
}
