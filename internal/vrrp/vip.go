package vrrp

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
)

// OwnAddresses are the addresses on this box's interfaces.
func OwnAddresses() (map[netip.Addr]bool, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("list this box's addresses: %w", err)
	}
	own := make(map[netip.Addr]bool, len(addrs))
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok {
				own[ip.Unmap()] = true
			}
		}
	}
	return own, nil
}

// Held tells whether one of the VIPs is on an interface of this box.
func Held(vips []netip.Addr, own map[netip.Addr]bool) bool {
	for _, v := range vips {
		if own[v] {
			return true
		}
	}
	return false
}

// maxConf bounds what is read of keepalived.conf.
const maxConf = 1 << 20

// VIPs reads the addresses of virtual_ipaddress blocks from a keepalived.conf. Includes are not followed: name the VIP in
// our own configuration where keepalived.conf does not.
func VIPs(path string) ([]netip.Addr, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the VIP from keepalived's configuration: %w", err)
	}
	if len(b) > maxConf {
		return nil, fmt.Errorf("read the VIP from %s: larger than %d bytes", path, maxConf)
	}
	return parseVIPs(string(b)), nil
}

func parseVIPs(conf string) []netip.Addr {
	var vips []netip.Addr
	inside, pending := false, false
	for _, line := range strings.Split(conf, "\n") {
		if i := strings.IndexAny(line, "#!"); i >= 0 {
			line = line[:i]
		}
		line = strings.NewReplacer("{", " { ", "}", " } ").Replace(line)
		first := true
		for _, word := range strings.Fields(line) {
			switch {
			case word == "virtual_ipaddress":
				pending = true
			case word == "{":
				inside, pending = inside || pending, false
				first = true
				continue
			case word == "}":
				inside = false
			case inside && first:
				addr, _, _ := strings.Cut(word, "/")
				if a, err := netip.ParseAddr(addr); err == nil {
					vips = append(vips, a.Unmap())
				}
			}
			first = false
		}
	}
	return vips
}
