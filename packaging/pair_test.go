package packaging_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"keepalived-redis/internal/testing/systemdtest"
)

// patience bounds what a busy machine may take for anything; nothing here measures time.
const patience = 2 * time.Minute

// hostOf are the addresses of the shipped files.
var hostOf = map[string]string{"redis1": "192.168.9.70", "redis2": "192.168.9.71"}

const (
	vip     = "192.168.9.91"
	gateway = "192.168.9.1"
)

// pair are two machines with nothing but Debian, keepalived and its Redis, and a network between them whose gateway is the client.
type pair struct {
	*testing.T
	host   map[string]*systemdtest.Machine
	client int // a process in the client's network
	// password is that of the instances.
	password string
}

// newPair boots both. The packages of the versions are in /root/old, /root/new and /root/two.
func newPair(t *testing.T) *pair {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("containers with systemd need root; hint: run the tests as root")
	}
	debian := systemdtest.Debian(t, "../build")
	p := &pair{T: t, host: map[string]*systemdtest.Machine{}}
	client := exec.Command("unshare", "--net", "sleep", "infinity")
	client.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := client.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = client.Process.Kill() // it has nothing to lose
		_ = client.Wait()
	})
	p.client = client.Process.Pid
	p.await("the client's network", func() bool {
		ours, err1 := os.Readlink("/proc/self/ns/net")
		its, err2 := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", p.client))
		return err1 == nil && err2 == nil && ours != its
	})
	// Without an address of its own a bridge takes one of its ports', and another when that host dies: the gateway would be gone.
	p.atClient("ip link set lo up; ip link add br0 address 02:00:00:00:00:01 type bridge; ip addr add " + gateway + "/24 dev br0; ip link set br0 up")
	for name, address := range hostOf {
		m := systemdtest.Spec{Name: name, Root: debian, Programs: map[string]string{
			"/root/old/keepalived-redis_0.1.0-1_amd64.deb": packages(t, "0.1.0", "deb"),
			"/root/new/keepalived-redis_0.2.0-1_amd64.deb": packages(t, "0.2.0", "deb"),
			"/root/two/keepalived-redis_0.0.9-1_amd64.deb": packages(t, "0.0.9", "deb"),
		}}.Boot(t)
		p.host[name] = m
		p.atClient(fmt.Sprintf("ip link add %s type veth peer name ens160 netns %d; ip link set %s master br0 up", name, m.PID(), name))
		p.on(name, "ip link set lo up; ip link set ens160 up; ip addr add "+address+"/24 dev ens160; ip route add default via "+gateway)
	}
	return p
}

func (p *pair) atClient(script string) string {
	p.Helper()
	out, err := p.tryAtClient(script)
	if err != nil {
		p.Fatalf("client: %s: %v: %s", script, err, out)
	}
	return out
}

func (p *pair) tryAtClient(script string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, "nsenter", "--target", fmt.Sprint(p.client), "--net", "sh", "-ec", script).CombinedOutput()
	return string(out), err
}

// on runs a script on a host, as root in its home.
func (p *pair) on(host, script string) string {
	p.Helper()
	out, err := p.try(host, script)
	if err != nil {
		p.Fatalf("%s: %s: %v: %s", host, script, err, out)
	}
	return out
}

func (p *pair) try(host, script string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := p.host[host].Command(ctx, "sh", "-ec", "cd /root/old; "+script)
	cmd.Env = append(cmd.Env, "DEBIAN_FRONTEND=noninteractive")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (p *pair) await(what string, until func() bool) {
	p.Helper()
	for end := time.Now().Add(patience); !until(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			for name := range p.host {
				out, _ := p.try(name, "ip addr; chk-redis --dry-run; redis-initd all status; journalctl --no-pager --lines=40")
				p.Logf("%s: %s", name, out)
			}
			p.Fatalf("%s: not after %s", what, patience)
		}
	}
}

func (p *pair) holdsVIP(host string) bool {
	out, _ := p.try(host, "ip -o addr show to "+vip)
	return out != ""
}

// linked: every replica of both hosts has the data of its master, so that either host may die.
func (p *pair) linked() bool {
	for host := range p.host {
		out, err := p.try(host, "redis-initd all status")
		if err != nil || strings.Contains(out, "link DOWN") || strings.Contains(out, "with 0 linked replicas") || strings.Count(out, "is running") != 3 {
			return false
		}
	}
	return true
}

// writes: a value can be written to every third of the slots, by a client that knows only this address.
func (p *pair) writes(address string) bool {
	for _, key := range []string{"a", "b", "c", "d", "e", "f"} {
		port := map[string]int{hostOf["redis1"]: 7000, hostOf["redis2"]: 7003}[address]
		out, err := p.tryAtClient(fmt.Sprintf("REDISCLI_AUTH=%s timeout 5 redis-cli -c -h %s -p %d set %s 1", p.password, address, port, key))
		if err != nil || !strings.HasSuffix(strings.TrimSpace(out), "OK") {
			return false
		}
	}
	return true
}

// step is a block of commands of the quick start.
type step struct{ host, commands string }

// quickStart takes the commands out of a document.
func quickStart(text string) []step {
	_, section, found := strings.Cut("\n"+text, "\n## Quick start\n")
	if !found {
		return nil
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var steps []step
	for _, m := range regexp.MustCompile("(?s)<!-- host: (both|redis1|redis2) -->\\s*\n```sh\n(.*?)```").FindAllStringSubmatch(section, -1) {
		steps = append(steps, step{m[1], m[2]})
	}
	return steps
}

// From two empty hosts to a pair by the words of the README, an upgrade while it works, the death of a host, and the removal
// from the other.
func TestPair(t *testing.T) {
	steps := quickStart(read(t, "../README.md"))
	if len(steps) < 3 {
		t.Fatalf("the quick start has %d steps", len(steps))
	}
	p := newPair(t)
	for _, s := range steps {
		hosts := []string{s.host}
		if s.host == "both" {
			hosts = []string{"redis1", "redis2"}
		}
		for _, host := range hosts {
			if host == "redis2" && strings.Contains(s.commands, "redis-initd create") { // as the text above it says
				p.password = strings.TrimSpace(p.on("redis1", "stat -c %a /etc/keepalived/redis.password | grep -qx 600; cat /etc/keepalived/redis.password"))
				p.on(host, "umask 077; echo "+p.password+" > /etc/keepalived/redis.password")
			}
			out := p.on(host, s.commands)
			if strings.Contains(s.commands, "apt") && !strings.Contains(out, "Nothing was started, stopped or enabled") {
				t.Errorf("apt on %s says no next steps: %s", host, out)
			}
		}
	}
	p.await("one host has the VIP and the masters", func() bool {
		out, _ := p.try("redis1", "chk-redis -v")
		return p.holdsVIP("redis1") != p.holdsVIP("redis2") && strings.Contains(out, "healthy: all 3 instances answer") && p.linked() && p.writes(hostOf["redis1"])
	})
	for _, test := range []struct {
		name string
		run  func()
	}{{"files", p.testFiles}, {"upgrade", p.testUpgrade}, {"a host dies", p.testHostDies}, {"remove", p.testRemove}} {
		if !t.Run(test.name, func(t *testing.T) {
			outer := p.T
			p.T = t
			defer func() { p.T = outer }()
			test.run()
		}) {
			return
		}
	}
}

func (p *pair) holder() (holder, other string) {
	if p.holdsVIP("redis1") {
		return "redis1", "redis2"
	}
	return "redis2", "redis1"
}

// What is installed counts: drop-ins, the account, and what systemd thinks of it.
func (p *pair) testFiles() {
	out := p.on("redis1", "dpkg --verify keepalived-redis; getent passwd keepalived_script; systemctl show --property=KillMode keepalived; systemctl is-enabled keepalived-redis.target || :; man -w chk-redis 2>/dev/null || :")
	for _, want := range []string{"keepalived_script:", "KillMode=process", "disabled"} {
		if !strings.Contains(out, want) {
			p.Errorf("%q is missing in %s", want, out)
		}
	}
}

// watchScript looks for the programs again and again while the package is replaced, and runs a check each time, as keepalived does: by its
// path, without a word more, on what is configured. Each run must end as the first one did.
const watchScript = `
check=/usr/libexec/keepalived/chk-redis
: > /run/looks; : > /run/holes
$check > /dev/null 2>&1
before=$?
echo $before > /run/before
while [ ! -e /run/enough ]; do
	echo >> /run/looks
	for file in $check /usr/libexec/keepalived/notify-redis /usr/sbin/chk-redis; do
		[ -x $file ] || echo "$file is missing" >> /run/holes
	done
	said=$($check 2>&1)
	code=$?
	[ $code = $before ] || echo "$check ends with $code: $said" >> /run/holes
	ip -o addr show to ` + vip + ` | grep -q . || echo "the VIP is away" >> /run/holes
	sleep 0.02
done`

// Another package replaces the programs while the check runs, first one whose check is two programs, then the next version: no run meets a
// hole or ends otherwise, keepalived's own neither, the VIP stays, Redis and keepalived run on.
func (p *pair) testUpgrade() {
	host, _ := p.holder()
	running := func() string {
		return p.on(host, "pidof redis-server | tr ' ' '\\n' | sort; systemctl show --property=MainPID keepalived; journalctl --no-pager --unit=keepalived | grep chk_redis || :")
	}
	before := running()
	p.on(host, "systemd-run --quiet --unit=watch sh -c '"+watchScript+"'")
	p.await("the watch", func() bool {
		out, _ := p.try(host, "[ $(wc -l < /run/looks) -gt 3 ] && echo yes")
		return out == "yes\n"
	})
	if code := p.on(host, "cat /run/before"); code != "0\n" {
		p.Fatalf("before the upgrade the check ends with %s", code)
	}
	p.on(host, `sed -i '1i # edited by hand' /etc/keepalived/keepalived-redis.toml`)
	goesOn := func() {
		looks := p.on(host, "wc -l < /run/looks")
		p.await("the watch goes on", func() bool { return p.on(host, "wc -l < /run/looks") != looks })
	}
	p.on(host, "apt-get install --yes --allow-downgrades /root/two/keepalived-redis_*.deb")
	if out := p.on(host, "chk-redis --version"); out != "v0.0.9\n" {
		p.Error(out)
	}
	goesOn()
	out := p.on(host, "apt-get install --yes /root/new/keepalived-redis_*.deb")
	if !strings.Contains(out, "chk-redis --check-config says:") || strings.Contains(out, "Nothing was started") {
		p.Errorf("the upgrade says %s", out)
	}
	goesOn()
	p.on(host, "touch /run/enough")
	p.await("the watch ends", func() bool { out, _ := p.try(host, "systemctl is-active watch || :"); return out == "inactive\n" })
	if holes := p.on(host, "cat /run/holes"); holes != "" {
		p.Errorf("during the upgrade: %s", holes)
	}
	if after := running(); after != before {
		p.Errorf("before %s, after %s", before, after)
	}
	if out := p.on(host, "chk-redis --version; head -n 1 /etc/keepalived/keepalived-redis.toml"); out != "v0.2.0\n# edited by hand\n" {
		p.Error(out)
	}
}

// The host with the VIP loses its power; the client writes to every slot of the other one.
func (p *pair) testHostDies() {
	dead, other := p.holder()
	if err := syscall.Kill(p.host[dead].PID(), syscall.SIGKILL); err != nil {
		p.Fatal(err)
	}
	delete(p.host, dead)
	p.await("the VIP moves", func() bool { return p.holdsVIP(other) })
	p.await("every slot is writable", func() bool { return p.writes(hostOf[other]) })
}

// Removal stops nothing, our three instances and the distribution's own included, and says loudly what a keepalived that goes on means; purge removes state, and no data.
func (p *pair) testRemove() {
	host := ""
	for name := range p.host {
		host = name
	}
	p.on(host, "mkdir -p /var/lib/keepalived-redis/divergent; echo data > /var/lib/keepalived-redis/divergent/dump.rdb")
	out := p.on(host, "apt-get remove --yes keepalived-redis")
	if !strings.Contains(out, "A check that cannot be run counts as a SUCCESS") {
		p.Errorf("no warning: %s", out)
	}
	if out := p.on(host, "systemctl is-active keepalived; pidof redis-server | wc -w; cat /etc/keepalived/keepalived-redis.toml | wc -l; ls /var/lib/keepalived-redis; ls /usr/libexec/keepalived /usr/sbin/chk-redis 2>&1 | grep -v 'No such' || :"); !regexp.MustCompile(`(?s)^active\n4\n\d\d.*last-good.toml.*$`).MatchString(out) || strings.Contains(out, "chk-redis") {
		p.Errorf("after the removal: %s", out)
	}
	// A hook that began before the removal writes its state at its end.
	p.on(host, "cp /bin/sleep /root/notify-redis; (/root/notify-redis 4; echo {} > /var/lib/keepalived-redis/witness.json) > /dev/null 2>&1 &")
	out = p.on(host, "dpkg --purge keepalived-redis 2>&1")
	if !strings.Contains(out, "stays") {
		p.Errorf("purge says %s", out)
	}
	if out := p.on(host, "cd /var/lib/keepalived-redis; find . -type f; ls /etc/keepalived; ls /var/lib/redis | wc -l; pidof redis-server | wc -w"); out != "./divergent/dump.rdb\nkeepalived.conf\nkeepalived.conf.sample\nredis.password\n3\n4\n" {
		p.Errorf("after the purge: %s", out)
	}
}
