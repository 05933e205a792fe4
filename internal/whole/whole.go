// Package whole is the seam between the two programs of a check. keepalived runs chk-redis, which is quiet: built with the tag
// quiet it is the same code, looks and decides by it, and where that code would do anything at all it calls Run, which executes
// the whole check in its place; that one begins anew. So the quiet one writes, sends, starts and logs nothing, and of all
// verdicts it knows one: fit, as the run before it. A deed that somebody adds must ask Here first.
//
// The whole check lives in the file of notify-redis, which has the same libraries, and is told by its name, argv[0], which it is.
package whole

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// Check is the name of a check, quiet or whole.
	Check = "chk-redis"
	// Program is the file in which the whole check lives. It lies beside the quiet one, links resolved.
	Program = "notify-redis"
	// Mark is the build ID (ld's -buildid) of a Program that knows the whole check. One without would take the arguments of a check
	// for an event.
	Mark = "keepalived-redis/check"
)

// markRoom is where the linker puts the build ID: in the file's first page.
const markRoom = 4 << 10

// AsCheck tells by argv[0] whether a Program was executed as a check.
func AsCheck(argv0 string) bool { return filepath.Base(argv0) == Check }

// variable hands over when the check began, for its deadline, and by which version, for a complaint.
const variable = "CHK_REDIS_BEGUN"

// Quiet is what a hand-over needs.
type Quiet struct {
	// Begun is when the check began.
	Begun time.Time
	// Version is that of the quiet program.
	Version string
	// Release lets go of the signals, so that one that comes later ends the process, and tells whether one had come. Nothing is
	// handed over then, and whoever waits for it ends the process.
	Release func() (signalled bool)
	// Missing ends the process where there is no whole program to execute.
	Missing func(error)
}

// ErrMissing: the whole program could not be executed.
var ErrMissing = errors.New("unfit: no verdict, the whole program cannot be executed")

// errOld: it would not check.
var errOld = errors.New("it knows no check, so it is an older version, a half-written file or something of another origin")

// missingWait is how long a whole program that is not there, or still the old one, is waited for, from the begin on: a package
// manager may just be putting it there.
const (
	missingWait  = 700 * time.Millisecond
	missingPause = 10 * time.Millisecond
)

var (
	quiet Quiet
	once  sync.Mutex
)

// Prepare says what Run needs. It is called once, first.
func Prepare(q Quiet) { quiet = q }

// Run executes the whole program in place of this one: the same process, arguments, environment and ignored signals. It does not
// return, whoever calls it, and how many at once. In the whole program it is a mistake to call it.
func Run() {
	if Here {
		panic("the whole program hands over to nobody")
	}
	once.Lock() // for good
	path := beside()
	err := await(path)
	if quiet.Release() {
		select {} // the signal ends it
	}
	if err == nil {
		err = syscall.Exec(path, append([]string{Check}, os.Args[1:]...), environ())
	}
	quiet.Missing(fmt.Errorf("%w: execute %s: %w; hint: install %s and %s of one package", ErrMissing, path, err, Check, Program))
}

// packaged is where the packages put the programs.
const packaged = "/usr/libexec/keepalived"

// beside is the whole program that lies beside this one. Where /proc is missing, as while an installer prepares a system, that is the
// packaged one.
func beside() string {
	dir := packaged
	if self, err := os.Readlink("/proc/self/exe"); err == nil {
		dir = filepath.Dir(self)
	}
	return filepath.Join(dir, Program)
}

// await waits until the program can be executed as a check.
func await(path string) error {
	for {
		err := marked(path)
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errOld) || time.Since(quiet.Begun) > missingWait {
			return err
		}
		time.Sleep(missingPause)
	}
}

// marked is an error unless the program knows the whole check.
func marked(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return errors.Unwrap(err) // the caller names the file
	}
	defer f.Close()
	first := make([]byte, markRoom)
	n, err := io.ReadFull(f, first)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && err != io.EOF {
		return err
	}
	if !bytes.Contains(first[:n], []byte(Mark)) {
		return errOld
	}
	return nil
}

// environ is the environment of the whole program.
func environ() []string {
	// Of two variables of one name the first would count.
	e := slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, variable+"=") })
	return append(e, variable+"="+handed(os.Getpid(), mono()-time.Since(quiet.Begun), quiet.Version))
}

// Begun is when this check began, which a quiet one may have done, and then its version. The children of this process are not
// told.
func Begun() (begun time.Time, version string) {
	begun = time.Now()
	text, ok := os.LookupEnv(variable)
	if !ok {
		return begun, ""
	}
	_ = os.Unsetenv(variable) // the name is a good one
	ago, version, ok := parse(text, os.Getpid(), mono())
	if !ok {
		return begun, ""
	}
	return begun.Add(-ago), version
}

// longest is what no quiet check lasts; what is said to have begun before that was not said to us.
const longest = 10 * time.Second

// handed is "PID NANOSECONDS VERSION", the time on the clock of mono.
func handed(pid int, begun time.Duration, version string) string {
	return strconv.Itoa(pid) + " " + strconv.FormatInt(int64(begun), 10) + " " + version
}

// parse reads what was handed over, of which nothing is believed: it may be somebody else's, and stale.
func parse(text string, pid int, now time.Duration) (ago time.Duration, version string, ok bool) {
	part := strings.SplitN(text, " ", 3)
	if len(part) < 3 || part[0] != strconv.Itoa(pid) {
		return 0, "", false
	}
	begun, err := strconv.ParseInt(part[1], 10, 64)
	if err != nil || begun < 0 || time.Duration(begun) > now || now-time.Duration(begun) > longest {
		return 0, "", false
	}
	return now - time.Duration(begun), part[2], true
}

// mono is the monotonic clock since boot, which both programs read.
func mono() time.Duration {
	var ts unix.Timespec
	// CLOCK_MONOTONIC cannot fail on Linux.
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return time.Duration(ts.Nano())
}
