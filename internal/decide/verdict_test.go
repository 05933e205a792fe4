package decide

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"keepalived-redis/internal/golden"
	"keepalived-redis/internal/model"
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
					if v.Fit == strings.HasPrefix(v.Sentence, "unfit") || !strings.HasPrefix(v.Sentence, "fit") && v.Fit {
						t.Errorf("fit is %v: %s", v.Fit, v.Sentence)
					}
					if v.Fit && !s.Alive() {
						t.Errorf("fit with an instance that %s", s)
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

// better is another box that could serve more.
var better = map[netip.Addr]int{netip.MustParseAddr("10.0.0.2"): 3}

func TestJudgeSeveral(t *testing.T) {
	failed := seen(7001, model.OtherError)
	failed.Err = errors.New("ERR unknown command 'PING',\r\nwith args beginning with: " + strings.Repeat("é", 100))
	forbidden := model.Look{Instance: model.Instance{Socket: "/run/redis.sock"}, Err: errors.New("dial unix /run/redis.sock: connect: permission denied")}
	for want, looks := range map[string][]model.Look{
		"unfit: no instance is configured":                                                {},
		"fit: the instance answers":                                                       {seen(7000, model.Up)},
		"fit: all 3 instances answer":                                                     {seen(7000, model.Up), seen(7001, model.MasterDown), seen(7002, model.Up)},
		"unfit: 10.0.0.1:7001 is silent":                                                  {seen(7000, model.Up), seen(7001, model.Silent)},
		"unfit: 10.0.0.1:7000 is not a Redis, 10.0.0.1:7001 refuses connections":          {seen(7000, model.NotRedis), seen(7001, model.Refused)},
		"fit, with a warning: 10.0.0.1:7001 has too many clients; hint: raise maxclients": {seen(7000, model.Up), seen(7001, model.TooManyClients)},
		"unfit: 10.0.0.1:7002 is loading its data set, 10.0.0.1:7000 asks for a password; hint: set password_file": {
			seen(7000, model.NoAuth), seen(7001, model.Up), seen(7002, model.Loading)},
		"unfit: 10.0.0.1:7001 answers an error: ERR unknown command 'PING', with args beginning with: " + strings.Repeat("é", 23) + "…": {failed},
		"unfit: /run/redis.sock was not looked at: dial unix /run/redis.sock: connect: permission denied":                               {forbidden},
	} {
		if got := Judge(Facts{Locals: looks, Able: better}); got.Sentence != want || got.Fit == strings.HasPrefix(want, "unfit") {
			t.Errorf("got %q, want %q", got.Sentence, want)
		}
	}
}

// TestRequire: how many must be fit, for every number of those that are.
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
		{0, three(up, up, up), "fit: all 3 instances answer"},
		{0, three(up, up, dead), "unfit: 10.0.0.1:7002 refuses connections"},
		{3, three(up, up, dead), "unfit: 10.0.0.1:7002 refuses connections"},
		{9, three(up, up, up), "fit: all 3 instances answer"},
		{9, three(up, up, dead), "unfit: 10.0.0.1:7002 refuses connections"},
		{2, three(up, up, dead), "fit, with a warning: 2 of 3 instances are fit, which is enough: 10.0.0.1:7002 refuses connections"},
		{2, three(up, dead, dead), "unfit: 1 of 3 instances is fit and 2 must be: 10.0.0.1:7001 refuses connections, 10.0.0.1:7002 refuses connections"},
		{1, three(up, dead, dead), "fit, with a warning: 1 of 3 instances is fit, which is enough: 10.0.0.1:7001 refuses connections, 10.0.0.1:7002 refuses connections"},
		{1, three(dead, dead, dead), "unfit: 0 of 3 instances are fit and 1 must be: 10.0.0.1:7000 refuses connections, 10.0.0.1:7001 refuses connections, 10.0.0.1:7002 refuses connections"},
		{1, three(up, model.Denied, dead), "fit, with a warning: 2 of 3 instances are fit, which is enough: 10.0.0.1:7002 refuses connections, 10.0.0.1:7001 denies us by protected mode; hint: set a password, or protected-mode no"},
		{1, nil, "unfit: no instance is configured"},
	} {
		if got := Judge(Facts{Locals: c.looks, Require: c.require, Able: better}); got.Sentence != c.want || got.Fit == strings.HasPrefix(c.want, "unfit") {
			t.Errorf("require %d: got %v, %q, want %q", c.require, got.Fit, got.Sentence, c.want)
		}
	}
}

// TestJustAsUnfit: one shared mistake does not take the VIP from both boxes. Where nothing is served here, nothing less than certainty keeps it.
func TestJustAsUnfit(t *testing.T) {
	full := func(port uint16) model.Look {
		l := seen(port, model.Misconf)
		l.Info = &model.Info{Role: model.Master}
		return l
	}
	peer := func(box byte, l model.Look) model.Look {
		l.Instance.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, box}), l.Instance.Addr.Port())
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
		"two boxes, and both":                 {[]model.Look{peer(2, full(7003)), peer(3, seen(7004, model.Loading))}, true},
		"two boxes, and one is well":          {[]model.Look{peer(2, full(7003)), peer(3, seen(7004, model.Up))}, false},
		"two boxes, and one is silent":        {[]model.Look{peer(2, full(7003)), peer(3, seen(7004, model.Silent))}, false},
	} {
		got := Judge(Facts{Locals: []model.Look{full(7000)}, Peers: c.peers})
		want := "unfit: 10.0.0.1:7000 cannot write to its disk"
		if c.stays {
			want = "fit, with a warning: every peer is alive and just as unfit, so the VIP stays: 10.0.0.1:7000 cannot write to its disk; hint: look at what the boxes share"
		}
		if got.Fit != c.stays || got.Sentence != want {
			t.Errorf("%s: got %v, %q", name, got.Fit, got.Sentence)
		}
	}
	if got := Judge(Facts{Locals: []model.Look{seen(7000, model.Up)}, Peers: []model.Look{peer(2, full(7003))}}); got.Sentence != "fit: the instance answers" {
		t.Errorf("fit here: %s", got.Sentence)
	}
}

// TestLastHost: a box that can serve something gives its VIP away only to one that is seen to serve more.
func TestLastHost(t *testing.T) {
	box := func(n byte) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, n}) }
	up, dead := seen(7000, model.Up), seen(7001, model.Refused)
	for name, c := range map[string]struct {
		locals []model.Look
		able   map[netip.Addr]int
		fit    bool
	}{
		"nothing is known of the others":        {[]model.Look{up, dead}, nil, true},
		"the other serves nothing":              {[]model.Look{up, dead}, map[netip.Addr]int{box(2): 0}, true},
		"a tie":                                 {[]model.Look{up, dead}, map[netip.Addr]int{box(2): 1}, true},
		"the other serves more":                 {[]model.Look{up, dead}, map[netip.Addr]int{box(2): 2}, false},
		"one of two others serves more":         {[]model.Look{up, dead}, map[netip.Addr]int{box(2): 0, box(3): 2}, false},
		"loading, alone":                        {[]model.Look{up, seen(7001, model.Loading)}, nil, true},
		"nothing here, and nobody known":        {[]model.Look{dead}, nil, false},
		"nothing here, and more there":          {[]model.Look{dead}, map[netip.Addr]int{box(2): 1}, false},
		"all is well, whatever there is beside": {[]model.Look{up}, map[netip.Addr]int{box(2): 9}, true},
	} {
		if got := Judge(Facts{Locals: c.locals, Able: c.able}); got.Fit != c.fit {
			t.Errorf("%s: got %v, %q", name, got.Fit, got.Sentence)
		}
	}
}

// TestBusyWarns: what is busy for a second is worth a word, and up to busy_grace no more.
func TestBusyWarns(t *testing.T) {
	for busyFor, want := range map[time.Duration]string{
		0:                      "fit: the instance answers",
		900 * time.Millisecond: "fit: the instance answers",
		time.Second:            "fit, with a warning: 10.0.0.1:7000 is busy and does not answer; hint: once it answers, SLOWLOG GET and INFO persistence say what it was",
		5 * time.Second:        "unfit: 10.0.0.1:7000 is busy and does not answer for longer than 5s; hint: once it answers, SLOWLOG GET and INFO persistence say what it was",
	} {
		got := Judge(Facts{Locals: []model.Look{seen(7000, model.Working)}, BusyGrace: 5 * time.Second, BusyFor: map[string]time.Duration{"10.0.0.1:7000": busyFor}})
		if got.Sentence != want {
			t.Errorf("busy for %s: got %q", busyFor, got.Sentence)
		}
	}
	if got := Judge(Facts{Locals: []model.Look{seen(7000, model.Working)}, BusyGrace: 5 * time.Second, ByHand: true}); !strings.HasPrefix(got.Sentence, "fit, with a warning: ") {
		t.Errorf("by hand: got %q", got.Sentence)
	}
}
