package whole

import (
	"os"
	"strconv"
	"testing"
	"time"
)

func TestHandedIsParsed(t *testing.T) {
	ago, version, ok := parse(handed(7, 5*time.Second, "v1 dirty"), 7, 5*time.Second+time.Millisecond)
	if !ok || ago != time.Millisecond || version != "v1 dirty" {
		t.Errorf("%s, %q, %v", ago, version, ok)
	}
}

// What was not said to this process, or cannot be, is not believed.
func TestForeignIsNotBelieved(t *testing.T) {
	for _, text := range []string{"", "7", "7 1", "8 5000000000 v1", "07 5000000000 v1", "7 5000000001 v1", "7 -1 v1", "7 99999999999999999999 v1", "7 1e9 v1", " 7 5000000000 v1"} {
		if _, _, ok := parse(text, 7, 5*time.Second); ok {
			t.Errorf("%q is believed", text)
		}
	}
	if _, _, ok := parse("7 0 v1", 7, longest+1); ok {
		t.Error("a check that has lasted for longer than any is believed")
	}
}

func TestBegunIsNotToldToChildren(t *testing.T) {
	t.Setenv(variable, handed(os.Getpid(), mono()-300*time.Millisecond, "v1"))
	before := time.Now()
	begun, version := Begun()
	if d := before.Sub(begun); d < 200*time.Millisecond || d > 301*time.Millisecond || version != "v1" {
		t.Errorf("begun %s before, %q", d, version)
	}
	if text, ok := os.LookupEnv(variable); ok {
		t.Errorf("%q is still there", text)
	}
	if begun, version := Begun(); time.Since(begun) > time.Second || version != "" {
		t.Errorf("begun %s ago, %q", time.Since(begun), version)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("7 5000000000 v1", 7, int64(6e9))
	f.Add("7 -1 ", 7, int64(0))
	f.Fuzz(func(t *testing.T, text string, pid int, now int64) {
		ago, version, ok := parse(text, pid, time.Duration(now))
		switch {
		case !ok && (ago != 0 || version != ""):
			t.Errorf("%q: half believed", text)
		case ok && (ago < 0 || ago > longest):
			t.Errorf("%q: %s ago", text, ago)
		case ok && text != strconv.Itoa(pid)+text[len(strconv.Itoa(pid)):]:
			t.Errorf("%q is not of %d", text, pid)
		}
	})
}

// Nothing but the name of a check makes a check of notify-redis.
func TestAsCheck(t *testing.T) {
	for argv0, want := range map[string]bool{"chk-redis": true, "/usr/libexec/keepalived/chk-redis": true, "": false, "notify-redis": false,
		"/usr/sbin/notify-redis": false, "-chk-redis": false, "chk-redis-full": false, "/chk-redis/notify-redis": false} {
		if got := AsCheck(argv0); got != want {
			t.Errorf("%q: %v", argv0, got)
		}
	}
}
