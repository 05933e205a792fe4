// Package packaging_test has the files of the packages checked by those who read them.
package packaging_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// silent runs a checker, which must find nothing to say.
func silent(t *testing.T, environ []string, words ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Env = append(os.Environ(), environ...)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v: %v: %s", words, err, out)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestUnits(t *testing.T) {
	dir := t.TempDir()
	units, err := filepath.Glob("systemd/*.*")
	if err != nil {
		t.Fatal(err)
	}
	dropIns, err := filepath.Glob("systemd/*.d/*.conf")
	if err != nil || len(dropIns) == 0 {
		t.Fatal(err)
	}
	// The distributions' templates, and keepalived, as far as the drop-ins need them.
	for _, name := range []string{"keepalived.service", "redis-server@.service", "valkey@.service", "valkey-server@.service"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("[Service]\nExecStart=/bin/true\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range append(units, dropIns...) {
		if fi, err := os.Stat(file); err != nil || fi.IsDir() {
			continue
		}
		to := filepath.Join(dir, strings.TrimPrefix(file, "systemd/"))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, []byte(read(t, file)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, unit := range []string{"redis@7000.service", "keepalived-redis.target", "keepalived.service", "redis-server@7000.service", "valkey@7000.service", "valkey-server@7000.service"} {
		silent(t, []string{"SYSTEMD_UNIT_PATH=" + dir + ":"}, "systemd-analyze", "verify", "--man=no", unit)
	}
}

// What 219 does not know it says in its log at every start, and what it would understand as something else must not be there.
func TestTheUnitIsForCentOS7(t *testing.T) {
	for _, newer := range []string{"ReadWritePaths", "StateDirectory", "RuntimeDirectory", "ProtectSystem=strict", "StartLimitIntervalSec", "infinity", "ExecPaths"} {
		if strings.Contains(read(t, "systemd/redis@.service"), newer) {
			t.Errorf("systemd 219 does not know %s", newer)
		}
	}
}

// A check waits for what systemd is about to start again, until its deadline (0.9 s of an interval of 1 s), and then the VIP
// moves: the pause must leave most of that to the start itself.
func TestOneCrashMovesNoVIP(t *testing.T) {
	_, rest, found := strings.Cut(read(t, "systemd/redis@.service"), "\nRestartSec=")
	word, _, _ := strings.Cut(rest, "\n")
	if pause, err := time.ParseDuration(word); !found || err != nil || pause > 200*time.Millisecond {
		t.Errorf("RestartSec=%s (%v)", word, err)
	}
}

func TestSudoers(t *testing.T) {
	silent(t, nil, "visudo", "--check", "--quiet", "--file=sudoers/keepalived-redis")
	if strings.Contains(read(t, "sudoers/keepalived-redis"), "redis-initd *") {
		t.Error("a * allows any words")
	}
}

func TestTmpfiles(t *testing.T) {
	root := t.TempDir()
	if os.Geteuid() != 0 {
		t.Fatal("only root gives files away; hint: run the tests as root")
	}
	file, err := filepath.Abs("tmpfiles.d/keepalived-redis.conf")
	if err != nil {
		t.Fatal(err)
	}
	silent(t, nil, "systemd-tmpfiles", "--create", "--root="+root, file)
	if fi, err := os.Stat(filepath.Join(root, "run/keepalived-redis")); err != nil || fi.Mode() != os.ModeDir|0o755 {
		t.Errorf("%v, %v", fi, err)
	}
}
