package program

import (
	"os"
	"slices"
	"strconv"

	"github.com/rs/zerolog"
)

// LevelVariable names the environment variable that sets the least level that is logged: trace, debug, info (the
// default), warn, error, disabled.
const LevelVariable = "KEEPALIVED_REDIS_LOG_LEVEL"

// Log is a logger whose lines go to the system's log. Its level methods are those of zerolog:
//
//	log.Warn().Str("instance", name).Err(err).Msg("cannot start")
//
// gives the line `cannot start instance=127.0.0.1:7000 error="…"`. It may be used by several goroutines at once.
type Log struct {
	zerolog.Logger
	sink *sink
}

// Open makes the logger of the program called name. It opens nothing: a run that logs nothing pays nothing.
//
// Lines go to the journal, with their fields; where that is missing or dead, to /dev/log; where that is as well, to the
// error output, and there also if it is a terminal. A line that is not taken within 20 ms is dropped and counted.
func Open(name string) *Log {
	return open(name, system, os.Stderr)
}

// OpenQuiet is Open for what a person has been told already, with Fail: the error output is left alone. keepalived throws
// that away, so the log must have it as well.
func OpenQuiet(name string) *Log {
	return open(name, system, nil)
}

func open(name string, to sockets, stderr *os.File) *Log {
	s := &sink{name: name, pid: strconv.Itoa(os.Getpid()), journal: outlet{path: to.journal}, syslog: outlet{path: to.syslog}, stderr: stderr}
	level := zerolog.InfoLevel
	if text := os.Getenv(LevelVariable); text != "" {
		if l, err := zerolog.ParseLevel(text); err == nil {
			level = l
		} else {
			s.complaint = LevelVariable + "=" + strconv.Quote(text) + " is no log level, so info is used; hint: use debug, info, warn or error"
		}
	}
	return &Log{Logger: zerolog.New(s).Level(level), sink: s}
}

// Recall makes the log leave out what is news no more: warnings and errors that the last run has given word for word. From now
// on they are kept for the next run, see Warned.
func (l *Log) Recall(last []string) {
	l.sink.mu.Lock()
	defer l.sink.mu.Unlock()
	l.sink.keeps, l.sink.before = true, last
}

// Warned are the warnings and errors since Recall, each once.
func (l *Log) Warned() []string {
	l.sink.mu.Lock()
	defer l.sink.mu.Unlock()
	return slices.Clone(l.sink.warned)
}

// Say is the logger for what is said in any case.
func (l *Log) Say() *zerolog.Logger {
	out := l.Output(always{l.sink})
	return &out
}

// Close gives the socket back. A line logged later opens it again.
func (l *Log) Close() error { return l.sink.close() }
