//go:build quiet

package check

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/failover"
	"keepalived-redis/internal/health"
	"keepalived-redis/internal/program"
	"keepalived-redis/internal/show"
	"keepalived-redis/internal/vrrp"
	"keepalived-redis/internal/whole"
)

// patience is the part of its deadline that a quiet check may take, some twenty times what it takes: what lasts longer is not
// quiet, and the whole program needs the rest.
const patience = 4

// Main is the check as keepalived runs it every second. It gives one answer by itself, in its last lines; everything else is
// the whole program's, see package whole.
func Main(args []string) int {
	begun := time.Now()
	program.Init()
	signalled, release := program.Context(0)
	limit := config.Options{}.FirstDeadline()
	ended := func() bool { return errors.Is(context.Cause(signalled), program.ErrSignalled) }
	whole.Prepare(whole.Quiet{Begun: begun, Version: program.Version(),
		Release: func() bool { release(); return ended() },
		Missing: func(err error) { os.Exit(fail(os.Stderr, err, true, program.Unfit)) }})
	context.AfterFunc(signalled, func() {
		if ended() {
			os.Exit(fail(os.Stderr, noVerdict(signalled, limit), true, program.Unfit))
		}
	})
	clock := time.AfterFunc(limit/patience, whole.Run)

	caller, called := vrrp.Caller()
	if !called || len(args) > 0 || os.Getenv(program.LevelVariable) != "" {
		whole.Run()
	}
	cfg, err := config.LoadOrLastGood(config.Options{})
	if err != nil || len(cfg.Warnings) > 0 {
		whole.Run()
	}
	if cfg.Times.Deadline != limit {
		clock.Reset(cfg.Times.Deadline/patience - time.Since(begun))
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
	return program.Fit
}

// quiet: the box is fit, as this version has said the last time, and nobody has anything else to say. That there was nothing to
// do, or to write, shows in that we are still here.
func (c *check) quiet(v health.Verdict) bool {
	return v.Fit && !c.news(v) && c.maintenance == failover.Maintenance{} && len(c.log.Warned()) == 0 && c.seen.observation != nil
}
