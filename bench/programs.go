package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
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
	text, err := os.ReadFile(filepath.Join(b.build, check))
	if err != nil {
		return fmt.Errorf("find %s: %w; hint: make build", check, err)
	}
	return os.WriteFile(b.path(check), text, 0o755)
}

const check = "chk-redis"

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
	all := []program{
		{name: "old_script", argv: []string{bash, b.path("old.sh")}},
		{name: "redis_cli", argv: []string{bash, b.path("cli.sh")}},
		{name: "c_static", argv: append([]string{b.path("check")}, three...)},
	}
	list := addresses("127.0.0.1", three)
	for _, o := range []ours{
		{name: "chk_redis", instances: list},
		{name: "metrics", instances: list, args: []string{"--metrics", b.path("keepalived_redis.prom")}},
		{name: "warning", instances: list, more: "policy = \"stay\"\n", env: []string{"KEEPALIVED_REDIS_POLICI=stay"}},
		{name: "replicated", instances: addresses(hostAddress, pairPorts), vip: vipHere,
			more: fmt.Sprintf("peers = [%s]\ndurability = \"replicated\"\n", addresses(peerAddress, pairPorts))},
		{name: "tls", instances: addresses("127.0.0.1", tlsPorts), tables: fmt.Sprintf("[tls]\nenabled = true\nca = %q\n", b.path("ca.crt"))},
	} {
		p, err := b.ours(o)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// ours is chk-redis as keepalived runs it: a configuration file, a witness, and but for what is said here no arguments and a VIP that
// is elsewhere.
type ours struct {
	name, instances, vip string
	// more keys, and tables, of the configuration.
	more, tables string
	args, env    []string
}

// addresses is a list in the configuration.
func addresses(host string, ports []string) string {
	list := make([]string, len(ports))
	for i, port := range ports {
		list[i] = `"` + host + ":" + port + `"`
	}
	return strings.Join(list, ", ")
}

func (b *bench) ours(o ours) (program, error) {
	dir := b.path("host-" + o.name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return program{}, err
	}
	conf := filepath.Join(dir, "keepalived-redis.toml")
	text := fmt.Sprintf("instances = [%s]\nvip = [%q]\nwitness = [%q]\nstate_dir = %q\nrun_dir = %q\n%s[service]\nbackend = \"process\"\naccount = \"root\"\n%s",
		o.instances, cmp.Or(o.vip, "192.168.9.91"), witness, filepath.Join(dir, "lib"), filepath.Join(dir, "run"), o.more, o.tables)
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		return program{}, err
	}
	return program{name: o.name, argv: append([]string{b.path(check)}, o.args...), env: append(o.env, "KEEPALIVED_REDIS_CONFIG="+conf)}, nil
}

// sizes are the numbers of instances.
var sizes = []int{1, 3, 10, 30, 100}

func (b *bench) scale() ([]program, error) {
	var all []program
	for _, n := range sizes {
		p, err := b.ours(ours{name: strconv.Itoa(n), instances: addresses("127.0.0.1", b.ports[:n])})
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}
