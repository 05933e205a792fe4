package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// Layout says where the three masters are when a run starts.
type Layout string

const (
	// TwoMastersOnRedis1 is what redis-cli makes of the six addresses in the order of their ports.
	TwoMastersOnRedis1 Layout = "two-masters-on-redis1"
	// AllMastersOnRedis1 is what policy follow comes to once redis1 has held the VIP for a moment.
	AllMastersOnRedis1 Layout = "all-masters-on-redis1"
)

// makeData makes the data directories of all instances: those of a cluster that is made already, or empty ones for a pair.
func (l *Lab) makeData(ctx context.Context) error {
	if l.opts.Mode != Replication {
		return l.restoreCluster(ctx)
	}
	for _, b := range l.Hosts() {
		for _, p := range b.Ports {
			if err := os.MkdirAll(filepath.Join(b.dir, "redis", fmt.Sprint(p)), 0o755); err != nil {
				return fmt.Errorf("make the data directory of %d: %w", p, err)
			}
		}
	}
	return nil
}

// restoreCluster fills the data directories of the hosts from the template, which is made first if there is none.
func (l *Lab) restoreCluster(ctx context.Context) error {
	if l.opts.Layout == "" {
		l.opts.Layout = TwoMastersOnRedis1
	}
	cache, err := l.cache(ctx)
	if err != nil {
		return err
	}
	return l.restoreLayout(ctx, cache, l.opts.Layout)
}

// cache is the directory of the data that is made once for each build of the server.
func (l *Lab) cache(ctx context.Context) (string, error) {
	version, err := redisVersion(ctx)
	if err != nil {
		return "", err
	}
	return filepath.Join(l.opts.Build, "lab-cache", version), nil
}

func (l *Lab) restoreLayout(ctx context.Context, cache string, layout Layout) error {
	if _, err := os.Stat(filepath.Join(cache, string(layout))); errors.Is(err, fs.ErrNotExist) {
		if err := l.makeTemplate(ctx, cache, layout); err != nil {
			return fmt.Errorf("make the cluster: %w", err)
		}
	} else if err != nil {
		return fmt.Errorf("look for the cluster: %w", err)
	}
	return l.copyData(filepath.Join(cache, string(layout)), false)
}

// redisVersion names the server's version and build, for the name of the template.
func redisVersion(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "redis-server", "--version").Output()
	if err != nil {
		return "", fmt.Errorf("ask redis-server for its version: %w; hint: install redis-server", err)
	}
	m := regexp.MustCompile(`v=(\S+).*build=(\S+)`).FindSubmatch(out)
	if m == nil {
		return "", fmt.Errorf("ask redis-server for its version: cannot read %q", strings.TrimSpace(string(out)))
	}
	return fmt.Sprintf("redis-%s-%s", m[1], m[2]), nil
}

// copyData copies the data directories of all instances from a template, or with save to it.
func (l *Lab) copyData(template string, save bool) error {
	for _, b := range l.Hosts() {
		for _, p := range b.Ports {
			from, to := filepath.Join(template, fmt.Sprint(p)), filepath.Join(b.dir, "redis", fmt.Sprint(p))
			if save {
				from, to = to, from
			}
			if err := os.RemoveAll(to); err != nil {
				return fmt.Errorf("copy the data of %d: %w", p, err)
			}
			if err := copyTree(from, to); err != nil {
				return fmt.Errorf("copy the data of %d: %w", p, err)
			}
		}
	}
	return nil
}

// makeTemplate makes a cluster on the hosts, stops it cleanly and keeps its files.
func (l *Lab) makeTemplate(ctx context.Context, cache string, layout Layout) error {
	if layout == AllMastersOnRedis1 {
		if err := l.restoreLayout(ctx, cache, TwoMastersOnRedis1); err != nil {
			return err
		}
	}
	l.opts.Say("making the cluster once, with %s; it is kept in %s", strings.ReplaceAll(string(layout), "-", " "), cache)
	if err := l.bootAll(ctx); err != nil {
		return err
	}
	if layout == AllMastersOnRedis1 {
		if err := l.AwaitLinked(ctx, createLimit); err != nil {
			return err
		}
		if err := l.moveMasters(ctx); err != nil {
			return err
		}
	} else if err := l.createCluster(ctx); err != nil {
		return err
	}
	if err := l.stopRedis(ctx); err != nil {
		return err
	}
	if err := l.saveTemplate(filepath.Join(cache, string(layout))); err != nil {
		return err
	}
	for _, b := range l.allHosts() {
		if err := b.down(); err != nil {
			return err
		}
	}
	return nil
}

// saveTemplate keeps the files of all instances, which must be stopped.
func (l *Lab) saveTemplate(template string) error {
	cache := filepath.Dir(template)
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return err
	}
	unfinished, err := os.MkdirTemp(cache, "unfinished-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(unfinished)
	if err := os.Chmod(unfinished, 0o755); err != nil {
		return err
	}
	if err := l.copyData(unfinished, true); err != nil {
		return err
	}
	// Another lab may have made the same in the meantime; then one is as good as the other.
	if err := os.Rename(unfinished, template); err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, syscall.ENOTEMPTY) {
		return err
	}
	return nil
}

func (l *Lab) bootAll(ctx context.Context) error {
	for _, b := range l.Hosts() {
		for _, p := range b.Ports {
			if err := os.MkdirAll(filepath.Join(b.dir, "redis", fmt.Sprint(p)), 0o755); err != nil {
				return err
			}
		}
	}
	for _, b := range l.allHosts() {
		if err := b.Boot(ctx); err != nil {
			return err
		}
	}
	return l.awaitAnswers(ctx)
}

// createLimit is long: a handshake between two nodes that goes wrong is tried again only after cluster-node-timeout.
const createLimit = 45 * time.Second

// createCluster makes a cluster of the six, as the first users did.
func (l *Lab) createCluster(ctx context.Context) error {
	create := []string{"redis-cli", "--cluster", "create"}
	for _, b := range l.Hosts() {
		create = append(create, b.Instances()...)
	}
	if err := l.Client.mustRunWithin(ctx, createLimit, append(create, "--cluster-replicas", "1", "--cluster-yes")...); err != nil {
		return err
	}
	return l.AwaitLinked(ctx, createLimit)
}

// awaitAnswers waits until every instance answers for the first time.
func (l *Lab) awaitAnswers(ctx context.Context) error {
	return l.Timeline.Await(ctx, "every instance to answer", 10*time.Second, func(v View) bool {
		for _, b := range l.Hosts() {
			for _, i := range b.Instances() {
				if v.Role[i] == "" || v.Role[i] == "down" || v.Role[i] == "hung" {
					return false
				}
			}
		}
		return true
	})
}

// moveMasters moves every master on redis2 to its replica on redis1, one after another.
func (l *Lab) moveMasters(ctx context.Context) error {
	for _, addr := range l.Redis1.Instances() {
		if l.Timeline.View().Role[addr] == "master" {
			continue
		}
		if err := l.Client.mustRun(ctx, "redis-cli", "-h", l.Redis1.Addr, "-p", addr[strings.LastIndexByte(addr, ':')+1:], "cluster", "failover"); err != nil {
			return err
		}
		err := l.Timeline.Await(ctx, addr+" to be a master", 10*time.Second, func(v View) bool { return v.Role[addr] == "master" })
		if err != nil {
			return err
		}
		if err := l.AwaitLinked(ctx, 20*time.Second); err != nil {
			return err
		}
	}
	return nil
}

// stopRedis stops all instances cleanly, replicas first: a master waits for replicas that lag.
func (l *Lab) stopRedis(ctx context.Context) error {
	for _, role := range []string{"replica", "master"} {
		for _, b := range l.Hosts() {
			for _, p := range b.Ports {
				if l.Timeline.View().Role[b.Instance(p)] != role {
					continue
				}
				pid, err := b.redisPid(ctx, p)
				if err != nil {
					return err
				}
				if err := b.host.Signal(ctx, pid, syscall.SIGTERM); err != nil {
					return err
				}
				err = l.Timeline.Await(ctx, b.Instance(p)+" to stop", 15*time.Second, func(v View) bool { return v.Role[b.Instance(p)] == "down" })
				if err != nil {
					return err
				}
			}
		}
	}
	return nil
}
