package host

import (
	"fmt"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ifreq is the kernel's struct ifreq as far as it is used here: a name and one number.
type ifreq struct {
	name  [unix.IFNAMSIZ]byte
	value uint32
	_     [20]byte
}

// ioctlLink does one interface ioctl in this process' network. It is used instead of the ip program where a fault must
// happen within microseconds of its time stamp.
func ioctlLink(op uint, name string, value uint32) (uint32, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("open a socket: %w", err)
	}
	defer unix.Close(fd)
	r := ifreq{value: value}
	if len(name) >= len(r.name) {
		return 0, fmt.Errorf("interface %s: name too long", name)
	}
	copy(r.name[:], name)
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(op), uintptr(unsafe.Pointer(&r))); e != 0 {
		return 0, fmt.Errorf("interface %s: %w", name, e)
	}
	return r.value, nil
}

// linkUp sets an interface up or down.
func linkUp(name string, up bool) error {
	flags, err := ioctlLink(unix.SIOCGIFFLAGS, name, 0)
	if err != nil {
		return err
	}
	flags &= 0xffff
	if up {
		flags |= unix.IFF_UP
	} else {
		flags &^= unix.IFF_UP
	}
	_, err = ioctlLink(unix.SIOCSIFFLAGS, name, flags)
	return err
}

// bridgePort puts an interface into a bridge or takes it out.
func bridgePort(bridge, port string, in bool) error {
	index, err := ioctlLink(unix.SIOCGIFINDEX, port, 0)
	if err != nil {
		return err
	}
	op := uint(unix.SIOCBRDELIF)
	if in {
		op = unix.SIOCBRADDIF
	}
	_, err = ioctlLink(op, bridge, index)
	return err
}

// bridgeHas says whether an interface is plugged into the switch.
func bridgeHas(port string) (bool, error) {
	index, err := ioctlLink(unix.SIOCGIFINDEX, port, 0)
	if err != nil {
		return false, err
	}
	links, err := syscall.NetlinkRIB(unix.RTM_GETLINK, unix.AF_UNSPEC)
	if err != nil {
		return false, fmt.Errorf("list interfaces: %w", err)
	}
	msgs, err := syscall.ParseNetlinkMessage(links)
	if err != nil {
		return false, fmt.Errorf("list interfaces: %w", err)
	}
	for _, m := range msgs {
		if m.Header.Type != unix.RTM_NEWLINK || len(m.Data) < unix.SizeofIfInfomsg {
			continue
		}
		if (*unix.IfInfomsg)(unsafe.Pointer(&m.Data[0])).Index != int32(index) {
			continue
		}
		attrs, err := syscall.ParseNetlinkRouteAttr(&m)
		if err != nil {
			return false, fmt.Errorf("list interfaces: %w", err)
		}
		for _, a := range attrs {
			if a.Attr.Type == unix.IFLA_MASTER {
				return true, nil
			}
		}
	}
	return false, nil
}

// watchAddresses reports each IPv4 address that comes to or leaves an interface of this network, as the kernel tells it. It
// returns once the watch stands; report is then called from a goroutine of its own, with no polling in between.
func watchAddresses(report func(addr netip.Addr, present bool)) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("watch addresses: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: unix.RTMGRP_IPV4_IFADDR}); err != nil {
		unix.Close(fd)
		return fmt.Errorf("watch addresses: %w", err)
	}
	go func() {
		defer unix.Close(fd)
		buf := make([]byte, 64<<10)
		for {
			n, _, err := unix.Recvfrom(fd, buf, 0)
			if err == unix.EINTR || err == unix.ENOBUFS {
				continue
			}
			if err != nil {
				return
			}
			msgs, err := syscall.ParseNetlinkMessage(buf[:n])
			if err != nil {
				continue
			}
			for _, m := range msgs {
				if a, ok := addressOf(m); ok {
					report(a, m.Header.Type == unix.RTM_NEWADDR)
				}
			}
		}
	}()
	return nil
}

// addressOf takes the address out of an RTM_NEWADDR or RTM_DELADDR message.
func addressOf(m syscall.NetlinkMessage) (netip.Addr, bool) {
	if m.Header.Type != unix.RTM_NEWADDR && m.Header.Type != unix.RTM_DELADDR {
		return netip.Addr{}, false
	}
	attrs, err := syscall.ParseNetlinkRouteAttr(&m)
	if err != nil {
		return netip.Addr{}, false
	}
	for _, a := range attrs {
		if a.Attr.Type == unix.IFA_LOCAL {
			return netip.AddrFromSlice(a.Value)
		}
	}
	return netip.Addr{}, false
}
