// Package files reads small files of which nothing is believed: they may be a fifo, a device, a directory, or endless.
package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Why a file is not read; each comes inside an *fs.PathError.
var (
	ErrDirectory  = errors.New("it is a directory")
	ErrNotRegular = errors.New("it is not a regular file")
	ErrTooLarge   = errors.New("it is too large")
	ErrForeign    = errors.New("another user may have written it")
)

// Read reads a regular file of at most max bytes, and a fifo never keeps it waiting. It asks the kernel itself: package os
// would ask four times more, and make its poller for files that cannot be polled; a check reads twenty files a second.
func Read(path string, max int) ([]byte, error) { return read(path, max, 0, anybody) }

// ReadOwn is Read for files of which also the writer matters: a symbolic link is an error, unix.ELOOP, and so is what another user
// owns or may write, ErrForeign. trusted tells who is none; root is not asked for.
func ReadOwn(path string, max int, trusted func(uid int) bool) ([]byte, error) {
	return read(path, max, unix.O_NOFOLLOW, func(st *unix.Stat_t) error { return Foreign(st, trusted) })
}

// ReadIf is Read for a file that check lets pass. It follows links.
func ReadIf(path string, max int, check func(*unix.Stat_t) error) ([]byte, error) {
	return read(path, max, 0, check)
}

// Foreign is an error, ErrForeign, when somebody else than root and whom trusted names owns the file, or everybody may write it.
func Foreign(st *unix.Stat_t, trusted func(uid int) bool) error {
	switch {
	case st.Uid != 0 && !trusted(int(st.Uid)):
		return fmt.Errorf("%w: it belongs to user %d", ErrForeign, st.Uid)
	case st.Mode&unix.S_IWOTH != 0:
		return fmt.Errorf("%w: everybody may write it", ErrForeign)
	}
	return nil
}

// Open opens a regular file for reading, of whatever size. Anything else is an error, ErrDirectory or ErrNotRegular, and neither keeps the
// caller waiting nor is opened: to open a device can do something.
func Open(path string) (*os.File, error) {
	fi, err := os.Stat(path)
	if err == nil {
		err = regular(path, fi)
	}
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	// It may have become another one in between.
	if fi, err = f.Stat(); err == nil {
		err = regular(path, fi)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func regular(path string, fi fs.FileInfo) error {
	switch {
	case fi.IsDir():
		return &fs.PathError{Op: "open", Path: path, Err: ErrDirectory}
	case !fi.Mode().IsRegular():
		return &fs.PathError{Op: "open", Path: path, Err: ErrNotRegular}
	}
	return nil
}

func anybody(*unix.Stat_t) error { return nil }

func read(path string, max, flags int, check func(*unix.Stat_t) error) ([]byte, error) {
	var fd int
	err := retry(func() (err error) {
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|flags, 0)
		return err
	})
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	b, err := readAll(fd, max, check)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	return b, nil
}

func readAll(fd, max int, check func(*unix.Stat_t) error) ([]byte, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	switch kind := st.Mode & unix.S_IFMT; {
	case kind == unix.S_IFDIR:
		return nil, ErrDirectory
	case kind != unix.S_IFREG:
		return nil, ErrNotRegular
	case st.Size > int64(max):
		return nil, tooLarge(max)
	}
	if err := check(&st); err != nil {
		return nil, err
	}
	// One byte more than its size: the end is seen without growing. Files of /proc say that they are empty.
	b := make([]byte, 0, int(st.Size)+1)
	if st.Size == 0 {
		b = make([]byte, 0, 512)
	}
	for {
		var n int
		err := retry(func() (err error) {
			n, err = unix.Read(fd, b[len(b):cap(b)])
			return err
		})
		switch {
		case err != nil:
			return nil, err
		case n == 0:
			return b, nil
		}
		if b = b[:len(b)+n]; len(b) > max {
			return nil, tooLarge(max)
		}
		if len(b) == cap(b) {
			b = append(make([]byte, 0, 2*cap(b)), b...)
		}
	}
}

func tooLarge(max int) error { return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, max) }

// retry goes on after a signal, of which Go's runtime sends itself some.
func retry(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
