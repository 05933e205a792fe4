package race

import (
	"context"
	"fmt"
	"strings"
	"time"

	"keepalived-redis/lab"
	"keepalived-redis/lab/probe"
)

const (
	// startWait is how long things may take that are not measured, awaitPeriod how often they are looked at.
	startWait   = 20 * time.Second
	awaitPeriod = 50 * time.Millisecond
)

// await waits until missing says nothing. Past the deadline it returns a TimeoutError.
func await(ctx context.Context, what string, within time.Duration, missing func() string) error {
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(awaitPeriod)
	defer tick.Stop()
	for {
		seen := missing()
		if seen == "" {
			return nil
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return &lab.TimeoutError{What: what, Within: within, Seen: seen}
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, context.Cause(ctx))
		}
	}
}

// write starts the probe on the client and waits until it writes.
func (c *contestant) write(ctx context.Context, opts probe.Options) (err error) {
	if c.Out, err = c.StartProbe(ctx, c.Client, opts); err != nil {
		return err
	}
	return c.Out.AwaitWriting(ctx, startWait)
}

// run runs a program on a host; any exit code but 0 is an error with its output.
func run(ctx context.Context, b *lab.Host, argv ...string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, createWait, fmt.Errorf("%s did not end within %s", argv[0], createWait))
	defer cancel()
	out, code, err := b.Run(ctx, argv...)
	if err != nil {
		return err
	}
	if code != 0 {
		return fmt.Errorf("%s: %s: exit code %d: %s", b.Name, strings.Join(argv, " "), code, strings.TrimSpace(out))
	}
	return nil
}
