package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"keepalived-redis/lab/host"
)

// BareHost says what a host of a bare lab has.
type BareHost struct {
	// Confs are the configuration files of its instances, by port; they are started with the host.
	Confs map[int]string
	// Ports are those of the instances, in order.
	Ports []int
}

// BareAddrs are the addresses of the hosts of a bare lab: the pair's, and one more.
var BareAddrs = [3]string{"192.168.9.70", "192.168.9.71", "192.168.9.72"}

// NewBare makes a lab of three hosts and the client, without keepalived and without our programs: what others do, to compare with. The
// data of the instances is what SaveData kept under the name template; without a name, or when there is none yet, they are empty. It is
// awaited that every instance answers. Close must be called also after an error.
func NewBare(ctx context.Context, opts Options, hosts [3]BareHost, template string) (*Lab, error) {
	if opts.Say == nil {
		opts.Say = func(string, ...any) {}
	}
	opts.Setup = Bare
	l := &Lab{opts: opts, dir: filepath.Join(opts.Work, "run"), Timeline: newTimeline()}
	l.Redis1 = newHost(l, "redis1", BareAddrs[0], hosts[0].Ports...)
	l.Redis2 = newHost(l, "redis2", BareAddrs[1], hosts[1].Ports...)
	l.Redis3 = newHost(l, "redis3", BareAddrs[2], hosts[2].Ports...)
	l.Client = newHost(l, "client", clientAddr)
	var err error
	if l.network, err = network(ctx); err != nil {
		return l, err
	}
	if err := os.RemoveAll(l.dir); err != nil {
		return l, fmt.Errorf("clear the work directory: %w", err)
	}
	for _, b := range l.allHosts() {
		if err := b.install(); err != nil {
			return l, err
		}
	}
	for i, b := range l.Hosts() {
		for _, p := range b.Ports {
			if err := b.WriteFile(fmt.Sprintf("etc/redis/%d.conf", p), hosts[i].Confs[p], 0o644); err != nil {
				return l, err
			}
			if err := os.MkdirAll(filepath.Join(b.dir, "redis", fmt.Sprint(p)), 0o755); err != nil {
				return l, fmt.Errorf("install %s: %w", b.Name, err)
			}
		}
	}
	if template != "" {
		if err := l.restoreData(ctx, template); err != nil {
			return l, err
		}
	}
	for _, b := range l.allHosts() {
		if err := b.Boot(ctx); err != nil {
			return l, err
		}
	}
	return l, l.awaitAnswers(ctx)
}

// restoreData fills the data directories from a template that may not be there yet.
func (l *Lab) restoreData(ctx context.Context, template string) error {
	cache, err := l.cache(ctx)
	if err != nil {
		return err
	}
	from := filepath.Join(cache, template)
	if _, err := os.Stat(from); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("look for the data: %w", err)
	}
	return l.copyData(from, false)
}

// SaveData stops every instance cleanly and keeps the data under a name for NewBare. What is there already stays.
func (l *Lab) SaveData(ctx context.Context, template string) error {
	if err := l.stopRedis(ctx); err != nil {
		return err
	}
	cache, err := l.cache(ctx)
	if err != nil {
		return err
	}
	if err := l.saveTemplate(filepath.Join(cache, template)); err != nil {
		return fmt.Errorf("keep the data: %w", err)
	}
	return nil
}

// SignalRedis sends a signal to an instance and returns the instant.
func (b *Host) SignalRedis(ctx context.Context, port int, sig syscall.Signal) (host.Mono, error) {
	pid, err := b.redisPid(ctx, port)
	if err != nil {
		return 0, err
	}
	at := b.lab.Timeline.Step("%s to redis %d on %s", sig, port, b.Name)
	return at, b.host.Signal(ctx, pid, sig)
}

// ReadFile reads a file of the host that outlives a boot; name is below its directory, as for WriteFile.
func (b *Host) ReadFile(name string) (string, error) {
	text, err := os.ReadFile(filepath.Join(b.dir, name))
	if err != nil {
		return "", fmt.Errorf("read %s of %s: %w", name, b.Name, err)
	}
	return string(text), nil
}
