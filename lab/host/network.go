package host

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Network is a network namespace for a machine that somebody else makes: a container. It outlives the machine's boots.
type Network struct {
	// File is the namespace itself, and keeps it.
	File *os.File
	name string
}

// NewNetwork makes a network in which nobody is yet. Close its File to give it up.
//
// It is that of a process which is ended again. A thread of this process that left its own network would have to end as well, and the
// kernel would take that for the death of the parent of every machine that it had started (PR_SET_PDEATHSIG).
func NewNetwork(name string) (*Network, error) {
	cmd := exec.Command("sleep", "60")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("make a network for %s: %w", name, err)
	}
	file, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", cmd.Process.Pid))
	// It has done its work, and how it ends says nothing.
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if err != nil {
		return nil, fmt.Errorf("make a network for %s: %w", name, err)
	}
	return &Network{File: file, name: name}, nil
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
