package redis

// room is about what a look needs of its stack.
const room = 12 << 10

// grow makes the stack of a new goroutine large enough at once. It would double three times on the way otherwise, and each time the
// runtime copies a deeper stack frame by frame: that costs as much as the look itself.
// The argument keeps the compiler from seeing that nothing is done.
//
//go:noinline
func grow(at int) byte {
	var space [room]byte
	return space[at]
}
