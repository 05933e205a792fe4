package config

import (
	"net/netip"

	"keepalived-redis/internal/procfs"
)

// listeners gives the TCP sockets of this network that listen on a port from first to last.
func listeners(root string, first, last uint16) []netip.AddrPort {
	var found []netip.AddrPort
	for _, l := range procfs.Listeners(root) {
		if port := l.Addr.Port(); port >= first && port <= last {
			found = append(found, l.Addr)
		}
	}
	return found
}

// reachable is the address at which a server that listens there is reached from this host.
func reachable(addr netip.Addr) netip.Addr {
	switch {
	case !addr.IsUnspecified():
		return addr
	case addr.Is4():
		return loopback()
	}
	return netip.IPv6Loopback()
}

// loopback is 127.0.0.1.
func loopback() netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, 1}) }
