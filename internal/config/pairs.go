package config

import (
	"fmt"
	"net/netip"
	"slices"
)

// pair gives each instance its peer: the one with the same port, else the first that is left, by position. Both hosts come to
// the same pairs. An instance that is known by its socket only has none: its peer could not follow it.
func (d *draft) pair() {
	if len(d.c.Peers) == 0 {
		return
	}
	if _, set := d.placeOf("times", "settle"); !set {
		d.c.Times.Settle = 0 // clients write through the VIP: each moment without the master behind it is an outage
	}
	left := slices.Clone(d.c.Peers)
	take := func(i *Instance, healthyState func(netip.AddrPort) bool) {
		if n := slices.IndexFunc(left, healthyState); n >= 0 && !i.Peer.IsValid() && i.Addr.IsValid() {
			i.Peer = left[n]
			left = slices.Delete(left, n, n+1)
		}
	}
	for n := range d.c.Instances {
		i := &d.c.Instances[n]
		take(i, func(p netip.AddrPort) bool { return p.Port() == i.Port })
	}
	for n := range d.c.Instances {
		take(&d.c.Instances[n], func(netip.AddrPort) bool { return true })
	}
}

// inspectPairs warns of what is left over, and of an address that a peer cannot follow.
func (d *draft) inspectPairs() {
	if len(d.c.Peers) == 0 {
		return
	}
	paired := map[netip.AddrPort]bool{}
	for _, i := range d.c.Instances {
		paired[i.Peer] = true
		switch {
		case !i.Peer.IsValid():
			d.warn(fmt.Sprintf("%s has no peer, so it is never promoted nor demoted; hint: list as many peers as instances, and instances by address and port", i.Name()))
		case i.Addr.Addr().IsLoopback() && !i.Peer.Addr().IsLoopback():
			d.warn(fmt.Sprintf("%s cannot be reached by its peer %s; hint: list the instance by an address of this host that the other one reaches", i.Name(), i.Peer))
		}
	}
	for _, p := range d.c.Peers {
		if !paired[p] {
			d.warn(fmt.Sprintf("peer %s has no instance on this host, so it only counts for whether this host is cut off", p))
		}
	}
}
