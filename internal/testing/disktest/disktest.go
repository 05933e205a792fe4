// Package disktest gives a test a disk of its own, for real: a small tmpfs in a mount namespace, of which nothing is left
// when the test ends.
package disktest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// inside is set in the process that stands in the namespace, to the directory of the disk.
const inside = "DISKTEST_DIR"

// done is what that process prints when body has run; a test that was not found would pass without.
const done = "disktest: body has run in "

// Run runs the test that calls it once more, in a process of its own, in which dir is an empty tmpfs of size bytes (as in
// tmpfs(5), "64k"), and body with it. In the caller's own process body does not run.
func Run(t *testing.T, size string, body func(t *testing.T, dir string)) {
	t.Helper()
	if dir := os.Getenv(inside); dir != "" {
		body(t, dir)
		fmt.Println(done + t.Name())
		return
	}
	// Either way it is root of what it mounts.
	namespaces := "-rm"
	if os.Geteuid() == 0 {
		namespaces = "-m"
	}
	const script = `mount -t tmpfs -o "size=$1,mode=755" none "$2" && exec "$3" -test.run="$4" -test.v`
	var pattern []string
	for _, part := range strings.Split(t.Name(), "/") {
		pattern = append(pattern, "^"+regexp.QuoteMeta(part)+"$")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	dir := t.TempDir()
	c := exec.CommandContext(ctx, "unshare", namespaces, "sh", "-c", script, "sh", size, dir, os.Args[0], strings.Join(pattern, "/"))
	c.Env = append(os.Environ(), inside+"="+dir)
	out, err := c.CombinedOutput()
	if err != nil || !strings.Contains(string(out), done+t.Name()+"\n") {
		t.Fatalf("%v\n%s", err, out)
	}
}

// Fill writes until the disk is full. Names may still be made, bytes not.
func Fill(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 4096)
	for err == nil {
		_, err = f.Write(block)
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
}

// Free makes room again after Fill.
func Free(t *testing.T, dir string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, "filler")); err != nil {
		t.Fatal(err)
	}
}

// ReadOnly takes the right to write from the whole disk.
func ReadOnly(t *testing.T, dir string) {
	t.Helper()
	if err := unix.Mount("none", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
}

// Hang mounts a file system over dir whose server never answers: whoever looks there waits until release, as for a disk or an
// NFS server that is gone. The caller is root of its mounts. https://docs.kernel.org/filesystems/fuse.html
func Hang(dir string) (release func() error, err error) {
	fuse, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("make a disk that hangs: %w", err)
	}
	if err := unix.Mount("none", dir, "fuse", 0, fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", fuse.Fd())); err != nil {
		return nil, fmt.Errorf("make a disk that hangs: %w", errors.Join(err, fuse.Close()))
	}
	return func() error {
		// Whoever waits gets an error now.
		return errors.Join(fuse.Close(), unix.Unmount(dir, unix.MNT_DETACH))
	}, nil
}
