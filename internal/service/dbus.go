package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"
)

// ErrNoUnit: systemd knows no unit for the instance.
var ErrNoUnit = errors.New("no unit")

// ErrMasked: somebody has masked the instance's unit, so nobody can start it.
var ErrMasked = errors.New("masked")

// ErrNoSystemd: systemd cannot be asked.
var ErrNoSystemd = errors.New("systemd cannot be asked")

// ErrGoingDown: the machine is being shut down.
var ErrGoingDown = errors.New("this machine is going down")

// glance is how often a job that is being waited for is looked at.
const glance = 25 * time.Millisecond

// bus is a connection to systemd, for one action: it ends with the action's context.
type bus struct{ *dbus.Conn }

// dial connects to systemd: root to its private socket, which is there also when D-Bus is not, and when SELinux drops
// the bus's replies; everybody else to the system bus. It is called when there is something to ask and not before: a run
// of chk-redis in which every instance lives does not pay for it.
func dialSystemd(ctx context.Context) (bus, error) {
	type dialled struct {
		conn *dbus.Conn
		err  error
	}
	// The library waits without a deadline for the answers to its greetings.
	done := make(chan dialled, 1)
	go func() {
		var d dialled
		if os.Geteuid() == 0 {
			d.conn, d.err = dbus.NewSystemdConnectionContext(ctx)
		}
		if d.conn == nil {
			d.conn, d.err = dbus.NewSystemConnectionContext(ctx)
		}
		done <- d
	}()
	select {
	case d := <-done:
		if d.err != nil {
			return bus{}, noSystemd(d.err)
		}
		return bus{d.conn}, nil
	case <-ctx.Done():
		go func() {
			if d := <-done; d.conn != nil {
				d.conn.Close()
			}
		}()
		return bus{}, fmt.Errorf("%w: no answer, %w; hint: systemctl is-system-running", ErrNoSystemd, context.Cause(ctx))
	}
}

func noSystemd(err error) error {
	hint := "systemctl status dbus.socket"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		hint = "is the D-Bus daemon running (systemctl start dbus.socket)?"
	case errors.Is(err, fs.ErrPermission):
		hint = "run this as root"
	}
	return fmt.Errorf("%w: %w: %w; hint: %s", ErrRefused, ErrNoSystemd, err, hint)
}

// subscribe makes systemd tell of jobs that end; 219 tells nobody who has not asked.
func (b bus) subscribe() error {
	if err := b.Subscribe(); err != nil {
		return b.refusal("subscribe to", "its jobs", err)
	}
	return nil
}

// GoesDown: systemd stops everything for a shutdown. False where it cannot be asked, or is not the init.
func GoesDown(ctx context.Context) bool {
	if asked, err := isInit(); err != nil || !asked {
		return false
	}
	b, err := dialSystemd(ctx)
	if err != nil {
		return false
	}
	defer b.Close()
	return b.goesDown(ctx)
}

// goesDown: systemd is stopping everything for a shutdown.
func (b bus) goesDown(ctx context.Context) bool {
	p, err := b.SystemStateContext(ctx)
	if err != nil {
		return false // what is asked of it next will tell
	}
	state, _ := p.Value.Value().(string)
	return state == "stopping"
}

// refusal is the sentence for an error that systemd, or the bus, has answered with. The names are those of systemd's
// src/libsystemd/sd-bus/bus-common-errors.h.
func (b bus) refusal(verb, unit string, err error) error {
	var e godbus.Error
	if !errors.As(err, &e) {
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, godbus.ErrClosed) {
			return fmt.Errorf("%w: no answer: %w; hint: systemctl is-system-running", ErrNoSystemd, err)
		}
		return fmt.Errorf("%w: %w; hint: systemctl is-system-running", ErrNoSystemd, err)
	}
	_, name, _ := strings.Cut(e.Name, "org.freedesktop.")
	switch name {
	case "systemd1.NoSuchUnit":
		return noUnit(unit)
	case "systemd1.UnitMasked":
		return masked(unit)
	case "systemd1.LoadFailed", "systemd1.BadUnitSetting":
		return unusable(unit, e.Error())
	case "DBus.Error.InteractiveAuthorizationRequired", "DBus.Error.AccessDenied", "DBus.Error.AuthFailed",
		"PolicyKit1.Error.NotAuthorized", "PolicyKit1.Error.Failed":
		return fmt.Errorf("%w: user %d may not %s %s (%w); hint: run this as root, or allow it with the polkit rule of this package",
			ErrRefused, os.Geteuid(), verb, unit, fs.ErrPermission)
	case "systemd1.ShuttingDown", "systemd1.TransactionIsDestructive":
		return fmt.Errorf("%w: systemd does not %s %s: %w (%s)", ErrRefused, verb, unit, ErrGoingDown, e.Error())
	case "DBus.Error.NoReply", "DBus.Error.Timeout", "DBus.Error.TimedOut", "DBus.Error.Disconnected":
		return fmt.Errorf("%w: %s; hint: systemctl is-system-running", ErrNoSystemd, e.Error())
	}
	return fmt.Errorf("systemd does not %s %s: %s; hint: systemctl status %s", verb, unit, e.Error(), unit)
}

func noUnit(unit string) error {
	return fmt.Errorf("%w: %w: systemd knows no %s; hint: make it, or set service.unit to the units of the instances", ErrRefused, ErrNoUnit, unit)
}

func masked(unit string) error {
	return fmt.Errorf("%w: %s is %w; hint: systemctl unmask %s", ErrRefused, unit, ErrMasked, unit)
}

func unusable(unit, why string) error {
	return fmt.Errorf("%w: %s cannot be used: %s; hint: systemd-analyze verify %s", ErrNotConfigured, unit, why, unit)
}

// job asks systemd for something and waits until it is done, and gives its result. ask is one of the library's methods
// for jobs. early, if any, is asked now and then whether waiting has become needless: then the result is "done".
func (b bus) job(ctx context.Context, verb, unit string, ask func(context.Context, string, string, chan<- string) (int, error), early func() bool) (string, error) {
	result := make(chan string, 1)
	if _, err := ask(ctx, unit, "replace", result); err != nil {
		return "", b.refusal(verb, unit, err)
	}
	look := time.NewTicker(glance)
	defer look.Stop()
	for {
		select {
		case r := <-result:
			return r, nil
		case <-look.C:
			if early != nil && early() {
				return "done", nil
			}
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
}
