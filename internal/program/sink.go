package program

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

const (
	// writeDeadline bounds a line that nobody takes, with all that is tried for it: a hung log must not hang the check.
	writeDeadline = 20 * time.Millisecond
	// hungDeadline bounds each write after a drop: ten lines to a hung log must not cost ten times the deadline.
	hungDeadline = time.Millisecond
	// maxLine keeps a line within what a pipe takes in one piece (PIPE_BUF) and every syslogd accepts.
	maxLine = 4000
	// facility is LOG_DAEMON, as keepalived's own.
	facility = 3 << 3
)

// sockets are where the system's log listens.
type sockets struct{ journal, syslog string }

// system is that of every Linux. go-systemd's journal package speaks with the same socket, but its writes have no deadline.
var system = sockets{journal: "/run/systemd/journal/socket", syslog: "/dev/log"}

// sink carries rendered lines to the system's log. It is zerolog's writer.
type sink struct {
	name, pid string
	// stderr is nil when only the system's log is to have the lines.
	stderr *os.File

	mu              sync.Mutex
	journal, syslog outlet
	// end is when the line that is being written is late.
	end time.Time
	// dropped lines are not reported yet.
	dropped int
	// hung: the last write was not taken in time.
	hung bool
	// complaint is logged after the first line, once.
	complaint string
	// before are the warnings of the last run, warned those of this one, kept only if keeps is set.
	before, warned []string
	keeps          bool
}

// Write is for lines without a level.
func (s *sink) Write(p []byte) (int, error) { return s.WriteLevel(zerolog.NoLevel, p) }

// WriteLevel never fails: what cannot be written is counted, and zerolog would only print its error.
func (s *sink) WriteLevel(level zerolog.Level, p []byte) (int, error) { return s.write(level, p, true) }

// maxWarned bounds what a run keeps of its warnings for the next.
const maxWarned = 100

// known keeps a warning for the next run, and tells whether it needs no saying: the last run has said it, or this one.
func (s *sink) known(line string) bool {
	if slices.Contains(s.warned, line) {
		return true
	}
	if len(s.warned) < maxWarned {
		s.warned = append(s.warned, line)
	}
	return slices.Contains(s.before, line)
}

// always is the sink for what is said in any case, and not kept.
type always struct{ *sink }

func (a always) Write(p []byte) (int, error) { return a.WriteLevel(zerolog.NoLevel, p) }

func (a always) WriteLevel(level zerolog.Level, p []byte) (int, error) {
	return a.write(level, p, false)
}

// write renders a line and writes it; one that is news no more is left out if that is asked for.
func (s *sink) write(level zerolog.Level, p []byte, newsOnly bool) (int, error) {
	lines, fields := render(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	warns := level == zerolog.WarnLevel || level == zerolog.ErrorLevel
	if newsOnly && warns && s.keeps && s.known(strings.Join(lines, "; ")) {
		return len(p), nil
	}
	s.end = time.Now().Add(writeDeadline)
	s.pay()
	for _, line := range lines {
		if !s.put(level, line, fields) {
			s.dropped++
		}
	}
	if s.complaint != "" && s.put(zerolog.WarnLevel, s.complaint, nil) {
		s.complaint = ""
	}
	return len(p), nil
}

// pay reports earlier drops ahead of the next line.
func (s *sink) pay() {
	if s.dropped > 0 && s.put(zerolog.WarnLevel, strconv.Itoa(s.dropped)+" log lines were lost before this one, the system's log did not take them", nil) {
		s.dropped = 0
	}
}

// put writes one line; false means that the system's log does not have it and should.
func (s *sink) put(level zerolog.Level, line string, fields []field) bool {
	err := s.toSystem(level, line, fields)
	hung := errors.Is(err, os.ErrDeadlineExceeded)
	if s.stderr != nil && (err != nil && !hung || Terminal(s.stderr)) {
		if told := s.toStderr(level, line); errors.Is(err, fs.ErrNotExist) {
			err = told // there is no other log here
		}
	}
	return err == nil
}

// toSystem writes to the journal, or else to syslog. The error is fs.ErrNotExist only when there is neither. A log that
// hangs is not passed over: where the journal is, /dev/log is the journal's as well.
func (s *sink) toSystem(level zerolog.Level, line string, fields []field) error {
	err := s.send(&s.journal, func() []byte { return entry(s.name, s.pid, level, line, fields) })
	if errors.Is(err, syscall.EMSGSIZE) {
		err = s.send(&s.journal, func() []byte { return entry(s.name, s.pid, level, half(line), nil) })
	}
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	also := s.send(&s.syslog, func() []byte {
		return []byte("<" + strconv.Itoa(facility|severity(level)) + ">" + s.name + "[" + s.pid + "]: " + line)
	})
	if errors.Is(also, fs.ErrNotExist) {
		return err
	}
	return also
}

// half is what is left of a line that the kernel has no room for.
func half(line string) string { return strings.ToValidUTF8(line[:len(line)/2], "") + "…" }

// outlet is one socket of the system's log.
type outlet struct {
	path string
	// fd is that of the socket, which is open from the first line on, until an error.
	fd   int
	open bool
	// missing: there is no such log on this machine.
	missing bool
}

// send writes one datagram. It tries at least once, also when this process got no CPU until its time was over: a line is
// lost to a log that hangs, and to nothing else.
func (s *sink) send(o *outlet, datagram func() []byte) error {
	if err := o.dial(); err != nil {
		return err
	}
	b := datagram()
	err := o.write(b)
	if errors.Is(err, syscall.EAGAIN) {
		// An error of the wait is not worth more than the answer of the write behind it.
		_ = writable(o.fd, s.patience())
		err = o.write(b)
	}
	if s.hung = errors.Is(err, syscall.EAGAIN); s.hung {
		return os.ErrDeadlineExceeded
	}
	if err != nil && !errors.Is(err, syscall.EMSGSIZE) {
		// The log was restarted: its socket is a new one.
		_ = o.close()
	}
	return err
}

// dial connects the socket, which never blocks. The error is fs.ErrNotExist when there is no such log.
func (o *outlet) dial() error {
	switch {
	case o.missing:
		return fs.ErrNotExist
	case o.open:
		return nil
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: o.path}); err != nil {
		o.missing = errors.Is(err, fs.ErrNotExist)
		return errors.Join(err, unix.Close(fd))
	}
	o.fd, o.open = fd, true
	return nil
}

func (o *outlet) write(b []byte) error {
	for {
		if _, err := unix.Write(o.fd, b); err != syscall.EINTR {
			return err
		}
	}
}

// writable waits until fd takes more, for so long at most. The error is os.ErrDeadlineExceeded when it does not.
func writable(fd int, patience time.Duration) error {
	for end := time.Now().Add(patience); ; {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, int(max(0, time.Until(end)).Round(time.Millisecond)/time.Millisecond))
		switch {
		case err == nil && n == 0:
			return os.ErrDeadlineExceeded
		case err != syscall.EINTR: // the runtime's own signals
			return err
		}
	}
}

// patience is how long the next write may take.
func (s *sink) patience() time.Duration {
	if s.hung {
		return min(hungDeadline, time.Until(s.end))
	}
	return time.Until(s.end)
}

// toStderr writes only when the line will be taken at once: a full pipe that nobody reads would block for good.
func (s *sink) toStderr(level zerolog.Level, line string) error {
	if err := writable(int(s.stderr.Fd()), s.patience()); err != nil {
		s.hung = errors.Is(err, os.ErrDeadlineExceeded)
		return err
	}
	word := ""
	if severity(level) <= 4 {
		word = level.String() + ": "
	}
	_, err := s.stderr.WriteString(s.name + ": " + word + line + "\n")
	return err
}

func (s *sink) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.journal.close(), s.syslog.close())
}

func (o *outlet) close() error {
	if !o.open {
		return nil
	}
	o.open = false
	return unix.Close(o.fd)
}

// severity is the syslog number of a level (RFC 5424, table 2).
func severity(level zerolog.Level) int {
	switch level {
	case zerolog.TraceLevel, zerolog.DebugLevel:
		return 7
	case zerolog.WarnLevel:
		return 4
	case zerolog.ErrorLevel:
		return 3
	case zerolog.FatalLevel, zerolog.PanicLevel:
		return 2
	default:
		return 6
	}
}

// Terminal tells whether f is one.
func Terminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
