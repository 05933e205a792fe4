package service

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// listener is a socket that takes connections.
type listener struct {
	addr  netip.AddrPort
	path  string
	inode uint64
}

// covers: a connection to addr reaches this listener.
func (l listener) covers(addr netip.AddrPort) bool {
	return l.path == "" && l.addr.Port() == addr.Port() &&
		(l.addr.Addr().IsUnspecified() || !addr.Addr().IsValid() || addr.Addr().IsUnspecified() || l.addr.Addr() == addr.Addr().Unmap())
}

// listeners are all listening sockets of our network. What cannot be read is left out: the caller has other evidence.
func listeners() []listener {
	all := append(tcpListeners("/proc/net/tcp"), tcpListeners("/proc/net/tcp6")...)
	return append(all, unixListeners("/proc/net/unix")...)
}

// tcpListeners reads a table of proc_net_tcp(5): "sl local_address rem_address st … inode", the address as hexadecimal
// words in the byte order of the machine.
func tcpListeners(table string) []listener {
	f, err := os.Open(table)
	if err != nil {
		return nil
	}
	defer f.Close()
	var found []listener
	lines := bufio.NewScanner(f)
	lines.Scan()
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		// The kernel lists the listening sockets (state 0A) first, so a busy server's connections need not be read.
		if len(fields) < 10 || fields[3] != "0A" {
			break
		}
		addr, ok := parseHexAddr(fields[1])
		inode, err := strconv.ParseUint(fields[9], 10, 64)
		if ok && err == nil {
			found = append(found, listener{addr: addr, inode: inode})
		}
	}
	return found
}

func parseHexAddr(s string) (netip.AddrPort, bool) {
	host, port, _ := strings.Cut(s, ":")
	b, err := hex.DecodeString(host)
	if err != nil || len(b)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(b); i += 4 {
		binary.NativeEndian.PutUint32(b[i:], binary.BigEndian.Uint32(b[i:]))
	}
	addr, ok := netip.AddrFromSlice(b)
	n, err := strconv.ParseUint(port, 16, 16)
	return netip.AddrPortFrom(addr.Unmap(), uint16(n)), ok && err == nil
}

// unixListeners reads "Num RefCount Protocol Flags Type St Inode Path"; Flags 00010000 is a socket that listens.
func unixListeners(table string) []listener {
	f, err := os.Open(table)
	if err != nil {
		return nil
	}
	defer f.Close()
	var found []listener
	lines := bufio.NewScanner(f)
	lines.Scan()
	for lines.Scan() {
		fields := strings.SplitN(strings.Join(strings.Fields(lines.Text()), " "), " ", 8)
		if len(fields) < 8 || fields[3] != "00010000" {
			continue
		}
		if inode, err := strconv.ParseUint(fields[6], 10, 64); err == nil {
			found = append(found, listener{path: fields[7], inode: inode})
		}
	}
	return found
}
