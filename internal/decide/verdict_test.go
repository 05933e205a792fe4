package decide

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/testing/golden"
)

// seen is a look at an instance on that port.
func seen(port uint16, s model.State) model.Look {
	return model.Look{Instance: model.Instance{Addr: netip.AddrPortFrom(netip.MustParseAddr("10.0.0.1"), port)}, State: s}
}

// TestJudge compares the sentence of every state, role and link; what is judged alike stands together.
func TestJudge(t *testing.T) {
	var got strings.Builder
	busyFor := map[bool]time.Duration{false: 900 * time.Millisecond, true: 5 * time.Second}
	for s := model.Unseen; s <= model.NotRedis; s++ {
		var last string
		for _, role := range []model.Role{"", model.Master, model.Replica} {
			for _, link := range []bool{true, false} {
				for _, long := range []bool{false, true} {
					l := seen(7000, s)
					if role != "" {
						l.Info = &model.Info{Role: role, LinkUp: link}
					}
					if !s.Alive() {
						l.Info = nil // it has not said anything
					}
					v := Judge(Facts{Locals: []model.Look{l}, BusyGrace: 5 * time.Second,
						BusyFor: map[string]time.Duration{"10.0.0.1:7000": busyFor[long], "10.0.0.1:7001": time.Minute}})
					if v.EnoughForVIP() == strings.HasPrefix(v.Sentence, "unhealthy") || v.EnoughForVIP() && !strings.HasPrefix(v.Sentence, "healthy: ") && !strings.HasPrefix(v.Sentence, "degraded: ") {
						t.Errorf("healthy is %v: %s", v.EnoughForVIP(), v.Sentence)
					}
					if v.EnoughForVIP() && !s.Alive() {
						t.Errorf("healthy with an instance that %s", s)
					}
					key := fmt.Sprintf("  role %-7s link up %-5v too long %v\n", or(string(role), "unknown"), link, long)
					if v.Sentence != last {
						last = v.Sentence
						fmt.Fprintf(&got, "%s\n", v.Sentence)
					}
					got.WriteString(key)
				}
			}
		}
	}
	golden.Check(t, "verdict.txt", got.String())
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// better is another host that could serve more.
var better = map[netip.Addr]int{netip.MustParseAddr("10.0.0.2"): 3}

func TestJudgeSeveral(t *testing.T) {
	failed := seen(7001, model.OtherError)
	failed.Err = errors.New("ERR unknown command 'PING',\r\nwith args beginning with: " + strings.Repeat("é", 100))
	forbidden := model.Look{Instance: model.Instance{Socket: "/run/redis.sock"}, Err: errors.New("dial unix /run/redis.sock: connect: permission denied")}
	for want, looks := range map[string][]model.Look{
		"unhealthy: no instance is configured":                                       {},
		"healthy: the instance answers":                                              {seen(7000, model.Up)},
		"healthy: all 3 instances answer":                                            {seen(7000, model.Up), seen(7001, model.MasterDown), seen(7002, model.Up)},
		"unhealthy: 10.0.0.1:7001 is silent":                                         {seen(7000, model.Up), seen(7001, model.Silent)},
		"unhealthy: 10.0.0.1:7000 is not a Redis, 10.0.0.1:7001 refuses connections": {seen(7000, model.NotRedis), seen(7001, model.Refused)},
		"degraded: 10.0.0.1:7001 has too many clients; hint: raise maxclients":       {seen(7000, model.Up), seen(7001, model.TooManyClients)},
		"unhealthy: 10.0.0.1:7002 is loading its data set, 10.0.0.1:7000 asks for a password; hint: set password_file": {
			seen(7000, model.NoAuth), seen(7001, model.Up), seen(7002, model.Loading)},
		"unhealthy: 10.0.0.1:7001 answers an error: ERR unknown command 'PING', with args beginning with: " + strings.Repeat("é", 23) + "…": {failed},
		"unhealthy: /run/redis.sock was not looked at: dial unix /run/redis.sock: connect: permission denied":                               {forbidden},
	} {
		if got := Judge(Facts{Locals: looks, Able: better}); got.Sentence != want || got.EnoughForVIP() == strings.HasPrefix(want, "unhealthy") {
			t.Errorf("got %q, want %q", got.Sentence, want)
		}
	}
}

// TestRequire: how many must be healthy, for every number of those that are.
func TestRequire(t *testing.T) {
	up, dead := model.Up, model.Refused
	three := func(a, b, c model.State) []model.Look {
		return []model.Look{seen(7000, a), seen(7001, b), seen(7002, c)}
	}
	for _, c := range []struct {
		require int
		looks   []model.Look
		want    string
	}{
		{0, three(up, up, up), "healthy: all 3 instances answer"},
		{0, three(up, up, dead), "unhealthy: 10.0.0.1:7002 refuses connections"},
		{3, three(up, up, dead), "unhealthy: 10.0.0.1:7002 refuses connections"},
		{9, three(up, up, up), "healthy: all 3 instances answer"},
		{9, three(up, up, dead), "unhealthy: 10.0.0.1:7002 refuses connections"},
		{2, three(up, up, dead), "degraded: 2 of 3 instances are healthy, which is enough: 10.0.0.1:7002 refuses connections"},
		{2, three(up, dead, dead), "unhealthy: 1 of 3 instances is healthy and 2 must be: 10.0.0.1:7001 refuses connections, 10.0.0.1:7002 refuses connections"},
		{1, three(up, dead, dead), "degraded: 1 of 3 instances is healthy, which is enough: 10.0.0.1:7001 refuses connections, 10.0.0.1:7002 refuses connections"},
		{1, three(dead, dead, dead), "unhealthy: 0 of 3 instances are healthy and 1 must be: 10.0.0.1:7000 refuses connections, 10.0.0.1:7001 refuses connections, 10.0.0.1:7002 refuses connections"},
		{1, three(up, model.Denied, dead), "degraded: 2 of 3 instances are healthy, which is enough: 10.0.0.1:7002 refuses connections, 10.0.0.1:7001 denies us by protected mode; hint: set a password, or protected-mode no"},
		{1, nil, "unhealthy: no instance is configured"},
	} {
		if got := Judge(Facts{Locals: c.looks, Require: c.require, Able: better}); got.Sentence != c.want || got.EnoughForVIP() == strings.HasPrefix(c.want, "unhealthy") {
			t.Errorf("require %d: got %v, %q, want %q", c.require, got.EnoughForVIP(), got.Sentence, c.want)
		}
	}
}

// TestJustAsUnhealthy: one shared mistake does not take the VIP from both hosts. Where nothing is served here, nothing less than certainty keeps it.
func TestJustAsUnhealthy(t *testing.T) {
	full := func(port uint16) model.Look {
		l := seen(port, model.Misconf)
		l.Info = &model.Info{Role: model.Master}
		return l
	}
	peer := func(host byte, l model.Look) model.Look {
		l.Instance.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, host}), l.Instance.Addr.Port())
		return l
	}
	replica := full(7003)
	replica.Info = &model.Info{Role: model.Replica}
	for name, c := range map[string]struct {
		peers []model.Look
		stays bool
	}{
		"no peers":                            {nil, false},
		"a full disk there as well":           {[]model.Look{peer(2, full(7003)), peer(2, seen(7004, model.Up))}, true},
		"less there":                          {[]model.Look{peer(2, seen(7003, model.Up)), peer(2, seen(7004, model.Up))}, false},
		"a replica there, which cannot write": {[]model.Look{peer(2, replica), peer(2, seen(7004, model.Up))}, true},
		"one dead there, one alive":           {[]model.Look{peer(2, seen(7003, model.Refused)), peer(2, seen(7004, model.Up))}, true},
		"all dead there":                      {[]model.Look{peer(2, seen(7003, model.Refused)), peer(2, seen(7004, model.Refused))}, false},
		"silent there":                        {[]model.Look{peer(2, seen(7003, model.Silent)), peer(2, seen(7004, model.Silent))}, false},
		"slow there, which proves nothing":    {[]model.Look{peer(2, seen(7003, model.Stalled)), peer(2, seen(7004, model.Up))}, false},
		"not looked at":                       {[]model.Look{peer(2, seen(7003, model.Unseen)), peer(2, seen(7004, model.Up))}, false},
		"two hosts, and both":                 {[]model.Look{peer(2, full(7003)), peer(3, seen(7004, model.Loading))}, true},
		"two hosts, and one is well":          {[]model.Look{peer(2, full(7003)), peer(3, seen(7004, model.Up))}, false},
		"two hosts, and one is silent":        {[]model.Look{peer(2, full(7003)), peer(3, seen(7004, model.Silent))}, false},
	} {
		got := Judge(Facts{Locals: []model.Look{full(7000)}, Peers: c.peers})
		want := "unhealthy: 10.0.0.1:7000 cannot write to its disk"
		if c.stays {
			want = "degraded: every peer is alive and just as unhealthy, so the VIP stays: 10.0.0.1:7000 cannot write to its disk; hint: look at what the hosts share"
		}
		if got.EnoughForVIP() != c.stays || got.Sentence != want {
			t.Errorf("%s: got %v, %q", name, got.EnoughForVIP(), got.Sentence)
		}
	}
	if got := Judge(Facts{Locals: []model.Look{seen(7000, model.Up)}, Peers: []model.Look{peer(2, full(7003))}}); got.Sentence != "healthy: the instance answers" {
		t.Errorf("healthy here: %s", got.Sentence)
	}
}

// TestLastHost: a host that can serve something gives its VIP away only to one that is seen to serve more.
func TestLastHost(t *testing.T) {
	host := func(n byte) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, n}) }
	up, dead := seen(7000, model.Up), seen(7001, model.Refused)
	for name, c := range map[string]struct {
		locals  []model.Look
		able    map[netip.Addr]int
		healthy bool
	}{
		"nothing is known of the others":        {[]model.Look{up, dead}, nil, true},
		"the other serves nothing":              {[]model.Look{up, dead}, map[netip.Addr]int{host(2): 0}, true},
		"a tie":                                 {[]model.Look{up, dead}, map[netip.Addr]int{host(2): 1}, true},
		"the other serves more":                 {[]model.Look{up, dead}, map[netip.Addr]int{host(2): 2}, false},
		"one of two others serves more":         {[]model.Look{up, dead}, map[netip.Addr]int{host(2): 0, host(3): 2}, false},
		"loading, alone":                        {[]model.Look{up, seen(7001, model.Loading)}, nil, true},
		"nothing here, and nobody known":        {[]model.Look{dead}, nil, false},
		"nothing here, and more there":          {[]model.Look{dead}, map[netip.Addr]int{host(2): 1}, false},
		"all is well, whatever there is beside": {[]model.Look{up}, map[netip.Addr]int{host(2): 9}, true},
	} {
		if got := Judge(Facts{Locals: c.locals, Able: c.able}); got.EnoughForVIP() != c.healthy {
			t.Errorf("%s: got %v, %q", name, got.EnoughForVIP(), got.Sentence)
		}
	}
}

// TestBusyWarns: what is busy for a second is worth a word, and up to busy_grace no more.
func TestBusyWarns(t *testing.T) {
	for busyFor, want := range map[time.Duration]string{
		0:                      "healthy: the instance answers",
		900 * time.Millisecond: "healthy: the instance answers",
		time.Second:            "degraded: 10.0.0.1:7000 is busy and does not answer; hint: once it answers, SLOWLOG GET and INFO persistence say what it was",
		5 * time.Second:        "unhealthy: 10.0.0.1:7000 is busy and does not answer for longer than 5s; hint: once it answers, SLOWLOG GET and INFO persistence say what it was",
	} {
		got := Judge(Facts{Locals: []model.Look{seen(7000, model.Working)}, BusyGrace: 5 * time.Second, BusyFor: map[string]time.Duration{"10.0.0.1:7000": busyFor}})
		if got.Sentence != want {
			t.Errorf("busy for %s: got %q", busyFor, got.Sentence)
		}
	}
	if got := Judge(Facts{Locals: []model.Look{seen(7000, model.Working)}, BusyGrace: 5 * time.Second, ByHand: true}); !strings.HasPrefix(got.Sentence, "degraded: ") {
		t.Errorf("by hand: got %q", got.Sentence)
	}
}
