package lab

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keepalived-redis/lab/host"
	"keepalived-redis/lab/probe"
	"keepalived-redis/lab/report"
)

// lostBy is a run, with a fault at 5 and a heal at 10, in which a writer lost what it got acknowledged at these instants.
func lostBy(source string, at ...float64) report.Run {
	e := probe.Event{Source: source, Kind: probe.Verified, Result: &probe.Result{}}
	for _, a := range at {
		e.Result.LostAcks = append(e.Result.LostAcks, sec(a))
	}
	return report.Run{Client: "client", Others: []string{"client-script"}, Cut: "in", CutOthers: []string{"in-script"},
		Fault: sec(5), Heal: sec(10), Probe: []probe.Event{e}}
}

// Each of these claims is shown a run in which it does not hold, whichever writer saw that.
func TestClaimsOfMoves(t *testing.T) {
	event := func(e host.Event) report.Run {
		return report.Run{Fault: sec(5), Events: []report.Event{
			{Host: "a", Event: host.Event{Kind: host.EventRole, At: sec(1), Addr: "a:1", Text: "master"}},
			{Host: "b", Event: host.Event{Kind: host.EventRole, At: sec(1), Addr: "b:1", Text: "replica"}},
			{Host: "b", Event: e},
		}}
	}
	role := func(at float64, addr, text string) report.Run {
		return event(host.Event{Kind: host.EventRole, At: sec(at), Addr: addr, Text: text})
	}
	said := func(at float64, text string) report.Run {
		return event(host.Event{Kind: host.EventLog, At: sec(at), Program: "chk-redis", Text: text})
	}
	const fence = "fence this host: no peer and no witness (192.168.9.1) answers (cut-off)"
	for _, c := range []struct {
		name  string
		claim claim
		run   report.Run
		wrong int
	}{
		{"scripts lose what they wrote", nothingLostSinceFault, lostBy("client-script", 7), 1},
		{"what the cut side wrote is lost", nothingLostSinceFault, lostBy("in-script", 7), 0},
		{"before it stood still", nothingLostButAtWakeUp, lostBy("client", 4.9), 0},
		{"while it stood still", nothingLostButAtWakeUp, lostBy("client-script", 7), 1},
		{"as it woke", nothingLostButAtWakeUp, lostBy("in", 10.05), 0},
		{"long after the wake-up", nothingLostButAtWakeUp, lostBy("in-script", 10.5), 1},
		{"the client lost something", nothingLostInside, lostBy("client", 7), 0},
		{"the old master lost something", nothingLostInside, lostBy("in-script", 7), 1},
		{"nobody is promoted", nobodyPromoted, role(6, "b:1", "replica-link-down"), 0},
		{"a replica is promoted", nobodyPromoted, role(6, "b:1", "master"), 1},
		{"it was promoted before", nobodyPromoted, role(4, "b:1", "master"), 0},
		{"a master is a master", nobodyPromoted, role(6, "a:1", "master"), 0},
		{"nobody fences", nobodyFenced, said(6, "nothing to do: BACKUP, Redis is left as it is (not-master)"), 0},
		{"a host fences itself", nobodyFenced, said(6, fence), 1},
		{"it did before", nobodyFenced, said(4, fence), 0},
	} {
		if got := c.claim(Outcome{Run: &Run{Extra: map[string]any{}}, Recorded: c.run}); len(got) != c.wrong {
			t.Errorf("%s: got %q, want %d sentences", c.name, got, c.wrong)
		}
	}
}

// Where nothing is persistent, nothing but the configuration of that changes.
func TestWithoutPersistence(t *testing.T) {
	l := &Lab{}
	b := newHost(l, "a", "192.168.9.70", 7000)
	b.dir = t.TempDir()
	l.Redis1 = b
	if err := withoutPersistence(b); err == nil {
		t.Error("no error without a configuration")
	}
	if err := os.MkdirAll(filepath.Join(b.dir, "etc/redis"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := b.WriteFile(redisConfFile(7000), b.redisConf(7000), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := withoutPersistence(b); err != nil {
		t.Fatal(err)
	}
	conf, err := b.ReadFile(redisConfFile(7000))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"appendonly no\n", "save \"\"\n", "cluster-enabled yes\n"} {
		if !strings.Contains(conf, want) {
			t.Errorf("%q is not in %s", want, conf)
		}
	}
}
