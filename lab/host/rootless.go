package host

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// pretendSetgroups lets setgroups(2) succeed without doing anything, in this process and all that it starts. In a user namespace that an
// ordinary user makes the kernel refuses it, and keepalived then runs no script at all, although there are no groups to drop.
func pretendSetgroups() error {
	const (
		numberOf = 0 // offsets in struct seccomp_data
		success  = unix.SECCOMP_RET_ERRNO
	)
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: numberOf},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_SETGROUPS, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: success},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("give up new privileges: %w", err)
	}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&filter)))
	if errno != 0 {
		return fmt.Errorf("filter setgroups: %w", errno)
	}
	return nil
}
