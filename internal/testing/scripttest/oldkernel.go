package scripttest

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// firstNewer is the first system call that Linux 2.6.32, the kernel of CentOS 6, does not have on amd64: recvmmsg came with
// 2.6.33 (arch/x86/entry/syscalls/syscall_64.tbl).
const firstNewer = unix.SYS_RECVMMSG

// oldKernel PROGRAM ARGS… runs a program on which every newer system call fails with ENOSYS, and on all that it starts.
func oldKernel() {
	// The filter is this thread's alone, and exec keeps it: the C library of another would not bear to lose a system call
	// half-way.
	runtime.LockOSThread()
	path, err := exec.LookPath(os.Args[1])
	if err == nil {
		err = refuseNewer()
	}
	if err == nil {
		err = syscall.Exec(path, os.Args[1:], os.Environ())
	}
	fmt.Fprintln(os.Stderr, "oldkernel:", err)
	os.Exit(98)
}

func refuseNewer() error {
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // the number, in struct seccomp_data
		{Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, K: firstNewer, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("give up new privileges: %w", err)
	}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&filter)))
	if errno != 0 {
		return fmt.Errorf("filter system calls: %w", errno)
	}
	return nil
}
