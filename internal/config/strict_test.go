package config

import (
	"net/netip"
	"strings"
	"testing"
)

// ownAs lets the host have these addresses.
func ownAs(o Options, own ...string) Options {
	o.ownAddrs = func() (all []netip.Addr) {
		for _, a := range own {
			all = append(all, netip.MustParseAddr(a))
		}
		return all
	}
	return o
}

func (b host) strict(own ...string) []string {
	report, ok := Strict(ownAs(b.options(), own...))
	if ok != strings.Contains(report, "configuration is good: ") {
		b.t.Errorf("ok is %v for %s", ok, report)
	}
	return strings.Split(strings.TrimSuffix(strings.ReplaceAll(b.plain(report), DefaultFile, "FILE"), "\n"), "\n")
}

func TestStrictReportOfAGoodOne(t *testing.T) {
	b := newHost(t)
	b.write(DefaultFile, "instances = [\"10.0.0.1:7000-7001\"]\npeers = [\"10.0.0.2:7000-7001\"]\n")
	b.write("/etc/redis/7000.conf", "port 7000\ncluster-enabled yes\ncluster-node-timeout 10001\n")
	b.write("/etc/redis/7001.conf", "port 7001\n")
	b.write("/etc/keepalived/keepalived.conf", "")
	want := []string{
		"configuration is good: FILE",
		"instance 10.0.0.1:7000, /etc/redis/7000.conf",
		"instance 10.0.0.1:7001, /etc/redis/7001.conf",
		"peer 10.0.0.2:7000",
		"peer 10.0.0.2:7001",
	}
	if d := diff(want, b.strict("127.0.0.1", "10.0.0.1")); d != "" {
		t.Error(d)
	}
}

func TestStrictReportWithWarnings(t *testing.T) {
	b := newHost(t)
	b.write(DefaultFile, "instances = [\"10.0.0.1:7000-7001\"]\npeers = [\"10.0.0.3:7000-7001\"]\nwitness = \"none\"\n[service]\nbackend = \"process\"\nserver = \"/nowhere/redis-server\"\n")
	b.write("/etc/redis/7000.conf", "port 7000\ncluster-enabled YES\ncluster-node-timeout 10000\n")
	want := []string{
		"warning: 10.0.0.1 is not an address of this host; hint: instances are those of this host, peers those of the other",
		"warning: peer 10.0.0.3:7000 is on this host; hint: peers are those of the other host",
		"warning: peer 10.0.0.3:7001 is on this host; hint: peers are those of the other host",
		"warning: fence_stop_after is 5s, not below half of cluster-node-timeout (10s in /etc/redis/7000.conf); hint: make fence_stop_after shorter, or the timeout longer",
		"warning: 10.0.0.1:7001 has no configuration file, so it cannot be started when it dies; hint: set conf below [service] to its path, with %p for the port",
		"warning: the VIP is not known: stat /etc/keepalived/keepalived.conf: no such file or directory; hint: set vip, or keepalived_conf",
		"warning: there is no witness, so a host that is cut off is never fenced; hint: name an address outside both hosts",
		"warning: no instance can be started: exec: \"/nowhere/redis-server\": stat /nowhere/redis-server: no such file or directory; hint: set server below [service]",
		"configuration is good: FILE",
		"instance 10.0.0.1:7000, /etc/redis/7000.conf",
		"instance 10.0.0.1:7001",
		"peer 10.0.0.3:7000",
		"peer 10.0.0.3:7001",
	}
	if d := diff(want, b.strict("10.0.0.3")); d != "" {
		t.Error(d)
	}
}

func TestStrictReportOfABadOne(t *testing.T) {
	b := newHost(t)
	b.write(DefaultFile, "instances = [\"10.0.0.1:7000\"]\nvip = \"10.0.0.9\"\nwitness = [\"10.0.0.5\"]\npolicy = \"go\"\n")
	b.write("/etc/redis/7000.conf", "port 7001\n")
	want := []string{
		`FILE:3: key "witness": 10.0.0.5 is an address of this host; hint: write an address outside both hosts, such as the default gateway`,
		`FILE:4: key "policy": "go" is not known; hint: write "auto", "follow" or "stay"`,
		`warning: /etc/redis/7000.conf says port 7001, but it is the configuration of 10.0.0.1:7000; hint: correct the file, or the key service.conf`,
	}
	if d := diff(want, b.strict("10.0.0.1", "10.0.0.5")); d != "" {
		t.Error(d)
	}
	// A good copy does not make a bad file good.
	b.write(DefaultStateDir+"/"+lastGoodFile, seal(one))
	if d := diff(want, b.strict("10.0.0.1", "10.0.0.5")); d != "" {
		t.Error(d)
	}
}

// How many instances there are is known only when they have been found.
func TestStrictReportOfTooManyThatMustBeHealthy(t *testing.T) {
	b := newHost(t)
	b.write(DefaultFile, "require = 3\nvip = \"10.0.0.9\"\n")
	b.write("/etc/redis/7000.conf", "port 7000\n")
	b.write("/etc/redis/7001.conf", "port 7001\n")
	want := []string{`FILE:1: key "require": 3 instances must be healthy, and this host has 2; hint: write "all", "any" or a number up to 2`}
	if d := diff(want, b.strict("127.0.0.1")); d != "" {
		t.Error(d)
	}
	// Where no instance is found that is the error, and not how many must be healthy.
	b = newHost(t)
	b.write(DefaultFile, "require = 3\nvip = \"10.0.0.9\"\n")
	want = []string{`FILE: no instance is configured, and none was found on this host; hint: name them in FILE, as in instances = ["127.0.0.1:7000-7002"]`}
	if d := diff(want, b.strict("127.0.0.1")); d != "" {
		t.Error(d)
	}
}

func TestStrictWithoutAFile(t *testing.T) {
	b := newHost(t)
	want := []string{
		`FILE: no instance is configured, and none was found on this host; hint: name them in FILE, as in instances = ["127.0.0.1:7000-7002"]`,
		"warning: the VIP is not known: stat /etc/keepalived/keepalived.conf: no such file or directory; hint: set vip, or keepalived_conf",
	}
	if d := diff(want, b.strict("127.0.0.1")); d != "" {
		t.Error(d)
	}
	if own := ownAddrs(); len(own) == 0 || !own[0].IsValid() {
		t.Errorf("got %v", own)
	}
}
