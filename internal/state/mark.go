package state

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"keepalived-redis/internal/files"
)

// markSize is the size of a mark: each has the place of the last one.
const markSize = 80

// Mark keeps an instant in the file name, by one pwrite of less than a page: the kernel carries that out whole or not at all, so a kill leaves the old
// mark or the new one. It costs a tenth of a rename and waits for no disk; so a loss of power may take it away.
func (d Dir) Mark(name string, at Stamp) error {
	text := fmt.Sprintf("%-*s\n", markSize-1, at.Boot+" "+strconv.FormatInt(int64(at.Mono), 10))
	fd, err := unix.Open(d.Path(name), unix.O_WRONLY|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0o644)
	switch {
	case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENXIO), errors.Is(err, unix.EISDIR):
		return d.SetAside(name, err)
	case err != nil:
		return fmt.Errorf("open mark %s: %w", d.Path(name), err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("look at mark %s: %w", d.Path(name), err)
	}
	if err := d.ownMark(fd, &st); err != nil {
		return d.SetAside(name, err)
	}
	if _, err := unix.Pwrite(fd, []byte(text), 0); err != nil {
		return fmt.Errorf("write mark %s: %w", d.Path(name), err)
	}
	return nil
}

// errNoMark: writing into it might change another file.
var errNoMark = errors.New("it is no file of its own")

// ownMark refuses a mark that another user may have put there, and hands a new one of root to the owner of the directory, as Store does.
func (d Dir) ownMark(fd int, st *unix.Stat_t) error {
	if err := files.Foreign(st, d.trusts); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Nlink != 1 || st.Size != 0 && st.Size != markSize {
		return errNoMark
	}
	var dir unix.Stat_t
	if st.Size == 0 && os.Geteuid() == 0 && unix.Stat(string(d), &dir) == nil && dir.Uid != 0 {
		_ = unix.Fchown(fd, int(dir.Uid), int(dir.Gid)) // it is still ours to use when its owner cannot be set
	}
	return nil
}

// Marked is the instant that Mark has kept. One that is not there or cannot be understood is not ok; the next Mark makes it good.
func (d Dir) Marked(name string) (at Stamp, ok bool) {
	text, found, err := d.Text(name)
	if !found || err != nil || len(text) != markSize {
		return Stamp{}, false
	}
	text = strings.TrimSpace(text)
	i := strings.LastIndexByte(text, ' ')
	mono, err := strconv.ParseInt(text[i+1:], 10, 64)
	if i <= 0 || err != nil {
		return Stamp{}, false
	}
	return Stamp{Boot: text[:i], Mono: time.Duration(mono)}, true
}

// Writable: the file system takes writes into the directory.
func (d Dir) Writable() bool { return unix.Access(string(d), unix.W_OK) == nil }
