// Command redis-bench-check measures what one check costs: ours beside the old script, three redis-cli and a static C program that takes
// the same look, interleaved, on three real instances; ours with metrics, a warning, replicated durability and TLS; and ours on 1 to 100
// instances. See docs/benchmarks.md.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/google/renameio/v2"

	"keepalived-redis/lab/host"
)

func main() {
	host.Init()
	runs := flag.Int("runs", 200, "runs of each program; instructions are counted in 5")
	build := flag.String("build", "build", "directory of the built programs")
	root := flag.String("root", ".", "the checkout")
	flag.Parse()
	// In namespaces of its own: what it starts and writes is gone with it, however it ends.
	os.Exit(host.Main(filepath.Join(*build, "bench", "work"), func(work string) int {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
		defer stop()
		if err := run(ctx, *runs, bench{dir: work, root: *root, build: *build}); err != nil {
			fmt.Fprintf(os.Stderr, "bench-check: %v\n", err)
			return 1
		}
		return 0
	}))
}

// tools are what the benchmark needs beside Go; it says so before it starts anything.
var tools = map[string]string{"gcc": "gcc libc6-dev", "valgrind": "valgrind", "redis-server": "redis-server", "redis-cli": "redis-tools", "bash": "bash", "ps": "procps", "ip": "iproute2"}

func missing() error {
	var errs []error
	for tool, packages := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			errs = append(errs, fmt.Errorf("find %s: not installed; hint: apt-get install %s", tool, packages))
		}
	}
	return errors.Join(errs...)
}

func run(ctx context.Context, runs int, b bench) error {
	if err := missing(); err != nil {
		return err
	}
	if err := b.compile(ctx); err != nil {
		return err
	}
	if err := makeAddresses(ctx); err != nil {
		return err
	}
	if err := b.startServers(ctx, 100); err != nil {
		return err
	}
	defer b.stopServers()
	programs, err := b.programs()
	if err != nil {
		return err
	}
	fmt.Printf("%d runs of each, interleaved, on three instances\n", runs)
	result := report{Scale: map[string]cost{}}
	if result.Programs, err = b.measure(ctx, programs, runs); err != nil {
		return err
	}
	fmt.Printf("%d runs of each, interleaved, chk-redis on 1 to 100 instances\n", runs)
	sizes, err := b.scale()
	if err != nil {
		return err
	}
	if result.Scale, err = b.measure(ctx, sizes, runs); err != nil {
		return err
	}
	result.print(os.Stdout)
	return result.write(filepath.Join(b.build, "bench", "check.json"))
}

// report is the result file.
type report struct {
	Programs map[string]cost `json:"programs"`
	Scale    map[string]cost `json:"scale"`
}

func (r report) write(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err == nil {
		err = renameio.WriteFile(path, append(text, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	fmt.Printf("results: %s\n", path)
	return nil
}
