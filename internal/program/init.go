package program

import (
	"runtime/debug"
	"syscall"
)

// memory is what a program may use before the garbage collector runs at all.
const memory = 24 << 20

// Init is the first call of every main. It sets umask 022: keepalived starts its scripts with 0177, and a directory made
// under that could not be entered (keepalived 1.2.13 to 2.4, lib/notify.c). And it holds the garbage collector back: a run
// is over after a few milliseconds and a megabyte or two, and a collection in the middle of a takeover costs it a core.
func Init() {
	syscall.Umask(0o022)
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(memory)
}
