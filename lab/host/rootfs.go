package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// programs are the machine's directories that a host shares, read-only.
var programs = []string{"usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "opt"}

// buildRoot makes the host's own root directory and goes there: programs from the machine, read-only; everything that is written
// private to the host. What outlives a boot comes from spec.Dir.
func buildRoot(spec Spec) error {
	root := filepath.Join(spec.Dir, "root")
	if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return needs(fmt.Errorf("detach the mounts: %w", err))
	}
	if err := unix.Mount("redislab", root, "tmpfs", 0, "mode=0755"); err != nil {
		return needs(fmt.Errorf("mount the root: %w", err))
	}
	if err := sharePrograms(root); err != nil {
		return err
	}
	for dir, mode := range map[string]fs.FileMode{"etc": 0o755, "run": 0o755, "tmp": 0o1777, "root": 0o700, "proc": 0o755, "dev": 0o755, "sys": 0o755,
		"var/lib/redis": 0o755, "var/lib/keepalived-redis": 0o755, "var/log": 0o755, "var/tmp": 0o1777} {
		if err := makeDir(filepath.Join(root, dir), mode); err != nil {
			return err
		}
	}
	if err := os.Symlink("/run", filepath.Join(root, "var/run")); err != nil {
		return fmt.Errorf("link /var/run: %w", err)
	}
	if err := openUp(root, "usr/libexec/keepalived"); err != nil {
		return err
	}
	own := map[string]string{"etc": "etc", "libexec": "usr/libexec/keepalived", "redis": "var/lib/redis",
		"state": "var/lib/keepalived-redis", "log": "var/log"}
	for from, to := range own {
		if err := bind(filepath.Join(spec.Dir, from), filepath.Join(root, to)); err != nil {
			return err
		}
	}
	if err := linkSbin(root); err != nil {
		return err
	}
	if err := makeDev(root); err != nil {
		return err
	}
	return enterRoot(root, spec.BootID)
}

// enterRoot makes root the root of this host and mounts what needs to be mounted inside.
func enterRoot(root, bootID string) error {
	if err := unix.Mount("proc", filepath.Join(root, "proc"), "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return needs(fmt.Errorf("mount /proc: %w", err))
	}
	if err := os.WriteFile(filepath.Join(root, "run/boot_id"), []byte(bootID+"\n"), 0o444); err != nil {
		return fmt.Errorf("write boot_id: %w", err)
	}
	if err := bind(filepath.Join(root, "run/boot_id"), filepath.Join(root, "proc/sys/kernel/random/boot_id")); err != nil {
		return err
	}
	if err := os.Chdir(root); err != nil {
		return fmt.Errorf("enter the root: %w", err)
	}
	// Both names being "." puts the old root on top of the new one, from where it is taken off.
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("change the root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the old root: %w", err)
	}
	return os.Chdir("/")
}

// sharePrograms shows the machine's programs and libraries, read-only.
func sharePrograms(root string) error {
	for _, name := range programs {
		from, to := "/"+name, filepath.Join(root, name)
		fi, err := os.Lstat(from)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("look at %s: %w", from, err)
		}
		if fi.Mode()&fs.ModeSymlink != 0 {
			target, err := os.Readlink(from)
			if err == nil {
				err = os.Symlink(target, to)
			}
			if err != nil {
				return fmt.Errorf("copy the link %s: %w", from, err)
			}
			continue
		}
		if err := makeDir(to, 0o755); err != nil {
			return err
		}
		if err := bind(from, to); err != nil {
			return err
		}
		readOnly(to)
	}
	return nil
}

// readOnly guards against a slip of the lab itself. Where the kernel cannot do it (before 5.12, or a mount that another user
// namespace locked) the files of the machine are still only read.
func readOnly(dir string) {
	_ = unix.MountSetattr(unix.AT_FDCWD, dir, unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})
}

// openUp makes the directory path below root exist and be private, although its parents are the machine's: each missing
// step is made in a copy of its parent in memory, into which the machine's own entries are bound.
func openUp(root, path string) error {
	if fi, err := os.Lstat(filepath.Join(root, path)); err == nil && fi.IsDir() {
		return nil
	}
	parent := filepath.Dir(path)
	if err := openUp(root, parent); err != nil {
		return err
	}
	if err := shadow(root, parent); err != nil {
		return err
	}
	return makeDir(filepath.Join(root, path), 0o755)
}

// shadow covers the directory path below root with one in memory that shows the same entries, and can be added to.
func shadow(root, path string) error {
	dir := filepath.Join(root, path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("list /%s: %w", path, err)
	}
	if fd, err := unix.Open(dir, unix.O_PATH|unix.O_CLOEXEC, 0); err == nil {
		defer unix.Close(fd)
		if err := unix.Mount("redislab", dir, "tmpfs", 0, "mode=0755"); err != nil {
			return fmt.Errorf("cover /%s: %w", path, err)
		}
		for _, e := range entries {
			// The old directory is hidden now, but can still be reached through the open descriptor.
			if err := showAgain(filepath.Join(fmt.Sprintf("/proc/self/fd/%d", fd), e.Name()), filepath.Join(dir, e.Name()), e); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("open /%s: %w", path, err)
}

func showAgain(from, to string, e fs.DirEntry) error {
	switch {
	case e.Type()&fs.ModeSymlink != 0:
		target, err := os.Readlink(from)
		if err != nil {
			return fmt.Errorf("read the link %s: %w", e.Name(), err)
		}
		return os.Symlink(target, to)
	case e.IsDir():
		if err := makeDir(to, 0o755); err != nil {
			return err
		}
	default:
		if err := os.WriteFile(to, nil, 0o644); err != nil {
			return fmt.Errorf("make a place for %s: %w", e.Name(), err)
		}
	}
	return bind(from, to)
}

// linkSbin puts links to our programs into /usr/sbin, as the packages do. Where /usr/sbin itself is a link there are too
// many entries to show again, and nothing in the lab needs the links.
func linkSbin(root string) error {
	if fi, err := os.Lstat(filepath.Join(root, "usr/sbin")); err != nil || !fi.IsDir() {
		return nil
	}
	if err := shadow(root, "usr/sbin"); err != nil {
		return err
	}
	for _, name := range []string{"chk-redis", "notify-redis", "redis-initd"} {
		link := filepath.Join(root, "usr/sbin", name)
		if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := os.Symlink("../libexec/keepalived/"+name, link); err != nil {
			return fmt.Errorf("link %s: %w", name, err)
		}
	}
	return nil
}

// makeDev makes a /dev with the few devices that servers need; an ordinary user cannot make nodes, so they are bound.
func makeDev(root string) error {
	dev := filepath.Join(root, "dev")
	for _, name := range []string{"null", "zero", "full", "random", "urandom", "tty"} {
		to := filepath.Join(dev, name)
		if err := os.WriteFile(to, nil, 0o666); err != nil {
			return fmt.Errorf("make /dev/%s: %w", name, err)
		}
		if err := bind("/dev/"+name, to); err != nil {
			return err
		}
	}
	if err := makeDir(filepath.Join(dev, "shm"), 0o1777); err != nil {
		return err
	}
	for name, to := range map[string]string{"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"} {
		if err := os.Symlink(to, filepath.Join(dev, name)); err != nil {
			return fmt.Errorf("link /dev/%s: %w", name, err)
		}
	}
	return nil
}

func bind(from, to string) error {
	if err := unix.Mount(from, to, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return needs(fmt.Errorf("bind %s to %s: %w", from, to, err))
	}
	return nil
}

// makeDir makes a directory with exactly this mode.
func makeDir(dir string, mode fs.FileMode) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	if err := unix.Chmod(dir, uint32(mode)); err != nil {
		return fmt.Errorf("set mode of %s: %w", dir, err)
	}
	return nil
}
