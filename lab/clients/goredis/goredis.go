// Package goredis is a program that writes with go-redis.
package goredis

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"keepalived-redis/lab/clients/acks"
)

// Run writes each key in a loop of its own, with the library's defaults or with the settings of docs/clients.md, until ctx ends.
func Run(ctx context.Context, job acks.Job) error {
	opts := &redis.ClusterOptions{Addrs: job.Seeds}
	if job.Recommended {
		opts.DialTimeout = 100 * time.Millisecond
		opts.DialerRetries = 1
		opts.ReadTimeout = 200 * time.Millisecond
		opts.MaxRetryBackoff = 50 * time.Millisecond
		opts.ClusterStateReloadInterval = 200 * time.Millisecond
	}
	db := redis.NewClusterClient(opts)
	defer db.Close()
	acks.Write(ctx, job, func(ctx context.Context, key, value string) error { return db.Set(ctx, key, value, 0).Err() })
	return nil
}
