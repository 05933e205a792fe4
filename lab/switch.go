package lab

import (
	"context"
	"errors"
	"fmt"

	"keepalived-redis/lab/host"
)

// away is what the switch does while it does not pass packets.
type away int

const (
	// here: it passes them.
	here away = iota
	// deaf: the hosts keep their carrier, as behind a switch that learns its tree, or whose ports belong to a small one each.
	deaf
	// dark: no host has a carrier, as behind a switch that boots.
	dark
)

// do is what a cable meets at such a switch.
func (a away) do(c *host.Cable) error {
	switch a {
	case deaf:
		return c.Silence()
	case dark:
		return c.Cut()
	}
	return c.Plug()
}

// SwitchAway lets no packet pass between any two hosts; their ports keep the carrier. A host that is booted meanwhile is cut off, too. It
// returns the instant.
func (l *Lab) SwitchAway() (host.Mono, error) {
	at := l.Timeline.Step("the switch is away: no packet passes between any two hosts")
	return at, l.setSwitch(deaf)
}

// SwitchDark is SwitchAway, and no host has a carrier. It returns the instant.
func (l *Lab) SwitchDark() (host.Mono, error) {
	at := l.Timeline.Step("the switch boots: no host has a carrier")
	return at, l.setSwitch(dark)
}

// SwitchBack undoes both. It returns the instant.
func (l *Lab) SwitchBack() (host.Mono, error) {
	at := l.Timeline.Step("healed: the switch is back, packets pass between all hosts again")
	return at, l.setSwitch(here)
}

// setSwitch changes all cables. The client's is the first: what it got acknowledged came before any host was cut off.
func (l *Lab) setSwitch(to away) error {
	l.away = to
	var errs []error
	for _, b := range l.allHosts() {
		if b.off() {
			continue
		}
		if err := to.do(b.cable); err != nil {
			errs = append(errs, fmt.Errorf("the switch, port of %s: %w", b.Name, err))
		}
	}
	return errors.Join(errs...)
}

// off says that the host has no power. It must not be asked between a power cut and gone.
func (b *Host) off() bool {
	select {
	case <-b.host.Done():
		return true
	default:
		return false
	}
}

// WitnessDies takes the gateway's address away, which is the hosts' witness. The client has another one, and lives.
func (l *Lab) WitnessDies(ctx context.Context) error {
	l.Timeline.Step("the gateway %s is gone for good", gateway)
	return l.Client.mustRun(ctx, "ip", "addr", "del", gateway+prefix, "dev", host.Interface)
}
