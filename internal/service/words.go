package service

import (
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/files"
)

// maxWords bounds what is kept of a server's output.
const maxWords = 8 << 10

// words collects what the server says on its output while we look at it.
type words struct {
	r    *os.File
	done chan struct{}

	mu   sync.Mutex
	text []byte
}

func hear(r *os.File) *words {
	w := &words{r: r, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		// The pipe ends when the server closes it or we do; both are the end of what there is to hear.
		_, _ = io.Copy(w, r)
	}()
	return w
}

// Write keeps the last part.
func (w *words) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text = append(w.text, p...)
	if extra := len(w.text) - maxWords; extra > 0 {
		w.text = append(w.text[:0], w.text[extra:]...)
	}
	return len(p), nil
}

// all waits for the rest of what a server that has ended said, at most 100 ms.
func (w *words) all() string {
	select {
	case <-w.done:
	case <-time.After(100 * time.Millisecond):
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.text)
}

func (w *words) close() { w.r.Close() }

// logTail is the server's log file, from where it ended before the start.
type logTail struct {
	path string
	from int64
}

func openLogTail(path string) *logTail {
	l := &logTail{path: path}
	if fi, err := os.Stat(path); err == nil {
		l.from = fi.Size()
	}
	return l
}

// added is what the log has gained; "" if it cannot be read: then there is nothing to quote.
func (l *logTail) added() string {
	if l.path == "" {
		return ""
	}
	f, err := files.Open(l.path)
	if err != nil {
		return ""
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return ""
	}
	text := make([]byte, maxWords)
	n, _ := f.ReadAt(text, max(l.from, fi.Size()-maxWords))
	return string(text[:n])
}

// LastWords is why a server that listened and then ended did so, from its log: the last warnings that it wrote under
// that pid, on one line; with pid 0, under the pid of the last line. "" when the log has none or cannot be read.
func LastWords(i config.Instance, pid int) string {
	s, err := readSettings(i.Conf)
	if err != nil {
		return ""
	}
	log := logTail{path: s.file("logfile", "/")}
	lines := strings.Split(strings.TrimSpace(log.added()), "\n")
	if pid == 0 {
		digits, _, _ := strings.Cut(lines[len(lines)-1], ":")
		if pid, err = strconv.Atoi(digits); err != nil {
			return ""
		}
	}
	var own []string
	for _, line := range lines {
		if strings.HasPrefix(line, strconv.Itoa(pid)+":") {
			own = append(own, line)
		}
	}
	return summary(strings.Join(own, "\n"))
}

// logLine is a line of Redis' log: "123:M 23 Nov 2025 18:50:40.123 # text"; the sign before the text is # for a warning
// (server.c, serverLogRaw). It is compiled when a server has failed: every check would pay for it otherwise.
var logLine = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\d+:[A-Z] .{10,40}? ([-.*#]) (.*)$`) })

// greetings begin the warnings that every start writes, and that say nothing of an end (server.c of 3.2 to 7.0).
var greetings = [...]string{"WARNING", "oO0OoO0OoO0Oo", "Redis version=", "Valkey version=", "Configuration loaded", "Server initialized", "Server started", "Warning: no config file"}

func greets(line string) bool {
	return slices.ContainsFunc(greetings[:], func(g string) bool { return strings.HasPrefix(line, g) })
}

// summary gives the words that tell why a server ended, on one line.
func summary(text string) string {
	var warnings, plain []string
	for _, line := range strings.Split(text, "\n") {
		line = strings.Trim(line, " \t\r*")
		if line == "" {
			continue
		}
		parts := logLine().FindStringSubmatch(line)
		switch {
		case parts == nil:
			plain = append(plain, line)
		case parts[1] == "#" && !greets(parts[2]):
			warnings = append(warnings, parts[2])
		}
	}
	if len(warnings) > 0 {
		return strings.Join(warnings[max(0, len(warnings)-3):], " / ")
	}
	return strings.Join(plain[:min(len(plain), 6)], " / ")
}
