package check

import (
	"fmt"
	"os"
	"time"

	"github.com/alecthomas/kong"

	"keepalived-redis/internal/program"
)

const about = `Looks at the Redis instances of this host and says by its exit code whether it is healthy enough for the VIP.

Exit codes: 0 healthy or degraded, 1 unhealthy, 2 usage or configuration.

Example:
  $ chk-redis --config /etc/keepalived/keepalived-redis.toml
  healthy: all 3 instances answer

Only when keepalived runs it, or with --act, does it change anything.`

type flags struct {
	Config      string           `help:"Configuration file." placeholder:"FILE"`
	Deadline    time.Duration    `help:"Be out within this time; below keepalived's interval." placeholder:"900ms"`
	Act         bool             `help:"Restart what died and reconcile, as when keepalived runs it."`
	Verbose     bool             `help:"Print a table of the instances and what follows from it; never acts." short:"v"`
	JSON        bool             `help:"Print what was seen as one JSON document; never acts." name:"json"`
	DryRun      bool             `help:"Print observation and plan; never acts."`
	Metrics     string           `help:"Also write this file for Prometheus' textfile collector, by rename." placeholder:"FILE"`
	CheckConfig bool             `help:"Check the configuration strictly and exit."`
	Version     kong.VersionFlag `help:"Print the version and exit."`
}

// Main is one check. It returns the exit code.
func Main(args []string) int {
	program.Init()
	f, code := parse(args)
	if code >= 0 {
		return code
	}
	return run(f, os.Stdout, os.Stderr)
}

// parse reads the command line; a code of 0 or more ends the program. Without arguments, as keepalived usually runs it,
// kong is not asked: its parser costs more than the check.
func parse(args []string) (flags, int) {
	var f flags
	if len(args) == 0 {
		return f, -1
	}
	code := -1
	p, err := kong.New(&f, kong.Name(name), kong.Description(about), kong.Vars{"version": program.Version()},
		kong.Exit(func(c int) { code = c }))
	if err != nil {
		program.Fail(os.Stderr, name, err)
		return f, program.Usage
	}
	if _, err := p.Parse(args); err != nil && code < 0 {
		program.Fail(os.Stderr, name, fmt.Errorf("%w; hint: %s --help", err, name))
		return f, program.Usage
	}
	return f, code
}
