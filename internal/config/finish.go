package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"time"
)

// finish works on what no single key can tell: instances with their own configurations, the password, and keys that
// must fit together.
func (d *draft) finish() {
	if d.burst != 0 {
		d.c.Revive.Burst = int(d.burst)
	}
	if _, set := d.placeOf("", "run_dir"); !set {
		d.c.RunDir = d.o.Root + DefaultRunDir
		if _, err := os.Stat(d.o.Root + "/run"); errors.Is(err, fs.ErrNotExist) {
			d.c.RunDir = d.o.Root + "/var/run/keepalived-redis"
		}
	}
	d.checkTimes()
	d.expandPeers()
	d.readPassword()
	d.findInstances()
	d.checkWitnesses()
}

// checkTimes compares times that depend on each other.
func (d *draft) checkTimes() {
	t := &d.c.Times
	if p, set := d.placeOf("times", "dial"); set && t.Dial >= t.Deadline {
		d.fail(p, fmt.Sprintf("%s is not shorter than the deadline of %s", t.Dial, t.Deadline),
			"write a small part of the deadline, as in dial = \"10ms\"", nil)
	}
	if p, set := d.placeOf("revive", "window"); set && d.c.Revive.Window < time.Second*time.Duration(d.c.Revive.Burst)/10 {
		d.fail(p, fmt.Sprintf("%s is too short for %d starts", d.c.Revive.Window, d.c.Revive.Burst), "make it longer, or burst smaller", nil)
	}
}

// expandPeers lists the peers one by one.
func (d *draft) expandPeers() {
	for _, sp := range d.peers {
		for _, own := range d.instances {
			if sp.meets(own) {
				d.failTwice(sp, own)
			}
		}
		for port := int(sp.first); port <= int(sp.last); port++ {
			d.c.Peers = append(d.c.Peers, netip.AddrPortFrom(sp.addr, uint16(port)))
		}
	}
}

// checkWitnesses refuses a witness that is on one of the boxes: it would answer however cut off the box is.
func (d *draft) checkWitnesses() {
	p, _ := d.placeOf("", "witness")
	for _, w := range d.c.Witnesses {
		for _, vip := range d.c.VIPs {
			if w == vip {
				d.fail(p, fmt.Sprintf("%s is the VIP", w), "write an address outside both boxes, such as the default gateway", nil)
			}
		}
		for _, own := range d.instances {
			if own.addr == w {
				d.fail(p, fmt.Sprintf("%s is an address of this box", w), "write an address outside both boxes, such as the default gateway", nil)
				break
			}
		}
	}
}
