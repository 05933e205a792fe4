package race

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"keepalived-redis/lab"
	"keepalived-redis/lab/host"
)

// Directories of the tests: the checkout, its build directory, and the private work directory of this process.
var root, build, work string

// TestMain runs the tests inside namespaces, where labs can be made.
func TestMain(m *testing.M) {
	host.Init()
	if lab.IsWriter(os.Args[1:]) {
		os.Exit(lab.WriterMain(os.Args[1:]))
	}
	var err error
	if root, err = host.Module("."); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	build = filepath.Join(root, "build")
	os.Exit(host.Main(filepath.Join(build, "lab", "work"), func(w string) int {
		work = w
		return m.Run()
	}))
}

// Those that we compare with do what they are known for: they notice the death of a master after the second that they are given and not
// before, and move a master when they are asked to. Otherwise we would race against nobody.
func TestTheOthersDoTheirPart(t *testing.T) {
	out, err := Run(context.Background(), Options{
		Lab:    lab.Options{Root: root, Build: build, Work: work, Results: t.TempDir(), Say: t.Logf},
		Rounds: 1, Faults: []string{"redis-dies", "switchover"}, Systems: []string{"sentinel-1s", "cluster-1s"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, system := range []string{"sentinel-1s", "cluster-1s"} {
		dies, switchover := out.runs["redis-dies"][system], out.runs["switchover"][system]
		if len(dies) != 1 || len(switchover) != 1 {
			t.Fatalf("%s: %d and %d runs", system, len(dies), len(switchover))
		}
		switch r := dies[0]; {
		case r.Acked == 0 || r.Unread > 0:
			t.Errorf("%s: %d writes acknowledged, %d of them not read back", system, r.Acked, r.Unread)
		case r.Writable == nil:
			t.Errorf("%s: the death of a master was never repaired", system)
		case *r.Writable < 900*time.Millisecond:
			t.Errorf("%s: writable %s after the death of a master: it was not dead", system, *r.Writable)
		}
		if switchover[0].Writable == nil || switchover[0].Unread > 0 {
			t.Errorf("%s: the master did not move: %+v", system, switchover[0])
		}
	}
}
