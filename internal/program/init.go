package program

import "syscall"

// Init is the first call of every main. It sets umask 022: keepalived starts its scripts with 0177, and a directory made
// under that could not be entered (keepalived 1.2.13 to 2.4, lib/notify.c).
func Init() { syscall.Umask(0o022) }
