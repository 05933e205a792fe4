package machines_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"keepalived-redis/internal/testing/systemdtest"
	"keepalived-redis/lab"
	"keepalived-redis/lab/host"
)

// TestPair has the pair go through what happens to it, one after another: what one leaves behind must do for the next.
func TestPair(t *testing.T) {
	p := newPair(t)
	for _, step := range []struct {
		name string
		run  func(*pair)
	}{
		{"begin", (*pair).begin}, {"switchover", (*pair).switchover}, {"keepalived restarts", (*pair).keepalivedRestarts},
		{"keepalived dies", (*pair).keepalivedDies}, {"redis dies", (*pair).redisDies}, {"restarted as root", (*pair).restartedAsRoot},
		{"unprivileged", (*pair).unprivileged}, {"fenced", (*pair).fenced}, {"power off", (*pair).powerOff}, {"power cut", (*pair).powerCut},
	} {
		if !t.Run(step.name, func(t *testing.T) { step.run(p.under(t)) }) {
			t.FailNow()
		}
	}
}

// begin starts keepalived on both hosts, and at every boot.
func (p *pair) begin() {
	for _, b := range p.hosts {
		b.sh("systemctl enable --now keepalived")
	}
	p.settle()
}

// switchover: keepalived is stopped as for an upgrade. Its hook for STOP ends what it does, and Redis goes on.
func (p *pair) switchover() {
	holder, standby := p.settle()
	servers, w := p.servers(), p.write()
	holder.sh("systemctl stop keepalived")
	p.await("the standby leads", func() bool { return p.leads(standby) })
	at := host.Now()
	w.awaitWritable(at)
	w.finishWhole()
	if now := p.servers(); now != servers {
		p.Errorf("the servers were %s, and are %s", servers, now)
	}
	holder.sh("systemctl start keepalived")
	p.settle()
}

// keepalivedRestarts: nothing of Redis belongs to keepalived.
func (p *pair) keepalivedRestarts() {
	holder, standby := p.settle()
	servers, w := p.servers(), p.write()
	for _, b := range []*machine{standby, holder} {
		b.sh("systemctl restart keepalived")
		p.settle()
	}
	w.awaitWritable(host.Now())
	w.finishWhole()
	if now := p.servers(); now != servers {
		p.Errorf("the servers were %s, and are %s", servers, now)
	}
}

// keepalivedDies: systemd starts it again, and the VIP that it left behind does no harm.
func (p *pair) keepalivedDies() {
	holder, _ := p.settle()
	servers := p.servers()
	holder.sh("systemctl kill --kill-who=main --signal=KILL keepalived")
	p.await("keepalived is started again", func() bool {
		return holder.property("keepalived", "NRestarts") == "1" && holder.property("keepalived", "ActiveState") == "active"
	})
	p.settle()
	if now := p.servers(); now != servers {
		p.Errorf("the servers were %s, and are %s", servers, now)
	}
}

// redisDies: systemd starts it again, and the check leaves that to systemd.
func (p *pair) redisDies() {
	holder, _ := p.settle()
	w, unit := p.write(), "redis@"+holder.ports[0]
	dead := holder.property(unit, "MainPID")
	holder.sh("kill -KILL %s", dead)
	p.await("systemd starts it again", func() bool {
		return holder.property(unit, "NRestarts") == "1" && holder.property(unit, "MainPID") != "0"
	})
	p.settle()
	w.awaitWritable(host.Now())
	w.finishWhole()
	if holder.said("has been started") {
		p.Error("the check has started it")
	}
	if now := holder.property(unit, "MainPID"); now == dead {
		p.Errorf("pid %s is still %s", unit, now)
	}
}

// noRestart leaves what dies on the host to the check, until the function that it gives is called.
func (b *machine) noRestart() (undo func()) {
	b.Helper()
	const dir = "/run/systemd/system/redis@.service.d"
	b.sh("mkdir -p %s && printf '[Service]\\nRestart=no\\n' >%s/no.conf && systemctl daemon-reload", dir, dir)
	return func() { b.sh("rm -r %s && systemctl daemon-reload", dir) }
}

// restarted kills an instance of the host, and waits until the check has had systemd start it.
func (p *pair) restarted(b *machine, port string) {
	p.Helper()
	unit := "redis@" + port
	dead := b.property(unit, "MainPID")
	b.sh("systemctl kill --signal=KILL %s", unit)
	p.await("the check has it started", func() bool {
		pid := b.property(unit, "MainPID")
		return pid != "0" && pid != dead && b.property(unit, "ActiveState") == "active"
	})
	// On a busy machine the start may take longer than the check has; it is the check's all the same.
	if !b.said(b.addr + ":" + port + " (was dead and has been started|is dead and could not be started.*systemd has not started)") {
		p.Error("the check does not say that it has started it")
	}
	if n := b.property(unit, "NRestarts"); n != "0" {
		p.Errorf("systemd has started it by itself, %s times", n)
	}
	group := b.sh("cat /proc/%s/cgroup", b.property(unit, "MainPID"))
	if !strings.Contains(group, unit) || strings.Contains(group, "keepalived.service") {
		p.Errorf("the server is in %s", group)
	}
}

// restartedAsRoot: where systemd has given up, or is not to start it, the check does.
func (p *pair) restartedAsRoot() {
	holder, _ := p.settle()
	defer holder.noRestart()()
	w := p.write()
	p.restarted(holder, holder.ports[1])
	p.settle()
	w.awaitWritable(host.Now())
	w.finishWhole()
}

// unprivileged: the check and the hooks as keepalived_script, which systemd lets start and stop these units and nothing else.
func (p *pair) unprivileged() {
	p.runScriptsAs("root", systemdtest.ScriptUser)
	defer p.runScriptsAs(systemdtest.ScriptUser, "root")
	holder, standby := p.settle()
	defer standby.noRestart()()
	p.restarted(standby, standby.ports[1])
	p.settle()
	if user := standby.sh("journalctl --boot --quiet --output=verbose --lines=1 -t chk-redis | grep -o '_UID=.*'"); user != fmt.Sprintf("_UID=%d", systemdtest.ScriptUID) {
		p.Errorf("the check runs as %s", user)
	}
	// The hooks, too.
	w := p.write()
	holder.sh("systemctl restart keepalived")
	p.await("the other host leads", func() bool { return p.leads(standby) })
	w.awaitWritable(host.Now())
	w.finishWhole()
}

// runScriptsAs has keepalived run its scripts as somebody else, and whoever that is own what they keep.
func (p *pair) runScriptsAs(before, now string) {
	p.Helper()
	for _, b := range p.hosts {
		b.sh("sed -i 's/script_user %s/script_user %s/' /etc/keepalived/keepalived.conf", before, now)
		b.sh("systemctl stop keepalived && chown -R %s: /run/keepalived-redis /var/lib/keepalived-redis && systemctl start keepalived", now)
	}
	p.settle()
}

// fenced: a host that is cut off stops its instances through systemd, restarts none of them, and starts them again once a peer
// has answered for a while.
func (p *pair) fenced() {
	holder, standby := p.settle()
	starts := holder.starts()
	must(p, holder.cable.Silence())
	p.await("the other host leads", func() bool { return standby.holds() && master(standby.addr+":"+standby.ports[0]) })
	p.await("the fence has stopped every instance", func() bool {
		for _, port := range holder.ports {
			if holder.property("redis@"+port, "ActiveState") != "inactive" {
				return false
			}
		}
		return true
	})
	for _, port := range holder.ports {
		if result := holder.property("redis@"+port, "Result"); result != "success" {
			p.Errorf("redis@%s was stopped with result %s", port, result)
		}
	}
	w := p.write()
	must(p, holder.cable.Plug())
	p.settle()
	w.finishWhole()
	for n, now := range holder.starts() {
		if now != starts[n]+1 {
			p.Errorf("redis %s was started %d times", holder.ports[n], now-starts[n])
		}
	}
}

func must(p *pair, err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// powerOff: the VIP leaves, the masters move, Redis stops in good order, and nothing is restarted on the way down. Booted again the
// host is the standby, by itself.
func (p *pair) powerOff() {
	holder, standby := p.settle()
	starts, w := holder.starts(), p.write()
	holder.m.PowerOff()
	p.await("the other host leads", func() bool { return p.leads(standby) })
	w.awaitWritable(host.Now())
	w.finishWhole()
	holder.m.PowerOn()
	p.settle()
	for n, now := range holder.starts() {
		if now != starts[n]+1 {
			p.Errorf("redis %s was started %d times", holder.ports[n], now-starts[n])
		}
	}
	for _, port := range holder.ports {
		log := strings.Split(holder.sh("cat /var/log/redis/redis-%s.log", port), "Redis is starting")
		if before := log[len(log)-2]; !strings.Contains(before, "Redis is now ready to exit") {
			p.Errorf("redis %s did not end in good order: %s", port, before)
		}
	}
	if p.leads(holder) {
		p.Error("the host that came back leads")
	}
}

// powerCut: the host with everything is gone from one moment to the next.
func (p *pair) powerCut() {
	holder, standby := p.settle()
	w := p.write()
	// First silence: the kernel would still close the connections of the dead politely.
	must(p, holder.cable.Silence())
	holder.m.PowerCut()
	fault := host.Now()
	p.await("the other host leads", func() bool {
		return standby.holds() && !slices.ContainsFunc(standby.ports, func(port string) bool { return !master(standby.addr + ":" + port) })
	})
	w.awaitWritable(fault)
	w.finish() // Redis replicates asynchronously: the last writes may be gone
	holder.dropVIP()
	must(p, holder.cable.Plug())
	holder.m.PowerOn()
	if now, _ := p.settle(); now.name == holder.name {
		p.Error("the host that came back leads")
	}
}

// dropVIP does what a power cut does to the addresses of a real machine: the network of this one outlives it.
func (b *machine) dropVIP() {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := b.network.IP(ctx, "addr", "del", lab.VIP+"/32", "dev", host.Interface); err != nil {
		b.Fatal(err)
	}
}
