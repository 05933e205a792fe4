package service

import (
	"bufio"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"keepalived-redis/internal/procfs"
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
	var all []listener
	for _, l := range procfs.Listeners("") {
		all = append(all, listener{addr: l.Addr, inode: l.Inode})
	}
	return append(all, unixListeners("/proc/net/unix")...)
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
