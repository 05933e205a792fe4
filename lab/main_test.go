package lab_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"keepalived-redis/internal/testing/buildtest"
	"keepalived-redis/lab"
	"keepalived-redis/lab/host"
)

// Directories of the tests: the checkout, its build directory, and the private work directory of this process.
var root, build, work string

// TestMain builds what the hosts run and then runs the tests inside namespaces, where labs can be made.
func TestMain(m *testing.M) {
	host.Init()
	if lab.IsWriter(os.Args[1:]) {
		os.Exit(lab.WriterMain(os.Args[1:]))
	}
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	var err error
	if root, err = host.Module("."); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	build = filepath.Join(root, "build")
	if host.Outside() {
		if err := buildtest.Programs(root, build, buildtest.All); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		cmd := exec.Command("go", "build", "-o", build+"/redis-lab", "./lab/cmd/lab")
		cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build what the hosts run: %v\n%s", err, bytes.TrimSpace(out))
			return 1
		}
	}
	return host.Main(filepath.Join(build, "lab", "work"), func(w string) int {
		work = w
		return m.Run()
	})
}
