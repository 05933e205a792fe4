// Package state keeps small files that survive a kill at any instant.
//
// Every write is a rename of a complete file. A damaged file is set aside, never fatal, and so is one that another user may have
// written: only files of root, of the user that runs us, and of the directory's owner are believed. Durations across processes are
// measured on the monotonic clock of one boot, so a clock that jumps moves nothing.
package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/google/renameio/v2"
	"golang.org/x/sys/unix"

	"keepalived-redis/internal/files"
)

// maxFile bounds what is read of one state file; a larger one is damaged.
const maxFile = 1 << 20

// ErrDamaged: the file was there but could not be understood.
var ErrDamaged = errors.New("damaged state file")

// ErrForeign: the file, or the lock, is one that another user may have written.
var ErrForeign = files.ErrForeign

// ErrBusy: another process holds the lock.
var ErrBusy = errors.New("lock is held by another process")

// Dir is a directory of state files.
type Dir string

// Make creates the directory when it is missing and checks that nobody but its owner can write there.
// An error wraps the cause and carries a hint.
func (d Dir) Make() error {
	fi, err := os.Lstat(string(d))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		if err := os.MkdirAll(string(d), 0o755); err != nil {
			return fmt.Errorf("make state directory: %w; hint: check that %s is a directory that this user can write into", err, filepath.Dir(string(d)))
		}
		fi, err = os.Lstat(string(d))
	}
	if err != nil {
		return fmt.Errorf("look at state directory: %w", err)
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	switch {
	case !fi.IsDir():
		return fmt.Errorf("state directory %s is not a directory; hint: remove it, it is made again", d)
	case fi.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("state directory %s can be written by others; hint: chmod go-w %s", d, d)
	case ok && int(st.Uid) != os.Geteuid() && os.Geteuid() != 0:
		return fmt.Errorf("state directory %s belongs to user %d; hint: chown it to the user that runs keepalived's scripts", d, st.Uid)
	}
	return nil
}

// Path is the full name of a file in the directory.
func (d Dir) Path(name string) string { return filepath.Join(string(d), name) }

// Load reads the JSON file name into v. A file that is not there leaves v alone and returns found=false. A damaged one is
// renamed to NAME.damaged and reported as ErrDamaged: the caller warns and goes on as if it were not there.
func (d Dir) Load(name string, v any) (found bool, err error) {
	found, damage, err := d.read(name, v)
	if damage != nil {
		return false, d.SetAside(name, damage)
	}
	return found, err
}

// Peek is Load for a run that changes nothing: a damaged file stays where it is.
func (d Dir) Peek(name string, v any) (found bool, err error) {
	found, damage, err := d.read(name, v)
	if damage != nil {
		return false, fmt.Errorf("%w: %s: %w", ErrDamaged, d.Path(name), damage)
	}
	return found, err
}

// Text is what the file name holds, for files of a few plain lines and for those that a person writes. Its presence, found, counts also when it cannot be read: a link, a
// directory or a fifo is never opened to wait for, and is an error. What another user may have written is ErrForeign.
func (d Dir) Text(name string) (text string, found bool, err error) {
	data, found, damage, err := d.contents(name)
	if damage != nil {
		return "", true, fmt.Errorf("read %s: %w", d.Path(name), damage)
	}
	return string(data), found, err
}

// read reads the JSON file name into v. damage is what is wrong with the file itself.
func (d Dir) read(name string, v any) (found bool, damage, err error) {
	data, found, damage, err := d.contents(name)
	if !found || damage != nil || err != nil {
		return false, damage, err
	}
	if string(bytes.TrimSpace(data)) == "null" {
		// It is valid JSON, and would make a map that was ready to be written to nil.
		return false, errors.New("it holds nothing"), nil
	}
	// Unmarshal fills its target up to the place where it fails, and half a state is worse than none.
	whole := reflect.New(reflect.TypeOf(v).Elem())
	if damage := json.Unmarshal(data, whole.Interface()); damage != nil {
		return false, damage, nil
	}
	reflect.ValueOf(v).Elem().Set(whole.Elem())
	return true, nil, nil
}

// contents reads a regular file of bounded size; damage is what is wrong with the file itself.
func (d Dir) contents(name string) (data []byte, found bool, damage, err error) {
	data, err = files.ReadOwn(d.Path(name), maxFile, d.trusts)
	switch {
	case err == nil:
		return data, true, nil, nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return nil, false, nil, nil
	case errors.Is(err, syscall.ELOOP):
		return nil, true, errors.New("it is a link"), nil
	}
	if errors.Is(err, files.ErrDirectory) || errors.Is(err, files.ErrNotRegular) || errors.Is(err, files.ErrTooLarge) || errors.Is(err, ErrForeign) {
		return nil, true, errors.Unwrap(err), nil // the caller names the file
	}
	return nil, true, nil, fmt.Errorf("read state file: %w", err)
}

// trusts tells whether a user may keep state here.
func (d Dir) trusts(uid int) bool {
	if uid == os.Geteuid() {
		return true
	}
	fi, err := os.Stat(string(d))
	if err != nil {
		return false
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == uid
}

// SetAside renames a damaged file out of the way, so that it can be looked at and does no harm. It returns the damage as an
// ErrDamaged.
func (d Dir) SetAside(name string, cause error) error {
	aside := d.Path(name) + ".damaged"
	if err := os.Rename(d.Path(name), aside); err != nil {
		return fmt.Errorf("%w: %s: %w; and it cannot be set aside: %w", ErrDamaged, d.Path(name), cause, err)
	}
	return fmt.Errorf("%w set aside: %s: %w (kept as %s)", ErrDamaged, d.Path(name), cause, aside)
}

// Store writes v as JSON into the file name, by rename. Root gives the file the owner of the directory, so that a check
// that runs without privileges can read and replace it.
func (d Dir) Store(name string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode state file %s: %w", d.Path(name), err)
	}
	return d.StoreBytes(name, append(data, '\n'))
}

// StoreBytes writes the bytes into the file name, by rename. What earlier writers left behind goes first: a run that writes
// nothing need not look for it.
func (d Dir) StoreBytes(name string, data []byte) error {
	d.sweep()
	t, err := renameio.NewPendingFile(d.Path(name), renameio.WithTempDir(string(d)), renameio.WithStaticPermissions(0o644))
	if err != nil {
		return fmt.Errorf("write state file %s: %w", d.Path(name), err)
	}
	defer t.Cleanup()
	if _, err := t.Write(data); err != nil {
		return fmt.Errorf("write state file %s: %w", d.Path(name), err)
	}
	d.giveToOwner(t.File)
	if err := t.CloseAtomicallyReplace(); err != nil {
		return fmt.Errorf("write state file %s: %w", d.Path(name), err)
	}
	if err := d.sync(); err != nil {
		return fmt.Errorf("write state file %s: %w", d.Path(name), err)
	}
	return nil
}

// sync makes the names in the directory outlive a loss of power: the file itself was written out before its rename.
func (d Dir) sync() error {
	f, err := os.Open(string(d))
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// giveToOwner hands a file that root makes to the owner of the directory.
func (d Dir) giveToOwner(f *os.File) {
	if os.Geteuid() != 0 {
		return
	}
	if fi, err := os.Stat(string(d)); err == nil {
		if st, ok := fi.Sys().(*syscall.Stat_t); ok && (st.Uid != 0 || st.Gid != 0) {
			// The file is still ours to use when the owner cannot be set: nothing is lost, so the error says nothing.
			_ = f.Chown(int(st.Uid), int(st.Gid))
		}
	}
}

// Remove deletes the file; one that is not there is no error.
func (d Dir) Remove(name string) error {
	if err := os.Remove(d.Path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove state file: %w", err)
	}
	return nil
}

// Unlock releases a lock.
type Unlock func()

// TryLock takes the lock file name, or returns ErrBusy at once. The kernel drops the lock when the process dies. Nobody else may
// open the file: flock(2) lets whoever can read it hold the lock.
func (d Dir) TryLock(name string) (Unlock, error) {
	f, err := d.openLock(name)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, ErrBusy
		}
		return nil, fmt.Errorf("lock %s: %w", d.Path(name), err)
	}
	return func() { f.Close() }, nil
}

// openLock opens the lock file, or makes it. Only one that this call has made is given to the owner of the directory: a file that was there may be a
// second name of a file of somebody else.
func (d Dir) openLock(name string) (*os.File, error) {
	const flags = os.O_RDWR | syscall.O_NOFOLLOW | syscall.O_CLOEXEC
	f, err := os.OpenFile(d.Path(name), flags, 0)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = os.OpenFile(d.Path(name), flags|os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			d.giveToOwner(f)
			return f, nil
		}
		if errors.Is(err, fs.ErrExist) { // another run has just made it
			f, err = os.OpenFile(d.Path(name), flags, 0)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := d.ownLock(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("open lock %s: %w; hint: remove it", d.Path(name), err)
	}
	return f, nil
}

// ownLock refuses a lock that another user has put there, and closes to other users one that an older version has left open.
func (d Dir) ownLock(f *os.File) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return err
	}
	if err := files.Foreign(&st, d.trusts); err != nil {
		return err
	}
	if st.Nlink > 1 {
		return fmt.Errorf("%w: it has another name", ErrForeign)
	}
	if euid := os.Geteuid(); st.Mode&0o077 == 0 || euid != 0 && euid != int(st.Uid) {
		return nil
	}
	return f.Chmod(0o600)
}

// Stamp is an instant that another process of the same boot can measure from.
type Stamp struct {
	// Boot is the kernel's boot id.
	Boot string `json:"boot"`
	// Mono is the monotonic clock since boot.
	Mono time.Duration `json:"mono_ns"`
	// Wall is the time of day, for people and for what outlives a boot.
	Wall time.Time `json:"wall"`
}

// ErrFuture: a stamp of this boot is still to come, so no clock of ours wrote it. Measured from it, nothing would ever last.
var ErrFuture = errors.New("a time that is still to come")

// UnmarshalJSON reads a stamp. One from the future makes its file a damaged one.
func (s *Stamp) UnmarshalJSON(data []byte) error {
	type plain Stamp
	if err := json.Unmarshal(data, (*plain)(s)); err != nil {
		return err
	}
	if now := Now(); s.Boot == now.Boot && s.Mono > now.Mono {
		return fmt.Errorf("%w: %s", ErrFuture, s.Wall.Format(time.RFC3339))
	}
	return nil
}

// given is the clock that a test has given, nil for that of the system.
var given atomic.Pointer[func() Stamp]

// SetClock lets Now say what a test says, until it gives nil.
func SetClock(now func() Stamp) {
	if now == nil {
		given.Store(nil)
		return
	}
	given.Store(&now)
}

// Now stamps this instant.
func Now() Stamp {
	if now := given.Load(); now != nil {
		return (*now)()
	}
	var ts unix.Timespec
	// CLOCK_MONOTONIC cannot fail on Linux.
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return Stamp{Boot: bootID(), Mono: time.Duration(ts.Nano()), Wall: time.Now()}
}

// Since is the time from an earlier stamp to s. From another boot it is measured on the wall clock, and is no less than the time since this boot.
func (s Stamp) Since(earlier Stamp) time.Duration {
	if s.Boot == earlier.Boot {
		return max(0, s.Mono-earlier.Mono)
	}
	return max(s.Mono, s.Wall.Sub(earlier.Wall))
}

// Zero: never stamped.
func (s Stamp) Zero() bool { return s.Boot == "" && s.Mono == 0 }

// bootID is the kernel's, which stays the same while we run.
var bootID = sync.OnceValue(func() string {
	b, err := files.Read("/proc/sys/kernel/random/boot_id", 1<<10)
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(b))
})
