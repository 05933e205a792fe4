package host

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// MountDisk mounts a file system in memory on dir, before the hosts boot that are to see it. size is in the words of tmpfs: "16m".
func MountDisk(dir, size string) error {
	if err := unix.Mount("redislab", dir, "tmpfs", 0, "mode=0755,size="+size); err != nil {
		return needs(fmt.Errorf("mount a disk of %s: %w", size, err))
	}
	return nil
}

// UnmountDisk undoes MountDisk.
func UnmountDisk(dir string) error {
	if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
		return fmt.Errorf("unmount a disk: %w", err)
	}
	return nil
}
