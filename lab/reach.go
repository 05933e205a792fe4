package lab

import (
	"context"

	"keepalived-redis/lab/host"
)

// What follows is for faults that are no steps of a scenario: a storm makes its own.

// Host is the running host of the box; each boot makes another.
func (b *Box) Host() *host.Host { return b.host }

// Dir is the directory of what outlives a boot: etc, redis, state, log, as the box itself sees it below /.
func (b *Box) Dir() string { return b.dir }

// Keepalived is the keepalived that was started last.
func (b *Box) Keepalived() *host.Process { return b.keepalived }

// RedisPid is the process of an instance, in the box's own numbers.
func (b *Box) RedisPid(ctx context.Context, port int) (int, error) { return b.redisPid(ctx, port) }

// NotWhole says what is missing for a whole cluster, or whole pairs, or nothing: see AwaitLinked.
func (l *Lab) NotWhole(ctx context.Context) string { return l.notWhole(ctx) }

// LabAddr is the lab's own address, and so that of clients that run in its own process; WitnessAddr is the gateway, which the client host is.
const (
	LabAddr     = labAddr
	WitnessAddr = gateway
	// Prefix is the length of the network's prefix, as text behind an address.
	Prefix = prefix
)
