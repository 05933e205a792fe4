// Package oldkernel_test runs the programs on what is left of this kernel without the system calls that CentOS 6 lacks.
package oldkernel_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"keepalived-redis/internal/testing/buildtest"
	"keepalived-redis/internal/testing/scripttest"
	"keepalived-redis/lab/host"
)

// oldestGo builds the programs of the packages: what a newer one builds does not run on CentOS 6. The same as in the
// Makefile.
const oldestGo = "go1.23.12"

// newer makes a system call that Linux 2.6.32 does not have, and exits with 0 only if it is missing.
func newer() {
	if _, _, err := syscall.Syscall(syscall.SYS_PRLIMIT64, 0, 0, 0); err != syscall.ENOSYS {
		os.Exit(1)
	}
}

func TestMain(m *testing.M) {
	// The host has no network to fetch a toolchain from, so the programs are built before it is made.
	if host.Outside() && !command() {
		if err := build(); err != nil {
			fmt.Fprintln(os.Stderr, "build the programs:", err)
			os.Exit(1)
		}
	}
	scripttest.Main(m, map[string]func(){"newer": newer})
}

// command: this process is one of the commands of a script.
func command() bool {
	return !strings.HasSuffix(filepath.Base(os.Args[0]), ".test")
}

func programs() (string, error) {
	root, err := host.Module(".")
	return filepath.Join(root, "build", oldestGo), err
}

func build() error {
	dir, err := programs()
	if err != nil {
		return err
	}
	return buildtest.Programs(filepath.Dir(filepath.Dir(dir)), dir, buildtest.All, "GOTOOLCHAIN="+oldestGo)
}

// TestScripts runs the main paths of all three programs.
func TestScripts(t *testing.T) {
	dir, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	scripttest.Run(t, nil, dir)
}
