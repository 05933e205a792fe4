package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"keepalived-redis/internal/testing/tlstest"
)

const (
	// witness answers an echo and is no address of an interface, as a router does.
	witness = "192.168.9.1"
	// hostAddress is that of the host, and peerAddress no address of an interface, as that of another host.
	hostAddress, peerAddress = "192.168.9.70", "192.168.9.71"
	// vipHere is the VIP of a host that has it.
	vipHere = "192.168.9.92"
)

// Where the instances listen that are not among the hundred.
var (
	pairPorts = []string{"7200", "7201", "7202"}
	tlsPorts  = []string{"7300", "7301", "7302"}
)

// makeAddresses makes this network have the host's addresses, and answer for those that no interface has.
func makeAddresses(ctx context.Context) error {
	for _, args := range [][]string{{"addr", "add", hostAddress + "/32", "dev", "lo"}, {"addr", "add", vipHere + "/32", "dev", "lo"},
		{"route", "add", "local", witness + "/32", "dev", "lo"}, {"route", "add", "local", peerAddress + "/32", "dev", "lo"}} {
		if out, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, out)
		}
	}
	return nil
}

// startServers starts real, empty servers: n on the loopback, which is ours alone, three pairs, and three that speak TLS.
func (b *bench) startServers(ctx context.Context, n int) error {
	for i := range n {
		b.ports = append(b.ports, strconv.Itoa(7000+i))
	}
	for _, port := range b.ports {
		if err := b.start(ctx, "127.0.0.1", port); err != nil {
			return err
		}
	}
	for _, port := range pairPorts {
		if err := b.start(ctx, hostAddress, port); err != nil {
			return err
		}
		if err := b.start(ctx, peerAddress, port, "--replicaof", hostAddress, port, "--repl-diskless-sync-delay", "0"); err != nil {
			return err
		}
	}
	authority, err := tlstest.New(b.dir, "ca", tlstest.Template())
	if err != nil {
		return err
	}
	cert, key, err := authority.Issue("redis", tlstest.Template("127.0.0.1"))
	if err != nil {
		return err
	}
	for i, port := range tlsPorts {
		if err := b.start(ctx, "127.0.0.1", strconv.Itoa(7400+i), "--tls-port", port, "--tls-cert-file", cert, "--tls-key-file", key,
			"--tls-ca-cert-file", authority.File, "--tls-auth-clients", "no"); err != nil {
			return err
		}
	}
	return nil
}

// start starts a server and waits until it answers.
func (b *bench) start(ctx context.Context, host, port string, more ...string) error {
	addr := net.JoinHostPort(host, port)
	data := b.path(addr)
	if err := os.Mkdir(data, 0o755); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "redis-server", append([]string{"--port", port, "--bind", host, "--dir", data, "--save", "", "--protected-mode", "no"}, more...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start redis-server: %w", err)
	}
	b.servers = append(b.servers, cmd)
	return awaitPong(addr)
}

func awaitPong(addr string) error {
	end := time.Now().Add(20 * time.Second)
	for {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			answer := make([]byte, 7)
			_, err = fmt.Fprintf(conn, "PING\r\n")
			if err == nil {
				_, err = conn.Read(answer)
			}
			conn.Close()
			if err == nil && strings.HasPrefix(string(answer), "+PONG") {
				return nil
			}
		}
		if time.Now().After(end) {
			return fmt.Errorf("redis-server at %s does not answer after 20s: %w", addr, errors.Join(err))
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (b *bench) stopServers() {
	for _, s := range b.servers {
		_ = s.Process.Kill()
		// It was killed: how it ended says nothing.
		_ = s.Wait()
	}
}
