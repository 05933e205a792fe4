package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strconv"
)

// finish works on what no single key can tell: instances with their own configurations, the password, and keys that
// must fit together.
func (d *draft) finish() {
	d.c.Restart.Burst = int(d.burst)
	if _, set := d.placeOf("", "run_dir"); !set {
		if _, err := os.Stat(d.o.Root + "/run"); errors.Is(err, fs.ErrNotExist) {
			d.c.RunDir = d.o.Root + "/var/run/keepalived-redis"
		}
	}
	d.checkTimes()
	d.expandPeers()
	d.readPassword()
	d.checkTLS()
	d.findInstances()
	d.pair()
	d.checkWitnesses()
	d.checkRequire()
}

// checkRequire turns the word into a number, which cannot be more than there are instances.
func (d *draft) checkRequire() {
	switch d.require {
	case "", "all":
		return
	case "any":
		d.c.Require = 1
		return
	}
	n, err := strconv.Atoi(d.require)
	p, _ := d.placeOf("", "require")
	have := len(d.c.Instances)
	if have == 0 {
		return // that is told already, and says more
	}
	if err != nil || n > have {
		d.fail(p, fmt.Sprintf("%s instances must be healthy, and this host has %d", d.require, have), "write \"all\", \"any\" or a number up to "+strconv.Itoa(have), nil)
		return
	}
	d.c.Require = n
}

// checkTimes compares times that depend on each other.
func (d *draft) checkTimes() {
	t := &d.c.Times
	if p, set := d.placeOf("times", "dial"); set && t.Dial >= t.Deadline {
		d.fail(p, fmt.Sprintf("%s is not shorter than the deadline of %s", t.Dial, t.Deadline),
			"write a small part of the deadline, as in dial = \"10ms\"", nil)
		d.reset(p.key)
	}
}

// expandPeers lists the peers one by one.
func (d *draft) expandPeers() {
	for _, sp := range d.peers {
		if i := slices.IndexFunc(d.instances, sp.meets); i >= 0 {
			d.failTwice(sp, d.instances[i])
			continue
		}
		for port := int(sp.first); port <= int(sp.last); port++ {
			d.c.Peers = append(d.c.Peers, netip.AddrPortFrom(sp.addr, uint16(port)))
		}
	}
}

// checkWitnesses refuses a witness that is on one of the hosts: it would answer however cut off the host is.
func (d *draft) checkWitnesses() {
	p, _ := d.placeOf("", "witness")
	const hint = "write an address outside both hosts, such as the default gateway"
	d.c.Witnesses = slices.DeleteFunc(d.c.Witnesses, func(w netip.Addr) bool {
		switch {
		case slices.Contains(d.c.VIPs, w):
			d.fail(p, fmt.Sprintf("%s is the VIP", w), hint, nil)
		case slices.ContainsFunc(d.instances, func(own span) bool { return own.addr == w }):
			d.fail(p, fmt.Sprintf("%s is an address of this host", w), hint, nil)
		default:
			return false
		}
		return true
	})
}
