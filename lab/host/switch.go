package host

import (
	"context"
	"errors"
	"fmt"
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
type Cable struct{ port string }

// NewSwitch makes the switch in this process' network namespace. addr, with the length of its prefix, is the lab's own address on it.
func NewSwitch(ctx context.Context, addr string) (*Switch, error) {
	// Snooping and the forward delay would hold back the first packets of a host that has just been plugged in. Without a hardware address
	// of its own a bridge has that of one of its ports: it would change with the hosts, and those that know the old one would answer
	// into the void for half a minute.
	err := ip(ctx, "link", "add", bridge, "address", "02:00:c0:a8:09:02", "type", "bridge", "stp_state", "0", "forward_delay", "0", "mcast_snooping", "0")
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

// Connect plugs a host in, gives it its addresses (with the length of the prefix), and its default gateway unless that is empty.
func (s *Switch) Connect(ctx context.Context, h *Host, gateway string, addrs ...string) (*Cable, error) {
	s.mu.Lock()
	s.next++
	// A port has a number of its own: that of a host that was killed goes away only after a while.
	c := &Cable{port: fmt.Sprintf("port%d", s.next)}
	s.mu.Unlock()
	err := ip(ctx, "link", "add", c.port, "type", "veth", "peer", "name", Interface, "netns", strconv.Itoa(h.Pid()))
	if err != nil {
		return nil, fmt.Errorf("plug in %s: %w", h.Spec.Name, err)
	}
	var inside [][]string
	for _, a := range addrs {
		inside = append(inside, []string{"addr", "add", a, "dev", Interface})
	}
	inside = append(inside, []string{"link", "set", Interface, "up"})
	for _, args := range inside {
		if err := ipOn(ctx, h, args...); err != nil {
			return nil, err
		}
	}
	if err := c.Plug(); err != nil {
		return nil, fmt.Errorf("plug in %s: %w", h.Spec.Name, err)
	}
	if gateway == "" {
		return c, nil
	}
	return c, ipOn(ctx, h, "route", "add", "default", "via", gateway)
}

// Cut takes the carrier away, as a cable that is pulled out.
func (c *Cable) Cut() error { return linkUp(c.port, false) }

// Silence lets no packet pass but keeps the carrier, as a switch port in the wrong VLAN.
func (c *Cable) Silence() error { return bridgePort(bridge, c.port, false) }

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
func ip(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
