package program

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// listen opens a system log of the test's own.
func listen(t *testing.T) (socket string, conn *net.UnixConn) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "log")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return socket, conn
}

// syslogOnly is a machine without journald.
func syslogOnly(socket string) sockets { return sockets{journal: socket + ".journal", syslog: socket} }

// next is the next line that the system log got, "" when none is there. It does not wait: a datagram that was sent is there.
func next(t *testing.T, conn *net.UnixConn) string {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1<<16)
	n, failed := 0, error(nil)
	err = raw.Read(func(fd uintptr) bool {
		n, _, failed = unix.Recvfrom(int(fd), b, unix.MSG_DONTWAIT)
		return true
	})
	if failed == unix.EAGAIN {
		return ""
	}
	if err := errors.Join(err, failed); err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

// silent is an error output that is no terminal.
func silent(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func text(t *testing.T, f *os.File) string {
	t.Helper()
	b, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestLinesGoToSyslog(t *testing.T) {
	socket, conn := listen(t)
	log := open("chk-redis", syslogOnly(socket), silent(t))
	pid := log.sink.pid

	log.Info().Msg("healthy")
	log.Warn().Str("instance", "127.0.0.1:7000").Int("tries", 3).Dur("after", 1500*time.Millisecond).Err(errors.New(`no "route"`)).Msg("cannot start redis-server\nnow")
	log.Error().Str("empty", "").Bool("vip", true).Send()
	log.Debug().Msg("not shown")

	for _, want := range []string{
		"<30>chk-redis[" + pid + "]: healthy",
		"<28>chk-redis[" + pid + `]: cannot start redis-server now instance=127.0.0.1:7000 tries=3 after=1500 error="no \"route\""`,
		"<27>chk-redis[" + pid + `]: empty="" vip=true`,
		"",
	} {
		if got := next(t, conn); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
	if n := dropped(log); n != 0 {
		t.Errorf("dropped %d lines", n)
	}
}

func TestHungSyslogCostsLittleAndIsReported(t *testing.T) {
	socket, conn := listen(t)
	log := open("chk-redis", syslogOnly(socket), silent(t))

	// Nobody reads: the kernel takes net.unix.max_dgram_qlen lines and then no more.
	const lines, rounds = 1000, 5
	written := 0
	for ; dropped(log) == 0; written++ {
		if written == lines {
			t.Fatal("the socket never filled up")
		}
		log.Info().Int("n", written).Msg("line")
	}
	// On a machine that is busy with other tests one round may be slow, not each.
	quickest := time.Hour
	for range rounds {
		start := time.Now()
		for range 5 {
			log.Info().Msg("lost")
		}
		quickest = min(quickest, time.Since(start))
	}
	// Each of the five lines also tries to report the drops first.
	if quickest > 5*2*hungDeadline+writeDeadline {
		t.Errorf("five lines to a hung log took %s", quickest)
	}
	if got := dropped(log); got != 1+5*rounds {
		t.Errorf("dropped = %d, want %d", got, 1+5*rounds)
	}

	fresh := open("chk-redis", syslogOnly(socket), silent(t))
	start := time.Now()
	fresh.Info().Msg("lost too")
	if took := time.Since(start); took < writeDeadline/2 || took > 50*writeDeadline {
		t.Errorf("the first line to a hung log took %s, its deadline is %s", took, writeDeadline)
	}
	if got := dropped(fresh); got != 1 {
		t.Errorf("dropped = %d, want 1", got)
	}

	for next(t, conn) != "" {
	}
	log.Info().Msg("back again")
	if got, want := next(t, conn), "]: 26 log lines were lost before this one, the system's log did not take them"; !strings.HasSuffix(got, want) {
		t.Errorf("got %q, want …%q", got, want)
	}
	if got, want := next(t, conn), "]: back again"; !strings.HasSuffix(got, want) {
		t.Errorf("got %q, want …%q", got, want)
	}
	if got := dropped(log); got != 0 {
		t.Errorf("dropped = %d after the report", got)
	}
}

func TestWithoutSyslogLinesGoToStderr(t *testing.T) {
	stderr := silent(t)
	log := open("notify-redis", syslogOnly(filepath.Join(t.TempDir(), "none")), stderr)
	log.Info().Str("state", "MASTER").Msg("event recorded")
	log.Warn().Msg("no witness")
	if got, want := text(t, stderr), "notify-redis: event recorded state=MASTER\nnotify-redis: warn: no witness\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// abandon leaves a socket that no process holds any more, as a log that died does.
func abandon(t *testing.T, socket string, conn *net.UnixConn) {
	t.Helper()
	conn.Close()
	if _, err := os.Lstat(socket); err == nil {
		return
	}
	if err := unix.Mknod(socket, unix.S_IFSOCK|0o600, 0); err != nil {
		t.Fatal(err)
	}
}

func TestDeadSyslogIsCounted(t *testing.T) {
	socket, conn := listen(t)
	stderr := silent(t)
	log := open("chk-redis", syslogOnly(socket), stderr)
	abandon(t, socket, conn)
	log.Info().Msg("lost")
	if got := dropped(log); got != 1 {
		t.Errorf("dropped = %d, want 1", got)
	}
	// Whoever reads the error output has it all the same.
	if got, want := text(t, stderr), "chk-redis: lost\n"; got != want {
		t.Errorf("stderr: %q, want %q", got, want)
	}

	// It comes back with a new socket.
	if err := os.Remove(socket); err != nil {
		t.Fatal(err)
	}
	again, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	log.Info().Msg("healthy")
	if got := next(t, again); !strings.Contains(got, "1 log lines were lost") {
		t.Errorf("got %q", got)
	}
}

func TestFullStderrPipeDoesNotHang(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	log := open("chk-redis", syslogOnly(filepath.Join(t.TempDir(), "none")), w)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 100 {
			log.Info().Str("much", strings.Repeat("x", 3000)).Msg("line")
		}
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("the log hangs on a pipe that nobody reads")
	}
	if dropped(log) == 0 {
		t.Error("no drop was counted")
	}
}

func TestNothingLoggedOpensNothing(t *testing.T) {
	socket, _ := listen(t)
	log := open("chk-redis", syslogOnly(socket), silent(t))
	log.Debug().Msg("below the level")
	if log.sink.syslog.open || log.sink.journal.open {
		t.Error("the socket was opened")
	}
}

func TestLogLevel(t *testing.T) {
	socket, conn := listen(t)
	t.Setenv(LevelVariable, "warn")
	log := open("x", syslogOnly(socket), silent(t))
	log.Info().Msg("quiet")
	log.Warn().Msg("loud")
	if got := next(t, conn); !strings.HasSuffix(got, "]: loud") {
		t.Errorf("got %q", got)
	}

	t.Setenv(LevelVariable, "noisy")
	log = open("x", syslogOnly(socket), silent(t))
	log.Info().Msg("shown")
	if got := next(t, conn); !strings.HasSuffix(got, "]: shown") {
		t.Errorf("got %q", got)
	}
	if got := next(t, conn); !strings.Contains(got, `="noisy" is no log level`) {
		t.Errorf("got %q", got)
	}
	log.Info().Msg("again")
	if got := next(t, conn); !strings.HasSuffix(got, "]: again") {
		t.Errorf("got %q", got)
	}
	if got := next(t, conn); got != "" {
		t.Errorf("the complaint came twice: %q", got)
	}
}

func TestLongAndOddLines(t *testing.T) {
	if got, _ := render([]byte("not json\x00at all\n")); got[0] != "not json at all" {
		t.Errorf("got %q", got)
	}
	if got, _ := render([]byte(`{"message":"` + strings.Repeat("ä", 5000) + `"}`)); len(got[0]) > maxLine+4 {
		t.Errorf("a line of %d bytes", len(got[0]))
	}
}

func TestOpenQuietLeavesTheErrorOutputAlone(t *testing.T) {
	// Where there is no system log nobody else is told, and nothing fails.
	l := open("chk-redis", syslogOnly(filepath.Join(t.TempDir(), "none")), nil)
	l.Error().Msg("said already")
	if dropped(l) != 1 {
		t.Errorf("%d lines are lost, want 1", dropped(l))
	}
}

// dropped is how many lines the system's log has not taken and no later line has reported.
func dropped(l *Log) int {
	l.sink.mu.Lock()
	defer l.sink.mu.Unlock()
	return l.sink.dropped
}
