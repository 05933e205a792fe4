package lab

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"keepalived-redis/internal/reason"
	"keepalived-redis/lab/host"
)

// prohibitedFor is longer than everything that is waited for before a master counts as lost.
const prohibitedFor = 10 * time.Second

// A host that may not ask has learnt nothing: neither that the other one is dead, nor that it is cut off itself.
var (
	prohibited = prohibiting("prohibited",
		"the host with the VIP may not connect() to the Redis of the other one, nor ping it or the witness, for 10 s (ip rule prohibit)",
		func(r *Run) *Host { return r.Holder })
	prohibitedStandby = prohibiting("prohibited-standby", "the same of the other host", func(r *Run) *Host { return r.Standby })
)

func prohibiting(name, about string, who func(*Run) *Host) Scenario {
	return Scenario{
		Name: name, About: about,
		// Some masters are where the VIP is not, and must stay there.
		Layout:  TwoMastersOnRedis1,
		Holder:  "redis2",
		Env:     []string{"KEEPALIVED_REDIS_POLICY=stay"},
		Settles: true,
		Must:    all(vipStays, nobodyPromoted, nobodyFenced, nothingLost),
		Steps: func(ctx context.Context, r *Run) (err error) {
			b := who(r)
			if r.Fault, err = b.Prohibit(ctx); err != nil {
				return err
			}
			if err := r.Steady(ctx, prohibitedFor); err != nil {
				return err
			}
			r.Healed, err = b.Permit(ctx)
			return err
		},
	}
}

// prohibitRules are the numbers of the routing rules that refuse connections.
var prohibitRules = []string{"120", "121", "122"}

// Prohibit lets the kernel of the host refuse every connection to an instance of the other one, and every ping of it and of the witness.
// What the other one connects to is answered, and VRRP passes. It returns the instant.
func (b *Host) Prohibit(ctx context.Context) (host.Mono, error) {
	other := b.lab.Other(b)
	at := b.lab.Timeline.Step("%s may not connect() to the Redis of %s, nor ping it or the witness", b.Name, other.Name)
	ports := fmt.Sprintf("%d-%d", other.Ports[0], other.Ports[len(other.Ports)-1])
	return at, errors.Join(
		b.mustRun(ctx, "ip", "rule", "add", "pref", prohibitRules[0], "to", other.Addr, "ipproto", "tcp", "dport", ports, "prohibit"),
		b.mustRun(ctx, "ip", "rule", "add", "pref", prohibitRules[1], "to", other.Addr, "ipproto", "icmp", "prohibit"),
		b.mustRun(ctx, "ip", "rule", "add", "pref", prohibitRules[2], "to", gateway, "prohibit"))
}

// Permit undoes Prohibit. It returns the instant.
func (b *Host) Permit(ctx context.Context) (host.Mono, error) {
	at := b.lab.Timeline.Step("%s may connect() again", b.Name)
	var errs []error
	for _, pref := range prohibitRules {
		errs = append(errs, b.mustRun(ctx, "ip", "rule", "del", "pref", pref))
	}
	return at, errors.Join(errs...)
}

// nobodyPromoted: from the fault on no instance became a master that was none.
func nobodyPromoted(o Outcome) (wrong []string) {
	roles := rolesBefore{}
	for _, e := range o.Recorded.Events {
		if roles.changed(Event(e), o.Recorded.Fault) && e.Text == "master" {
			wrong = append(wrong, fmt.Sprintf("%s after the fault: %s %s", e.At.Sub(o.Recorded.Fault), e.Host, Event(e).Sentence()))
		}
	}
	return wrong
}

// nobodyFenced: from the fault on no program of ours said that its host is cut off.
func nobodyFenced(o Outcome) (wrong []string) {
	for _, e := range o.Recorded.Events {
		if e.Kind == host.EventLog && e.At >= o.Recorded.Fault && (reason.In(e.Text, reason.CutOff) || strings.Contains(e.Text, "fence this host")) {
			wrong = append(wrong, fmt.Sprintf("%s after the fault: %s %s", e.At.Sub(o.Recorded.Fault), e.Host, e.Text))
		}
	}
	return wrong
}
