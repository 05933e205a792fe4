// redis-initd starts and stops the Redis instances of this host: for people, for boot, and as the interpreter of
// /etc/init.d/redis and /etc/init.d/redis7000.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"

	"keepalived-redis/internal/program"
)

const name = "redis-initd"

const about = `Starts, stops and shows the Redis instances of this host, through systemd where that runs.

NAME is a port, an address, or all. ACTION is one of
  start         starts it and waits until it answers
  stop          stops it; chk-redis does not restart it until it is started again
  restart       stops and starts it; all go one by one, each linked to its master again before the next
  try-restart   (also condrestart, force-reload) restarts it if it runs
  reload        is refused: Redis reads its configuration only when it starts
  status        shows it
  may-start     tells by its exit code whether it may be started: 1 is for a master that lost its data, which a replica still has.
                What starts Redis at boot asks so
New instances, and what starts them at boot: redis-initd create, install and uninstall (each with --help).

Examples:
  $ redis-initd 7000 start
  $ redis-initd all status
  redis 127.0.0.1:7000 is running (pid 1234, up 3d, master, 1.2M)

Exit codes are those of the LSB for init scripts. As an init script: a file /etc/init.d/redis7000 whose first line is #!/usr/sbin/redis-initd; /etc/init.d/redis stands for all.`

type flags struct {
	Name       string           `arg:"" optional:"" help:"Port, address, all, or the path of the init script."`
	Action     string           `arg:"" optional:"" help:"What to do with it."`
	Switchover bool             `help:"Before a master is stopped, switch it over to its replica without loss (stop, restart)."`
	Force      bool             `help:"Start also a master that lost its data, whose replica will then lose them (start)."`
	JSON       bool             `help:"Tell what became of it as JSON." name:"json"`
	Config     string           `help:"Configuration file." placeholder:"FILE"`
	Version    kong.VersionFlag `help:"Print the version and exit."`
}

func main() {
	program.Init()
	program.HoldCollector()
	os.Exit(command(os.Args[1:], os.Stdout, os.Stderr))
}

func command(args []string, out, errOut io.Writer) int {
	if isSetup(args) {
		ctx, stop := program.Context(0)
		defer stop()
		return setUp(ctx, args, out, errOut)
	}
	var f flags
	if code := parse(&f, about, name, args, out, errOut); code >= 0 {
		return code
	}
	ctx, stop := program.Context(0)
	defer stop()
	return run(ctx, f, out, errOut)
}

// parse reads the command line of a command; a code of 0 or more ends the program.
func parse(into any, about, command string, args []string, out, errOut io.Writer) (code int) {
	code = -1
	p, err := kong.New(into, kong.Name(name), kong.Description(about), kong.Vars{"version": program.Version()},
		kong.Writers(out, errOut), kong.Exit(func(c int) { code = c }))
	if err == nil {
		_, err = p.Parse(args)
	}
	if err != nil && code < 0 {
		program.Fail(errOut, name, fmt.Errorf("%w; hint: %s --help", err, command))
		return badArguments
	}
	return code
}
