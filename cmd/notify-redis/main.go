// notify-redis is keepalived's notify hook: it carries MASTER, BACKUP, FAULT and STOP over to Redis.
package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"keepalived-redis/internal/program"
)

const name = "notify-redis"

const about = `Carries a VRRP transition over to Redis. keepalived runs it; it is safe to run by hand.

Exit codes: 0 done, 1 something could not be done, 2 usage or configuration.

Examples:
  notify_master "/usr/libexec/keepalived/notify-redis master --vrrp VI_1"
  $ notify-redis --dry-run INSTANCE VI_1 MASTER 100
  $ notify-redis promote --force`

type flags struct {
	Event   []string         `arg:"" help:"INSTANCE|GROUP NAME STATE PRIORITY as keepalived gives them, or one of master, backup, fault, stop, master_rx_lower_pri; promote, with --force."`
	Vrrp    string           `help:"Name of the vrrp_instance, with the one-word form." placeholder:"VI_1"`
	Config  string           `help:"Configuration file." placeholder:"FILE"`
	Force   bool             `help:"With promote: make the instances of this host masters, whatever the other host may have."`
	DryRun  bool             `help:"Print observation and plan; change nothing."`
	Version kong.VersionFlag `help:"Print the version and exit."`
}

func main() {
	program.Init()
	program.HoldCollector()
	f, ok := usual(os.Args[1:])
	if !ok {
		var code int
		if f, code = parse(os.Args[1:]); code >= 0 {
			os.Exit(code)
		}
	}
	os.Exit(run(f, os.Stdout, os.Stderr))
}

// parse reads any command line; a code of 0 or more ends the program.
func parse(args []string) (f flags, code int) {
	code = -1
	p, err := kong.New(&f, kong.Name(name), kong.Description(about), kong.Vars{"version": program.Version()},
		kong.Exit(func(c int) { code = c }))
	if err == nil {
		_, err = p.Parse(args)
	}
	if code < 0 && err != nil {
		code = fail(os.Stderr, "a hook was not carried out", fmt.Errorf("%w; hint: %s --help", err, name), program.Usage)
	}
	return f, code
}

// usual reads an event as the shipped files give it, "master --vrrp VI_1", or as keepalived appends it, with nothing else. Slots wait
// for this program, and kong would take a fifteenth of the time until it has begun.
func usual(args []string) (f flags, ok bool) {
	f.Event = args
	if len(args) == 3 && args[1] == "--vrrp" {
		f.Event, f.Vrrp = args[:1], args[2]
	}
	isFlag := func(a string) bool { return strings.HasPrefix(a, "-") }
	return f, len(args) > 0 && !slices.ContainsFunc(f.Event, isFlag) && !isFlag(f.Vrrp)
}
