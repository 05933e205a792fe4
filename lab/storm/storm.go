package storm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"keepalived-redis/lab"
	"keepalived-redis/lab/host"
	"keepalived-redis/lab/wire"
)

// Options say what a storm is made of.
type Options struct {
	// Lab is where it rages; what the variant says and the network are set by the storm.
	Lab lab.Options
	// Seed decides about every fault.
	Seed uint64
	// Say tells a person what goes on.
	Say func(format string, args ...any)
}

// Storm is a storm on one lab.
type Storm struct {
	opts    Options
	variant Variant
	lab     *lab.Lab
	network *wire.Switch
	cable   *host.Switch
	history *History
	clients []string
	round   atomic.Int64
	windows []Window
	// resynced is how many full resyncs there were at the last check.
	resynced int
	// counted is how many writes the rounds before have.
	counted int
	// commit is that of the programs.
	commit string
	// settled are the lists as the last check saw them.
	settled map[string][]string
	// stopClients ends them, and stopped gets a word from each.
	stopClients context.CancelFunc
	stopped     chan struct{}

	supervisors map[*lab.Host]*supervisor
	off         map[*lab.Host]bool
	burning     map[*lab.Host][]*host.Process
	config      map[*lab.Host]string
	// beside are the faults that look for their victim beside the others.
	beside sync.WaitGroup
	// moves end what begins in the middle of a move, by fault.
	moves map[string]func()

	mu     sync.Mutex
	runIDs map[string]string
}

// The disks are small, so that they are soon full.
const (
	dataSize  = "32m"
	stateSize = "1m"
)

// begin makes the lab and brings it to a calm beginning. end must be called also after an error.
func begin(ctx context.Context, opts Options, v Variant) (*Storm, error) {
	s := &Storm{opts: opts, variant: v, network: wire.New(opts.Seed), history: newHistory(), runIDs: map[string]string{},
		supervisors: map[*lab.Host]*supervisor{}, off: map[*lab.Host]bool{}, burning: map[*lab.Host][]*host.Process{}, config: map[*lab.Host]string{},
		moves: map[string]func(){}}
	var err error
	if s.commit, err = lab.Commit(ctx, opts.Lab.Build); err != nil {
		return s, err
	}
	if s.cable, err = host.NewSwitchOver(ctx, lab.LabAddr+lab.Prefix, s.network); err != nil {
		return s, err
	}
	o := opts.Lab
	o.Setup, o.Mode, o.Layout, o.Env, o.Network = lab.Ours, v.Mode, lab.AllMastersOnRedis1, v.Env, s.cable
	o.Disk, o.Prepare = dataSize, func(b *lab.Host) error { return errors.Join(b.MountDisk("state", stateSize), lab.StallAlways(b)) }
	if s.lab, err = lab.New(ctx, o); err != nil {
		return s, err
	}
	if err := s.readConfigs(); err != nil {
		return s, err
	}
	for i, b := range s.lab.Hosts() {
		s.supervise(ctx, b)
		if i == 0 {
			// The first one gets the VIP, so that every storm begins alike.
			if err := s.lab.AwaitVIP(ctx, b, recoverLimit); err != nil {
				return s, err
			}
		}
	}
	clients, cancel := context.WithCancel(ctx)
	s.stopClients = cancel
	s.stopped = s.startClients(clients)
	if _, err := s.awaitCalm(ctx, host.Now()); err != nil {
		return s, err
	}
	return s, nil
}

// end takes everything down. With a failure it keeps logs and files, and returns where.
func (s *Storm) end(failure error) (kept string, err error) {
	if s.stopClients != nil {
		s.stopClients()
		for range tags {
			<-s.stopped
		}
	}
	for _, v := range s.supervisors {
		v.end()
	}
	for _, end := range s.moves {
		end()
	}
	s.beside.Wait()
	var errs []error
	if s.lab != nil {
		kept, err = s.lab.Close(failure)
		errs = append(errs, err)
	}
	s.network.Close()
	if s.cable != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		errs = append(errs, s.cable.Remove(ctx))
	}
	return kept, errors.Join(errs...)
}

// note puts a sentence into the time line.
func (s *Storm) note(format string, args ...any) { s.lab.Timeline.Step(format, args...) }

// host is the host of a fault.
func (s *Storm) host(f Fault) *lab.Host { return s.lab.Hosts()[f.Host-1] }

// moment is the begin or the end of a fault.
type moment struct {
	at    time.Duration
	fault int
	end   bool
}

// moments are the begins and ends of faults in their order.
func moments(faults []Fault) []moment {
	var all []moment
	for i, f := range faults {
		all = append(all, moment{f.At, i, false})
		if f.Kind.find().end != nil {
			all = append(all, moment{f.At + f.For, i, true})
		}
	}
	slices.SortStableFunc(all, func(a, b moment) int { return cmp.Compare(a.at, b.at) })
	return all
}

// rage lets the faults of a round happen. It returns when the last one has ended.
func (s *Storm) rage(ctx context.Context, faults []Fault) error {
	began := time.Now()
	at, ended := make([]host.Mono, len(faults)), make([]host.Mono, len(faults))
	for _, m := range moments(faults) {
		select {
		case <-time.After(time.Until(began.Add(m.at))):
		case <-ctx.Done():
			return fmt.Errorf("wait for the next fault: %w", context.Cause(ctx))
		}
		f := faults[m.fault]
		k, b := f.Kind.find(), s.host(f)
		do, word := k.begin, "fault"
		if m.end {
			do, word = k.end, "ends"
		}
		now := s.lab.Timeline.Step("%s: %s", word, f)
		if !m.end {
			at[m.fault] = now
		}
		err := do(ctx, s, b, f)
		switch {
		case skipped(err):
			s.note("%s: nobody to meet: %v", f, err)
		case err != nil:
			return fmt.Errorf("%s: %w", f, err)
		}
		if m.end || k.end == nil {
			ended[m.fault] = host.Now()
		}
		if k.loses != nil && ended[m.fault] != 0 {
			s.windows = append(s.windows, k.loses(b, f, at[m.fault], ended[m.fault]))
		}
	}
	s.windows = append(s.windows, behind(faults, at, ended, func(f Fault) string { return s.lab.Other(s.host(f)).Addr })...)
	s.windows = append(s.windows, unwritten(faults, at, ended, func(f Fault) string { return s.host(f).Addr })...)
	s.beside.Wait()
	return s.repair(ctx, faults)
}

// repairLimit bounds how long the end of a fault is tried again: an instance may just be starting.
const repairLimit = 15 * time.Second

// repair ends some faults once more, for those that had nobody to meet when they ended: an instance that was down then still has its password.
func (s *Storm) repair(ctx context.Context, faults []Fault) error {
	deadline := time.Now().Add(repairLimit)
	for _, f := range faults {
		again := map[Kind]func(context.Context, *Storm, *lab.Host, Fault) error{Password: restorePassword, FailBGSAVE: repairBGSAVE, DiskFull: rewriteAOF}[f.Kind]
		for again != nil {
			err := again(ctx, s, s.host(f), f)
			if err == nil || time.Now().After(deadline) {
				break
			}
			if !skipped(err) {
				s.note("%s: %v", f, err)
			}
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
				return fmt.Errorf("end the faults: %w", context.Cause(ctx))
			}
		}
	}
	return nil
}
