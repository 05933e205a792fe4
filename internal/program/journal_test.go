package program

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

// decode reads one datagram of the native protocol as journald does, and fails on what journald would not take.
func decode(t *testing.T, datagram string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for b := []byte(datagram); len(b) > 0; {
		head, rest, ok := bytes.Cut(b, []byte("\n"))
		if !ok {
			t.Fatalf("the last line does not end: %q", b)
		}
		key, value, plain := strings.Cut(string(head), "=")
		if !plain {
			n := binary.LittleEndian.Uint64(rest)
			rest = rest[8:]
			if uint64(len(rest)) <= n || rest[n] != '\n' {
				t.Fatalf("%s announces %d bytes of %q", key, n, rest)
			}
			value, rest = string(rest[:n]), rest[n+1:]
		}
		if key == "" || len(key) > 64 || key[0] < 'A' || key[0] > 'Z' || strings.Trim(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
			t.Errorf("%q is no name for journald", key)
		}
		if _, twice := out[key]; twice {
			t.Errorf("%s is there twice", key)
		}
		out[key], b = value, rest
	}
	return out
}

// journald is a machine with a journal of the test's own, and a syslog that may be there or not.
func journald(t *testing.T) (sockets, *net.UnixConn) {
	t.Helper()
	socket, conn := listen(t)
	return sockets{journal: socket, syslog: filepath.Join(t.TempDir(), "syslog")}, conn
}

func TestLinesGoToTheJournal(t *testing.T) {
	to, conn := journald(t)
	stderr := silent(t)
	log := open("chk-redis", to, stderr)
	log.Warn().Str("instance", "127.0.0.1:7000").Int("tries", 3).Err(errors.New("no\n\"route\"\n")).Str("PRIORITY", "0").Str("_uid", "0").Msg("cannot start\nnow")
	want := map[string]string{
		"MESSAGE":           `cannot start now instance=127.0.0.1:7000 tries=3 error="no\n\"route\"\n" PRIORITY=0 _uid=0`,
		"PRIORITY":          "4",
		"SYSLOG_IDENTIFIER": "chk-redis",
		"SYSLOG_FACILITY":   "3",
		"SYSLOG_PID":        log.sink.pid,
		"INSTANCE":          "127.0.0.1:7000",
		"TRIES":             "3",
		"ERROR":             "no\n\"route\"\n",
		"UID":               "0",
	}
	if d := cmp.Diff(want, decode(t, next(t, conn))); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	log.Error().Send()
	if got := decode(t, next(t, conn)); got["PRIORITY"] != "3" || got["MESSAGE"] != "" {
		t.Errorf("got %v", got)
	}
	if got := text(t, stderr); got != "" || dropped(log) != 0 {
		t.Errorf("stderr has %q, %d lines are lost", got, dropped(log))
	}
}

// The journal is stopped, its socket is held by systemd and nobody reads it.
func TestHungJournalCostsLittleAndIsReported(t *testing.T) {
	to, conn := journald(t)
	var syslog *net.UnixConn
	to.syslog, syslog = listen(t)
	log := open("chk-redis", to, silent(t))
	const lines = 1000
	for written := 0; dropped(log) == 0; written++ {
		if written == lines {
			t.Fatal("the socket never filled up")
		}
		log.Info().Int("n", written).Msg("line")
	}
	fresh := open("chk-redis", to, silent(t))
	fresh.sink.dropped = 1 // as after an earlier line
	start := time.Now()
	fresh.Info().Msg("lost")
	// The bound leaves room for a slow machine.
	if took := time.Since(start); took < writeDeadline/2 || took > 50*writeDeadline {
		t.Errorf("a line to a hung journal took %s, its deadline is %s", took, writeDeadline)
	}
	if got := next(t, syslog); got != "" || dropped(fresh) != 2 {
		t.Errorf("syslog has %q, %d lines are lost, want 2", got, dropped(fresh))
	}
	for next(t, conn) != "" {
	}
	fresh.Info().Msg("back again")
	if got := decode(t, next(t, conn)); !strings.HasPrefix(got["MESSAGE"], "2 log lines were lost before this one") || got["PRIORITY"] != "4" {
		t.Errorf("got %v", got)
	}
	if got := decode(t, next(t, conn)); got["MESSAGE"] != "back again" {
		t.Errorf("got %v", got)
	}
}

// A socket that nobody holds any more: the line goes to syslog, and where that is missing or dead, to the error output.
func TestDeadJournalIsPassedOver(t *testing.T) {
	to, conn := journald(t)
	abandon(t, to.journal, conn)
	stderr := silent(t)
	log := open("chk-redis", to, stderr)
	log.Info().Msg("one")
	if got := text(t, stderr); got != "chk-redis: one\n" || dropped(log) != 1 {
		t.Errorf("stderr has %q, %d lines are lost, want 1", got, dropped(log))
	}

	withSyslog, syslog := to, (*net.UnixConn)(nil)
	withSyslog.syslog, syslog = listen(t)
	log = open("chk-redis", withSyslog, stderr)
	log.Info().Str("a", "b").Msg("two")
	if got := next(t, syslog); !strings.HasSuffix(got, "]: two a=b") || dropped(log) != 0 {
		t.Errorf("syslog has %q, %d lines are lost", got, dropped(log))
	}
	abandon(t, withSyslog.syslog, syslog)
	log.Info().Msg("three")
	if got := text(t, stderr); got != "chk-redis: one\nchk-redis: three\n" || dropped(log) != 1 {
		t.Errorf("stderr has %q, %d lines are lost, want 1", got, dropped(log))
	}

	// It comes back with a new socket.
	if err := os.Remove(to.journal); err != nil {
		t.Fatal(err)
	}
	again, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: to.journal, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	log.Info().Msg("four")
	if got := decode(t, next(t, again)); !strings.HasPrefix(got["MESSAGE"], "1 log lines were lost") {
		t.Errorf("got %v", got)
	}
	if got := decode(t, next(t, again)); got["MESSAGE"] != "four" {
		t.Errorf("got %v", got)
	}
}

func TestLongEntriesAreCut(t *testing.T) {
	to, conn := journald(t)
	log := open("chk-redis", to, silent(t))
	long := strings.Repeat("ä", 100_000)
	e := log.Info()
	for _, key := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"} {
		e = e.Str(key, long)
	}
	e.Msg("much")
	got := decode(t, next(t, conn))
	if n := len(got["MESSAGE"]); n > maxLine+4 || n < maxLine/2 || len(got["A"]) > maxLine+4 || got["L"] != "" {
		t.Errorf("MESSAGE has %d bytes, A %d, L %d", n, len(got["A"]), len(got["L"]))
	}

	// A kernel that has less room than that: the fields go, and half of the line stays.
	if err := unix.SetsockoptInt(log.sink.journal.fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 1); err != nil { // the least that it takes
		t.Fatal(err)
	}
	log.Info().Str("a", long).Msg("much")
	got = decode(t, next(t, conn))
	if n := len(got["MESSAGE"]); n > maxLine/2+4 || n < maxLine/4 || got["A"] != "" || got["SYSLOG_IDENTIFIER"] == "" || dropped(log) != 0 {
		t.Errorf("MESSAGE has %d bytes, A %d, %d lines are lost", n, len(got["A"]), dropped(log))
	}
}

func TestJournalKeys(t *testing.T) {
	for key, want := range map[string]string{"instance": "INSTANCE", "Peer-1": "PEER_1", "_trusted": "TRUSTED", "1st": "ST", "ä": "", "": "",
		"message": "", "syslog_pid": "", strings.Repeat("x", 65): ""} {
		if got := journalKey(key); got != want {
			t.Errorf("%q gives %q, want %q", key, got, want)
		}
	}
}

func TestTheJournalIsThatOfTheSystem(t *testing.T) {
	log, quiet := Open("x"), OpenQuiet("x")
	for _, l := range []*Log{log, quiet} {
		if l.sink.journal.path != "/run/systemd/journal/socket" || l.sink.syslog.path != "/dev/log" {
			t.Errorf("%q, %q", l.sink.journal.path, l.sink.syslog.path)
		}
	}
	if log.sink.stderr != os.Stderr || quiet.sink.stderr != nil || log.GetLevel() != zerolog.InfoLevel {
		t.Error("the error output, or the level, is not what it should be")
	}
}
