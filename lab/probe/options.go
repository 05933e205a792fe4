package probe

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Mode says how the writes find their way.
type Mode string

const (
	// Cluster finds the masters by CLUSTER SLOTS through the VIP and follows MOVED.
	Cluster Mode = "cluster"
	// Replication writes to VIP:port, one pair a port.
	Replication Mode = "replication"
	// Local writes to those of Options.Local that are masters, and to nobody else. It sees what a host that is cut off still acknowledges.
	Local Mode = "local"
	// Sentinel writes to whom the Sentinels name as the master of Options.MasterName, and to nobody else.
	Sentinel Mode = "sentinel"
)

// Way says by which commands a writer writes.
type Way string

const (
	// Plain writes by SET.
	Plain Way = ""
	// Script writes by EVAL. Before 6.0.17 and 6.2.7 a script heeds no min-slaves-to-write.
	Script Way = "script"
	// Transaction writes by MULTI and EXEC, with transactionPause before EXEC. Before 6.0 a write that was queued earlier heeds no
	// min-slaves-to-write either.
	Transaction Way = "transaction"
)

// Options say what a writer does. Zero durations mean the defaults.
type Options struct {
	// Source names the writer in its events and in its keys.
	Source string
	Mode   Mode
	Way    Way
	// VIP and Ports are where the cluster, or each replication pair, is found.
	VIP   netip.Addr
	Ports []uint16
	// Nodes are where the cluster is found when there is no VIP; in mode Sentinel they are the Sentinels.
	Nodes []netip.AddrPort
	// MasterName is what the Sentinels call the master.
	MasterName string
	// Local are the host's own instances, in mode Local. With a VIP, values that no cluster serves are read back there: the host's own
	// instance may follow another one by then.
	Local []netip.AddrPort
	// Interval is the time between two attempts on one range: 4 ms, 10 ms in mode Local, 50 ms by scripts and transactions. It bounds how
	// exactly a gap is measured.
	Interval time.Duration
	// Timeout is how long an attempt waits for its answer: 150 ms.
	Timeout time.Duration
	// Dial is how long it waits for a connection: 20 ms. The kernel sends a lost SYN again only after 1 s, so a new dial is quicker.
	Dial time.Duration
	// FindWithin bounds the search for the cluster at the start: 10 s.
	FindWithin time.Duration
	// VerifyWithin bounds the reading back at the end: 20 s.
	VerifyWithin time.Duration
}

// The defaults of Options.
const (
	defaultInterval      = 4 * time.Millisecond
	defaultLocalInterval = 10 * time.Millisecond
	defaultOtherInterval = 50 * time.Millisecond
	defaultTimeout       = 150 * time.Millisecond
	defaultDial          = 20 * time.Millisecond
	defaultFindWithin    = 10 * time.Second
	defaultVerifyWithin  = 20 * time.Second
)

// complete checks the options and fills in the defaults.
func (o Options) complete() (Options, error) {
	var errs []error
	switch o.Mode {
	case Cluster, Replication:
		if o.Mode == Cluster && len(o.Nodes) > 0 {
			break
		}
		if !o.VIP.IsValid() || len(o.Ports) == 0 {
			errs = append(errs, fmt.Errorf("mode %s needs the VIP and at least one port", o.Mode))
		}
	case Local:
		if len(o.Local) == 0 {
			errs = append(errs, errors.New("mode local needs at least one instance"))
		}
	case Sentinel:
		if len(o.Nodes) == 0 || o.MasterName == "" {
			errs = append(errs, errors.New("mode sentinel needs at least one Sentinel and the master's name"))
		}
	default:
		errs = append(errs, fmt.Errorf("unknown mode %q; hint: cluster, replication, local or sentinel", o.Mode))
	}
	if o.Way != Plain && o.Way != Script && o.Way != Transaction {
		errs = append(errs, fmt.Errorf("unknown way %q; hint: script or transaction", o.Way))
	}
	if o.Source == "" || strings.ContainsAny(o.Source, " {}\r\n") {
		errs = append(errs, fmt.Errorf("a writer needs a name without spaces and braces, not %q", o.Source))
	}
	interval := defaultInterval
	if o.Mode == Local {
		interval = defaultLocalInterval
	}
	if o.Way != Plain {
		interval = defaultOtherInterval
	}
	for _, d := range []struct {
		name string
		set  *time.Duration
		def  time.Duration
	}{
		{"interval", &o.Interval, interval}, {"timeout", &o.Timeout, defaultTimeout}, {"dial", &o.Dial, defaultDial},
		{"find-within", &o.FindWithin, defaultFindWithin}, {"verify-within", &o.VerifyWithin, defaultVerifyWithin},
	} {
		if *d.set < 0 {
			errs = append(errs, fmt.Errorf("%s is negative: %s", d.name, *d.set))
		}
		if *d.set == 0 {
			*d.set = d.def
		}
	}
	return o, errors.Join(errs...)
}

// Args are the arguments with which Main does what o says.
func (o Options) Args() []string {
	args := []string{"-source", o.Source, "-mode", string(o.Mode)}
	if o.VIP.IsValid() {
		args = append(args, "-vip", o.VIP.String())
	}
	var ports, local, nodes []string
	for _, p := range o.Ports {
		ports = append(ports, strconv.Itoa(int(p)))
	}
	for _, a := range o.Local {
		local = append(local, a.String())
	}
	for _, a := range o.Nodes {
		nodes = append(nodes, a.String())
	}
	for _, f := range []struct{ name, value string }{
		{"-ports", strings.Join(ports, ",")}, {"-local", strings.Join(local, ",")}, {"-nodes", strings.Join(nodes, ",")}, {"-master-name", o.MasterName},
		{"-way", string(o.Way)},
	} {
		if f.value != "" {
			args = append(args, f.name, f.value)
		}
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"-interval", o.Interval}, {"-timeout", o.Timeout}, {"-dial", o.Dial}, {"-find-within", o.FindWithin}, {"-verify-within", o.VerifyWithin}} {
		if d.value != 0 {
			args = append(args, d.name, d.value.String())
		}
	}
	return args
}
