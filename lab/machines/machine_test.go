package machines_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"keepalived-redis/internal/testing/buildtest"
	"keepalived-redis/internal/testing/systemdtest"
	"keepalived-redis/lab"
	"keepalived-redis/lab/host"
	"keepalived-redis/lab/resp"
)

const (
	prefix  = "/24"
	gateway = "192.168.9.1"
	labAddr = "192.168.9.2"
)

// patience is how long anything may take: far longer than it does, also on a machine that is busy with other things.
const patience = 60 * time.Second

// machine is a machine with systemd and three instances.
type machine struct {
	*testing.T
	name, addr string
	ports      []string
	m          *systemdtest.Machine
	network    *host.Network
	cable      *host.Cable
}

// shipped are the files and programs of the packages, where these put them, and the pair's own.
func shipped(t *testing.T, name string) (files, programs map[string]string) {
	t.Helper()
	files = systemdtest.Accounts(t)
	for _, unit := range []string{"redis@.service", "keepalived-redis.target", "keepalived.service.d/keepalived-redis.conf"} {
		files["/etc/systemd/system/"+unit] = systemdtest.Shipped(t, root, "systemd/"+unit)
	}
	files["/etc/polkit-1/rules.d/50-keepalived-redis.rules"] = systemdtest.Shipped(t, root, "polkit/50-keepalived-redis.rules")
	for from, to := range map[string]string{name + ".conf": "keepalived.conf", name + ".toml": "keepalived-redis.toml"} {
		text, err := os.ReadFile(filepath.Join(root, "keepalived", from))
		if err != nil {
			t.Fatal(err)
		}
		files["/etc/keepalived/"+to] = string(text)
	}
	programs = map[string]string{"/usr/sbin/redis-initd": filepath.Join(build, "redis-initd")}
	for _, p := range buildtest.Keepalived {
		programs["/usr/libexec/keepalived/"+p] = filepath.Join(build, p)
	}
	return files, programs
}

// newMachine boots a machine that is plugged into the switch, and makes its instances as the manual says.
func newMachine(t *testing.T, sw *host.Switch, name, addr string, ports ...string) *machine {
	t.Helper()
	b := &machine{T: t, name: name, addr: addr, ports: ports}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var err error
	if b.network, err = host.NewNetwork(name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.network.File.Close() })
	if b.cable, err = sw.ConnectNetwork(ctx, b.network, gateway, addr+prefix); err != nil {
		t.Fatal(err)
	}
	files, programs := shipped(t, name)
	b.m = systemdtest.Spec{Files: files, Programs: programs, Name: name, Network: b.network.File}.Boot(t)
	b.sh("redis-initd create %s --bind %s --vip %s --cluster --no-password", strings.Join(ports, " "), addr, lab.VIP)
	// Redis 7 waits 5 s before a full resync so that more replicas can join; here there is one replica a master.
	b.sh("for conf in /etc/redis/*.conf; do echo repl-diskless-sync-delay 0 >>$conf; done")
	b.sh("redis-initd install %s && redis-initd all start", strings.Join(ports, " "))
	return b
}

// try runs a shell script on the host.
func (b *machine) try(format string, args ...any) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := b.m.Command(ctx, "sh", "-c", fmt.Sprintf(format, args...)).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// sh runs a shell script on the host, which must succeed.
func (b *machine) sh(format string, args ...any) string {
	b.Helper()
	out, err := b.try(format, args...)
	if err != nil {
		b.Fatalf("%s: %s: %v: %s", b.name, fmt.Sprintf(format, args...), err, out)
	}
	return out
}

// property is one of a unit's, as systemd has it.
func (b *machine) property(unit, name string) string {
	b.Helper()
	return b.sh("systemctl show --value --property=%s %s", name, unit)
}

// servers are the main processes of the instances, as systemd has them.
func (b *machine) servers() (pids []string) {
	b.Helper()
	for _, p := range b.ports {
		pids = append(pids, b.property("redis@"+p, "MainPID"))
	}
	return pids
}

// starts is how often each server has been started, as its own log tells.
func (b *machine) starts() (all []int) {
	b.Helper()
	for _, p := range b.ports {
		n, err := strconv.Atoi(b.sh("grep -c 'Redis is starting' /var/log/redis/redis-%s.log", p))
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, n)
	}
	return all
}

// said: our programs have logged that, in this boot.
func (b *machine) said(words string) bool {
	out, err := b.try("journalctl --boot --quiet --output=cat -t chk-redis -t notify-redis --grep '%s'", words)
	return err == nil && out != ""
}

// log is what was logged last, for whoever looks for what went wrong.
func (b *machine) log() string {
	out, _ := b.try("journalctl --boot --quiet --no-pager --lines=150 --output=short-precise")
	return out
}

// holds: the VIP is on the host, which may be off.
func (b *machine) holds() bool {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := b.network.IP(ctx, "-4", "-oneline", "addr", "show", "dev", host.Interface)
	if err != nil {
		b.Fatal(err)
	}
	return strings.Contains(out, lab.VIP+"/")
}

// pair is two hosts that make a cluster.
type pair struct {
	*testing.T
	hosts [2]*machine
}

func newPair(t *testing.T) *pair {
	t.Helper()
	if os.Geteuid() != 0 || host.Rootless() {
		t.Fatal("containers with systemd need root; hint: run the tests as root")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	sw, err := host.NewSwitch(ctx, labAddr+prefix)
	if err != nil {
		t.Fatal(err)
	}
	// The gateway, which is the hosts' witness, is the lab itself.
	if out, err := exec.CommandContext(ctx, "ip", "addr", "add", gateway+prefix, "dev", "switch").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	p := &pair{T: t}
	p.hosts[0] = newMachine(t, sw, "redis1", "192.168.9.70", "7000", "7001", "7002")
	p.hosts[1] = newMachine(t, sw, "redis2", "192.168.9.71", "7003", "7004", "7005")
	t.Cleanup(func() {
		if t.Failed() {
			for _, b := range p.hosts {
				t.Logf("%s:\n%s", b.name, b.log())
			}
		}
	})
	create := append([]string{"--cluster", "create"}, p.instances()...)
	if out, err := exec.CommandContext(ctx, "redis-cli", append(create, "--cluster-replicas", "1", "--cluster-yes")...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	p.await("a whole cluster", p.whole)
	return p
}

// under has the pair and its hosts fail a subtest.
func (p *pair) under(t *testing.T) *pair {
	q := &pair{T: t}
	for n, b := range p.hosts {
		c := *b
		c.T = t
		q.hosts[n] = &c
	}
	return q
}

func (p *pair) instances() (all []string) {
	for _, b := range p.hosts {
		for _, port := range b.ports {
			all = append(all, b.addr+":"+port)
		}
	}
	return all
}

func (p *pair) await(what string, ok func() bool) {
	p.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			p.Fatalf("not in time: %s", what)
		}
	}
}

// owners are the masters as an instance sees them, by their slots, or nil while anything is wrong.
func (p *pair) owners(instance string) map[string]string {
	info, err := resp.Ask(context.Background(), time.Second, instance, "CLUSTER", "INFO")
	if err != nil || !strings.Contains(info[0], "cluster_state:ok") || !strings.Contains(info[0], "cluster_slots_ok:16384") {
		return nil
	}
	nodes, err := resp.Ask(context.Background(), time.Second, instance, "CLUSTER", "NODES")
	if err != nil {
		return nil
	}
	owners, wrong := lab.Owners(nodes[0])
	if wrong != "" {
		return nil
	}
	return owners
}

// whole: all six instances answer, agree who serves which slots, and every replica is linked.
func (p *pair) whole() bool {
	var first map[string]string
	for _, i := range p.instances() {
		owners := p.owners(i)
		if first == nil {
			first = owners
		}
		if owners == nil || !maps.Equal(first, owners) {
			return false
		}
		if !p.linked(i) {
			return false
		}
	}
	return true
}

func (p *pair) linked(instance string) bool {
	info, err := resp.Ask(context.Background(), time.Second, instance, "INFO", "replication")
	return err == nil && (strings.Contains(info[0], "role:master") || strings.Contains(info[0], "master_link_status:up"))
}

// masters: the instance is one, as it says itself.
func master(instance string) bool {
	role, err := resp.Ask(context.Background(), time.Second, instance, "INFO", "replication")
	return err == nil && strings.Contains(role[0], "role:master")
}

// leads: the host, and no other, has the VIP, and all its instances are masters.
func (p *pair) leads(b *machine) bool {
	for _, other := range p.hosts {
		if other.holds() != (other.name == b.name) {
			return false
		}
	}
	return !slices.ContainsFunc(b.ports, func(port string) bool { return !master(b.addr + ":" + port) })
}

// settle waits until one of the hosts leads a whole cluster, and gives that host and the other.
func (p *pair) settle() (holder, standby *machine) {
	p.Helper()
	p.await("one host with the VIP and all masters, and a whole cluster", func() bool {
		for n, b := range p.hosts {
			if p.leads(b) && p.whole() {
				holder, standby = b, p.hosts[1-n]
				return true
			}
		}
		return false
	})
	return holder, standby
}

// servers are those of both hosts.
func (p *pair) servers() string {
	p.Helper()
	return fmt.Sprint(p.hosts[0].servers(), p.hosts[1].servers())
}
