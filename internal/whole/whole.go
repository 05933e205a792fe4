// Package whole is the seam between the two programs of a check. keepalived runs chk-redis, which is quiet: built with the tag
// quiet it is the same code, looks and decides by it, and where that code would do anything at all it calls Run, which executes
// the whole program, chk-redis-full, in its place; that one begins anew. So the quiet one writes, sends, starts and logs
// nothing, and of all verdicts it knows one: fit, as the run before it. A deed that somebody adds must ask Here first.
package whole

import (
	"context"
	"errors"
	"fmt"
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

// Name is the whole program's. It lies beside the quiet one, links resolved.
const Name = "chk-redis-full"

// variable hands over when the check began, for its deadline, and by which version, for a complaint.
const variable = "CHK_REDIS_BEGUN"

// Quiet is what a hand-over needs.
type Quiet struct {
	// Begun is when the check began.
	Begun time.Time
	// Version is that of the quiet program.
	Version string
	// Signalled ends when the check must end without a verdict; nothing is handed over then, and whoever waits for it ends the
	// process.
	Signalled context.Context
	// Missing ends the process where there is no whole program to execute.
	Missing func(error)
}

// ErrMissing: the whole program could not be executed.
var ErrMissing = errors.New("unfit: no verdict, the whole program cannot be executed")

// missingWait is how long a whole program that is not there is waited for, from the begin on: a package manager may just be
// putting it there.
const (
	missingWait  = 500 * time.Millisecond
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
	err := execute()
	if quiet.Signalled.Err() == nil {
		quiet.Missing(fmt.Errorf("%w: %w; hint: install %s beside chk-redis, both of one package", ErrMissing, err, Name))
	}
	select {} // the signal ends it
}

// execute returns only with an error.
func execute() error {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	path := filepath.Join(filepath.Dir(self), Name)
	// Of two variables of one name the first would count.
	environ := slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, variable+"=") })
	environ = append(environ, variable+"="+handed(os.Getpid(), mono()-time.Since(quiet.Begun), quiet.Version))
	for quiet.Signalled.Err() == nil {
		err = syscall.Exec(path, os.Args, environ)
		if !errors.Is(err, fs.ErrNotExist) || time.Since(quiet.Begun) > missingWait {
			return fmt.Errorf("execute %s: %w", path, err)
		}
		time.Sleep(missingPause)
	}
	return context.Cause(quiet.Signalled)
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
