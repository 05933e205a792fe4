package redis

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"

	"keepalived-redis/internal/model"
)

// ReadTerm reads the term.
func (c *Conn) ReadTerm(ctx context.Context) (model.Term, error) {
	t, err := parseTerm(c.client.Get(ctx, model.TermKey).Result())
	if err != nil {
		return model.Term{}, fmt.Errorf("read the term of %s: %w", c.target.Name(), err)
	}
	return t, nil
}

// ErrTerm: an instance is a master now, and could not be given its term.
var ErrTerm = errors.New("raise the term of")

// Lead makes the instance a master, with the data that it has, and gives it the term, in one write: nobody who is killed
// leaves a master without its term. A needs other than "0" is the min-slaves-to-write that it has, which is taken away for
// the moment of the write. before is the term that the data had. Its replicas stay connected.
// https://redis.io/commands/replicaof
func (c *Conn) Lead(ctx context.Context, term uint64, needs string) (before model.Term, err error) {
	pipe := c.client.Pipeline()
	if needs != "0" {
		pipe.ConfigSet(ctx, minReplicas, "0")
	}
	role := pipe.Do(ctx, "slaveof", "no", "one")
	old := pipe.GetSet(ctx, model.TermKey, term)
	if needs != "0" {
		pipe.ConfigSet(ctx, minReplicas, needs)
	}
	_, err = pipe.Exec(ctx)
	if role.Err() != nil {
		return model.Term{}, fmt.Errorf("send slaveof to %s: %w", c.target.Name(), role.Err())
	}
	before, parseErr := parseTerm(old.Result())
	if parseErr != nil { // the key holds something else
		err = c.SetTerm(ctx, term)
	}
	if isNil(err) {
		err = nil
	}
	if err != nil {
		return before, fmt.Errorf("%w %s: %w", ErrTerm, c.target.Name(), err)
	}
	return before, nil
}

// SetTerm writes the term; only a master takes it.
func (c *Conn) SetTerm(ctx context.Context, n uint64) error {
	if err := c.client.Set(ctx, model.TermKey, n, 0).Err(); err != nil {
		return fmt.Errorf("set the term of %s to %d: %w", c.target.Name(), n, err)
	}
	return nil
}

// Mark writes a term that the instance was seen with, as released or not. Where the instance is no master any more, or its
// writes are stopped, somebody is about to take it over, and there is nothing to mark.
func (c *Conn) Mark(ctx context.Context, t model.Term) error {
	pipe := c.client.Pipeline()
	old := pipe.GetSet(ctx, model.TermKey, t.Text())
	_, _ = pipe.Exec(ctx) // the error is in the one reply as well
	before, err := parseTerm(old.Result())
	switch {
	case err != nil && (strings.HasPrefix(err.Error(), "READONLY ") || strings.HasPrefix(err.Error(), "NOREPLICAS ")):
		return nil
	case err != nil:
		return fmt.Errorf("mark the term of %s as %s: %w", c.target.Name(), t.Text(), err)
	case before.N > t.N: // it was raised since it was seen
		return c.SetTerm(ctx, before.N)
	}
	return nil
}

// RenewTerm writes a term that the data of a master has lost; needs is that of Lead. Where the instance is no master any more, somebody else has
// taken it over, and there is nothing to renew.
func (c *Conn) RenewTerm(ctx context.Context, term uint64, needs string) error {
	for {
		pipe := c.client.Pipeline()
		if needs != "0" {
			pipe.ConfigSet(ctx, minReplicas, "0")
		}
		old := pipe.GetSet(ctx, model.TermKey, term)
		if needs != "0" {
			pipe.ConfigSet(ctx, minReplicas, needs)
		}
		_, err := pipe.Exec(ctx)
		if isNil(err) {
			err = nil
		}
		before, _ := parseTerm(old.Result()) // what else the key held is gone
		switch {
		case old.Err() != nil && strings.HasPrefix(old.Err().Error(), "READONLY "):
			return nil
		case err != nil:
			return fmt.Errorf("renew the term of %s: %w", c.target.Name(), err)
		case before.N <= term:
			return nil
		}
		term = before.N // it was raised since it was seen
	}
}

// Follow makes the instance a replica. OK only means that it will try. What the instance has and its master has not is lost.
func (c *Conn) Follow(ctx context.Context, master netip.AddrPort) error {
	_, err := c.Do(ctx, "slaveof", master.Addr().String(), master.Port())
	return err
}

// RewriteConf writes the running settings into the instance's own configuration file, its role among them.
func (c *Conn) RewriteConf(ctx context.Context) error {
	_, err := c.Do(ctx, "config", "rewrite")
	return err
}

// ServeStale lets a replica whose link is down answer. Up to 6.0 one with slave-serve-stale-data no refuses CLUSTER then, and so cannot be promoted.
func (c *Conn) ServeStale(ctx context.Context) error {
	if err := c.client.ConfigSet(ctx, "slave-serve-stale-data", "yes").Err(); err != nil {
		return fmt.Errorf("set slave-serve-stale-data of %s: %w", c.target.Name(), err)
	}
	return nil
}

// KillClients closes the connections of normal clients but this one. Replicas stay.
func (c *Conn) KillClients(ctx context.Context) error {
	_, err := c.Do(ctx, "client", "kill", "type", "normal")
	return err
}

// hello is the channel on which the Sentinels of a server greet each other. https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/
const hello = "__sentinel__:hello"

// Watched tells whether a Sentinel is subscribed to the instance.
func (c *Conn) Watched(ctx context.Context) (bool, error) {
	n, err := c.client.PubSubNumSub(ctx, hello).Result()
	if err != nil {
		return false, fmt.Errorf("ask %s for its Sentinels: %w", c.target.Name(), err)
	}
	return n[hello] > 0, nil
}

// DataFile is where the instance writes its data set, on its own host.
func (c *Conn) DataFile(ctx context.Context) (string, error) {
	dir, err := c.setting(ctx, "dir")
	if err != nil {
		return "", err
	}
	name, err := c.setting(ctx, "dbfilename")
	return filepath.Join(dir, name), err
}

// ErrChildActive: another child of the server is at work, as one that writes its append only file again. A save begins once that has ended.
var ErrChildActive = errors.New("another child process of redis is at work")

// Save begins to write the data set to its file in the background. That a save is under way already is no error. Where it must wait the error is
// ErrChildActive.
func (c *Conn) Save(ctx context.Context) error {
	_, err := c.Do(ctx, "bgsave")
	switch {
	case err == nil || strings.Contains(err.Error(), "already in progress"):
		return nil
	case strings.Contains(err.Error(), "an't BGSAVE"): // 3.2: "Can't BGSAVE while AOF log rewriting is in progress"; 7.0: "… can't BGSAVE right now"
		return fmt.Errorf("%w: %w", ErrChildActive, err)
	}
	return err
}

// Saving is how a save in the background stands.
type Saving struct {
	UnderWay bool
	// OK: the last one that ended did so well.
	OK bool
}

// Saving reads how the last save in the background went. https://redis.io/commands/info (persistence)
func (c *Conn) Saving(ctx context.Context) (Saving, error) {
	text, err := c.client.Info(ctx, "persistence").Result()
	if err != nil {
		return Saving{}, fmt.Errorf("read INFO of %s: %w", c.target.Name(), err)
	}
	return Saving{
		UnderWay: strings.Contains(text, "rdb_bgsave_in_progress:1"),
		OK:       strings.Contains(text, "rdb_last_bgsave_status:ok"),
	}, nil
}
