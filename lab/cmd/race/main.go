// Command redis-race lets keepalived-redis run against what people use instead: see package race.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/google/renameio/v2"

	"keepalived-redis/lab"
	"keepalived-redis/lab/demo"
	"keepalived-redis/lab/host"
	"keepalived-redis/lab/race"
)

func main() {
	host.Init()
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	if lab.IsWriter(args) {
		return lab.WriterMain(args)
	}
	c, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "redis-race: %v\n", err)
		return 2
	}
	if host.Outside() {
		// Installing needs the machine's own network, so it comes before the namespaces.
		if err := demo.Install(context.Background(), os.Stdout); err != nil {
			return fail(err)
		}
	}
	return host.Main(filepath.Join(c.opts.Lab.Build, "lab", "work"), c.inside)
}

// command is a parsed command line.
type command struct {
	opts race.Options
	docs bool
}

func parse(args []string) (command, error) {
	c := command{}
	root, err := host.Module(".")
	if err != nil {
		return c, err
	}
	flags := flag.NewFlagSet("redis-race", flag.ContinueOnError)
	flags.IntVar(&c.opts.Rounds, "rounds", 3, "how often each system meets each fault")
	flags.BoolVar(&c.docs, "docs", false, "write the table and the picture into docs/, too")
	list := func(into *[]string) func(string) error {
		return func(s string) error { *into = strings.Split(s, ","); return nil }
	}
	flags.Func("faults", "only these, separated by commas", list(&c.opts.Faults))
	flags.Func("systems", "only these, separated by commas", list(&c.opts.Systems))
	if err := flags.Parse(args); err != nil {
		return c, err
	}
	if flags.NArg() > 0 || c.opts.Rounds < 1 {
		return c, errors.New("give no arguments, and rounds of 1 or more; hint: redis-race -h")
	}
	build := filepath.Join(root, "build")
	c.opts.Lab = lab.Options{Root: root, Build: build, Results: filepath.Join(build, "bench"), Keep: os.Getenv("KEEP") == "1"}
	c.opts.Lab.Say = func(format string, args ...any) { fmt.Printf(format+"\n", args...) }
	return c, nil
}

// inside runs in the lab's own namespaces.
func (c command) inside(work string) int {
	c.opts.Lab.Work = work
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	out, err := race.Run(ctx, c.opts)
	if out.Empty() {
		return fail(err)
	}
	// What was measured is worth having, also when a run failed; but half a race is no table for docs/.
	c.docs = c.docs && ctx.Err() == nil
	if err := errors.Join(err, c.tell(out)); err != nil {
		return fail(err)
	}
	return 0
}

// tell shows and writes what was measured.
func (c command) tell(out *race.Outcome) error {
	dir := c.opts.Lab.Results
	if err := out.Write(dir); err != nil {
		return err
	}
	picture := filepath.Join(dir, "failover.svg")
	if err := renameio.WriteFile(picture, out.Picture(), 0o644); err != nil {
		return fmt.Errorf("write the picture: %w", err)
	}
	fmt.Printf("\n%s\n%s\nresults: %s, %s\n", out.Table(), out.Bounds(), filepath.Join(dir, "failover.json"), picture)
	if !c.docs {
		return nil
	}
	docs := filepath.Join(c.opts.Lab.Root, "docs")
	if err := renameio.WriteFile(filepath.Join(docs, "failover.svg"), out.Picture(), 0o644); err != nil {
		return fmt.Errorf("write the picture: %w", err)
	}
	return out.UpdateTable(filepath.Join(docs, "benchmarks.md"))
}

func fail(err error) int {
	fmt.Fprintf(os.Stderr, "redis-race: %v\n", err)
	return 1
}
