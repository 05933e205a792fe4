package lab

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"keepalived-redis/lab/host"
)

// Host is one host of the lab. It can be cut off its power and booted again; its data directories outlive that.
type Host struct {
	// Name and Addr are its host name and its own address.
	Name, Addr string
	// Ports are those of its instances.
	Ports []int

	lab *Lab
	dir string
	// preload is a library that its instances are started with, if not empty: see canStall.
	preload    string
	host       *host.Host
	cable      *host.Cable
	keepalived *host.Process
}

func newHost(l *Lab, name, addr string, ports ...int) *Host {
	return &Host{Name: name, Addr: addr, Ports: ports, lab: l, dir: filepath.Join(l.dir, name)}
}

// Instance is the address of one of its instances.
func (b *Host) Instance(port int) string { return fmt.Sprintf("%s:%d", b.Addr, port) }

// Instances are the addresses of its instances, in the order of the ports.
func (b *Host) Instances() []string {
	var all []string
	for _, p := range b.Ports {
		all = append(all, b.Instance(p))
	}
	return all
}

// Boot switches the host on: a new boot id, an empty /run, no VIP; its instances are started as by the service manager, keepalived is not.
func (b *Host) Boot(ctx context.Context) error {
	id, err := newBootID()
	if err != nil {
		return err
	}
	spec := host.Spec{Name: b.Name, Dir: b.dir, BootID: id, VIP: VIP, Watch: b.Instances()}
	instances := b.Instances()
	b.host, err = host.Boot(ctx, spec, func(e host.Event) {
		b.lab.Timeline.add(Event{Host: b.Name, Event: e}, instances)
	})
	if err != nil {
		return err
	}
	addrs, via := []string{b.Addr + prefix}, gateway
	if b == b.lab.Client {
		// Its own address is the first, so that it speaks from there: the gateway's may vanish.
		addrs, via = []string{clientAddr + prefix, gateway + prefix}, ""
	}
	if b.cable, err = b.lab.network.Connect(ctx, b.host, via, addrs...); err != nil {
		return err
	}
	if b.lab.away != here {
		if err := b.lab.away.do(b.cable); err != nil {
			return fmt.Errorf("boot %s behind a switch that is away: %w", b.Name, err)
		}
	}
	return b.StartRedis(ctx, b.Ports...)
}

// StartRedis starts instances from their configuration files, as an init script would.
func (b *Host) StartRedis(ctx context.Context, ports ...int) error {
	for _, p := range ports {
		start := []string{"redis-server", fmt.Sprintf("/etc/redis/%d.conf", p)}
		if b.preload != "" {
			start = append([]string{"env", "LD_PRELOAD=" + b.preload}, start...)
		}
		if err := b.mustRun(ctx, start...); err != nil {
			return fmt.Errorf("start redis %d: %w", p, err)
		}
	}
	return nil
}

// mustRun runs a program on the host; any exit code but 0 is an error with its output.
func (b *Host) mustRun(ctx context.Context, argv ...string) error {
	return b.mustRunWithin(ctx, 10*time.Second, argv...)
}

func (b *Host) mustRunWithin(ctx context.Context, limit time.Duration, argv ...string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("%s did not end within %s", argv[0], limit))
	defer cancel()
	out, code, err := b.host.Run(ctx, b.lab.opts.Env, argv...)
	if err != nil {
		return err
	}
	if code != 0 {
		return fmt.Errorf("%s: %s: exit code %d: %s", b.Name, strings.Join(argv, " "), code, strings.TrimSpace(out))
	}
	return nil
}

// Run runs a program on the host, with the environment that keepalived has there, and returns its output and exit code.
func (b *Host) Run(ctx context.Context, argv ...string) (string, int, error) {
	return b.host.Run(ctx, b.lab.opts.Env, argv...)
}

// StartKeepalived starts keepalived with the host's file, as its service would, and does not wait for anything.
func (b *Host) StartKeepalived(ctx context.Context) error {
	// After a SIGKILL the pid files say that it still runs.
	if err := b.mustRun(ctx, "sh", "-c", "rm -rf /run/keepalived /run/keepalived.pid /run/vrrp.pid"); err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(b.dir, "log", "keepalived.out"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("open keepalived's output: %w", err)
	}
	defer log.Close()
	b.lab.Timeline.Step("start keepalived on %s", b.Name)
	b.keepalived, err = b.host.Start(ctx, []string{"keepalived", "--dont-fork", "--log-detail"}, b.lab.opts.Env, log, log)
	return err
}

// StopKeepalived stops keepalived as its service would, and waits until it is gone. It returns the instant of the stop.
func (b *Host) StopKeepalived(ctx context.Context) (host.Mono, error) {
	at := b.lab.Timeline.Step("stop keepalived on %s", b.Name)
	if err := b.keepalived.Signal(ctx, syscall.SIGTERM); err != nil {
		return at, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Second, fmt.Errorf("keepalived still runs 10s after SIGTERM"))
	defer cancel()
	_, err := b.keepalived.Wait(ctx)
	return at, err
}

// PowerCut takes the host away between two instructions: no packet leaves it any more, then everything on it is killed. It returns
// the instant of the cut.
func (b *Host) PowerCut() (host.Mono, error) {
	at := b.lab.Timeline.Step("power cut: %s", b.Name)
	// Silence first, then the kill: otherwise the kernel would still close the connections of the dead politely. Carrier
	// loss comes last, or keepalived on the dying host would still see it and act.
	err := b.cable.Silence()
	b.host.Kill()
	if err != nil {
		return at, fmt.Errorf("cut %s: %w", b.Name, err)
	}
	return at, b.cable.Cut()
}

// CutCable pulls the host's cable out: it loses its carrier. It returns the instant.
func (b *Host) CutCable() (host.Mono, error) {
	at := b.lab.Timeline.Step("cable of %s pulled out", b.Name)
	return at, b.cable.Cut()
}

// Isolate lets no packet from or to the host pass, but it keeps its carrier. It returns the instant.
func (b *Host) Isolate() (host.Mono, error) {
	at := b.lab.Timeline.Step("cut off: no packet passes to or from %s", b.Name)
	return at, b.cable.Silence()
}

// Heal undoes CutCable and Isolate. It returns the instant.
func (b *Host) Heal() (host.Mono, error) {
	at := b.lab.Timeline.Step("healed: packets pass to and from %s again", b.Name)
	return at, b.cable.Plug()
}

// KillRedis sends SIGKILL to an instance and returns the instant.
func (b *Host) KillRedis(ctx context.Context, port int) (host.Mono, error) {
	pid, err := b.redisPid(ctx, port)
	if err != nil {
		return 0, err
	}
	at := b.lab.Timeline.Step("kill redis %d on %s", port, b.Name)
	return at, b.host.Signal(ctx, pid, syscall.SIGKILL)
}

// redisPid finds the server of a port by the name that it gives itself: "redis-server 0.0.0.0:7000 [cluster]".
func (b *Host) redisPid(ctx context.Context, port int) (int, error) {
	procs, err := b.host.Procs(ctx)
	if err != nil {
		return 0, err
	}
	suffix := fmt.Sprintf(":%d", port)
	for _, p := range procs {
		words := strings.Fields(strings.Join(p.Argv, " "))
		if len(words) > 1 && strings.HasPrefix(filepath.Base(words[0]), "redis-server") && strings.HasSuffix(words[1], suffix) {
			return p.Pid, nil
		}
	}
	return 0, fmt.Errorf("%s: no redis-server on port %d", b.Name, port)
}

// down switches the host off and waits until it is gone.
func (b *Host) down() error {
	if b.host == nil {
		return nil
	}
	var unplugged error
	if b.cable != nil {
		unplugged = b.cable.Unplug()
	}
	b.host.Kill()
	if err := b.gone(); err != nil {
		return err
	}
	return unplugged
}

// gone waits until a host whose power was cut is gone.
func (b *Host) gone() error {
	select {
	case <-b.host.Done():
		return nil
	case <-time.After(10 * time.Second):
		return fmt.Errorf("%s is still there 10s after its power was cut", b.Name)
	}
}

func newBootID() (string, error) {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", fmt.Errorf("make a boot id: %w", err)
	}
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
}

// Pids are the first processes of all hosts, by name, in the lab's own numbers.
func (l *Lab) Pids() map[string]int {
	pids := map[string]int{}
	for _, b := range l.allHosts() {
		pids[b.Name] = b.host.Pid()
	}
	return pids
}
