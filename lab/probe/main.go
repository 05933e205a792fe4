package probe

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os/signal"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
)

// Main is Run as a program: the arguments are those of Options.Args, each event is written to stdout as one line of JSON. It stops
// writing on SIGTERM, SIGINT or a line "stop" on stdin (the end of stdin means nothing), then reads back and ends. The exit code is 0
// when the reading back came to its end, 1 after an error, 2 for bad arguments.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	opts, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(stderr, "probe: %v\n", err)
		return 2
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	// A collection would make writers late that it measures. Minutes of writing take less than this.
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(512 << 20)
	go func() {
		lines := bufio.NewScanner(stdin)
		for lines.Scan() {
			if strings.TrimSpace(lines.Text()) == "stop" {
				cancel()
			}
		}
	}()
	var broken error
	out := json.NewEncoder(stdout)
	err = Run(ctx, opts, func(e Event) {
		if err := out.Encode(e); err != nil && broken == nil {
			// Nobody listens any more: to go on writing would only disturb others.
			broken = fmt.Errorf("write events: %w", err)
			cancel()
		}
	})
	if err := errors.Join(err, broken); err != nil {
		fmt.Fprintf(stderr, "probe: %v\n", err)
		return 1
	}
	return 0
}

// parse turns the arguments of Options.Args back into Options.
func parse(args []string, stderr io.Writer) (Options, error) {
	var o Options
	f := flag.NewFlagSet("probe", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.Source, "source", "client", "name of this writer")
	f.Func("mode", "cluster, replication, local or sentinel", func(s string) error { o.Mode = Mode(s); return nil })
	f.Func("way", "script or transaction instead of SET", func(s string) error { o.Way = Way(s); return nil })
	f.Func("vip", "virtual address through which the instances are found", func(s string) (err error) {
		o.VIP, err = netip.ParseAddr(s)
		return err
	})
	f.Func("ports", "ports behind the VIP, separated by commas", func(s string) error {
		for _, p := range strings.Split(s, ",") {
			n, err := strconv.ParseUint(p, 10, 16)
			if err != nil || n == 0 {
				return fmt.Errorf("%q is no port", p)
			}
			o.Ports = append(o.Ports, uint16(n))
		}
		return nil
	})
	f.Func("local", "instances of this host, separated by commas", addresses(&o.Local))
	f.Func("nodes", "where the cluster is found without a VIP, or the Sentinels, separated by commas", addresses(&o.Nodes))
	f.StringVar(&o.MasterName, "master-name", "", "what the Sentinels call the master")
	f.DurationVar(&o.Interval, "interval", 0, "time between two attempts on one range")
	f.DurationVar(&o.Timeout, "timeout", 0, "how long an attempt waits for its answer")
	f.DurationVar(&o.Dial, "dial", 0, "how long an attempt waits for a connection")
	f.DurationVar(&o.FindWithin, "find-within", 0, "how long to look for the cluster")
	f.DurationVar(&o.VerifyWithin, "verify-within", 0, "how long to try to read everything back")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unknown argument %q", f.Arg(0))
	}
	return o, nil
}

// addresses reads addresses that are separated by commas.
func addresses(into *[]netip.AddrPort) func(string) error {
	return func(s string) error {
		for _, a := range strings.Split(s, ",") {
			addr, err := netip.ParseAddrPort(a)
			if err != nil {
				return err
			}
			*into = append(*into, addr)
		}
		return nil
	}
}
