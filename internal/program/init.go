package program

import (
	"runtime/debug"
	"syscall"
)

// memory is what a program may use before the garbage collector runs at all.
const memory = 24 << 20

// Init is the first call of every main. It sets umask 022: keepalived starts its scripts with 0177, and a directory made
// under that could not be entered (keepalived 1.2.13 to 2.4, lib/notify.c).
func Init() { syscall.Umask(0o022) }

// HoldCollector holds the garbage collector back: a run is over after a few milliseconds and a megabyte or two, and a
// collection in the middle of a takeover costs it a core. A check does without: it ends before the runtime's first collection,
// at 4 MB, and the two stops of the runtime that this is cost it a twentieth of its CPU time.
func HoldCollector() {
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(memory)
}
