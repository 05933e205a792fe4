package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"keepalived-redis/internal/buildtest"
	"keepalived-redis/internal/whole"
)

// bench is the ground: a work directory with the programs, and real servers.
type bench struct {
	dir, root, build string
	ports            []string
	servers          []*exec.Cmd
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// compile builds the C programs and copies ours, so that nothing of the checkout's own directory counts.
func (b *bench) compile(ctx context.Context) error {
	// The launcher is called keepalived: that name is how chk-redis knows who runs it.
	for source, program := range map[string]string{"check.c": "check", "launch.c": "keepalived"} {
		cmd := exec.CommandContext(ctx, "gcc", "-O2", "-static", "-Wall", "-o", b.path(program), filepath.Join(b.root, "bench", "c", source))
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("compile %s: %w: %s", source, err, out)
		}
	}
	for _, name := range []string{whole.Check, whole.Program} {
		text, err := os.ReadFile(filepath.Join(b.build, name))
		if err != nil {
			return fmt.Errorf("find %s: %w; hint: make build", name, err)
		}
		if err := os.WriteFile(b.path(name), text, 0o755); err != nil {
			return err
		}
	}
	_, err := buildtest.Whole(b.dir)
	return err
}

// witness answers an echo and is no address of an interface, as a router does.
const witness = "192.168.9.1"

// answerAs makes this network answer for an address that no interface has.
func answerAs(ctx context.Context, addr string) error {
	if out, err := exec.CommandContext(ctx, "ip", "route", "add", "local", addr+"/32", "dev", "lo").CombinedOutput(); err != nil {
		return fmt.Errorf("make a witness: %w: %s", err, out)
	}
	return nil
}

// startServers starts real, empty servers on the loopback, which is ours alone.
func (b *bench) startServers(ctx context.Context, n int) error {
	for i := range n {
		port := strconv.Itoa(7000 + i)
		data := b.path(port)
		if err := os.Mkdir(data, 0o755); err != nil {
			return err
		}
		cmd := exec.CommandContext(ctx, "redis-server", "--port", port, "--bind", "127.0.0.1", "--dir", data, "--save", "")
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := cmd.Start(); err != nil {
			return fmt.Errorf("start redis-server: %w", err)
		}
		b.servers, b.ports = append(b.servers, cmd), append(b.ports, port)
	}
	for _, port := range b.ports {
		if err := awaitPong(port); err != nil {
			return err
		}
	}
	return nil
}

func awaitPong(port string) error {
	end := time.Now().Add(20 * time.Second)
	for {
		conn, err := net.DialTimeout("tcp", "127.0.0.1:"+port, time.Second)
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
			return fmt.Errorf("redis-server on port %s does not answer after 20s: %w", port, errors.Join(err))
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

// programs are those that are compared.
func (b *bench) programs() ([]program, error) {
	three := b.ports[:3]
	old, err := os.ReadFile(filepath.Join(b.root, "testdata", "oldscripts", "chk_redis.sh"))
	if err != nil {
		return nil, fmt.Errorf("find the old script: %w", err)
	}
	scripts := map[string]string{
		"old.sh": strings.ReplaceAll(string(old), "@PORTS@", strings.Join(three, " ")),
		"cli.sh": "#!/bin/bash\nfor port in " + strings.Join(three, " ") + "\ndo\n    redis-cli -p $port ping || exit 1\ndone\n",
	}
	for name, text := range scripts {
		if err := os.WriteFile(b.path(name), []byte(text), 0o755); err != nil {
			return nil, err
		}
	}
	bash, err := exec.LookPath("bash")
	if err != nil {
		return nil, err
	}
	ours, err := b.ours(3)
	if err != nil {
		return nil, err
	}
	ours.name = "chk_redis"
	return []program{
		{name: "old_script", argv: []string{bash, b.path("old.sh")}},
		{name: "redis_cli", argv: []string{bash, b.path("cli.sh")}},
		ours,
		// With this the quiet check hands over at once, and nothing else changes.
		{name: "handed_over", argv: ours.argv, env: append(slices.Clone(ours.env), "KEEPALIVED_REDIS_LOG_LEVEL=info")},
		{name: "whole", argv: []string{b.path("whole/" + whole.Check)}, env: ours.env},
		{name: "c_static", argv: append([]string{b.path("check")}, three...)},
	}, nil
}

// ours is chk-redis as keepalived runs it: no arguments, a configuration file, a witness, a VIP that is elsewhere.
func (b *bench) ours(n int) (program, error) {
	dir := b.path("box" + strconv.Itoa(n))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return program{}, err
	}
	list := make([]string, n)
	for i, port := range b.ports[:n] {
		list[i] = `"127.0.0.1:` + port + `"`
	}
	conf := filepath.Join(dir, "keepalived-redis.toml")
	text := fmt.Sprintf("instances = [%s]\nvip = [\"192.168.9.91\"]\nwitness = [%q]\nstate_dir = %q\nrun_dir = %q\n[service]\nbackend = \"process\"\n",
		strings.Join(list, ", "), witness, filepath.Join(dir, "lib"), filepath.Join(dir, "run"))
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		return program{}, err
	}
	return program{name: strconv.Itoa(n), argv: []string{b.path("chk-redis")}, env: []string{"KEEPALIVED_REDIS_CONFIG=" + conf}}, nil
}

// sizes are the numbers of instances.
var sizes = []int{1, 3, 10, 30, 100}

func (b *bench) scale() ([]program, error) {
	var all []program
	for _, n := range sizes {
		p, err := b.ours(n)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}
