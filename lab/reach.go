package lab

import (
	"context"

	"keepalived-redis/lab/host"
)

// What follows is for faults that are no steps of a scenario: a storm makes its own.

// Host is what runs of it; each boot makes another.
func (b *Host) Host() *host.Host { return b.host }

// Dir is the directory of what outlives a boot: etc, redis, state, log, as the host itself sees it below /.
func (b *Host) Dir() string { return b.dir }

// Keepalived is the keepalived that was started last.
func (b *Host) Keepalived() *host.Process { return b.keepalived }

// RedisPid is the process of an instance, in the host's own numbers.
func (b *Host) RedisPid(ctx context.Context, port int) (int, error) { return b.redisPid(ctx, port) }

// NotWhole says what is missing for a whole cluster, or whole pairs, or nothing: see AwaitLinked.
func (l *Lab) NotWhole(ctx context.Context) string { return l.notWhole(ctx) }

// LabAddr is the lab's own address, and so that of clients that run in its own process; WitnessAddr is the gateway, which the client host is.
const (
	LabAddr     = labAddr
	WitnessAddr = gateway
	// Prefix is the length of the network's prefix, as text behind an address.
	Prefix = prefix
)
