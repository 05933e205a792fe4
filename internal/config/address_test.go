package config

import (
	"fmt"
	"strings"
	"testing"
)

func TestInstancesInMixedForms(t *testing.T) {
	b := newHost(t)
	c := b.mustLoad(`instances = [
  "10.0.0.1:7000-7001", "[fd00::1]:7000", "[fe80::1%eth0]:7000", "[::ffff:10.0.0.2]:65535",
  "unix:/run/a.sock", "127.0.0.1:1-1",
]`)
	var names []string
	for _, i := range c.Instances {
		names = append(names, fmt.Sprintf("%s=%d", i.Name(), i.Port))
	}
	want := []string{"10.0.0.1:7000=7000", "10.0.0.1:7001=7001", "[fd00::1]:7000=7000", "[fe80::1%eth0]:7000=7000",
		"10.0.0.2:65535=65535", "/run/a.sock=0", "127.0.0.1:1=1"}
	if d := diff(want, names); d != "" {
		t.Error(d)
	}
	if c = b.mustLoad(`instances = "127.0.0.1:7000"`); len(c.Instances) != 1 {
		t.Errorf("one text is a list of one: got %d", len(c.Instances))
	}
}

func TestSpanTexts(t *testing.T) {
	const ports = "ports are 1 to 65535, a range is FIRST-LAST, as in 7000-7002"
	for _, test := range []struct{ in, text, hint string }{
		{"127.0.0.1:", `"127.0.0.1:" has no valid port in it`, ports},
		{"127.0.0.1:-1", `"127.0.0.1:-1" has no valid port in it`, ports},
		{"127.0.0.1:+1", `"127.0.0.1:+1" has no valid port in it`, ports},
		{"127.0.0.1:7000-", `"127.0.0.1:7000-" has no valid port in it`, ports},
		{"127.0.0.1:7000-7001-7002", `"127.0.0.1:7000-7001-7002" has no valid port in it`, ports},
		{"127.0.0.1:7000,7001", `"127.0.0.1:7000,7001" has no valid port in it`, ports},
		{"127.0.0.1:7000 - 7001", `"127.0.0.1:7000 - 7001" has no valid port in it`, ports},
		{"127.0.0.1:65535-65536", `"127.0.0.1:65535-65536" has no valid port in it`, ports},
		{"127.0.0.1:2-1", `"127.0.0.1:2-1" has its range the wrong way round`, "write 1-2"},
		{"7000-7002", `"7000-7002" has no address`, `write "127.0.0.1:7000-7002"`},
		{"localhost:7000", `"localhost:7000" has a host name in it`, "use the address itself: a failover must not wait for a name server"},
		{":7000", `":7000" has no valid address in it`, addressHint},
		{"[::1:7000", `"[::1:7000" has no port`, addressHint},
		{"[::1]7000", `"[::1]7000" has no port`, addressHint},
		{"[127.0.0.1]:7000", "", ""},
		{"[::]:7000", `"[::]:7000" is not the address of one host`, "write the address at which this host is reached, or 127.0.0.1"},
		{"224.0.0.18:7000", `"224.0.0.18:7000" is a multicast address`, "write the address of a host"},
		{"unix:", `"unix:" is not a full path`, `begin the path with a slash, as in "unix:/run/redis/redis.sock"`},
		{"1.2.3.4:1-65535", "", ""},
	} {
		if _, text, hint := parseSpan(test.in); text != test.text || hint != test.hint {
			t.Errorf("%s: got %q, %q", test.in, text, hint)
		}
	}
}

func TestAtMostAThousandInstances(t *testing.T) {
	b := newHost(t)
	if c := b.mustLoad(`instances = ["127.0.0.1:1001-2000"]`); len(c.Instances) != 1000 {
		t.Errorf("got %d", len(c.Instances))
	}
	_, err := b.load("instances = [\"127.0.0.1:1001-2000\",\n\"127.0.0.1:1\"]")
	want := []string{`FILE:2: key "instances": names more than 1000 servers; hint: check the ranges: they hold both their ends and all ports between`}
	if d := diff(want, b.lines(err)); d != "" {
		t.Error(d)
	}
	_, err = b.load(`instances = [` + strings.Repeat(`"127.0.0.1:1-65535",`, 60000) + `]`)
	if n := len(b.lines(err)); n != 1 {
		t.Errorf("got %d lines", n)
	}
	_, err = b.load(`instances = []`)
	want = []string{`FILE:1: key "instances": is empty; hint: name at least one, as in instances = ["192.168.9.70:7000-7002"], or remove the line`}
	if d := diff(want, b.lines(err)); d != "" {
		t.Error(d)
	}
}

func TestTwoAddressesWithOnePort(t *testing.T) {
	c := newHost(t).mustLoad(`instances = ["127.0.0.1:7000", "10.0.0.1:6999-7001"]`)
	want := []string{`"127.0.0.1:7000" and "10.0.0.1:6999-7001" share port 7000, and so one configuration and one pid file; hint: name each server once, by one of its addresses`}
	if d := diff(want, c.Warnings); d != "" {
		t.Error(d)
	}
}

func TestWitnessNone(t *testing.T) {
	c := newHost(t).mustLoad(one + `witness = "none"`)
	if !c.NoWitness || len(c.Witnesses) > 0 {
		t.Errorf("got %v, %v", c.NoWitness, c.Witnesses)
	}
	c = newHost(t).mustLoad(one+`witness = "none"`, "KEEPALIVED_REDIS_WITNESS=10.0.0.254,10.0.0.253")
	if c.NoWitness || len(c.Witnesses) != 2 {
		t.Errorf("got %v, %v", c.NoWitness, c.Witnesses)
	}
}

func TestConfigurationOfEachInstance(t *testing.T) {
	b := newHost(t)
	b.write("/etc/redis/7000.conf", "port 7000\n")
	debian := b.write("/etc/redis/redis-7001.conf", "port 7001\nrequirepass swordfish\n")
	socket := b.write("/etc/redis/redis-7009.conf", "port 0\nunixsocket /run/r.sock\n")
	c := b.mustLoad(`instances = ["10.0.0.1:7000-7002", "unix:/run/r.sock"]`)
	want := []Instance{
		{Addr: c.Instances[0].Addr, Port: 7000, Conf: b.root + "/etc/redis/7000.conf"},
		{Addr: c.Instances[1].Addr, Port: 7001, Conf: debian, Password: "swordfish"},
		{Addr: c.Instances[2].Addr, Port: 7002},
		{Socket: "/run/r.sock", Port: 7009, Conf: socket},
	}
	if d := diff(want, c.Instances); d != "" {
		t.Error(d)
	}
	other := b.write("/srv/redis_cluster/7001/redis.conf", "port 7001\n")
	c = b.mustLoad("instances = [\"10.0.0.1:7000-7001\"]\n[service]\nconf = \"" + b.root + "/srv/redis_cluster/%p/redis.conf\"")
	if c.Instances[0].Conf != "" || c.Instances[1].Conf != other || c.Instances[1].Password != "" {
		t.Errorf("got %+v", c.Instances)
	}
}

func TestInstanceWithAConfigurationThatDoesNotHealthy(t *testing.T) {
	b := newHost(t)
	b.write("/etc/redis/7000.conf", "port 7003\n")
	b.write("/etc/redis/7002.conf", "port 7002\nrename-command CONFIG \"\"\nrename-command keys k\nrename-command INFO info\n")
	b.write("/etc/redis/7003.conf", "port 7003\nrequirepass \"sword\"fish\n")
	c := b.mustLoad(`instances = ["10.0.0.1:7000", "10.0.0.1:7002-7003"]`)
	want := []string{
		`/etc/redis/7000.conf says port 7003, but it is the configuration of 10.0.0.1:7000; hint: correct the file, or the key service.conf`,
		`/etc/redis/7002.conf renames the command CONFIG, which a failover needs; hint: remove that rename-command`,
		`read redis configuration /etc/redis/7003.conf:2: the quotes do not match: redis-server cannot read this line; hint: close them, and put a blank behind`,
	}
	for i, w := range c.Warnings {
		c.Warnings[i] = b.plain(w)
	}
	if d := diff(want, c.Warnings); d != "" {
		t.Error(d)
	}
}
