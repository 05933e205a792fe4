package config

import (
	"fmt"
	"net"
	"net/netip"
	"path"
	"strconv"
	"strings"
)

// span is one entry of a list of servers: some ports of one address, or a socket.
type span struct {
	addr        netip.Addr
	first, last uint16
	socket      string
	text        string
	at          place
}

// count is how many servers the entry names.
func (s span) count() int {
	if s.socket != "" {
		return 1
	}
	return int(s.last) - int(s.first) + 1
}

// meets tells whether two entries name one server twice.
func (s span) meets(o span) bool {
	if s.socket != "" || o.socket != "" {
		return s.socket == o.socket
	}
	return s.addr == o.addr && s.first <= o.last && o.first <= s.last
}

const addressHint = `write "ADDRESS:PORT", "ADDRESS:FIRST-LAST", "[IPV6]:PORT" or "unix:/path"`

// parseSpan reads one entry. It returns what is wrong and a hint; both are empty when nothing is.
func parseSpan(s string) (sp span, text, hint string) {
	sp.text = s
	if socket, found := strings.CutPrefix(s, "unix:"); found {
		if !path.IsAbs(socket) {
			return sp, fmt.Sprintf("%q is not a full path", s), `begin the path with a slash, as in "unix:/run/redis/redis.sock"`
		}
		sp.socket = path.Clean(socket)
		return sp, "", ""
	}
	if path.IsAbs(s) {
		return sp, fmt.Sprintf("%q is not an address", s), fmt.Sprintf("a socket is written %q", "unix:"+s)
	}
	host, ports, err := net.SplitHostPort(s)
	if err != nil {
		port, _, _ := strings.Cut(s, "-")
		_, portAlone := parsePort(port)
		switch {
		case portAlone:
			return sp, fmt.Sprintf("%q has no address", s), fmt.Sprintf("write %q", "127.0.0.1:"+s)
		case strings.Count(s, ":") > 1 && s[0] != '[':
			return sp, fmt.Sprintf("%q has an IPv6 address without brackets", s), `write "[IPV6]:PORT"`
		}
		return sp, fmt.Sprintf("%q has no port", s), addressHint
	}
	addr, err := netip.ParseAddr(host)
	switch {
	case err != nil && looksLikeName(host):
		return sp, fmt.Sprintf("%q has a host name in it", s), "use the address itself: a failover must not wait for a name server"
	case err != nil:
		return sp, fmt.Sprintf("%q has no valid address in it", s), addressHint
	case addr.IsUnspecified():
		return sp, fmt.Sprintf("%q is not the address of one host", s), "write the address at which this host is reached, or 127.0.0.1"
	case addr.IsMulticast():
		return sp, fmt.Sprintf("%q is a multicast address", s), "write the address of a host"
	}
	sp.addr = addr.Unmap()
	from, to, isRange := strings.Cut(ports, "-")
	if !isRange {
		to = from
	}
	var ok1, ok2 bool
	sp.first, ok1 = parsePort(from)
	sp.last, ok2 = parsePort(to)
	switch {
	case !ok1 || !ok2:
		return sp, fmt.Sprintf("%q has no valid port in it", s), "ports are 1 to 65535, a range is FIRST-LAST, as in 7000-7002"
	case sp.first > sp.last:
		return sp, fmt.Sprintf("%q has its range the wrong way round", s), fmt.Sprintf("write %d-%d", sp.last, sp.first)
	}
	return sp, "", ""
}

// parsePort reads 1 to 65535, digits only.
func parsePort(s string) (uint16, bool) {
	if s == "" || s[0] < '0' || s[0] > '9' {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 16)
	return uint16(n), err == nil && n > 0
}

// looksLikeName tells redis1.example.com from 192.168.9.700.
func looksLikeName(host string) bool {
	return strings.ContainsFunc(host, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
}

// addresses reads a list of servers, and reports entries that name one server twice.
func (d *draft) addresses(p place, list []string, sockets bool) []span {
	if len(list) == 0 {
		d.fail(p, "is empty", "name at least one, as in "+p.key.sample()+", or remove the line", nil)
	}
	spans := make([]span, 0, len(list))
	total := 0
	for i, s := range list {
		if s == "" {
			continue
		}
		sp, text, hint := parseSpan(s)
		if sp.at = p.at(i); text != "" {
			d.fail(sp.at, text, hint, nil)
			continue
		}
		if sp.socket != "" && !sockets {
			d.fail(sp.at, fmt.Sprintf("%q is a socket of this host", s), "write the address of the other host, as in "+p.key.sample(), nil)
			continue
		}
		for _, o := range spans {
			if sp.meets(o) {
				d.failTwice(sp, o)
				break
			}
		}
		spans = append(spans, sp)
		if total += sp.count(); total > maxInstances {
			d.fail(sp.at, fmt.Sprintf("names more than %d servers", maxInstances), "check the ranges: they hold both their ends and all ports between", nil)
			return nil
		}
	}
	return spans
}

// failTwice reports that two entries name one server.
func (d *draft) failTwice(sp, o span) {
	in := ""
	if line := d.lineOf(o.at); line > 0 {
		in = fmt.Sprintf(" (line %d)", line)
	}
	what := fmt.Sprintf("%q and %q%s are one server", sp.text, o.text, in)
	if sp.socket == "" && sp.count()+o.count() > 2 {
		what = fmt.Sprintf("%q and %q%s both name %s", sp.text, o.text, in, netip.AddrPortFrom(sp.addr, max(sp.first, o.first)))
	}
	d.fail(sp.at, what, "name each server once", nil)
}

// setVIPs reads the key vip. People copy it from virtual_ipaddress, so a prefix length is accepted.
func (d *draft) setVIPs(p place, list []string) {
	d.c.VIPs = nil
	for i, s := range list {
		if s == "" {
			continue
		}
		addr, err := netip.ParseAddr(s)
		if strings.Contains(s, "/") {
			var prefix netip.Prefix
			prefix, err = netip.ParsePrefix(s)
			addr = prefix.Addr()
		}
		if err != nil || addr.IsUnspecified() || addr.IsMulticast() {
			d.fail(p.at(i), fmt.Sprintf("%q is not an address", s), "write the address that keepalived moves, as in "+p.key.sample(), nil)
			continue
		}
		d.c.VIPs = append(d.c.VIPs, addr.Unmap())
	}
}

// setWitnesses reads the key witness: addresses, or the word none.
func (d *draft) setWitnesses(p place, list []string) {
	d.c.Witnesses, d.c.NoWitness = nil, false
	if len(list) == 1 && list[0] == "none" {
		d.c.NoWitness = true
		return
	}
	for i, s := range list {
		if s == "" {
			continue
		}
		addr, err := netip.ParseAddr(s)
		switch {
		case s == "none":
			d.fail(p.at(i), `"none" stands beside an address`, `write either addresses or witness = "none"`, nil)
		case err != nil:
			d.fail(p.at(i), fmt.Sprintf("%q is not an address", s), "write addresses without a port, as in "+p.key.sample()+`, or witness = "none"`, nil)
		case addr.IsLoopback() || addr.IsUnspecified() || addr.IsMulticast():
			d.fail(p.at(i), fmt.Sprintf("%q cannot tell whether this host is cut off", s), "write the address of a host that is neither of the two, such as a router", nil)
		default:
			d.c.Witnesses = append(d.c.Witnesses, addr.Unmap())
		}
	}
}
