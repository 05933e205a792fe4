package host

import (
	"time"

	"golang.org/x/sys/unix"
)

// Mono is an instant on CLOCK_MONOTONIC, as the time since the machine started. All hosts of a lab share one kernel, so
// instants of different hosts can be compared.
type Mono time.Duration

// Now is this instant.
func Now() Mono {
	var ts unix.Timespec
	// CLOCK_MONOTONIC cannot fail on Linux.
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return Mono(ts.Nano())
}

// Sub is the time from o to m.
func (m Mono) Sub(o Mono) time.Duration { return time.Duration(m - o) }

// Add is the instant d after m.
func (m Mono) Add(d time.Duration) Mono { return m + Mono(d) }
