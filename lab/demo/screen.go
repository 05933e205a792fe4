package demo

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// screen writes lines that stay, and below them a few lines that are always up to date. On a pipe or a file there is no such
// footer: then the footer is written as a line now and then, when its owner asks for it. Its methods may be called at the same time.
type screen struct {
	mu     sync.Mutex
	out    io.Writer
	live   bool
	colour bool
	footer []string
	shown  int
}

// newScreen looks at whether f is a terminal and whether colour is wanted (NO_COLOR).
func newScreen(f *os.File) *screen {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	live := err == nil && os.Getenv("TERM") != "dumb"
	return &screen{out: f, live: live, colour: live && os.Getenv("NO_COLOR") == ""}
}

// Colours, by what they mean.
const (
	good  = "32"
	bad   = "31"
	loud  = "1"
	quiet = "2"
)

func (s *screen) paint(colour, text string) string {
	if !s.colour || text == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// line writes a line that stays.
func (s *screen) line(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wipe()
	fmt.Fprintf(s.out, format+"\n", args...)
	s.draw()
}

// setFooter replaces the lines at the bottom; none takes them away. It does nothing where they cannot be shown.
func (s *screen) setFooter(lines ...string) {
	if !s.live {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wipe()
	s.footer = lines
	s.draw()
}

func (s *screen) wipe() {
	if s.shown > 0 {
		fmt.Fprintf(s.out, "\x1b[%dA\x1b[J", s.shown)
		s.shown = 0
	}
}

func (s *screen) draw() {
	if !s.live || len(s.footer) == 0 {
		return
	}
	fmt.Fprint(s.out, strings.Join(s.footer, "\n")+"\n")
	s.shown = len(s.footer)
}

// millis is a duration as people read it in a time line: whole milliseconds.
func millis(d time.Duration) string {
	return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
}
