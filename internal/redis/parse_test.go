package redis

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keepalived-redis/internal/model"
)

// TestParseNode goes through the forms of one line that no recording has.
func TestParseNode(t *testing.T) {
	for line, want := range map[string]string{
		// Addresses: before 4.0, from 4.0, from 7.0 with a host name, of Valkey 8 with more behind it, IPv6, TLS alone.
		"n1 10.0.0.1:7000 master - 0 0 1 connected 0-1":                         "n1 10.0.0.1:7000 master epoch 1 slots [{0 1}]",
		"n1 10.0.0.1:7000@17000 master - 0 0 1 connected":                       "n1 10.0.0.1:7000 master epoch 1 slots []",
		"n1 10.0.0.1:7000@17000,a.example master - 0 0 1 connected":             "n1 10.0.0.1:7000 master epoch 1 slots []",
		"n1 10.0.0.1:7000@17000,a.example,shard-id=12 master - 0 0 1 connected": "n1 10.0.0.1:7000 master epoch 1 slots []",
		"n1 10.0.0.1:7000@17000, master - 0 0 1 connected":                      "n1 10.0.0.1:7000 master epoch 1 slots []",
		"n1 2001:db8::1:7000@17000 master - 0 0 1 connected":                    "n1 [2001:db8::1]:7000 master epoch 1 slots []",
		"n1 2001:db8::1:7000 master - 0 0 1 connected":                          "n1 [2001:db8::1]:7000 master epoch 1 slots []",
		"n1 ::ffff:10.0.0.1:7000@17000 master - 0 0 1 connected":                "n1 10.0.0.1:7000 master epoch 1 slots []",
		"n1 10.0.0.1:65535@0 master - 0 0 1 connected":                          "n1 10.0.0.1:65535 master epoch 1 slots []",
		// No address: a node that has met nobody, one whose address is lost, a name, a port out of range.
		"n1 :7000@17000 myself,master - 0 0 0 connected 7":         "n1 invalid AddrPort master myself epoch 0 slots [{7 7}]",
		"n1 :0@0 master,noaddr - 1 1 2 disconnected":               "n1 invalid AddrPort master unknown epoch 2 slots []",
		"n1 :0 slave,fail,noaddr m1 1 1 2 disconnected":            "n1 invalid AddrPort replica of m1 failed unknown epoch 2 slots []",
		"n1 ?:7000@17000,a.example master - 0 0 1 connected":       "n1 invalid AddrPort master epoch 1 slots []",
		"n1 10.0.0.1:0@0 master - 0 0 1 connected":                 "n1 invalid AddrPort master epoch 1 slots []",
		"n1 10.0.0.1:70000 master - 0 0 1 connected":               "n1 invalid AddrPort master epoch 1 slots []",
		"n1 10.0.0.1:7000@17000 handshake - 1 0 0 disconnected":    "n1 10.0.0.1:7000  unknown epoch 0 slots []",
		"n1 10.0.0.1:7000@17000 noflags - 1 0 0 disconnected":      "n1 10.0.0.1:7000  epoch 0 slots []",
		"n1 10.0.0.1:7000@17000 replica m1 1 0 3 connected":        "n1 10.0.0.1:7000 replica of m1 epoch 3 slots []",
		"n1 10.0.0.1:7000 slave,fail?,nofailover m1 1 0 3 x":       "n1 10.0.0.1:7000 replica of m1 suspected epoch 3 slots []",
		"n1 10.0.0.1:7000 myself,master,fail - 1 0 3 disconnected": "n1 10.0.0.1:7000 master myself failed epoch 3 slots []",
		// Slots: the whole range, single ones, on their way out and in.
		"n1 10.0.0.1:7000 master - 0 0 1 connected 0 5-7 16383":       "n1 10.0.0.1:7000 master epoch 1 slots [{0 0} {5 7} {16383 16383}]",
		"n1 10.0.0.1:7000 master - 0 0 1 connected 0-16383":           "n1 10.0.0.1:7000 master epoch 1 slots [{0 16383}]",
		"n1 10.0.0.1:7000 master - 0 0 1 connected 0-9 [7->-n2]":      "n1 10.0.0.1:7000 master migrating epoch 1 slots [{0 9}]",
		"n1 10.0.0.1:7000 master - 0 0 1 connected [7-<-n2] [8-<-n2]": "n1 10.0.0.1:7000 master migrating epoch 1 slots []",
		"n1 10.0.0.1:7000 master - 0 0 18446744073709551615 x":        "n1 10.0.0.1:7000 master epoch 18446744073709551615 slots []",
	} {
		n, err := parseNode(line)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if d := cmp.Diff(want, describeNode(n)); d != "" {
			t.Errorf("%s:\n%s", line, d)
		}
	}
}

func TestParseNodesRefuses(t *testing.T) {
	for _, line := range []string{
		"n1 10.0.0.1:7000 master - 0 0 1",                         // cut short
		"n1 10.0.0.1:7000 master - 0 0 -1 connected",              // no epoch
		"n1 10.0.0.1:7000 master - 0 0 1 connected 16384",         // no slot
		"n1 10.0.0.1:7000 master - 0 0 1 connected -1",            // no slot
		"n1 10.0.0.1:7000 master - 0 0 1 connected 5-",            // half a range
		"n1 10.0.0.1:7000 master - 0 0 1 connected 1-2-3",         // too many ends
		"n1 10.0.0.1:7000 master - 0 0 184467440737095516160 x",   // an epoch out of range
		"n1 10.0.0.1:7000 master - 0 0 1 connected 0x10",          // no decimal
		"n1 10.0.0.1:7000 master - 0 0 1 connected 1 2 3 garbage", // garbage at the end
	} {
		good := "n2 10.0.0.2:7000 myself,master - 0 0 1 connected\n"
		ns, err := ParseNodes(good + line)
		if !errors.Is(err, ErrNodes) || ns != nil {
			t.Errorf("%s: got %v, %v", line, ns, err)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\r\n") {
			t.Errorf("an error of more than one line: %q", err)
		}
	}
}

func TestParseInfo(t *testing.T) {
	master := netip.MustParseAddrPort("[2001:db8::1]:7000")
	for text, want := range map[string]model.Info{
		"role:master":                                                {Role: model.Master},
		"# Replication\r\nrole:slave\r\n":                            {Role: model.Replica},
		"role:replica\nmaster_link_status:up":                        {Role: model.Replica, LinkUp: true},
		"role:master\nloading:1":                                     {Role: model.Master, Loading: true},
		"role:master\nredis_mode:cluster":                            {Role: model.Master, Cluster: true},
		"role:master\ncluster_enabled:1":                             {Role: model.Master, Cluster: true},
		"role:master\nredis_mode:standalone":                         {Role: model.Master},
		"role:master\nredis_version:7.0.15":                          {Role: model.Master, Version: model.Version{Major: 7, Patch: 15}, VersionText: "7.0.15"},
		"role:master\nredis_version:255.255.9":                       {Role: model.Master, Version: model.Version{Major: 255, Minor: 255, Patch: 9}, VersionText: "255.255.9"},
		"role:master\nredis_version:unstable":                        {Role: model.Master, VersionText: "unstable"},
		"role:slave\nmaster_host:2001:db8::1\nmaster_port:7000":      {Role: model.Replica, Master: master},
		"role:slave\nmaster_host:redis.example\nmaster_port:7000":    {Role: model.Replica},
		"role:slave\nmaster_host:10.0.0.1\nmaster_port:0":            {Role: model.Replica},
		"role:slave\nmaster_host:10.0.0.1":                           {Role: model.Replica},
		"role:master\nmaster_host:10.0.0.1\nmaster_port:7000":        {Role: model.Master},
		"role:slave\nslave_repl_offset:-1\nmaster_repl_offset:9":     {Role: model.Replica, Offset: -1},
		"role:master\nmaster_repl_offset:9223372036854775807":        {Role: model.Master, Offset: 1<<63 - 1},
		"role:master\nslave_repl_offset:7\nmaster_repl_offset:9":     {Role: model.Master, Offset: 9},
		"role:slave\nmaster_sync_in_progress:1":                      {Role: model.Replica, Syncing: true},
		"role:master\nmin_slaves_good_slaves:0\nconnected_slaves:2":  {Role: model.Master, MinReplicas: true, Replicas: 2},
		"role:master\nmin_replicas_good_replicas:1":                  {Role: model.Master, MinReplicas: true},
		"role:slave\nmaster_link_down_since_seconds:1795428049":      {Role: model.Replica}, // a wall clock, on 3.2 and 5.0
		"role:slave\nmaster_link_down_since_seconds:-1":              {Role: model.Replica}, // the same on 6.2 and 7.0
		"role:slave\nmaster_link_down_since_seconds:0":               {Role: model.Replica, WasLinked: true},
		"role:slave\nmaster_link_down_since_seconds:86400":           {Role: model.Replica, WasLinked: true},
		"role:slave\nmaster_link_down_since_seconds:eighteen":        {Role: model.Replica}, // nothing is read from it
		"role:slave\nslave0:ip=10.0.0.1,port=7000\nfuture_field:x:y": {Role: model.Replica},
	} {
		got, err := ParseInfo(text)
		if d := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); d != "" || err != nil {
			t.Errorf("%q: %v\n%s", text, err, d)
		}
	}
}

func TestParseInfoRefuses(t *testing.T) {
	for _, text := range []string{"", "role", "role:", "role:sentinel", "redis_version:7.0.15\r\n",
		"role:slave\nmaster_host:10.0.0.1\nmaster_port:65536", "role:slave\nmaster_host:10.0.0.1\nmaster_port:-1",
		"role:slave\nmaster_host:10.0.0.1\nmaster_port:72536", // 7000 in 16 bits
		"role:master\nmaster_repl_offset:many", "role:master\nmaster_repl_offset:9223372036854775808",
		"role:slave\nslave_repl_offset:", "role:master\nprocess_id:-7000", "role:master\nprocess_id:99999999999", "role:master\nconnected_slaves:-1",
		"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain"} {
		if i, err := ParseInfo(text); !errors.Is(err, ErrInfo) || i != (model.Info{}) {
			t.Errorf("%q: got %+v, %v", text, i, err)
		}
	}
}

func TestVersionAtLeast(t *testing.T) {
	v := model.Version{Major: 6, Minor: 2}
	for other, want := range map[model.Version]bool{{Major: 6, Minor: 2}: true, {Major: 6, Minor: 1}: true, {Major: 5, Minor: 9}: true, {Major: 6, Minor: 3}: false, {Major: 7, Minor: 0}: false, {}: true} {
		if v.AtLeast(other.Major, other.Minor) != want {
			t.Errorf("6.2 is at least %v: want %v", other, want)
		}
	}
}

// TestStates: each state has its words, and what counts as alive and as serving is what the design says.
func TestStates(t *testing.T) {
	if n := len(model.StateWords); n != int(model.NotRedis)+1 {
		t.Fatalf("%d sentences for %d states", n, model.NotRedis+1)
	}
	seen := map[string]bool{}
	for s := model.Unseen; s <= model.NotRedis; s++ {
		if w := s.String(); w == "" || seen[w] {
			t.Errorf("state %d has the words %q", s, w)
		}
		seen[s.String()] = true
		wantAlive := s >= model.Loading && s != model.NotRedis || s == model.Up
		if s.Alive() != wantAlive {
			t.Errorf("an instance that %s: alive is %v", s, s.Alive())
		}
		if s.Serves() != (s == model.Up || s == model.Misconf) {
			t.Errorf("an instance that %s: serves is %v", s, s.Serves())
		}
	}
}

// TestErrorWords goes through the words that no recording has, of old servers and of settings that we did not record.
func TestErrorWords(t *testing.T) {
	for text, want := range map[string]model.State{
		"ERR operation not permitted":                                           model.NoAuth, // before 2.8
		"ERR Client sent AUTH, but no password is set":                          model.WrongPassword,
		"ERR AUTH <password> called without any password configured for the …":  model.WrongPassword,
		"ERR max number of clients reached":                                     model.TooManyClients,
		"ERR max number of clients + cluster connections reached":               model.TooManyClients,
		"NOPERM this user has no permissions to run the 'ping' command":         model.NoPerm, // 6.0
		"NOPERM User watch has no permissions to run the 'ping' command":        model.NoPerm, // 7.0
		"DENIED Redis is running in protected mode because protected mode is …": model.Denied,
		"NOAUTH HELLO must be called with the client already authenticated, …":  model.NoAuth,
		"BUSY Redis is busy running a script. You can only call FUNCTION KILL":  model.Busy,
		"BUSYGROUP Consumer Group name already exists":                          model.OtherError,
		"LOADINGS of another kind":                                              model.OtherError,
		"ERR unknown command 'PING'":                                            model.OtherError, // it has another name
		"":                                                                      model.OtherError,
	} {
		if got := Classify(replyError(text)); got != want {
			t.Errorf("%q: the instance %s, want: it %s", text, got, want)
		}
	}
}
