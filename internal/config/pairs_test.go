package config

import (
	"strings"
	"testing"
	"time"
)

// Both hosts must come to the same pairs, or each would follow somebody else.
func TestPairsAreTheSameOnBothHosts(t *testing.T) {
	for name, c := range map[string]struct {
		here, there string
		pairs       map[string]string
	}{
		"same ports":  {`"10.0.0.1:7000-7001"`, `"10.0.0.2:7000-7001"`, map[string]string{"10.0.0.1:7000": "10.0.0.2:7000", "10.0.0.1:7001": "10.0.0.2:7001"}},
		"other order": {`"10.0.0.1:7001", "10.0.0.1:7000"`, `"10.0.0.2:7000-7001"`, map[string]string{"10.0.0.1:7000": "10.0.0.2:7000", "10.0.0.1:7001": "10.0.0.2:7001"}},
		"by position": {`"10.0.0.1:7000-7002"`, `"10.0.0.2:7003-7005"`, map[string]string{"10.0.0.1:7000": "10.0.0.2:7003", "10.0.0.1:7001": "10.0.0.2:7004", "10.0.0.1:7002": "10.0.0.2:7005"}},
		"both":        {`"10.0.0.1:7000-7001"`, `"10.0.0.2:7001-7002"`, map[string]string{"10.0.0.1:7000": "10.0.0.2:7002", "10.0.0.1:7001": "10.0.0.2:7001"}},
		"too few":     {`"10.0.0.1:7000-7001"`, `"10.0.0.2:7001"`, map[string]string{"10.0.0.1:7000": "invalid AddrPort", "10.0.0.1:7001": "10.0.0.2:7001"}},
		"by a socket": {`"unix:/run/redis.sock"`, `"10.0.0.2:7001"`, map[string]string{"/run/redis.sock": "invalid AddrPort"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newHost(t)
			load := func(instances, peers string) map[string]string {
				pairs := map[string]string{}
				for _, i := range b.mustLoad("instances = [" + instances + "]\npeers = [" + peers + "]\n").Instances {
					pairs[i.Name()] = i.Peer.String()
				}
				return pairs
			}
			if d := diff(c.pairs, load(c.here, c.there)); d != "" {
				t.Error(d)
			}
			if strings.Contains(c.here, "unix") {
				return
			}
			for peer, own := range load(c.there, c.here) {
				if mine := c.pairs[own]; mine != peer && mine != "invalid AddrPort" {
					t.Errorf("there %s is paired with %s, here that one with %s", peer, own, mine)
				}
			}
		})
	}
}

func TestNothingSettlesInAPairUnlessItIsSaid(t *testing.T) {
	b := newHost(t)
	for text, want := range map[string]time.Duration{
		"": time.Second, "peers = \"10.0.0.2:7000\"": 0, "peers = \"10.0.0.2:7000\"\n[times]\nsettle = \"2s\"": 2 * time.Second,
	} {
		if got := b.mustLoad("instances = \"10.0.0.1:7000\"\n" + text + "\n").Times.Settle; got != want {
			t.Errorf("%q: settle is %s, want %s", text, got, want)
		}
	}
}

func TestStrictTellsOfInstancesWithoutAPeer(t *testing.T) {
	b := newHost(t)
	o := b.options()
	o.File = b.write("/pairs.toml", "instances = [\"127.0.0.1:7000\", \"unix:/run/redis.sock\"]\npeers = [\"10.0.0.2:7000-7001\"]\n")
	report, _ := Strict(o)
	for _, want := range []string{
		"/run/redis.sock has no peer, so it is never promoted nor demoted; hint: ",
		"127.0.0.1:7000 cannot be reached by its peer 10.0.0.2:7000; hint: ",
		"peer 10.0.0.2:7001 has no instance on this host",
	} {
		if !strings.Contains(report, want) {
			t.Errorf("not told: %s\n%s", want, report)
		}
	}
}

func TestStrictTellsOfAReplicaThatCouldNotLogIn(t *testing.T) {
	b := newHost(t)
	o := b.options()
	o.File = b.write("/pairs.toml", "instances = \"10.0.0.1:7000\"\npeers = \"10.0.0.2:7000\"\n")
	for conf, want := range map[string]bool{"requirepass secret\n": true, "requirepass secret\nmasterauth secret\n": false, "": false} {
		b.write("/etc/redis/7000.conf", "port 7000\n"+conf)
		if report, _ := Strict(o); strings.Contains(report, "no masterauth") != want || strings.Contains(report, "secret") {
			t.Errorf("%q: %s", conf, report)
		}
	}
}
