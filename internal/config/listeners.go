package config

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// listener is a TCP port of this host that somebody listens on.
type listener struct {
	addr netip.Addr
	port uint16
}

// listeners reads the table of TCP sockets of this network namespace and gives those that listen on a port from first to
// last. Files: /proc/net/tcp and tcp6 (Documentation/networking/proc_net_tcp.rst of Linux); a missing one is empty.
func listeners(root string, first, last uint16) []listener {
	var found []listener
	for _, file := range [...]string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := readProc(root + file)
		if err != nil {
			continue
		}
		for text != "" {
			var line string
			line, text, _ = strings.Cut(text, "\n")
			if l, ok := parseListener(line); ok && l.port >= first && l.port <= last {
				found = append(found, l)
			}
		}
	}
	return found
}

// parseListener reads one line: "  0: 0100007F:1B58 00000000:0000 0A …"; 0A is LISTEN.
func parseListener(line string) (l listener, ok bool) {
	_, line, ok = strings.Cut(strings.TrimLeft(line, " "), ": ")
	if !ok {
		return l, false
	}
	local, line, _ := strings.Cut(line, " ")
	_, line, _ = strings.Cut(line, " ")
	state, _, _ := strings.Cut(line, " ")
	address, portText, ok := strings.Cut(local, ":")
	if !ok || state != "0A" {
		return l, false
	}
	port, err := strconv.ParseUint(portText, 16, 16)
	if err != nil {
		return l, false
	}
	raw, err := hex.DecodeString(address)
	if err != nil || len(raw)%4 != 0 {
		return l, false
	}
	// Each group of four bytes is a number in the order of this machine; the address has them in the network's order.
	for i := 0; i < len(raw); i += 4 {
		binary.BigEndian.PutUint32(raw[i:], binary.NativeEndian.Uint32(raw[i:]))
	}
	addr, ok := netip.AddrFromSlice(raw)
	return listener{addr.Unmap(), uint16(port)}, ok
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

// readProc reads a file of /proc, whose size is not known before.
func readProc(file string) (string, error) {
	data, err := os.ReadFile(file)
	return string(data), err
}
