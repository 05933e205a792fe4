// Package stack makes the stack of a goroutine large enough at once.
package stack

// room is about what a check needs of its stacks.
const room = 12 << 10

// Grow grows the stack of the calling goroutine, best before it has called anything else. It would double several times on the
// way otherwise, and each time the runtime copies a deeper stack frame by frame: that costs as much as what a goroutine is for.
func Grow() { grow(room / 2) }

// grow's argument keeps the compiler from seeing that nothing is done.
//
//go:noinline
func grow(at int) byte {
	var space [room]byte
	return space[at]
}
