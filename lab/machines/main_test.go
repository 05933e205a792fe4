// Package machines_test has the failover on machines with a real init: two with systemd on the lab's switch, with everything
// that is shipped installed as a package would, and one with sysvinit. The client, its writes and the gateway are the lab's.
package machines_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"keepalived-redis/internal/testing/buildtest"
	"keepalived-redis/lab"
	"keepalived-redis/lab/host"
)

// Directories of the tests: the checkout, and its build directory.
var root, build string

// TestMain builds what the machines run, and then runs the tests inside namespaces of their own.
func TestMain(m *testing.M) {
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
	if os.Geteuid() != 0 {
		return m.Run() // every test says that it needs root
	}
	if host.Outside() {
		if err := buildtest.Programs(root, build, buildtest.All); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return host.Main(filepath.Join(build, "lab", "work"), func(string) int { return m.Run() })
}
