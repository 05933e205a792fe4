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
	"sync/atomic"

	"golang.org/x/sys/unix"
)

const (
	// bridge is the switch that all hosts are plugged into. It lives in the lab's own network namespace.
	bridge = "switch"
	// Interface is the name of a host's one interface, as on the first users' hosts.
	Interface = "ens160"
)

// Switch is the network between the hosts.
type Switch struct {
	fabric Fabric
}

// ports counts the ports of all switches: that of a host that was killed goes away only after a while, so every one has a name of its own.
var ports atomic.Int64

// Fabric is what carries frames between the ports of a switch: interfaces of this process' network namespace, by name.
type Fabric interface {
	// Add plugs a port in; one that is in stays so.
	Add(port string) error
	// Remove takes it out: no frame passes from then on, but the carrier stays.
	Remove(port string) error
}

// kernelBridge is the fabric that the kernel has.
type kernelBridge struct{}

// Add plugs a port into the bridge.
func (kernelBridge) Add(port string) error {
	in, err := bridgeHas(port)
	if err != nil || in {
		return err
	}
	return bridgePort(bridge, port, true)
}

// Remove takes a port out of the bridge.
func (kernelBridge) Remove(port string) error { return bridgePort(bridge, port, false) }

// Cable joins one host to the switch. The faults take effect at once, before the call returns.
type Cable struct {
	port   string
	fabric Fabric
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
	return &Switch{fabric: kernelBridge{}}, nil
}

// labPort is the port of the lab's own address on a switch that is not the kernel's.
const labPort = "switchport"

// NewSwitchOver is NewSwitch with a fabric of one's own, which must have no ports yet. Ports that vanish with their host must
// do it no harm.
func NewSwitchOver(ctx context.Context, addr string, fabric Fabric) (*Switch, error) {
	mac, err := hardwareAddress(addr)
	if err == nil {
		err = ip(ctx, "link", "add", bridge, "address", mac, "type", "veth", "peer", "name", labPort)
	}
	if err == nil {
		err = ip(ctx, "addr", "add", addr, "dev", bridge)
	}
	if err == nil {
		err = linkUp(bridge, true)
	}
	if err == nil {
		err = linkUp(labPort, true)
	}
	if err == nil {
		err = fabric.Add(labPort)
	}
	if err != nil {
		return nil, fmt.Errorf("make the switch: %w", err)
	}
	return &Switch{fabric: fabric}, nil
}

// Remove takes the switch away with the lab's own address, so that another can be made. The hosts must be gone.
func (s *Switch) Remove(ctx context.Context) error {
	if err := ip(ctx, "link", "del", bridge); err != nil {
		return fmt.Errorf("take the switch away: %w", err)
	}
	return nil
}

// hardwareAddress is the one that belongs to an address (with the length of its prefix). A host that is booted again has its old one: with
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
	c := &Cable{port: fmt.Sprintf("port%d", ports.Add(1)), fabric: s.fabric}
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
func (c *Cable) Silence() error { return c.fabric.Remove(c.port) }

// Mute, which only the kernel's bridge can, lets nothing pass that the host sends, from the call of at on, but all that is sent to it: the switch drops what comes in at a
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
	if err := c.fabric.Add(c.port); err != nil {
		return err
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
