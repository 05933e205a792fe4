// Package lab runs a pair of hosts and a client on one machine: real keepalived, real Redis, real faults.
//
// The hosts have the names and addresses of the files in keepalived/, so those run in here unchanged. A scenario is a list of
// steps in the words of this package (PowerCut, StopKeepalived, AwaitVIP …); its result is what a write probe on the third host saw.
package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"keepalived-redis/lab/host"
)

// The addresses of the first users' installation, as in keepalived/.
const (
	VIP        = "192.168.9.91"
	gateway    = "192.168.9.1"
	clientAddr = "192.168.9.10"
	labAddr    = "192.168.9.2"
	prefix     = "/24"
)

// Setup is what runs on the hosts.
type Setup string

const (
	// Ours: our programs and the files in keepalived/ as shipped.
	Ours Setup = "keepalived-redis"
	// OldScripts: what the first users ran before.
	OldScripts Setup = "old scripts"
	// Bare: hosts with instances alone; the caller runs beside them what it likes. See NewBare.
	Bare Setup = "bare"
	// OldPaths: their keepalived.conf as it was, with our programs where it looks for the scripts.
	OldPaths Setup = "our programs at the old paths"
)

// Variants of the shipped files: the directories that hold them, below keepalived/ and keepalived/pair/.
const (
	// OldFiles are for a pair in which one host has keepalived 1.2.13.
	OldFiles = "vrrp2"
	// PreemptFiles let the VIP return to the host with the higher priority.
	PreemptFiles = "preempt"
)

// Mode is what the instances are to each other.
type Mode string

const (
	// Cluster: six instances, three masters with a replica each. The zero value means this, too.
	Cluster Mode = "cluster"
	// Replication: a plain master and its replica, written to through the VIP.
	Replication Mode = "replication"
)

// Options say what a lab is made of.
type Options struct {
	// Root is the checkout, Build the directory of the built programs and of the cache, Results that of the results and of kept logs.
	Root, Build, Results string
	// Work is the lab's private directory; everything in it vanishes with the lab.
	Work string
	// Setup is what runs on the hosts.
	Setup Setup
	// Mode is what the instances are to each other.
	Mode Mode
	// Layout is where the masters of a cluster are at the start.
	Layout Layout
	// EditConf changes keepalived.conf before it goes to a host, Prepare changes a host that is installed; both may be nil.
	EditConf func(conf string) string
	Prepare  func(*Host) error
	// Disk is the size of the file system that holds the data of a host's instances, in the words of tmpfs: "" is no limit.
	Disk string
	// NodeTimeout is the cluster-node-timeout: 15 s when it is 0.
	NodeTimeout time.Duration
	// Env is the environment of keepalived on both hosts, and so of our programs: KEEPALIVED_REDIS_POLICY=stay and the like.
	Env []string
	// Files names the variant of the shipped files that the hosts get: "", OldFiles or PreemptFiles.
	Files string
	// Advert, if not empty, replaces the shipped advert_int, in seconds: "0.03".
	Advert string
	// Network is a switch to use instead of the kernel's bridge; it must have LabAddr.
	Network *host.Switch
	// Slack is how many times its bounds of time a promise gets: 1 when it is 0. Tests give more, because other things run beside them and the
	// figures are not their subject; what waits for a timer of Redis or of keepalived is later by far.
	Slack int
	// Keep keeps logs and files even if all went well.
	Keep bool
	// Say tells a person what goes on; it may be nil.
	Say func(format string, args ...any)
}

// pairPort is the port of both instances of a pair, as in keepalived/pair/.
const pairPort = 6379

// nodeTimeout is the cluster-node-timeout of all instances.
func (l *Lab) nodeTimeout() time.Duration {
	if l.opts.NodeTimeout == 0 {
		return 15 * time.Second
	}
	return l.opts.NodeTimeout
}

// Lab is a running lab.
type Lab struct {
	opts Options
	dir  string
	// Timeline is all that happens in it.
	Timeline *Timeline
	// Redis1 and Redis2 are the hosts, Client is the third host: clients, witness and gateway.
	Redis1, Redis2, Client *Host
	// Redis3 is the third host of a bare lab, nil in others.
	Redis3 *Host

	network *host.Switch
	// away is what the switch does now.
	away away
	// disks are what mountDisk mounted.
	disks []string
}

// New makes a lab: three hosts that are up, instances that are linked, no keepalived yet. Close must be called also after
// an error.
func New(ctx context.Context, opts Options) (*Lab, error) {
	if opts.Say == nil {
		opts.Say = func(string, ...any) {}
	}
	l := &Lab{opts: opts, dir: filepath.Join(opts.Work, "run"), Timeline: newTimeline()}
	if l.network = opts.Network; l.network == nil {
		var err error
		if l.network, err = network(ctx); err != nil {
			return l, err
		}
	}
	ports1, ports2 := []int{7000, 7001, 7002}, []int{7003, 7004, 7005}
	if opts.Mode == Replication {
		ports1, ports2 = []int{pairPort}, []int{pairPort}
	}
	l.Redis1 = newHost(l, "redis1", "192.168.9.70", ports1...)
	l.Redis2 = newHost(l, "redis2", "192.168.9.71", ports2...)
	l.Client = newHost(l, "client", clientAddr)
	// A run that ended may have left its directory here.
	if err := os.RemoveAll(l.dir); err != nil {
		return l, fmt.Errorf("clear the work directory: %w", err)
	}
	for _, b := range l.allHosts() {
		if err := b.install(); err != nil {
			return l, err
		}
		if opts.Prepare != nil && b != l.Client {
			if err := opts.Prepare(b); err != nil {
				return l, fmt.Errorf("prepare %s: %w", b.Name, err)
			}
		}
	}
	if err := l.makeData(ctx); err != nil {
		return l, err
	}
	for _, b := range l.allHosts() {
		if err := b.Boot(ctx); err != nil {
			return l, err
		}
	}
	return l, l.AwaitLinked(ctx, 30*time.Second)
}

// theSwitch is made once: several labs may follow each other in one process.
var theSwitch *host.Switch

func network(ctx context.Context) (*host.Switch, error) {
	if theSwitch != nil {
		return theSwitch, nil
	}
	s, err := host.NewSwitch(ctx, labAddr+prefix)
	if err != nil {
		return nil, err
	}
	theSwitch = s
	return s, nil
}

func (l *Lab) allHosts() []*Host { return append([]*Host{l.Client}, l.Hosts()...) }

// Hosts are the hosts with Redis: two, or three in a bare lab.
func (l *Lab) Hosts() []*Host {
	if l.Redis3 != nil {
		return []*Host{l.Redis1, l.Redis2, l.Redis3}
	}
	return []*Host{l.Redis1, l.Redis2}
}

// Other is the host that b is not.
func (l *Lab) Other(b *Host) *Host {
	if b == l.Redis1 {
		return l.Redis2
	}
	return l.Redis1
}

// Close takes everything down and waits until it is gone. With a failure (or Options.Keep) it first copies logs and files to a
// directory below Options.Results and returns its name.
func (l *Lab) Close(failure error) (kept string, err error) {
	var errs []error
	for _, b := range l.allHosts() {
		if b != nil {
			errs = append(errs, b.down())
		}
	}
	if failure != nil || l.opts.Keep {
		var err error
		kept, err = l.keep()
		errs = append(errs, err)
	}
	for _, d := range l.disks {
		errs = append(errs, host.UnmountDisk(d))
	}
	errs = append(errs, os.RemoveAll(l.dir))
	return kept, errors.Join(errs...)
}

// keep copies what the hosts wrote, and the time line.
func (l *Lab) keep() (string, error) {
	base := filepath.Join(l.opts.Results, "kept")
	if err := os.MkdirAll(base, 0o755); err != nil {
		return "", fmt.Errorf("keep the logs: %w", err)
	}
	dir, err := os.MkdirTemp(base, time.Now().Format("150405-"))
	if err != nil {
		return "", fmt.Errorf("keep the logs: %w", err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", fmt.Errorf("keep the logs: %w", err)
	}
	if err := l.writeTimeline(filepath.Join(dir, "timeline.txt")); err != nil {
		return dir, err
	}
	for _, b := range l.allHosts() {
		for _, sub := range []string{"etc", "log", "redis", "state"} {
			if err := copyTree(filepath.Join(l.dir, b.Name, sub), filepath.Join(dir, b.Name, sub)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return dir, fmt.Errorf("keep the logs: %w", err)
			}
		}
	}
	return dir, nil
}

func (l *Lab) writeTimeline(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write the time line: %w", err)
	}
	for _, e := range l.Timeline.Events() {
		fmt.Fprintln(f, e)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("write the time line: %w", err)
	}
	return nil
}
