package redis_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/testing/redistest"
	"keepalived-redis/internal/testing/tlstest"
)

// permissions are all that the programs need of a user.
const permissions = "+ping +info +cluster +config|get +config|set +client|pause +client|unpause +shutdown"

// TestUserWithJustWhatIsNeeded: every command works for a user with these permissions, on a server whose default user is
// off; for one who may only PING each is refused in a sentence with the command, the server and no password.
func TestUserWithJustWhatIsNeeded(t *testing.T) {
	watcher := redis.Target{Instance: model.At(loopback), Username: "watcher", Password: "swordfish"}
	s := redistest.StartFor(t, watcher, "cluster-enabled yes", "user default off", "user watcher on >swordfish "+permissions, "user guest on >swordfish +ping")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	login := func(user string) (redis.Target, *redis.Conn) {
		at := redis.Target{Instance: model.At(s.Addr), Username: user, Password: "swordfish"}
		c := redis.Open(at, quick)
		t.Cleanup(c.Close)
		return at, c
	}
	commands := []struct {
		name string
		do   func(*redis.Conn) error
	}{
		{"info", func(c *redis.Conn) error { _, err := c.Replication(ctx); return err }},
		{"cluster nodes", func(c *redis.Conn) error { _, err := c.Nodes(ctx); return err }},
		{"bumpepoch", func(c *redis.Conn) error { _, _, err := c.BumpEpoch(ctx); return err }},
		{"read min-slaves-to-write", func(c *redis.Conn) error { _, err := c.WriteRule(ctx); return err }},
		{"set min-slaves-to-write", func(c *redis.Conn) error {
			_, err := c.SetWriteRule(ctx, redis.WriteRule{}, redis.WriteRule{Replicas: "0"})
			return err
		}},
		{"pause", func(c *redis.Conn) error { _, err := c.PauseWrites(ctx, time.Millisecond); return err }},
		{"unpause", func(c *redis.Conn) error { return c.Unpause(ctx) }},
	}
	at, guest := login("guest")
	if l := looking(t, at); l.State != model.NoPerm || !l.State.Alive() {
		t.Errorf("to the guest it %s (%v)", l.State, l.Err)
	}
	at, user := login("watcher")
	if l := looking(t, at); l.State != model.Up || l.Info == nil || l.Nodes == nil || l.Err != nil {
		t.Errorf("to the user it %s (%v)", l.State, l.Err)
	}
	for _, c := range commands {
		err := c.do(guest)
		if redis.Classify(err) != model.NoPerm || !strings.Contains(err.Error(), s.Addr.String()) || strings.Contains(err.Error(), "swordfish") {
			t.Errorf("%s: the guest is told %v", c.name, err)
		}
		if err := c.do(user); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestWaysIn: each way to reach a server ends at one that answers.
func TestWaysIn(t *testing.T) {
	a := authority(t, "ca")
	cert, key := issue(t, a, "server", tlstest.Template("::1"))
	secure := append(serverLines(a, cert, key, "no"), "requirepass swordfish")
	dir := t.TempDir()
	v6 := redis.Target{Instance: model.At(netip.MustParseAddrPort("[::1]:0"))}
	for name, at := range map[string]redis.Target{
		"IPv6":                   v6,
		"a socket":               {Instance: model.Instance{Addr: loopback, Socket: dir + "/redis.sock"}},
		"IPv6, TLS and password": {Instance: v6.Instance, TLS: by(t, "ca="+a.File, "server_name=::1"), Password: "swordfish"},
	} {
		t.Run(name, func(t *testing.T) {
			var lines []string
			if at.TLS != nil {
				lines = secure
			}
			if at.Socket != "" {
				lines = append(lines, "port 0", "unixsocket "+at.Socket)
			}
			s := redistest.StartFor(t, at, lines...)
			redistest.Await(t, "it is up", func() bool { return s.Look().State == model.Up })
			if got := s.Do(t, "ping"); got != "PONG" {
				t.Errorf("got %q", got)
			}
			s.Kill()
			redistest.Await(t, "it refuses", func() bool { return s.Look().State == model.Refused })
		})
	}
}
