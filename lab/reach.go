package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

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

// StallNext makes the next fork or fdatasync of an instance take so long: call is "fork" or "fdatasync". The host must be prepared by
// StallAlways.
func (b *Host) StallNext(call string, takes time.Duration, port int) error {
	return b.stallNext(call, takes, port)
}

// StallNoMore takes StallNext back, if the call has not come.
func (b *Host) StallNoMore(call string, port int) error {
	if err := os.Remove(b.stallFile(call, port)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("make the next %s of %d short again: %w", call, port, err)
	}
	return nil
}

// StallAlways prepares a host so that StallNext works on its instances, whoever starts them: every program of the host loads the library, and
// only a server has files in its directory that ask for anything.
func StallAlways(b *Host) error {
	if err := canStall(b); err != nil {
		return err
	}
	library := b.preload
	b.preload = ""
	return b.WriteFile("etc/ld.so.preload", library+"\n", 0o644)
}

// Compiler is the program that StallAlways needs.
const Compiler = compiler

// LabAddr is the lab's own address, and so that of clients that run in its own process; WitnessAddr is the gateway, which the client host is.
const (
	LabAddr     = labAddr
	WitnessAddr = gateway
	// Prefix is the length of the network's prefix, as text behind an address.
	Prefix = prefix
)
