// Package rediscli is a program that writes with redis-cli -c, one process for each write, as scripts do.
package rediscli

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"strings"

	"keepalived-redis/lab/clients/acks"
)

// Run writes each key in a loop of its own until ctx ends: by default through the first address alone, and as docs/clients.md
// recommends through one address after the other, each for 0.2 s at most.
func Run(ctx context.Context, job acks.Job) error {
	acks.Write(ctx, job, func(ctx context.Context, key, value string) error {
		if !job.Recommended {
			return set(ctx, job.Seeds[0], key, value)
		}
		var err error
		for _, seed := range job.Seeds {
			if err = set(ctx, seed, key, value, "timeout", "0.2"); err == nil {
				return nil
			}
		}
		return err
	})
	return nil
}

func set(ctx context.Context, seed, key, value string, before ...string) error {
	address, port, err := net.SplitHostPort(seed)
	if err != nil {
		return err
	}
	argv := append(before, "redis-cli", "-c", "-h", address, "-p", port, "set", key, value)
	out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).Output()
	if err == nil && strings.TrimSpace(string(out)) != "OK" {
		err = fmt.Errorf("set %s: %s", key, out)
	}
	return err
}
