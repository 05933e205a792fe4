package procfs

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// Listener is a socket that takes connections: a TCP socket, or one with a path.
type Listener struct {
	Addr  netip.AddrPort
	Path  string
	Inode uint64
}

// Listeners are the TCP sockets of this network that take connections. root is / but in tests. What cannot be read is left out.
func Listeners(root string) []Listener {
	return append(listeners(root+"/proc/net/tcp"), listeners(root+"/proc/net/tcp6")...)
}

// listeners reads a table of Documentation/networking/proc_net_tcp.rst of Linux: "sl local_address rem_address st … inode".
func listeners(table string) (found []Listener) {
	rows(table, func(row string) bool {
		fields := strings.Fields(row)
		if len(fields) < 10 {
			return true
		}
		// The kernel lists the listening sockets (state 0A) first, so a busy server's connections need not be read.
		if fields[3] != "0A" {
			return false
		}
		addr, ok := parseAddr(fields[1])
		inode, err := strconv.ParseUint(fields[9], 10, 64)
		if ok && err == nil {
			found = append(found, Listener{Addr: addr, Inode: inode})
		}
		return true
	})
	return found
}

// rows reads a table of the kernel, behind its head, until there is enough.
func rows(table string, more func(row string) bool) {
	f, err := os.Open(table)
	if err != nil {
		return
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan(); lines.Scan() && more(lines.Text()); {
	}
}

// UnixListeners are the unix sockets of this network that take connections. What cannot be read is left out. A line of the table is
// "Num RefCount Protocol Flags Type St Inode Path"; Flags 00010000 is a socket that listens.
func UnixListeners() (found []Listener) {
	rows("/proc/net/unix", func(row string) bool {
		fields := strings.SplitN(strings.Join(strings.Fields(row), " "), " ", 8)
		if len(fields) < 8 || fields[3] != "00010000" {
			return true
		}
		if inode, err := strconv.ParseUint(fields[6], 10, 64); err == nil {
			found = append(found, Listener{Path: fields[7], Inode: inode})
		}
		return true
	})
	return found
}

// parseAddr reads "0100007F:1B58": each group of four bytes is a number in the order of this machine.
func parseAddr(s string) (netip.AddrPort, bool) {
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
