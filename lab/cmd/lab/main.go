// Command redis-lab runs scenarios on two hosts in namespaces of this machine: see package lab.
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
	"syscall"

	"keepalived-redis/lab"
	"keepalived-redis/lab/demo"
	"keepalived-redis/lab/host"
)

const usage = `usage: redis-lab list                         the scenarios
       redis-lab run [--runs N] [--old] NAME  run one; the result goes to build/lab/NAME.json
       redis-lab all [--runs N] [NAME…]       all of them, or these, as often as is promised; a table at the end. It goes on where it was
                                              interrupted; --again begins anew
       redis-lab demo                         a host dies, shown as it happens, beside the old scripts
       redis-lab install                      what the lab and the tests need, if it is missing
       redis-lab up [--old] [NAME]            the beginning of a scenario, until Ctrl-C
       redis-lab shell [--old] [NAME]         the same with a shell on the host that has the VIP

It needs root, or user namespaces for everybody. KEEP=1 keeps logs and files of a run that went well, too.
`

func main() {
	host.Init()
	os.Exit(run(os.Args[1:]))
}

// run looks at the command before any namespace is made: what needs none is done at once.
func run(args []string) int {
	if len(args) == 0 {
		fmt.Fprint(os.Stderr, usage)
		return 2
	}
	if lab.IsWriter(args) {
		return lab.WriterMain(args)
	}
	switch args[0] {
	case "list":
		for _, s := range lab.Scenarios {
			fmt.Printf("%-20s %s\n", s.Name, s.About)
		}
		return 0
	case "run", "all", "demo", "up", "shell":
	case "install":
		if err := install(); err != nil {
			return fail(err)
		}
		return 0
	case "help", "-h", "--help":
		fmt.Print(usage)
		return 0
	default:
		fmt.Fprintf(os.Stderr, "redis-lab: unknown command %q\n%s", args[0], usage)
		return 2
	}
	c, err := parse(args[0], args[1:])
	if err != nil {
		return fail(err)
	}
	if host.Outside() {
		// Installing needs the machine's own network, so it comes before the namespaces.
		if err := demo.Install(context.Background(), os.Stdout, c.needs()...); err != nil {
			return fail(err)
		}
	}
	return host.Main(filepath.Join(c.opts.Build, "lab", "work"), c.inside)
}

// install installs what the lab and the tests need, and fetches what the tests must not install.
func install() error {
	if err := demo.Install(context.Background(), os.Stdout, demo.ForTests()...); err != nil {
		return err
	}
	root, err := host.Module(".")
	if err != nil {
		return err
	}
	return demo.Fetch(context.Background(), os.Stdout, filepath.Join(root, "build"))
}

// command is a parsed command line.
type command struct {
	name     string
	scenario lab.Scenario
	// many are the scenarios of all.
	many []lab.Scenario
	runs int
	// again forgets what all has done already.
	again bool
	opts  lab.Options
}

func parse(name string, args []string) (command, error) {
	c := command{name: name}
	root, err := host.Module(".")
	if err != nil {
		return c, err
	}
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.IntVar(&c.runs, "runs", 1, "how many times")
	if name == "all" {
		c.runs = 0
		flags.Lookup("runs").DefValue = "what each scenario promises"
		flags.BoolVar(&c.again, "again", false, "begin anew: do again what has been done already")
	}
	old := flags.Bool("old", false, "with the old scripts")
	flags.IntVar(&c.opts.Slack, "slack", 1, "how many times its bounds of time a promise gets, on a busy machine")
	flags.StringVar(&c.opts.Build, "build", filepath.Join(root, "build"), "directory of the programs and the cache")
	flags.StringVar(&c.opts.Results, "results", "", "directory of the results (default: lab in the build directory)")
	if err := flags.Parse(args); err != nil {
		return c, err
	}
	if c.opts.Results == "" {
		c.opts.Results = filepath.Join(c.opts.Build, "lab")
	}
	c.opts.Root, c.opts.Keep = root, os.Getenv("KEEP") == "1"
	c.opts.Setup = lab.Ours
	if *old {
		c.opts.Setup = lab.OldScripts
	}
	if name == "all" {
		if c.runs < 0 {
			return c, errors.New("all: give --runs of 1 or more")
		}
		c.many, err = choose(flags.Args())
		return c, err
	}
	word := flags.Arg(0)
	switch {
	case word == "" && name == "run":
		return c, errors.New("run: no scenario named; hint: make lab SCENARIO=host-dies, or redis-lab list")
	case word == "":
		word = "host-dies"
	}
	if c.runs < 1 || flags.NArg() > 1 {
		return c, fmt.Errorf("%s: give one scenario, and --runs of 1 or more before it", name)
	}
	c.scenario, err = lab.Find(word)
	return c, err
}

// needs are the programs that the scenarios run beside those of every lab.
func (c command) needs() (all []string) {
	for _, s := range append([]lab.Scenario{c.scenario}, c.many...) {
		all = append(all, s.Needs...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// choose finds the scenarios of these names, or all there are.
func choose(names []string) ([]lab.Scenario, error) {
	if len(names) == 0 {
		return lab.Scenarios, nil
	}
	var many []lab.Scenario
	for _, n := range names {
		s, err := lab.Find(n)
		if err != nil {
			return nil, err
		}
		many = append(many, s)
	}
	return many, nil
}

// inside runs in the lab's own namespaces.
func (c command) inside(work string) int {
	c.opts.Work = work
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	var err error
	switch c.name {
	case "run":
		err = c.runAll(ctx)
	case "all":
		err = c.playAll(ctx)
	case "demo":
		err = demo.Show(ctx, os.Stdout, c.opts, c.scenario)
	case "up":
		err = c.up(ctx, waitForEnd)
	case "shell":
		err = c.up(ctx, shell)
	}
	if err != nil {
		return fail(err)
	}
	return 0
}

func fail(err error) int {
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	fmt.Fprintf(os.Stderr, "redis-lab: %v\n", err)
	return 1
}
