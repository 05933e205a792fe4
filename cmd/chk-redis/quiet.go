//go:build quiet

package main

import (
	"context"
	"io"
	"os"
	"strings"
	"time"

	"keepalived-redis/internal/config"
	_ "keepalived-redis/internal/early" // it says why
	"keepalived-redis/internal/failover"
	"keepalived-redis/internal/health"
	"keepalived-redis/internal/program"
	"keepalived-redis/internal/show"
	"keepalived-redis/internal/vrrp"
	"keepalived-redis/internal/whole"
)

// patience is how long a quiet check may take, some ten times what it takes. What lasts longer is not quiet, and the whole program
// needs the rest of the deadline.
const patience = 200 * time.Millisecond

// main is the check as keepalived runs it every second. It gives one answer by itself, in its last lines; everything else is
// the whole program's, see package whole.
func main() {
	begun := time.Now()
	program.Init()
	signalled, _ := program.Context(0)
	limit := config.Options{}.FirstDeadline()
	whole.Prepare(whole.Quiet{Begun: begun, Version: program.Version(), Signalled: signalled,
		Missing: func(err error) { os.Exit(fail(os.Stderr, err, true, program.Unfit)) }})
	context.AfterFunc(signalled, func() { os.Exit(fail(os.Stderr, noVerdict(signalled, limit), true, program.Unfit)) })
	time.AfterFunc(patience, whole.Run)

	caller, called := vrrp.Caller()
	if !called || len(os.Args) > 1 || isSet(os.Environ()) {
		whole.Run()
	}
	cfg, err := config.LoadOrLastGood(config.Options{})
	if err != nil || len(cfg.Warnings) > 0 || cfg.Times.Deadline < 4*patience {
		whole.Run()
	}
	ctx, cancel := context.WithDeadlineCause(signalled, begun.Add(cfg.Times.Deadline), program.ErrDeadline)
	defer cancel()
	c := check{cfg: cfg, log: program.Open(name), act: true, caller: caller, begun: begun}
	v := c.run(ctx, false, io.Discard)
	if !c.quiet(v) || signalled.Err() != nil {
		whole.Run()
	}
	if _, err := io.WriteString(os.Stdout, show.Plain(v.Sentence)+"\n"); err != nil {
		program.Fail(os.Stderr, name, err)
	}
	os.Exit(program.Fit)
}

// quiet: the box is fit, as this version has said the last time, and nobody has anything else to say. That there was nothing to
// do, or to write, shows in that we are still here.
func (c *check) quiet(v health.Verdict) bool {
	return v.Fit && !c.news(v) && c.maintenance == failover.Maintenance{} && len(c.log.Warned()) == 0 && c.seen.observation != nil
}

// isSet: the environment says more than where the configuration is.
func isSet(environ []string) bool {
	for _, e := range environ {
		if strings.HasPrefix(e, "KEEPALIVED_REDIS_") && !strings.HasPrefix(e, "KEEPALIVED_REDIS_CONFIG=") {
			return true
		}
	}
	return false
}
