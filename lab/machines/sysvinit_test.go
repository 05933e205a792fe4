package machines_test

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keepalived-redis/internal/testing/buildtest"
	"keepalived-redis/internal/testing/systemdtest"
	"keepalived-redis/lab/demo"
	"keepalived-redis/lab/host"
)

// inittab is Debian's as far as a machine without terminals needs it.
const inittab = `id:2:initdefault:
si::sysinit:/etc/network.sh
l0:0:wait:/lib/init/rc 0
l2:2:wait:/lib/init/rc 2
l6:6:wait:/lib/init/rc 6
up:2:wait:/bin/touch /run/up
z0:0:wait:/sbin/halt -d -f -p
z6:6:wait:/sbin/reboot -d -f
`

// networkScript makes the interface of the VIP.
const networkScript = `#!/bin/sh
ip link set lo up
ip link add vip0 type veth peer name vip1
ip link set vip1 up
ip link set vip0 up
ip addr add 10.9.9.1/24 dev vip0
`

// sysvConf is for keepalived as CentOS 6 has it, but for the two lines that a newer one wants.
const sysvConf = `global_defs {
    script_user root
    enable_script_security
}
vrrp_script chk_redis {
    script "/usr/libexec/keepalived/chk-redis"
    interval 1
    timeout 10
    fall 1
    rise 1
}
vrrp_instance VI_1 {
    state BACKUP
    interface vip0
    virtual_router_id 51
    priority 100
    advert_int 1
    virtual_ipaddress {
        10.9.9.9
    }
    track_script {
        chk_redis
    }
    notify_master "/usr/libexec/keepalived/notify-redis master --vrrp VI_1"
    notify_backup "/usr/libexec/keepalived/notify-redis backup --vrrp VI_1"
    notify_fault "/usr/libexec/keepalived/notify-redis fault --vrrp VI_1"
    notify_stop "/usr/libexec/keepalived/notify-redis stop --vrrp VI_1"
}
`

// sysvMachine boots a machine without systemd: sysvinit runs init scripts by their links.
func sysvMachine(t *testing.T) *machine {
	t.Helper()
	if os.Geteuid() != 0 || host.Rootless() {
		t.Fatal("a container with an init needs root; hint: run the tests as root")
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		t.Fatal("the packages of sysvinit come by apt-get, which is not here; hint: run this test on Debian or its kin")
	}
	files := systemdtest.Accounts(t)
	maps.Copy(files, map[string]string{
		"/etc/sudoers.d/keepalived-redis": systemdtest.Shipped(t, root, "sudoers/keepalived-redis"),

		"/etc/inittab": inittab, "/etc/network.sh": networkScript, "/etc/keepalived/keepalived.conf": sysvConf,
		"/etc/keepalived/keepalived-redis.toml": "instances = [\"127.0.0.1:7000-7001\"]\nwitness = \"none\"\n[times]\ndeadline = \"9s\"\n",
	})
	programs := map[string]string{"/etc/init.d/keepalived": "/etc/init.d/keepalived", "/usr/sbin/redis-initd": filepath.Join(build, "redis-initd")}
	for _, p := range buildtest.Keepalived {
		programs["/usr/libexec/keepalived/"+p] = filepath.Join(build, p)
	}
	unpacked := unpackInit(t)
	for _, path := range []string{"/sbin/init", "/sbin/halt", "/sbin/reboot", "/sbin/poweroff", "/sbin/shutdown", "/sbin/runlevel", "/sbin/insserv",
		"/bin/startpar", "/lib/init/rc", "/etc/insserv.conf"} {
		to := path
		if !strings.HasPrefix(path, "/etc/") {
			to = "/usr" + path // /sbin and the like are links
		}
		programs[to] = filepath.Join(unpacked, path)
	}
	b := &machine{T: t, name: "sysv", ports: []string{"7000", "7001"}}
	b.m = systemdtest.Spec{Files: files, Programs: programs, Name: b.name, Init: "/usr/sbin/init", Up: func(m *systemdtest.Machine) bool {
		return m.Command(context.Background(), "test", "-e", "/run/up").Run() == nil
	}}.Boot(t)
	return b
}

// unpackInit unpacks what redis-lab install has fetched.
func unpackInit(t *testing.T) string {
	t.Helper()
	debs, err := filepath.Glob(filepath.Join(build, demo.FetchedInit, "*.deb"))
	if err != nil || len(debs) == 0 {
		t.Fatalf("no packages of sysvinit in %s (%v); hint: build/redis-lab install", filepath.Join(build, demo.FetchedInit), err)
	}
	dir := t.TempDir()
	for _, deb := range debs {
		if out, err := exec.Command("dpkg-deb", "--extract", deb, dir).CombinedOutput(); err != nil {
			t.Fatalf("unpack %s: %v: %s", deb, err, out)
		}
	}
	return dir
}

// await waits for what a shell script on the host finds true.
func (b *machine) await(what, script string) {
	b.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		out, err := b.try("%s", script)
		if err == nil {
			return
		}
		if time.Now().After(end) {
			b.Fatalf("not in time: %s: %v: %s", what, err, out)
		}
	}
}

const vipIsHere = "ip -4 addr show dev vip0 | grep -q 10.9.9.9"

// TestSysvinit is a machine without systemd, from the first instance to a reboot.
func TestSysvinit(t *testing.T) {
	b := sysvMachine(t)
	if out, err := b.try("test -e /run/systemd/system"); err == nil {
		t.Fatalf("this is systemd: %s", out)
	}
	b.sh("redis-initd create 7000 7001 --bind 10.9.9.1 --vip 10.9.9.9 --no-password")
	b.sh("redis-initd install 7000 7001 && update-rc.d keepalived defaults")
	links := b.sh("ls /etc/rc2.d /etc/rc0.d")
	t.Log(links)
	b.sh("service redis7000 start && /etc/init.d/redis7001 start && service keepalived start")
	b.await("keepalived holds the VIP", vipIsHere)

	pid := func(port string) string {
		t.Helper()
		return b.sh("redis-cli -p %s info server | sed -n 's/^process_id:\\([0-9]*\\).*/\\1/p'", port)
	}
	// What died is restarted, and is none of keepalived's.
	b.sh("kill -KILL %s", pid("7000"))
	b.await("the check restarts it", "redis-cli -p 7000 ping | grep -q PONG && redis-initd 7000 status")
	restarted := pid("7000")
	// Its own restart starts it a second later whether it has ended or not, and then does not start it.
	b.sh("/etc/init.d/keepalived stop")
	b.await("keepalived has ended", "! test -e /run/keepalived.pid")
	b.sh("/etc/init.d/keepalived start")
	b.await("keepalived holds the VIP again", vipIsHere)
	if now := pid("7000"); now != restarted {
		t.Errorf("redis-server %s became %s with a restart of keepalived", restarted, now)
	}
	// What somebody stopped is not. The VIP stays for one that serves, as nobody else does, and for none it leaves.
	b.sh("/etc/init.d/redis7001 stop")
	b.await("keepalived's check has seen it", "grep -q '\"degraded\",\"because\":.\"no-better-host\",\"refused 127.0.0.1:7001 ' /run/keepalived-redis/verdict.json")
	b.sh("/usr/libexec/keepalived/chk-redis && " + vipIsHere)
	b.sh("/etc/init.d/redis7000 stop")
	b.await("the VIP leaves an unhealthy host", "! "+vipIsHere)
	b.await("the check says why", "/usr/libexec/keepalived/chk-redis -v | grep -q '^unhealthy: 127.0.0.1:7000 7001 each refuses connections (refused)$'")
	for _, port := range b.ports {
		if out, err := b.try("redis-initd %s status", port); err == nil || !strings.Contains(out, "stopped by hand") {
			t.Errorf("%v: %s", err, out)
		}
	}
	b.sh("/etc/init.d/redis7001 start && /etc/init.d/redis7000 start")
	b.await("keepalived holds the VIP once more", vipIsHere)

	// A check that does not run as root may ask by sudo, here as well. keepalived's own would be first.
	b.sh("/etc/init.d/keepalived stop")
	b.await("keepalived has ended", "! test -e /run/keepalived.pid")
	b.restartedBySudo("7001", "open /etc/redis/7001.conf: permission denied")
	if out := b.sh("ps -o user= -p %s", pid("7001")); out != "redis" {
		t.Errorf("the server runs as %s", out)
	}
	b.sh("/etc/init.d/keepalived start")
	b.await("keepalived holds the VIP again", vipIsHere)

	starts := b.starts()
	b.m.Reboot()
	b.await("keepalived holds the VIP after the boot", vipIsHere)
	for n, port := range b.ports {
		b.sh("redis-initd %s status", port)
		if now := b.starts()[n]; now != starts[n]+1 {
			t.Errorf("redis %s was started %d times", port, now-starts[n])
		}
		log := strings.Split(b.sh("cat /var/log/redis/redis-%s.log", port), "Redis is starting")
		if before := log[len(log)-2]; !strings.Contains(before, "Redis is now ready to exit") {
			t.Errorf("redis %s did not end in good order: %s", port, before)
		}
		// The 22nd word of stat is when a process began, in ticks.
		if _, err := b.try("test $(cut -d' ' -f22 /proc/%s/stat) -le $(cut -d' ' -f22 /proc/$(cat /run/keepalived.pid)/stat)", pid(port)); err != nil {
			t.Errorf("redis %s was started after keepalived", port)
		}
	}
}
