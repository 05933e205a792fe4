// Command redis-storm lets random faults loose on the lab and checks what was promised: see package storm.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"keepalived-redis/lab/demo"
	"keepalived-redis/lab/host"
	"keepalived-redis/lab/storm"
)

func main() {
	host.Init()
	os.Exit(run(os.Args[1:]))
}

// command is a parsed command line.
type command struct {
	opts     storm.Options
	minutes  float64
	variants []storm.Variant
	// faults are those of one round to play instead of random ones.
	faults []storm.Fault
	list   bool
	// minimise bounds the search for a smaller storm after a finding.
	minimise time.Duration
}

func run(args []string) int {
	c, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "redis-storm: %v\n", err)
		return 2
	}
	if c.list {
		return c.print()
	}
	if host.Outside() {
		// Installing needs the machine's own network, so it comes before the namespaces.
		if err := demo.Install(context.Background(), os.Stdout); err != nil {
			fmt.Fprintf(os.Stderr, "redis-storm: %v\n", err)
			return 1
		}
	}
	return host.Main(filepath.Join(c.opts.Lab.Build, "lab", "work"), c.inside)
}

func parse(args []string) (c command, err error) {
	root, err := host.Module(".")
	if err != nil {
		return c, err
	}
	build := filepath.Join(root, "build")
	c.opts.Lab.Root, c.opts.Lab.Build, c.opts.Lab.Results = root, build, filepath.Join(build, "lab")
	flags := flag.NewFlagSet("redis-storm", flag.ContinueOnError)
	flags.Float64Var(&c.minutes, "minutes", 2, "how long")
	flags.Uint64Var(&c.opts.Seed, "seed", 0, "decides about every fault (default: the time)")
	flags.BoolVar(&c.list, "list", false, "only print the faults of the first rounds")
	flags.DurationVar(&c.minimise, "minimise", 5*time.Minute, "how long to look for a smaller storm after a finding")
	names := flags.String("variants", "", "of follow, stay (cluster), async, replicated (replication): which, by turns (default: all)")
	faults := flags.String("faults", "", "play these in one round, as a finding prints them")
	if err := flags.Parse(args); err != nil {
		return c, err
	}
	if flags.NArg() > 0 {
		return c, fmt.Errorf("unknown argument %q", flags.Arg(0))
	}
	if c.opts.Seed == 0 {
		c.opts.Seed = uint64(time.Now().UnixNano()) % 1e6
		// The program starts itself again inside, which must come to the same.
		os.Args = append(os.Args, fmt.Sprintf("--seed=%d", c.opts.Seed))
	}
	c.variants = storm.Variants
	if *names != "" {
		c.variants = nil
		for _, name := range strings.Split(*names, ",") {
			i := slices.IndexFunc(storm.Variants, func(v storm.Variant) bool { return v.Name == name })
			if i < 0 {
				return c, fmt.Errorf("there is no variant %q", name)
			}
			c.variants = append(c.variants, storm.Variants[i])
		}
	}
	if *faults != "" {
		c.faults, err = storm.ParseFaults(*faults)
	}
	return c, err
}

// listed is how many rounds are printed.
const listed = 20

func (c command) print() int {
	for _, v := range c.variants {
		for round := range listed {
			fmt.Printf("%-10s %2d  %s\n", v.Name, round, storm.Format(storm.Plan(c.opts.Seed, v, round)))
		}
	}
	return 0
}

// inside runs in the lab's own namespaces.
func (c command) inside(work string) int {
	c.opts.Lab.Work = work
	began := time.Now()
	c.opts.Say = func(format string, args ...any) {
		fmt.Printf("%5.0f s  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	c.opts.Say("seed %d", c.opts.Seed)
	sum, err := c.rage(ctx)
	for _, f := range sum.Findings {
		fmt.Print(f)
		c.smaller(ctx, f)
	}
	fmt.Print(sum)
	if err != nil {
		fmt.Fprintf(os.Stderr, "redis-storm: %v\n", err)
	}
	if err != nil || len(sum.Findings) > 0 {
		return 1
	}
	return 0
}

func (c command) rage(ctx context.Context) (storm.Summary, error) {
	if len(c.faults) == 0 {
		return storm.Rage(ctx, c.opts, c.variants, time.Duration(c.minutes*float64(time.Minute)))
	}
	sum := storm.Summary{Rounds: 1, Faults: len(c.faults)}
	found, err := storm.Once(ctx, c.opts, c.variants[0], 0, c.faults)
	if found != nil {
		sum.Findings = []storm.Finding{*found}
	}
	return sum, err
}

// smaller looks for the smallest storm that still shows a finding, and prints it.
func (c command) smaller(ctx context.Context, f storm.Finding) {
	if c.minimise <= 0 {
		return
	}
	limited, cancel := context.WithTimeout(ctx, c.minimise)
	defer cancel()
	faults, err := storm.Minimise(limited, f.Faults, func(fewer []storm.Fault) (bool, error) {
		found, err := storm.Once(ctx, c.opts, f.Variant, f.Round, fewer)
		if err == nil {
			c.opts.Say("with %s: shows it: %v", storm.Format(fewer), found != nil)
		}
		return found != nil, err
	})
	if err != nil {
		fmt.Fprintf(os.Stderr, "redis-storm: look for a smaller storm: %v\n", err)
	}
	fmt.Printf("the smallest storm that shows it: build/redis-storm --seed %d --variants %s --faults '%s'\n", f.Seed, f.Variant.Name, storm.Format(faults))
}
