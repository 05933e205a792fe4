package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"keepalived-redis/internal/model"
)

// Conn is one connection that is dialled when it is first used. Not for concurrent use.
type Conn struct {
	client *goredis.Client
	target Target
}

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

// What go-redis has to say goes to stderr otherwise; every error comes back to the caller as well.
func init() { goredis.SetLogger(silent{}) }

// Open prepares a connection and dials nothing. The options are those of a process that lives a few milliseconds: with
// go-redis' defaults a refused connection takes two seconds to come back.
func Open(t Target, l Limits) *Conn {
	o := &goredis.Options{
		Network: "tcp", Addr: t.Addr.String(), Username: t.Username, Password: t.Password,
		Protocol: 2, DisableIdentity: true, PoolSize: 1, MaxRetries: -1, DialerRetries: 1, DialerRetryTimeout: time.Microsecond,
		ContextTimeoutEnabled: true, DialTimeout: 2*l.Dial + l.Reply, ReadTimeout: l.Reply, WriteTimeout: l.Reply,
		ReadBufferSize: 4096, WriteBufferSize: 512,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := dial(ctx, network, addr, l)
			if err != nil {
				return nil, err
			}
			if tcp, ok := c.(*net.TCPConn); ok {
				// The kernel sends on what a closed connection, or a process that was killed, has left. A command that was given up must not come
				// later: nobody reckons with it any more. An error leaves that as it was.
				_ = tcp.SetLinger(0)
			}
			if t.TLS != nil && network != "unix" {
				if c, err = handshake(ctx, c, t, l); err != nil {
					return nil, err
				}
			}
			return &wire{Conn: c}, nil
		},
	}
	if t.Socket != "" {
		o.Network, o.Addr = "unix", t.Socket
	}
	return &Conn{client: goredis.NewClient(o), target: t}
}

// Close drops the connection.
func (c *Conn) Close() {
	// An error of close has nothing to tell: every reply has been read.
	_ = c.client.Close()
}

// dial connects once.
func dial(ctx context.Context, network, addr string, l Limits) (net.Conn, error) {
	d := net.Dialer{Timeout: l.Dial, KeepAlive: -1}
	c, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, connError{err}
	}
	return c, nil
}

// Do sends one command and returns its reply as text.
func (c *Conn) Do(ctx context.Context, args ...any) (string, error) {
	v, err := c.client.Do(ctx, args...).Result()
	if err != nil {
		return "", fmt.Errorf("send %v to %s: %w", args[0], c.target.Name(), err)
	}
	return fmt.Sprint(v), nil
}

// Takeover makes a replica master of its slots without a vote. https://redis.io/commands/cluster-failover
func (c *Conn) Takeover(ctx context.Context) error {
	_, err := c.Do(ctx, "cluster", "failover", "takeover")
	return err
}

// Force asks the reachable masters to vote for this replica. OK only means scheduled.
func (c *Conn) Force(ctx context.Context) error {
	_, err := c.Do(ctx, "cluster", "failover", "force")
	return err
}

// ErrNoEpoch: BUMPEPOCH answered in words that we do not know.
var ErrNoEpoch = errors.New("unknown answer to CLUSTER BUMPEPOCH")

// BumpEpoch raises the config epoch. bumped is false for STILL: the node already has the highest.
func (c *Conn) BumpEpoch(ctx context.Context) (epoch uint64, bumped bool, err error) {
	r, err := c.Do(ctx, "cluster", "bumpepoch")
	if err != nil {
		return 0, false, err
	}
	word, number, _ := strings.Cut(r, " ")
	if epoch, err = strconv.ParseUint(number, 10, 64); err != nil {
		return 0, false, fmt.Errorf("%w: %.60q", ErrNoEpoch, r)
	}
	return epoch, strings.EqualFold(word, "bumped"), nil
}

// ErrNoSetting: the server does not know a setting that every version has.
var ErrNoSetting = errors.New("no such setting")

// setting reads a setting, which is not empty.
func (c *Conn) setting(ctx context.Context, key string) (string, error) {
	m, err := c.client.ConfigGet(ctx, key).Result()
	if err == nil && m[key] == "" {
		err = ErrNoSetting
	}
	if err != nil {
		return "", fmt.Errorf("read %s of %s: %w", key, c.target.Name(), err)
	}
	return m[key], nil
}

// NodeTimeout reads cluster-node-timeout.
func (c *Conn) NodeTimeout(ctx context.Context) (time.Duration, error) {
	const key = "cluster-node-timeout"
	text, err := c.setting(ctx, key)
	if err != nil {
		return 0, err
	}
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil || ms <= 0 {
		return 0, fmt.Errorf("read %s of %s: %w", key, c.target.Name(), ErrNoSetting)
	}
	return time.Duration(ms) * time.Millisecond, nil
}

// PauseWrites holds writers back for at most d; readers and INFO go on. It also says, in the same round trip, how the server stands
// from then on. Redis 6.2 and newer. https://redis.io/commands/client-pause
func (c *Conn) PauseWrites(ctx context.Context, d time.Duration) (model.Info, error) {
	var info *goredis.StringCmd
	// An error is that of the first command that failed.
	if _, err := c.client.Pipelined(ctx, func(p goredis.Pipeliner) error {
		p.Do(ctx, "client", "pause", d.Milliseconds(), "write")
		info = p.Info(ctx, "replication")
		return nil
	}); err != nil {
		return model.Info{}, fmt.Errorf("send client pause to %s: %w", c.target.Name(), err)
	}
	return ParseInfo(info.Val())
}

// Unpause lets the writers go on. Redis 6.2 and newer.
func (c *Conn) Unpause(ctx context.Context) error {
	_, err := c.Do(ctx, "client", "unpause")
	return err
}

// Replication reads the INFO section of that name.
func (c *Conn) Replication(ctx context.Context) (model.Info, error) {
	s, err := c.client.Info(ctx, "replication").Result()
	if err != nil {
		return model.Info{}, fmt.Errorf("read INFO of %s: %w", c.target.Name(), err)
	}
	return ParseInfo(s)
}

// Nodes reads CLUSTER NODES.
func (c *Conn) Nodes(ctx context.Context) (model.Nodes, error) {
	s, err := c.client.ClusterNodes(ctx).Result()
	if err != nil {
		return nil, fmt.Errorf("read CLUSTER NODES of %s: %w", c.target.Name(), err)
	}
	return ParseNodes(s)
}

// Bus is how a node stands on the bus of its cluster.
type Bus struct {
	Nodes model.Nodes
	// Knows is the highest epoch that it has heard of, Own the config epoch of its slots.
	Knows, Own uint64
}

// Bus reads CLUSTER NODES and CLUSTER INFO in one round trip. https://redis.io/commands/cluster-info
func (c *Conn) Bus(ctx context.Context) (b Bus, err error) {
	var nodes, info *goredis.StringCmd
	if _, err := c.client.Pipelined(ctx, func(p goredis.Pipeliner) error {
		nodes, info = p.ClusterNodes(ctx), p.ClusterInfo(ctx)
		return nil
	}); err != nil {
		return b, fmt.Errorf("read CLUSTER NODES and CLUSTER INFO of %s: %w", c.target.Name(), err)
	}
	if b.Nodes, err = ParseNodes(nodes.Val()); err != nil {
		return b, err
	}
	for key, to := range map[string]*uint64{"cluster_current_epoch": &b.Knows, "cluster_my_epoch": &b.Own} {
		_, text, _ := strings.Cut(info.Val(), key+":")
		text, _, _ = strings.Cut(text, "\r")
		if *to, err = strconv.ParseUint(text, 10, 64); err != nil {
			return b, fmt.Errorf("read %s of %s: %w", key, c.target.Name(), err)
		}
	}
	return b, nil
}
