package race

import (
	"context"
	"syscall"

	"keepalived-redis/lab/host"
)

const sigStop = syscall.SIGSTOP

// killForGood kills a master that nobody can start again: so whoever would restart it tries in vain, and the failover is measured, not the
// restart.
func killForGood(ctx context.Context, c *contestant) (host.Mono, error) {
	return c.victim.RuinRedis(ctx, c.port)
}
