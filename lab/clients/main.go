// Command bench-clients measures how long real client libraries take to write again after a host has died: host-dies in the lab, with
// each client once with its defaults and once with the settings of docs/clients.md. It needs what `make bench-clients` installs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"keepalived-redis/lab"
	"keepalived-redis/lab/clients/acks"
	"keepalived-redis/lab/clients/goredis"
	"keepalived-redis/lab/clients/rediscli"
	"keepalived-redis/lab/host"
)

// after is how long the clients go on after the fault; who does not write again by then is late by more than that.
const after = 40 * time.Second

// before is how long they have written when the host dies: long enough for every client to have started and to hold its connections.
const before = 6 * time.Second

// keys hash to one slot of each third: bar to 5061, test to 6918, foo to 12182.
var keys = []string{"bar", "test", "foo"}

// clients are the programs; each gets the words of acks.Job behind its own.
var clients = []struct {
	name string
	argv []string
}{
	{"go-redis", []string{host.Self, "goredis"}},
	{"ioredis", []string{"node", "/etc/clients/ioredis/client.js"}},
	{"redis-py", []string{"/usr/bin/python3", "/etc/clients/redispy/client.py"}},
	{"redis-cli -c", []string{host.Self, "rediscli"}},
}

func main() {
	host.Init()
	args := os.Args[1:]
	if lab.IsWriter(args) {
		os.Exit(lab.WriterMain(args))
	}
	var err error
	if len(args) > 0 && (args[0] == "goredis" || args[0] == "rediscli") {
		err = client(args[0], args[1:])
	} else {
		err = bench()
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench-clients: %v\n", err)
		os.Exit(1)
	}
}

// client is one of the two clients that are part of this program.
func client(name string, args []string) error {
	job, err := acks.Parse(args)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), job.For)
	defer cancel()
	// A library that does not heed the context must not hold up the end.
	time.AfterFunc(job.For+time.Second, func() { os.Exit(0) })
	if name == "goredis" {
		return goredis.Run(ctx, job)
	}
	return rediscli.Run(ctx, job)
}

func bench() error {
	runs := flag.Int("runs", 1, "how many times a host dies")
	flag.Parse()
	root, err := host.Module(".")
	if err != nil {
		return err
	}
	build := filepath.Join(root, "build")
	var failed error
	code := host.Main(filepath.Join(build, "lab", "work"), func(work string) int {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
		defer stop()
		failed = measure(ctx, *runs, lab.Options{Root: root, Build: build, Results: filepath.Join(build, "lab"), Work: work,
			Say: func(format string, args ...any) { fmt.Printf(format+"\n", args...) }})
		if failed != nil {
			return 1
		}
		return 0
	})
	if failed == nil && code != 0 {
		failed = errors.New("the lab ended without a result")
	}
	return failed
}

// measure lets a host die so many times and prints the table.
func measure(ctx context.Context, runs int, opts lab.Options) error {
	scenario, err := lab.Find("host-dies")
	if err != nil {
		return err
	}
	// How soon the pair itself must be writable is host-dies' own matter.
	scenario.Must = nil
	var t table
	for i := range runs {
		var p *party
		out, err := lab.Play(ctx, withClients(scenario, opts, &p), opts, nil)
		if err != nil {
			return fmt.Errorf("run %d: %w", i+1, err)
		}
		t.add(p, out.Recorded)
		fmt.Printf("run %d of %d done\n", i+1, runs)
	}
	fmt.Print(t.String())
	return nil
}

// withClients is the scenario with all clients writing through it and for some time after it.
func withClients(s lab.Scenario, opts lab.Options, p **party) lab.Scenario {
	steps := s.Steps
	s.Steps = func(ctx context.Context, r *lab.Run) error {
		party, err := invite(ctx, r, opts)
		if err != nil {
			return err
		}
		*p = party
		if err := r.Steady(ctx, before); err != nil {
			return err
		}
		err = steps(ctx, r)
		party.fault = r.Fault
		return errors.Join(err, party.wait())
	}
	return s
}

// party are the clients of one run.
type party struct {
	fault  host.Mono
	all    sync.WaitGroup
	mu     sync.Mutex
	output map[string]string
	errs   []error
}

// invite starts all of them.
func invite(ctx context.Context, r *lab.Run, opts lab.Options) (*party, error) {
	for _, name := range []string{"ioredis", "redispy"} {
		if err := r.Client.CopyTree(filepath.Join(opts.Root, "lab", "clients", name), "etc/clients/"+name); err != nil {
			return nil, err
		}
	}
	modules := filepath.Join(opts.Build, "clients", "node_modules")
	if err := r.Client.CopyTree(modules, "etc/clients/node_modules"); err != nil {
		return nil, fmt.Errorf("%w; hint: make bench-clients installs it", err)
	}
	var direct, vip []string
	for _, b := range r.Hosts() {
		direct = append(direct, b.Instances()...)
		for _, p := range b.Ports {
			vip = append(vip, fmt.Sprintf("%s:%d", lab.VIP, p))
		}
	}
	p := &party{output: map[string]string{}}
	for _, c := range clients {
		for _, job := range []acks.Job{{Seeds: direct}, {Recommended: true, Seeds: vip}} {
			job.For, job.Keys = before+after, keys
			p.all.Add(1)
			go func() {
				defer p.all.Done()
				out, code, err := r.Client.Run(ctx, append(append([]string{}, c.argv...), job.Args()...)...)
				if err == nil && code != 0 {
					err = fmt.Errorf("exit code %d: %s", code, strings.TrimSpace(out))
				}
				p.mu.Lock()
				defer p.mu.Unlock()
				p.output[name(c.name, job.Recommended)] = out
				if err != nil {
					p.errs = append(p.errs, fmt.Errorf("%s: %w", name(c.name, job.Recommended), err))
				}
			}()
		}
	}
	return p, nil
}

// wait waits until every client has ended by itself.
func (p *party) wait() error {
	p.all.Wait()
	return errors.Join(p.errs...)
}

// name is a client with its settings, as in the table.
func name(client string, recommended bool) string {
	if recommended {
		return client + ", recommended"
	}
	return client + ", default"
}
