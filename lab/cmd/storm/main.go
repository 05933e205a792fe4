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

	"keepalived-redis/lab"
	"keepalived-redis/lab/demo"
	"keepalived-redis/lab/host"
	"keepalived-redis/lab/resume"
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
	// again forgets the rounds that are done already.
	again bool
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
		if err := demo.Install(context.Background(), os.Stdout, lab.Compiler); err != nil {
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
	flags.BoolVar(&c.again, "again", false, "begin anew: play again the rounds that an interrupted storm has played")
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
	if err := c.rage(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "redis-storm: %v\n", err)
		return 1
	}
	return 0
}

// rage lets the storm go on to its end and tells what came of it. A finding is an error.
func (c command) rage(ctx context.Context) error {
	c.opts.Say("seed %d", c.opts.Seed)
	done, err := c.open()
	if err != nil {
		return err
	}
	old := len(done.Records)
	err = c.play(ctx, done)
	findings := c.tell(ctx, done.Records, old)
	if ctx.Err() != nil && len(c.faults) == 0 {
		fmt.Printf("interrupted; to go on: build/redis-storm --seed %d --minutes %g --variants %s\n", c.opts.Seed, c.minutes, c.names(","))
	}
	if err == nil && findings > 0 {
		err = fmt.Errorf("%d findings", findings)
	}
	return err
}

// play plays the given faults, or what is left of the storm.
func (c command) play(ctx context.Context, done *storm.Journal) error {
	if len(c.faults) == 0 {
		return storm.Rage(ctx, c.opts, c.variants, c.length(), done)
	}
	r, err := storm.Once(ctx, c.opts, c.variants[0], 0, c.faults)
	done.Records = append(done.Records, r)
	return err
}

// tell prints the findings and the summaries. The first rounds are those of earlier calls, which looked for smaller storms themselves.
func (c command) tell(ctx context.Context, records []storm.Record, old int) (findings int) {
	for i, r := range records {
		if r.Finding == nil {
			continue
		}
		findings++
		fmt.Print(r.Finding)
		if i >= old {
			c.smaller(ctx, *r.Finding)
		}
	}
	for _, s := range storm.Summaries(records) {
		fmt.Print(s)
	}
	return findings
}

// open reads what is done of this storm, and says so.
func (c command) open() (*storm.Journal, error) {
	if len(c.faults) > 0 {
		return &storm.Journal{}, nil
	}
	dir := c.rounds()
	if c.again {
		if err := resume.Forget(dir); err != nil {
			return nil, err
		}
	}
	done, err := storm.OpenJournal(dir, c.opts.Say)
	if err != nil || len(done.Records) == 0 {
		return done, err
	}
	what := "all of it is done already"
	if round, more := done.Next(c.length()); more {
		what = fmt.Sprintf("%d rounds are done already, round %d is next", len(done.Records), round)
	}
	c.opts.Say("%s; --again begins anew", what)
	return done, nil
}

// rounds is the directory of the rounds of this storm: another seed, length or choice of variants is another storm.
func (c command) rounds() string {
	name := fmt.Sprintf("%s-seed%d-%gmin", c.names("-"), c.opts.Seed, c.minutes)
	return filepath.Join(c.opts.Lab.Results, "storms", name)
}

// length is how long the storm is.
func (c command) length() time.Duration { return time.Duration(c.minutes * float64(time.Minute)) }

// names are those of the variants.
func (c command) names(between string) string {
	var all []string
	for _, v := range c.variants {
		all = append(all, v.Name)
	}
	return strings.Join(all, between)
}

// smaller looks for the smallest storm that still shows a finding, and prints it.
func (c command) smaller(ctx context.Context, f storm.Finding) {
	if c.minimise <= 0 {
		return
	}
	limited, cancel := context.WithTimeout(ctx, c.minimise)
	defer cancel()
	faults, err := storm.Minimise(limited, f.Faults, func(fewer []storm.Fault) (bool, error) {
		r, err := storm.Once(ctx, c.opts, f.Variant, f.Round, fewer)
		if err == nil {
			c.opts.Say("with %s: shows it: %v", storm.Format(fewer), r.Finding != nil)
		}
		return r.Finding != nil, err
	})
	if err != nil {
		fmt.Fprintf(os.Stderr, "redis-storm: look for a smaller storm: %v\n", err)
	}
	fmt.Printf("the smallest storm that shows it: build/redis-storm --seed %d --variants %s --faults '%s'\n", f.Seed, f.Variant.Name, storm.Format(faults))
}
