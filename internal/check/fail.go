package check

import (
	"context"
	"fmt"
	"io"
	"time"

	"keepalived-redis/internal/program"
)

// noVerdict is why a check that ctx has ended says unhealthy.
func noVerdict(ctx context.Context, limit time.Duration) error {
	return fmt.Errorf("unhealthy: no verdict, %w; hint: it had %s: is the host overloaded, or does a disk hang?", context.Cause(ctx), limit)
}

// fail tells of what ends a check without a verdict: people on the error output, and the log, because keepalived throws
// that output away. It returns the exit code.
func fail(errOut io.Writer, err error, alsoLog bool, code int) int {
	program.Fail(errOut, name, err)
	if alsoLog {
		log := program.OpenQuiet(name)
		defer log.Close()
		log.Error().Msg(err.Error())
	}
	return code
}
