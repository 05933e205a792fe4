package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	// bridge is the switch that all hosts are plugged into. It lives in the lab's own network namespace.
	bridge = "switch"
	// Interface is the name of a host's one interface, as on the first users' boxes.
	Interface = "ens160"
)

// Switch is the network between the hosts.
type Switch struct {
	mu   sync.Mutex
	next int
}

// Cable joins one host to the switch. The faults take effect at once, before the call returns.
type Cable struct {
	port string
	// mac is the hardware address of the host.
	mac string
}

// NewSwitch makes the switch in this process' network namespace. addr, with the length of its prefix, is the lab's own address on it.
func NewSwitch(ctx context.Context, addr string) (*Switch, error) {
	mac, err := hardwareAddress(addr)
	if err != nil {
		return nil, fmt.Errorf("make the switch: %w", err)
	}
	// Snooping and the forward delay would hold back the first packets of a host that has just been plugged in.
	err = ip(ctx, "link", "add", bridge, "address", mac, "type", "bridge", "stp_state", "0", "forward_delay", "0", "mcast_snooping", "0")
	if err != nil {
		return nil, fmt.Errorf("make the switch: %w", err)
	}
	if err := ip(ctx, "addr", "add", addr, "dev", bridge); err != nil {
		return nil, fmt.Errorf("make the switch: %w", err)
	}
	if err := linkUp(bridge, true); err != nil {
		return nil, fmt.Errorf("make the switch: %w", err)
	}
	return &Switch{}, nil
}

// hardwareAddress is the one that belongs to an address (with the length of its prefix). A box that is booted again has its old one: with
// another, those that still know the old one would write to nobody for half a minute.
func hardwareAddress(addr string) (string, error) {
	p, err := netip.ParsePrefix(addr)
	if err != nil || !p.Addr().Is4() {
		return "", fmt.Errorf("find a hardware address for %q: not an IPv4 address with its prefix", addr)
	}
	ip := p.Addr().As4()
	return net.HardwareAddr(append([]byte{0x02, 0}, ip[:]...)).String(), nil
}

// Connect plugs a host in, gives it its addresses (with the length of the prefix), and its default gateway unless that is empty.
func (s *Switch) Connect(ctx context.Context, h *Host, gateway string, addrs ...string) (*Cable, error) {
	return s.connect(ctx, h.Spec.Name, strconv.Itoa(h.Pid()), gateway, addrs, func(args ...string) error { return ipOn(ctx, h, args...) })
}

// connect plugs in a network namespace, which the ip program knows as netns, and in which inside runs the ip program.
func (s *Switch) connect(ctx context.Context, name, netns, gateway string, addrs []string, inside func(args ...string) error) (*Cable, error) {
	s.mu.Lock()
	s.next++
	// A port has a number of its own: that of a host that was killed goes away only after a while.
	c := &Cable{port: fmt.Sprintf("port%d", s.next)}
	s.mu.Unlock()
	mac, err := hardwareAddress(addrs[0])
	c.mac = mac
	if err == nil {
		err = ip(ctx, "link", "add", c.port, "type", "veth", "peer", "name", Interface, "address", mac, "netns", netns)
	}
	if err != nil {
		return nil, fmt.Errorf("plug in %s: %w", name, err)
	}
	var steps [][]string
	for _, a := range addrs {
		steps = append(steps, []string{"addr", "add", a, "dev", Interface})
	}
	steps = append(steps, []string{"link", "set", Interface, "up"})
	for _, args := range steps {
		if err := inside(args...); err != nil {
			return nil, err
		}
	}
	if err := c.Plug(); err != nil {
		return nil, fmt.Errorf("plug in %s: %w", name, err)
	}
	if gateway == "" {
		return c, nil
	}
	return c, inside("route", "add", "default", "via", gateway)
}

// Cut takes the carrier away, as a cable that is pulled out.
func (c *Cable) Cut() error { return linkUp(c.port, false) }

// Silence lets no packet pass but keeps the carrier, as a switch port in the wrong VLAN.
func (c *Cable) Silence() error { return bridgePort(bridge, c.port, false) }

// Mute lets nothing pass that the host sends, from the call of at on, but all that is sent to it: the switch drops what comes in at a
// locked port from an address that it does not know there.
func (c *Cable) Mute(ctx context.Context, at func()) error {
	if err := command(ctx, "bridge", "link", "set", "dev", c.port, "locked", "on", "learning", "off"); err != nil {
		return err
	}
	at()
	return command(ctx, "bridge", "fdb", "del", c.mac, "dev", c.port, "master")
}

// Unmute undoes Mute.
func (c *Cable) Unmute(ctx context.Context) error {
	return command(ctx, "bridge", "link", "set", "dev", c.port, "locked", "off", "learning", "on")
}

// Unplug takes the host off the switch for good. A port that has vanished with its host is what is wanted.
//
// A host that was killed must be unplugged: the kernel takes its network down in the background, which can take seconds on a busy
// machine, and until then it answers for its addresses, also to those who look for the host that came after it.
func (c *Cable) Unplug() error {
	if err := linkUp(c.port, false); err != nil && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("unplug %s: %w", c.port, err)
	}
	return nil
}

// Plug joins the host to the switch, also again after Cut or Silence.
func (c *Cable) Plug() error {
	in, err := bridgeHas(c.port)
	if err != nil {
		return err
	}
	if !in {
		if err := bridgePort(bridge, c.port, true); err != nil {
			return err
		}
	}
	return linkUp(c.port, true)
}

// ipOn runs the ip program on a host.
func ipOn(ctx context.Context, h *Host, args ...string) error {
	out, code, err := h.Run(ctx, nil, append([]string{"ip"}, args...)...)
	if err != nil {
		return err
	}
	if code != 0 {
		return fmt.Errorf("%s: ip %s: exit code %d: %s", h.Spec.Name, strings.Join(args, " "), code, strings.TrimSpace(out))
	}
	return nil
}

// ip runs the ip program in the lab's own network.
func ip(ctx context.Context, args ...string) error { return command(ctx, "ip", args...) }

// command runs a program in the lab's own network.
func command(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
