// notify-redis is keepalived's notify hook: it carries MASTER, BACKUP, FAULT and STOP over to Redis. Executed as chk-redis it is the
// whole check, to which the quiet one hands over: see package whole.
package main

import (
	"fmt"
	"os"
	"runtime"

	"github.com/alecthomas/kong"

	"keepalived-redis/internal/check"
	"keepalived-redis/internal/program"
	"keepalived-redis/internal/whole"
)

const name = "notify-redis"

const about = `Carries a VRRP transition over to Redis. keepalived runs it; it is safe to run by hand.

Exit codes: 0 done, 1 something could not be done, 2 usage or configuration.

Examples:
  notify_master "/usr/libexec/keepalived/notify-redis master --vrrp VI_1"
  $ notify-redis --dry-run INSTANCE VI_1 MASTER 100
  $ notify-redis promote --force`

type flags struct {
	Event   []string         `arg:"" help:"INSTANCE|GROUP NAME STATE PRIORITY as keepalived gives them, or one of master, backup, fault, stop; promote, with --force."`
	Vrrp    string           `help:"Name of the vrrp_instance, with the one-word form." placeholder:"VI_1"`
	Config  string           `help:"Configuration file." placeholder:"FILE"`
	Force   bool             `help:"With promote: make the instances of this box masters, whatever the other box may have."`
	DryRun  bool             `help:"Print observation, plan and sentence; change nothing."`
	Version kong.VersionFlag `help:"Print the version and exit."`
}

func main() {
	if whole.AsCheck(os.Args[0]) {
		// Whoever looks for a check by its name is to find it. Only kernels older than 2.6.33 have no such file.
		_ = os.WriteFile("/proc/self/comm", []byte(whole.Check), 0)
		runtime.GOMAXPROCS(1) // package early says why
		os.Exit(check.Main(os.Args[1:]))
	}
	program.Init()
	program.HoldCollector()
	var f flags
	code := -1
	p, err := kong.New(&f, kong.Name(name), kong.Description(about), kong.Vars{"version": program.Version()},
		kong.Exit(func(c int) { code = c }))
	if err == nil {
		_, err = p.Parse(os.Args[1:])
	}
	switch {
	case code >= 0:
		os.Exit(code)
	case err != nil:
		os.Exit(fail(os.Stderr, "a hook was not carried out", fmt.Errorf("%w; hint: %s --help", err, name), program.Usage))
	}
	os.Exit(run(f, os.Stdout, os.Stderr))
}
