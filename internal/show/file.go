package show

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Replace writes the file by rename, with mode 0644, so that whoever reads it finds all of the old or all of the new.
// Nothing is synced to the disk: the next check writes it again. Anything but a regular file is left alone, or a run of
// root with /dev/null would take that away from the machine. An error has the same words each time, so that it is logged
// once.
func Replace(file, text string) error {
	err := replace(file, text)
	if err == nil {
		return nil
	}
	// The name of the temporary file has our process number in it.
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		err = path.Err
	case errors.As(err, &link):
		err = link.Err
	}
	return fmt.Errorf("write metrics %s: %w; hint: give --metrics a file in a directory that this user can write into", file, err)
}

func replace(file, text string) error {
	fi, err := os.Lstat(file)
	switch {
	case err == nil && !fi.Mode().IsRegular():
		return errors.New("it is not a regular file")
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	// The name does not end as the file does: node_exporter reads *.prom. Each process has its own.
	dir, prefix := filepath.Dir(file), "."+filepath.Base(file)+"."
	sweep(dir, prefix)
	next := filepath.Join(dir, prefix+strconv.Itoa(os.Getpid()))
	if err := write(next, text); err != nil {
		_ = os.Remove(next) // it may never have been there
		return err
	}
	if err := os.Rename(next, file); err != nil {
		_ = os.Remove(next)
		return err
	}
	return nil
}

func write(file, text string) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	// The file is read by another user, whatever the umask is.
	return errors.Join(err, f.Chmod(0o644), f.Close())
}

// left is far longer than any write takes.
const left = time.Minute

// sweep removes what runs left behind that ended before their rename: those of a minute ago, and one of a process that had
// our number. What cannot be removed takes room and does no harm.
func sweep(dir, prefix string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		number, ours := strings.CutPrefix(e.Name(), prefix)
		pid, err := strconv.Atoi(number)
		if !ours || err != nil || !e.Type().IsRegular() {
			continue
		}
		if fi, err := e.Info(); pid == os.Getpid() || err == nil && time.Since(fi.ModTime()) > left {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}
