package redis

import (
	"context"
	"fmt"
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

// SetWriteRule sets what differs, in the running server; nothing is written to its configuration file.
func (c *Conn) SetWriteRule(ctx context.Context, from, to WriteRule) error {
	pipe := c.client.Pipeline()
	if from.MaxLag != to.MaxLag {
		pipe.ConfigSet(ctx, minReplicasLag, to.MaxLag)
	}
	if from.Replicas != to.Replicas {
		pipe.ConfigSet(ctx, minReplicas, to.Replicas)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("set %s of %s to %s: %w", minReplicas, c.target.Name(), to.Replicas, err)
	}
	return nil
}
