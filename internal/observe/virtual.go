package observe

import (
	"net"
	"slices"
	"strings"
	"time"

	"keepalived-redis/internal/files"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/state"
)

// virtualFor is how long it counts what the hardware addresses of the witnesses were. Where there are many neighbours the kernel's list is long.
const virtualFor = 10 * time.Minute

// maxNeighbours bounds what is read of the neighbours, 80 bytes each.
const maxNeighbours = 1 << 20

// neighboursFile is the kernel's table of IPv4 neighbours, proc_net_arp(5); swapped in tests.
var neighboursFile = "/proc/net/arp"

// shared are the beginnings of hardware addresses that several routers share: VRRP (RFC 9568), HSRP, HSRP version 2, GLBP, HSRP for IPv6.
var shared = []string{"00:00:5e:00:01:", "00:00:0c:07:ac:", "00:00:0c:9f:f", "00:07:b4:", "00:05:73:a0:"}

// virtual names the witnesses that answered by such an address. They are no third party: each side of a broken link may have one of those routers.
func (r *Observer) virtual(asked []*question) string {
	var answered []string
	for _, q := range asked {
		if q.answered && q.to.Unmap().Is4() {
			answered = append(answered, q.to.Unmap().String())
		}
	}
	if len(answered) == 0 || r.Memory.Able == nil { // without a peer no witness is needed
		r.Memory.Virtual = nil
		return ""
	}
	of, now := strings.Join(answered, ", "), state.Now()
	m := r.Memory.Virtual
	if m == nil || m.Of != of || m.At.Boot != now.Boot || now.Since(m.At) >= virtualFor {
		m = &session.VirtualMemo{At: now, Of: of, Names: strings.Join(sharing(answered), ", ")}
		r.Memory.Virtual = m
	}
	return m.Names
}

// sharing are those of these addresses that have a hardware address which several routers share. What cannot be read is none.
func sharing(addresses []string) []string {
	b, err := files.Read(neighboursFile, maxNeighbours)
	if err != nil {
		return nil
	}
	var found []string
	for _, line := range strings.Split(string(b), "\n") {
		f := strings.Fields(line)
		if len(f) != 6 || !slices.Contains(addresses, f[0]) || slices.Contains(found, f[0]) {
			continue
		}
		hardware, err := net.ParseMAC(f[3])
		if err == nil && len(hardware) == 6 && slices.ContainsFunc(shared, func(p string) bool { return strings.HasPrefix(hardware.String(), p) }) {
			found = append(found, f[0])
		}
	}
	return found
}
