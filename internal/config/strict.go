package config

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Strict is Load for --check-config: it looks at more than a run needs, and changes nothing. The report is for people and
// complete: it holds the errors, one line each, the warnings, and what is configured. ok is false when there is an error.
func Strict(o Options) (report string, ok bool) {
	d := newDraft(o)
	d.thorough = true
	d.build(d.readFile())
	d.inspect()
	err := d.result()
	return d.report(err), err == nil
}

// inspect looks at what could keep a good configuration from working.
func (d *draft) inspect() {
	own := ownAddrs()
	if d.o.ownAddrs != nil {
		own = d.o.ownAddrs()
	}
	d.inspectAddresses(own)
	d.inspectTLS()
	for _, i := range d.c.Instances {
		d.inspectInstance(i)
	}
	if len(d.c.VIPs) == 0 {
		if _, err := os.Stat(d.c.KeepalivedConf); err != nil {
			d.warn(fmt.Sprintf("the VIP is not known: %v; hint: set vip, or keepalived_conf", err))
		}
	}
	d.inspectPairs()
	if d.c.NoWitness {
		d.warn(`there is no witness, so a host that is cut off is never fenced; hint: name an address outside both hosts`)
	}
	if d.c.Service.Backend == BackendProcess {
		if _, err := exec.LookPath(d.c.Service.Server); err != nil {
			d.warn(fmt.Sprintf("no instance can be started: %v; hint: set server below [service]", err))
		}
	}
	if err := unix.Access(d.c.StateDir, unix.W_OK); err != nil && !os.IsNotExist(err) {
		d.warn(fmt.Sprintf("%s cannot be written by %s: %v; hint: chown it to the user that runs keepalived's scripts", d.c.StateDir, userName(), err))
	}
}

// ownAddrs lists the addresses of this host.
func ownAddrs() []netip.Addr {
	var own []netip.Addr
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			own = append(own, p.Addr().Unmap())
		}
	}
	return own
}

// inspectAddresses compares addresses with those of this host.
func (d *draft) inspectAddresses(own []netip.Addr) {
	if len(own) == 0 {
		return
	}
	p, _ := d.placeOf("", "witness")
	for _, w := range d.c.Witnesses {
		if slices.Contains(own, w) {
			d.fail(p, fmt.Sprintf("%s is an address of this host", w), "write an address outside both hosts, such as the default gateway", nil)
		}
	}
	for _, sp := range d.instances {
		if sp.socket == "" && !sp.addr.IsLoopback() && !slices.Contains(own, sp.addr.WithZone("")) {
			d.warn(fmt.Sprintf("%s is not an address of this host; hint: instances are those of this host, peers those of the other", sp.addr))
		}
	}
	for _, peer := range d.c.Peers {
		if slices.Contains(own, peer.Addr()) {
			d.warn(fmt.Sprintf("peer %s is on this host; hint: peers are those of the other host", peer))
		}
	}
}

// inspectInstance looks at the instance's own configuration.
func (d *draft) inspectInstance(i Instance) {
	if i.Conf == "" {
		d.warn(fmt.Sprintf("%s has no configuration file, so it cannot be started when it dies; hint: set conf below [service] to its path, with %%p for the port", i.Name()))
		return
	}
	// What keeps it from being read has been told before.
	conf, _ := ReadRedisConf(i.Conf)
	_, wants := conf.Get("requirepass")
	if _, has := conf.Get("masterauth"); wants && !has && i.Peer.IsValid() {
		d.warn(fmt.Sprintf("%s has requirepass and no masterauth, so the instance cannot follow its peer %s; hint: set masterauth to the password of the peer", i.Conf, i.Peer))
	}
	if cluster, _ := conf.Get("cluster-enabled"); !strings.EqualFold(cluster, "yes") {
		return
	}
	timeout := 15 * time.Second
	if text, ok := conf.Get("cluster-node-timeout"); ok {
		if ms, err := strconv.ParseInt(text, 10, 32); err == nil {
			timeout = time.Duration(ms) * time.Millisecond
		}
	}
	if 2*d.c.Times.FenceStopAfter >= timeout {
		d.warn(fmt.Sprintf("fence_stop_after is %s, not below half of cluster-node-timeout (%s in %s); hint: make fence_stop_after shorter, or the timeout longer",
			d.c.Times.FenceStopAfter, timeout, i.Conf))
	}
}

// report writes everything for people.
func (d *draft) report(err error) string {
	var b strings.Builder
	if err != nil {
		fmt.Fprintln(&b, err)
	}
	for _, w := range d.c.Warnings {
		fmt.Fprintln(&b, "warning:", w)
	}
	for _, n := range d.notes {
		fmt.Fprintln(&b, "note:", n)
	}
	if err != nil {
		return b.String()
	}
	fmt.Fprintf(&b, "configuration is good: %s\n", d.c.Source)
	for _, i := range d.c.Instances {
		line := "instance " + i.Name()
		if i.TLS != nil {
			line += " with TLS"
		}
		if i.Conf != "" {
			line += ", " + i.Conf
		}
		fmt.Fprintln(&b, line)
	}
	for _, p := range d.c.Peers {
		fmt.Fprintf(&b, "peer %s\n", p)
	}
	return b.String()
}
