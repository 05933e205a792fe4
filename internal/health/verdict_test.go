package health

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"keepalived-redis/internal/golden"
	"keepalived-redis/internal/redis"
)

// seen is a look at an instance on that port.
func seen(port uint16, s redis.State) redis.Look {
	return redis.Look{Target: redis.Target{Addr: netip.AddrPortFrom(netip.MustParseAddr("10.0.0.1"), port)}, State: s}
}

// TestJudge compares the sentence of every state, role and link; what is judged alike stands together.
func TestJudge(t *testing.T) {
	var got strings.Builder
	for s := redis.Unseen; s <= redis.NotRedis; s++ {
		var last string
		for _, role := range []redis.Role{"", redis.Master, redis.Replica} {
			for _, link := range []bool{true, false} {
				for _, long := range []bool{false, true} {
					l := seen(7000, s)
					if role != "" {
						l.Info = &redis.Info{Role: role, LinkUp: link}
					}
					if !s.Alive() {
						l.Info = nil // it has not said anything
					}
					v := Judge([]redis.Look{l}, map[string]bool{"10.0.0.1:7000": long, "10.0.0.1:7001": true})
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

func TestJudgeSeveral(t *testing.T) {
	failed := seen(7001, redis.OtherError)
	failed.Err = errors.New("ERR unknown command 'PING',\r\nwith args beginning with: " + strings.Repeat("é", 100))
	forbidden := redis.Look{Target: redis.Target{Socket: "/run/redis.sock"}, Err: errors.New("dial unix /run/redis.sock: connect: permission denied")}
	for want, looks := range map[string][]redis.Look{
		"unfit: no instance is configured":                                                {},
		"fit: the instance answers":                                                       {seen(7000, redis.Up)},
		"fit: all 3 instances answer":                                                     {seen(7000, redis.Up), seen(7001, redis.MasterDown), seen(7002, redis.Up)},
		"unfit: 10.0.0.1:7001 is silent":                                                  {seen(7000, redis.Up), seen(7001, redis.Silent)},
		"unfit: 10.0.0.1:7000 is not a Redis, 10.0.0.1:7001 refuses connections":          {seen(7000, redis.NotRedis), seen(7001, redis.Refused)},
		"fit, with a warning: 10.0.0.1:7001 has too many clients; hint: raise maxclients": {seen(7000, redis.Up), seen(7001, redis.TooManyClients)},
		"unfit: 10.0.0.1:7002 is loading its data set, 10.0.0.1:7000 asks for a password; hint: set password_file": {
			seen(7000, redis.NoAuth), seen(7001, redis.Up), seen(7002, redis.Loading)},
		"unfit: 10.0.0.1:7001 answers an error: ERR unknown command 'PING', with args beginning with: " + strings.Repeat("é", 23) + "…": {failed},
		"unfit: /run/redis.sock was not looked at: dial unix /run/redis.sock: connect: permission denied":                               {forbidden},
	} {
		if got := Judge(looks, nil); got.Sentence != want || got.Fit == strings.HasPrefix(want, "unfit") {
			t.Errorf("got %q, want %q", got.Sentence, want)
		}
	}
}
