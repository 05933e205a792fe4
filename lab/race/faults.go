package race

import (
	"context"
	"fmt"
	"syscall"

	"keepalived-redis/lab/host"
)

const sigStop = syscall.SIGSTOP

// killForGood kills a master that nobody can start again: its configuration is broken first. So whoever would revive it tries in vain, as
// after a disk has failed, and the failover is measured, not the restart.
func killForGood(ctx context.Context, c *contestant) (host.Mono, error) {
	file := fmt.Sprintf("etc/redis/%d.conf", c.port)
	conf, err := c.victim.ReadFile(file)
	if err != nil {
		return 0, err
	}
	if err := c.victim.WriteFile(file, conf+"\nthis-instance must-not-start\n", 0o644); err != nil {
		return 0, err
	}
	return c.victim.KillRedis(ctx, c.port)
}
