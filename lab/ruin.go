package lab

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"keepalived-redis/lab/host"
	"keepalived-redis/lab/resp"
)

// ruin is a line of a configuration with which no Redis starts.
const ruin = "\nthis-instance must-not-start\n"

func redisConfFile(port int) string { return fmt.Sprintf("etc/redis/%d.conf", port) }

// RuinRedis kills an instance that nobody can start again, as after a disk has failed. It returns the instant.
func (b *Host) RuinRedis(ctx context.Context, port int) (host.Mono, error) {
	conf, err := b.ReadFile(redisConfFile(port))
	if err != nil {
		return 0, err
	}
	if err := b.WriteFile(redisConfFile(port), conf+ruin, 0o644); err != nil {
		return 0, err
	}
	b.lab.Timeline.Step("redis %d on %s cannot be started any more", port, b.Name)
	return b.KillRedis(ctx, port)
}

// RepairRedis undoes RuinRedis and starts the instance, as a person would. It returns the instant.
func (b *Host) RepairRedis(ctx context.Context, port int) (host.Mono, error) {
	conf, err := b.ReadFile(redisConfFile(port))
	if err != nil {
		return 0, err
	}
	at := b.lab.Timeline.Step("redis %d on %s is repaired and started", port, b.Name)
	if err := b.WriteFile(redisConfFile(port), strings.Replace(conf, ruin, "", 1), 0o644); err != nil {
		return at, err
	}
	return at, b.StartRedis(ctx, port)
}

// The words with which a check says that it starts an instance no more.
const givenUpWords = "is not started again"

// awaitGivenUp waits until the check of the host has given up an instance: five starts in a row.
func (b *Host) awaitGivenUp(ctx context.Context) error {
	return b.awaitLog(ctx, givenUpWords, 20*time.Second)
}

// rangeOf is the slot range of an instance, or of its master, as the writer calls it.
func (l *Lab) rangeOf(ctx context.Context, addr string) (string, error) {
	role, err := resp.Ask(ctx, time.Second, addr, "ROLE")
	if err != nil {
		return "", err
	}
	master := addr
	if len(role) > 2 && role[0] == "slave" {
		master = role[1] + ":" + role[2]
	}
	nodes, err := resp.Ask(ctx, time.Second, addr, "CLUSTER", "NODES")
	if err != nil {
		return "", err
	}
	owners, wrong := Owners(nodes[0])
	for name, owner := range owners {
		if owner == master {
			return name, nil
		}
	}
	return "", fmt.Errorf("find the slots of %s: %s has none in %v %s", addr, master, owners, wrong)
}

// The keys that make a load long. Redis answers while it loads once for each interval of loading-process-events-interval-bytes, and waits for
// key-load-delay at each key: large keys so mean many answers.
const (
	slowKeys     = 4000
	slowKeyBytes = 1100
	slowInterval = 1024
	// slowFill writes some of them, each with a text of its own: so few that no client notices.
	slowFill = `for i = ARGV[1], ARGV[2] do
	redis.call('SET', KEYS[1] .. i, string.rep(redis.sha1hex(i), math.ceil(tonumber(ARGV[3]) / 40)))
end
return redis.call('DBSIZE')`
	slowAtOnce = 50
)

// SlowLoad lets the next start of a master take about so long, in which it answers that it loads. It must be killed soon: it holds writes back,
// because what is written now would be loaded at the end without an answer.
func (b *Host) SlowLoad(ctx context.Context, port int, takes time.Duration) error {
	addr := b.Instance(port)
	// A file with large keys is one that is not compressed.
	if _, err := resp.Ask(ctx, time.Second, addr, "CONFIG", "SET", "rdbcompression", "no"); err != nil {
		return err
	}
	key, err := localKey(ctx, addr)
	if err != nil {
		return err
	}
	var keys int
	for i := 1; i <= slowKeys; i += slowAtOnce {
		reply, err := resp.Ask(ctx, 5*time.Second, addr, "EVAL", slowFill, "1", key, strconv.Itoa(i), strconv.Itoa(i+slowAtOnce-1), strconv.Itoa(slowKeyBytes))
		if err != nil {
			return err
		}
		if keys, err = strconv.Atoi(strings.Join(reply, "")); err != nil || keys < i {
			return fmt.Errorf("fill %s: it says %q, not %d keys or more", addr, reply, i)
		}
	}
	conf, err := b.ReadFile(redisConfFile(port))
	if err != nil {
		return err
	}
	conf += fmt.Sprintf("key-load-delay %d\nloading-process-events-interval-bytes %d\n", (takes / time.Duration(keys)).Microseconds(), slowInterval)
	if err := b.WriteFile(redisConfFile(port), conf, 0o644); err != nil {
		return err
	}
	if _, err := resp.Ask(ctx, time.Second, addr, "CLIENT", "PAUSE", strconv.Itoa(int(rewriteLimit.Milliseconds())), "WRITE"); err != nil {
		return err
	}
	// All that is there goes into one file, which is loaded key by key.
	return rewriteAOF(ctx, addr)
}

// QuickLoad lets a running instance load as ever from now on.
func (b *Host) QuickLoad(ctx context.Context, port int) error {
	_, err := resp.Ask(ctx, time.Second, b.Instance(port), "CONFIG", "SET", "key-load-delay", "0")
	return err
}

// localKey is the begin of a key whose slot the master has.
func localKey(ctx context.Context, addr string) (string, error) {
	var last error
	for i := range 100 {
		key := fmt.Sprintf("slow:{%d}:", i)
		if _, last = resp.Ask(ctx, time.Second, addr, "SET", key, "1"); last == nil {
			return key, nil
		}
		var no resp.Error
		if !errors.As(last, &no) || !strings.HasPrefix(string(no), "MOVED") {
			break
		}
	}
	return "", fmt.Errorf("find a key for %s: %w", addr, last)
}

// rewriteLimit bounds a rewrite of an append only file.
const rewriteLimit = 10 * time.Second

// rewriteAOF makes an instance write its append only file again, and waits until it has.
func rewriteAOF(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, rewriteLimit, fmt.Errorf("the append only file of %s is not written again within %s", addr, rewriteLimit))
	defer cancel()
	if _, err := resp.Ask(ctx, time.Second, addr, "BGREWRITEAOF"); err != nil {
		return err
	}
	for {
		info, err := resp.Ask(ctx, time.Second, addr, "INFO", "persistence")
		if err != nil {
			return err
		}
		if strings.Contains(info[0], "aof_rewrite_in_progress:0") && strings.Contains(info[0], "aof_rewrite_scheduled:0") {
			if !strings.Contains(info[0], "aof_last_bgrewrite_status:ok") {
				return fmt.Errorf("the append only file of %s could not be written again", addr)
			}
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// awaitLoad waits until an instance has answered that it loads, and then until it has loaded. It returns how long that took. ROLE says nothing of it.
func awaitLoad(ctx context.Context, addr string, within time.Duration) (time.Duration, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("%s has not loaded its data within %s", addr, within))
	defer cancel()
	var began host.Mono
	for {
		_, err := resp.Ask(ctx, time.Second, addr, "PING")
		var no resp.Error
		switch loads := errors.As(err, &no) && strings.HasPrefix(string(no), "LOADING"); {
		case loads && began == 0:
			began = host.Now()
		case err == nil && began != 0:
			return host.Now().Sub(began), nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}
