package lab_test

import (
	"context"
	"strings"
	"testing"

	"keepalived-redis/lab"
)

// The first users' keepalived.conf runs as it was, with our programs in the places of its scripts. Its hook for BACKUP is a restart of
// all of Redis, at every start of keepalived: nothing is restarted, and the log says so. There is no hook for MASTER: what it
// would do the check does.
func TestOldConfigurationWithOurPrograms(t *testing.T) {
	s, err := lab.Find("host-dies")
	if err != nil {
		t.Fatal(err)
	}
	s.Must = nil // its promises are those of the shipped files
	opts := options(t)
	opts.Setup = lab.OldPaths
	watched := false
	out, err := lab.Play(context.Background(), s, opts, func(r *lab.Run) func() {
		watched = true
		for _, b := range r.Hosts() {
			checkLeftAlone(t, b)
		}
		return func() {}
	})
	if err != nil {
		t.Fatal(err)
	}
	if !watched {
		t.Fatal("nobody looked at the hosts")
	}
	if out.Result.VIP == nil || out.Result.Writable == nil {
		t.Errorf("after the death of the host: VIP %v, every slot writable %v", out.Result.VIP, out.Result.Writable)
	}
}

// started prints when the oldest keepalived and the youngest redis-server started, in clock ticks.
const started = `at() { for p in $(pidof "$1"); do cut -d' ' -f22 /proc/$p/stat; done | sort -n; }
echo $(at keepalived | head -n 1) $(at redis-server | tail -n 1)
[ $(at keepalived | head -n 1) -ge $(at redis-server | tail -n 1) ]`

func checkLeftAlone(t *testing.T, b *lab.Host) {
	t.Helper()
	if out, code, err := b.Run(context.Background(), "sh", "-c", started); err != nil || code != 0 {
		t.Errorf("%s: a Redis is younger than keepalived: %v, exit code %d: %s", b.Name, err, code, out)
	}
	out, code, err := b.Run(context.Background(), "sh", "-c", "cat /var/log/*")
	if err != nil || code != 0 || !strings.Contains(out, "is healthy and was left alone") {
		t.Errorf("%s: its hook has not said that Redis was left alone: %v: %s", b.Name, err, out[max(0, len(out)-2000):])
	}
}
