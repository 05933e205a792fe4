package host

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Network is a network namespace for a machine that somebody else makes: a container. It outlives the machine's boots.
type Network struct {
	// File is the namespace itself, and keeps it.
	File *os.File
	name string
}

// NewNetwork makes a network in which nobody is yet. Close its File to give it up.
func NewNetwork(name string) (*Network, error) {
	type result struct {
		file *os.File
		err  error
	}
	made := make(chan result)
	go func() {
		// The thread that has left our network is thrown away with this goroutine.
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_NEWNET)
		var file *os.File
		if err == nil {
			file, err = os.Open("/proc/thread-self/ns/net")
		}
		made <- result{file, err}
	}()
	r := <-made
	if r.err != nil {
		return nil, fmt.Errorf("make a network for %s: %w", name, r.err)
	}
	return &Network{File: r.file, name: name}, nil
}

// path is where other processes find the namespace.
func (n *Network) path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), n.File.Fd()) }

// IP runs the ip program in the network, and gives what it says.
func (n *Network) IP(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "nsenter", append([]string{"--net=" + n.path(), "ip"}, args...)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: ip %s: %w: %s", n.name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}

// ConnectNetwork plugs a network in as Connect does a host. Its loopback is up afterwards.
func (s *Switch) ConnectNetwork(ctx context.Context, n *Network, gateway string, addrs ...string) (*Cable, error) {
	if _, err := n.IP(ctx, "link", "set", "lo", "up"); err != nil {
		return nil, err
	}
	return s.connect(ctx, n.name, n.path(), gateway, addrs, func(args ...string) error {
		_, err := n.IP(ctx, args...)
		return err
	})
}
