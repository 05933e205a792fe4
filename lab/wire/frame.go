// Package wire is a network switch in user space, for faults that the kernel's bridge cannot make: loss, delay with jitter, reordering,
// duplication, and cuts of one way, of one pair of hosts, or of one protocol.
//
// Frames are read from the ports by packet sockets, with the kernel's notes on checksums and segments still to be made, so that they reach the
// other side as they left. What happens to a frame depends on the rules, the seed and how many frames the rule met before, and on nothing else.
// Whole segments of 64 KiB are carried, so it costs little: TestCost measures it beside the kernel's bridge.
package wire

import (
	"encoding/binary"
	"net/netip"
	"slices"
)

// Proto is what a frame is about.
type Proto string

// The protocols that a rule can name.
const (
	Any   Proto = ""
	ARP   Proto = "arp"
	VRRP  Proto = "vrrp"
	Redis Proto = "redis"
	Bus   Proto = "bus"
	ICMP  Proto = "icmp"
	Other Proto = "other"
)

// RedisPorts are the TCP ports whose frames are Redis; the cluster bus is 10000 above each.
var RedisPorts = []uint16{6379, 7000, 7001, 7002, 7003, 7004, 7005}

const busOffset = 10000

type mac [6]byte

func (m mac) many() bool { return m[0]&1 == 1 }

// host is the address that a hardware address of the lab stands for: 02:00 and the four bytes of the IPv4 address. Other hardware addresses are nobody.
func (m mac) host() netip.Addr {
	if m[0] != 2 || m[1] != 0 {
		return netip.Addr{}
	}
	return netip.AddrFrom4([4]byte(m[2:]))
}

// frame is what the switch knows of one.
type frame struct {
	from, to mac
	// sender and target are the IPv4 addresses of the packet, or those that an ARP packet is about.
	sender, target netip.Addr
	proto          Proto
}

const (
	etherLen = 14
	// virtioLen is the header that PACKET_VNET_HDR puts before each frame.
	virtioLen = 10
)

// parse reads an Ethernet frame; one that is too short is not a frame. Damage further in makes it Other.
func parse(b []byte) (f frame, ok bool) {
	if len(b) < etherLen {
		return f, false
	}
	f.to, f.from, f.proto = mac(b[0:6]), mac(b[6:12]), Other
	body := b[etherLen:]
	switch binary.BigEndian.Uint16(b[12:14]) {
	case 0x0806:
		f.proto = ARP
		if len(body) >= 28 {
			f.sender, f.target = netip.AddrFrom4([4]byte(body[14:18])), netip.AddrFrom4([4]byte(body[24:28]))
		}
	case 0x0800:
		f.ipv4(body)
	}
	return f, true
}

func (f *frame) ipv4(b []byte) {
	if len(b) < 20 {
		return
	}
	f.sender, f.target = netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
	switch b[9] {
	case 1:
		f.proto = ICMP
	case 112:
		f.proto = VRRP
	case 6:
		header := int(b[0]&15) * 4
		// Of a later fragment nobody sees the ports.
		if binary.BigEndian.Uint16(b[6:8])&0x1fff != 0 || len(b) < header+4 {
			return
		}
		for _, port := range []uint16{binary.BigEndian.Uint16(b[header:]), binary.BigEndian.Uint16(b[header+2:])} {
			switch {
			case slices.Contains(RedisPorts, port):
				f.proto = Redis
			case port > busOffset && slices.Contains(RedisPorts, port-busOffset):
				f.proto = Bus
			}
		}
	}
}
