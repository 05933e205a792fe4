package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"keepalived-redis/internal/model"
)

// The settings by which a master refuses writes, under the names that every version knows; 5.0 and newer also say min-replicas.
// https://redis.io/docs/latest/operate/oss_and_stack/management/replication/#allow-writes-only-with-n-attached-replicas
const (
	minReplicas    = "min-slaves-to-write"
	minReplicasLag = "min-slaves-max-lag"
)

// StopWrites is a number of replicas that no pair can have.
const StopWrites = "99"

// ReplicaMaxLag is how many seconds a replica may be silent and still count, where a master must have one.
const ReplicaMaxLag = "2"

// DefaultMaxLag is Redis' own value of min-slaves-max-lag.
const DefaultMaxLag = "10"

// WriteRule is when a master takes writes: while so many replicas have answered within so many seconds. With a zero in either it always does.
type WriteRule struct {
	Replicas string `json:"replicas"`
	MaxLag   string `json:"max_lag"`
}

// WriteRule reads the rule that is in force.
func (c *Conn) WriteRule(ctx context.Context) (WriteRule, error) {
	m, err := c.client.ConfigGet(ctx, "min-slaves-*").Result()
	if err != nil {
		return WriteRule{}, fmt.Errorf("read %s of %s: %w", minReplicas, c.target.Name(), err)
	}
	rule := WriteRule{Replicas: m[minReplicas], MaxLag: m[minReplicasLag]}
	if rule.Replicas == "" || rule.MaxLag == "" {
		return WriteRule{}, fmt.Errorf("read %s of %s: %w", minReplicas, c.target.Name(), ErrNoSetting)
	}
	return rule, nil
}

// ErrStillWrites: the server has taken the order to refuse writes, and does not say that it refuses them.
var ErrStillWrites = errors.New("it was told to refuse writes, and INFO does not show that it does")

// SetWriteRule sets what differs, in the running server; nothing is written to its configuration file. A rule that stops writes is then seen to be in
// force: INFO counts good replicas only where it is (genRedisInfoString in server.c, 3.2 to 8). What passes all the same depends on the version,
// which is returned for a rule that stops writes.
func (c *Conn) SetWriteRule(ctx context.Context, from, to WriteRule) (model.Version, error) {
	pipe := c.client.Pipeline()
	if from.MaxLag != to.MaxLag {
		pipe.ConfigSet(ctx, minReplicasLag, to.MaxLag)
	}
	if from.Replicas != to.Replicas {
		pipe.ConfigSet(ctx, minReplicas, to.Replicas)
	}
	var text *goredis.StringCmd
	if to.Replicas == StopWrites {
		text = pipe.Info(ctx)
	}
	_, err := pipe.Exec(ctx)
	var now model.Info
	if err == nil && text != nil {
		if now, err = ParseInfo(text.Val()); err == nil && !now.MinReplicas {
			err = ErrStillWrites
		}
	}
	if err != nil {
		return now.Version, fmt.Errorf("set %s of %s to %s: %w", minReplicas, c.target.Name(), to.Replicas, err)
	}
	return now.Version, nil
}

// Scripts are the commands that run them.
var Scripts = []string{"eval", "evalsha"}

// Ran: the server has run one of these commands since its start. Asked where what they write is not refused.
func (c *Conn) Ran(ctx context.Context, commands ...string) (bool, error) {
	text, err := c.client.Info(ctx, "commandstats").Result()
	if err != nil {
		return false, fmt.Errorf("ask %s what it has run: %w", c.target.Name(), err)
	}
	return slices.ContainsFunc(commands, func(name string) bool { return strings.Contains(text, "cmdstat_"+name+":") }), nil
}

// PauseAll holds all clients back for d, ourselves as well, and says how the server stands from then on: what was written before is in the offset, and
// nothing follows. Before 6.2 nobody can end it earlier, and the server looks whether it is over only ten times a second (hz; clientsArePaused in
// networking.c goes by the cached time): it lasts for 0.1 s more at most. Replicas go on. https://redis.io/commands/client-pause
//
// kill ends the connections of the others as well. Those who connect again come behind us: when the pause is over, clients go on in the order in
// which they have connected (clientsArePaused in networking.c, 3.2 to 6.0). So what we send within the pause is done before anything of theirs.
func (c *Conn) PauseAll(ctx context.Context, d time.Duration, kill bool) (model.Info, error) {
	var text *goredis.StringCmd
	if _, err := c.client.TxPipelined(ctx, func(p goredis.Pipeliner) error {
		if kill {
			p.Do(ctx, "client", "kill", "type", "normal")
		}
		p.Do(ctx, "client", "pause", d.Milliseconds())
		text = p.Info(ctx, "replication")
		return nil
	}); err != nil {
		return model.Info{}, fmt.Errorf("send client pause to %s: %w", c.target.Name(), err)
	}
	return ParseInfo(text.Val())
}
