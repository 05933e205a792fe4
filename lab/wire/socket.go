package wire

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// maxFrame holds the largest frame that a host hands over in one piece: 64 KiB of segments that are still to be made, and the headers.
const maxFrame = 65536 + 256

// socketBuffer holds a burst of one hundred such frames in each direction.
const socketBuffer = 8 << 20

// Add plugs in an interface of this process' network namespace; one that is there stays as it is. Nothing else may use the interface: the kernel
// is told not to answer ARP there, because for this namespace's own addresses it would.
func (s *Switch) Add(name string) error {
	s.mu.Lock()
	there := s.ports[name] != nil
	s.mu.Unlock()
	if there {
		return nil
	}
	dev, err := net.InterfaceByName(name)
	if err != nil {
		return fmt.Errorf("plug %s into the switch: %w", name, err)
	}
	f, err := openSocket(dev)
	if err != nil {
		return fmt.Errorf("plug %s into the switch: %w", name, err)
	}
	p := &port{name: name, close: func() { f.Close() }}
	p.send = func(b []byte) error {
		_, err := f.Write(b)
		return err
	}
	if !s.add(p) {
		f.Close()
		return nil
	}
	go s.read(p, f)
	return nil
}

// openSocket opens a packet socket that sees all that comes in on an interface.
func openSocket(dev *net.Interface) (*os.File, error) {
	if err := silenceKernel(dev.Name); err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open a packet socket: %w", err)
	}
	options := []struct{ level, name, value int }{
		// Segments and checksums that the kernel has put off stay so: the other side gets the frame as it was handed over.
		{unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1},
		{unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1},
		{unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, socketBuffer},
		{unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, socketBuffer},
	}
	for _, o := range options {
		err := unix.SetsockoptInt(fd, o.level, o.name, o.value)
		// In a user namespace nobody may have more than the system's limit; that is enough for the lab.
		if err != nil && o.level != unix.SOL_SOCKET {
			unix.Close(fd)
			return nil, fmt.Errorf("set up a packet socket: %w", err)
		}
	}
	// The order of the bytes is the network's.
	const all = unix.ETH_P_ALL>>8 | unix.ETH_P_ALL&0xff<<8
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: dev.Index}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("bind a packet socket: %w", err)
	}
	return os.NewFile(uintptr(fd), dev.Name), nil
}

// silenceKernel keeps this namespace's own kernel from taking part in what happens on a port.
func silenceKernel(name string) error {
	// 8: answer for no address at all.
	if err := os.WriteFile("/proc/sys/net/ipv4/conf/"+name+"/arp_ignore", []byte("8"), 0); err != nil {
		return fmt.Errorf("keep the kernel silent: %w", err)
	}
	// A kernel without IPv6 has nothing to say there.
	err := os.WriteFile("/proc/sys/net/ipv6/conf/"+name+"/disable_ipv6", []byte("1"), 0)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("keep the kernel silent: %w", err)
	}
	return nil
}

// read forwards what comes in on a port until it is closed.
func (s *Switch) read(p *port, f *os.File) {
	buf := make([]byte, virtioLen+maxFrame)
	for {
		n, err := f.Read(buf)
		switch {
		case err == nil:
			if n > virtioLen {
				s.handle(p, buf[:n], time.Now())
			}
		case errors.Is(err, unix.ENETDOWN):
			// The carrier has gone, told once; it may come back.
		default:
			return
		}
	}
}
