package observe

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keepalived-redis/internal/session"
	"keepalived-redis/internal/testing/nettest"
)

// A gateway that is several routers answers on both sides of a broken link.
func TestVirtualWitness(t *testing.T) {
	nettest.Run(t, func(t *testing.T) {
		nettest.Neighbours(t)
		r := observer(t)
		r.Begin()
		r.Memory.Able = &session.AbleMemo{}
		asks := func(addresses ...string) string {
			var asked []*question
			for _, a := range addresses {
				asked = append(asked, &question{to: netip.MustParseAddr(a), answered: true})
			}
			return r.virtual(asked)
		}
		for hardware, want := range map[string]bool{
			"00:00:5e:00:01:05": true, "00:00:0c:07:ac:01": true, "00:00:0c:9f:f1:23": true, "00:07:b4:00:01:02": true, "00:05:73:a0:00:01": true,
			"02:fc:00:00:00:05": false, "00:00:5e:00:02:05": false, "00:00:0c:9f:e1:23": false,
		} {
			nettest.IP(t, "neigh replace 10.9.0.3 lladdr "+hardware+" dev v0")
			r.Memory.Virtual = nil
			if got := asks("10.9.0.3"); (got == "10.9.0.3") != want || got != "" && !want {
				t.Errorf("%s: %q", hardware, got)
			}
		}
		nettest.IP(t, "neigh replace 10.9.0.3 lladdr 02:fc:00:00:00:05 dev v0")
		r.Memory.Virtual = nil
		asks("10.9.0.3")
		nettest.IP(t, "neigh replace 10.9.0.3 lladdr 00:00:5e:00:01:05 dev v0")
		if got := asks("10.9.0.3"); got != "" {
			t.Errorf("it was looked up a moment ago, and is looked up again: %q", got)
		}
		r.Memory.Virtual.At.Mono -= virtualFor
		if got := asks("10.9.0.3"); got != "10.9.0.3" {
			t.Errorf("after a while: %q", got)
		}
		if got := asks("10.9.0.3", "10.9.0.4", "::1"); got != "10.9.0.3" {
			t.Errorf("others have answered: %q", got)
		}
		if got := asks(); got != "" || r.Memory.Virtual != nil {
			t.Errorf("none answers: %q, %+v", got, r.Memory.Virtual)
		}
		r.Memory.Able = nil
		if got := asks("10.9.0.3"); got != "" || r.Memory.Virtual != nil {
			t.Errorf("no peer: %q, %+v", got, r.Memory.Virtual)
		}
	})
}

func TestNeighboursThatMakeNoSense(t *testing.T) {
	old := neighboursFile
	t.Cleanup(func() { neighboursFile = old })
	neighboursFile = filepath.Join(t.TempDir(), "arp")
	const head, good = "IP address       HW type     Flags       HW address            Mask     Device\n", "10.9.0.3 0x1 0x2 00:00:5e:00:01:05 * v0\n"
	for text, want := range map[string]int{
		head + good: 1, head + good + good: 1, "": 0, head: 0, "\x00": 0,
		"10.9.0.3 0x1 0x2 00:00:5e:00:01 * v0\n":                0,
		"10.9.0.3 0x1 0x2 00:00:5e:00:01:05:00:00 * v0\n":       0,
		"10.9.0.3 0x1 0x2 00:00:5e:00:01:zz * v0\n":             0,
		"10.9.0.3 0x1 0x2 00:00:5e:00:01:05 * v0 more\n":        0,
		"10.9.0.30 0x1 0x2 00:00:5e:00:01:05 * v0\n":            0,
		strings.Repeat("x", maxNeighbours) + "\n" + head + good: 0,
	} {
		if err := os.WriteFile(neighboursFile, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		if got := sharing([]string{"10.9.0.3"}); len(got) != want {
			t.Errorf("%.60q: %q", text, got)
		}
		if took := time.Since(begun); took > time.Second {
			t.Errorf("%.60q took %s", text, took)
		}
	}
}
