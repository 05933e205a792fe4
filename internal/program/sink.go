package program

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

const (
	// writeDeadline bounds the first write that nobody takes: a hung syslogd must not hang the check.
	writeDeadline = 20 * time.Millisecond
	// hungDeadline bounds the writes after a drop: ten lines to a hung syslogd must not cost ten times the deadline.
	hungDeadline = time.Millisecond
	// maxLine keeps a line within what a pipe takes in one piece (PIPE_BUF) and every syslogd accepts.
	maxLine = 4000
	// facility is LOG_DAEMON, as keepalived's own.
	facility = 3 << 3
)

// sink carries rendered lines to the system's log. It is zerolog's writer.
type sink struct {
	name, pid string
	socket    string
	// stderr is nil when only the system's log is to have the lines.
	stderr *os.File

	mu sync.Mutex
	// conn is nil until the first line, and after an error.
	conn *net.UnixConn
	// noSocket: there is no system log on this machine.
	noSocket bool
	// dropped lines are not reported yet.
	dropped int
	// hung: the last write was not taken in time.
	hung bool
	// complaint is logged after the first line, once.
	complaint string
}

// Write is for lines without a level.
func (s *sink) Write(p []byte) (int, error) { return s.WriteLevel(zerolog.NoLevel, p) }

// WriteLevel never fails: what cannot be written is counted, and zerolog would only print its error.
func (s *sink) WriteLevel(level zerolog.Level, p []byte) (int, error) {
	line := render(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pay()
	if !s.put(level, line) {
		s.dropped++
	}
	if s.complaint != "" && s.put(zerolog.WarnLevel, s.complaint) {
		s.complaint = ""
	}
	return len(p), nil
}

// pay reports earlier drops ahead of the next line.
func (s *sink) pay() {
	if s.dropped > 0 && s.put(zerolog.WarnLevel, strconv.Itoa(s.dropped)+" log lines were lost before this one, the system's log did not take them") {
		s.dropped = 0
	}
}

// put writes one line; false means that it is lost.
func (s *sink) put(level zerolog.Level, line string) bool {
	err := s.toSocket(level, line)
	missing := errors.Is(err, fs.ErrNotExist)
	if s.stderr != nil && (missing || Terminal(s.stderr)) {
		if e := s.toStderr(level, line); missing {
			err = e
		}
	}
	return err == nil
}

func (s *sink) toSocket(level zerolog.Level, line string) error {
	if s.noSocket {
		return fs.ErrNotExist
	}
	if s.conn == nil {
		conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: s.socket, Net: "unixgram"})
		if err != nil {
			s.noSocket = errors.Is(err, fs.ErrNotExist)
			return err
		}
		s.conn = conn
	}
	patience := writeDeadline
	if s.hung {
		patience = hungDeadline
	}
	if err := s.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, err := s.conn.Write([]byte("<" + strconv.Itoa(facility|severity(level)) + ">" + s.name + "[" + s.pid + "]: " + line))
	s.hung = errors.Is(err, os.ErrDeadlineExceeded)
	if err != nil && !s.hung {
		// syslogd was restarted: its socket is a new one.
		_ = s.conn.Close()
		s.conn = nil
	}
	return err
}

// toStderr writes only when the line will be taken at once: a full pipe that nobody reads would block for good.
func (s *sink) toStderr(level zerolog.Level, line string) error {
	patience := writeDeadline
	if s.hung {
		patience = hungDeadline
	}
	fd := int(s.stderr.Fd())
	ready := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	n, err := unix.Poll(ready, int(patience/time.Millisecond))
	if err != nil && !errors.Is(err, syscall.EINTR) {
		return err
	}
	if s.hung = n == 0; s.hung {
		return os.ErrDeadlineExceeded
	}
	word := ""
	if severity(level) <= 4 {
		word = level.String() + ": "
	}
	_, err = s.stderr.WriteString(s.name + ": " + word + line + "\n")
	return err
}

func (s *sink) owed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dropped
}

func (s *sink) owe(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropped += max(0, n)
}

func (s *sink) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return nil
	}
	err := s.conn.Close()
	s.conn = nil
	return err
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
