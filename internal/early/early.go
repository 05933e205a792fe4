// Package early readies the runtime for a check, which lives for a few milliseconds; whoever imports it has this done. It is a
// package because it helps only before the libraries are initialised: of what is ready Go takes the first import path, and
// theirs wait for "sync" and "unicode" among others, this one for nothing.
package early

import (
	"runtime"

	"keepalived-redis/internal/stack"
)

func init() {
	// The initialisers run on the stack of main.
	stack.Grow()
	// A check waits and hardly ever computes: a second processor costs it threads that are made, woken and find nothing to do,
	// and a second set of the allocator's pages.
	runtime.GOMAXPROCS(1)
}
