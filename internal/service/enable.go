package service

import (
	"context"
	"fmt"

	"keepalived-redis/internal/config"
)

// UnitOf is the name of the systemd unit of an instance; an error if it cannot be started. A template that nobody uses for it
// and that would start a server with another configuration, as Debian's redis-server@ does with redis-PORT.conf, is none.
func UnitOf(ctx context.Context, cfg *config.Config, i config.Instance) (string, error) {
	u, err := find(ctx, cfg, i)
	if err == nil {
		err = u.usable()
	}
	if err == nil && cfg.Service.Unit == "" && !u.begun && !u.wanted && u.conf != "" && u.conf != i.Conf {
		own := unitName(unitPatterns[0], target{Instance: i}.id())
		return own, noUnit(own)
	}
	return u.name, err
}

// ConfOf is the configuration file that the unit of an instance hands to the server, which is where a new instance has to have its
// own: Debian's template reads /etc/redis/redis-7000.conf. It is empty where systemd does not run, knows no unit, or the unit names none.
func ConfOf(ctx context.Context, cfg *config.Config, i config.Instance) (string, error) {
	if systemd, err := Systemd(cfg); err != nil || !systemd {
		return "", err
	}
	u, err := find(ctx, cfg, i)
	return u.conf, err
}

// find asks systemd for the unit of an instance.
func find(ctx context.Context, cfg *config.Config, i config.Instance) (unit, error) {
	b, err := dialSystemd(ctx)
	if err != nil {
		return unit{}, err
	}
	defer b.Close()
	return b.find(ctx, cfg.Service.Unit, i)
}

// Enable has systemd read its units again, and start these at boot. It starts nothing now.
func Enable(ctx context.Context, units ...string) error {
	return reloaded(ctx, func(b bus) error {
		if err := b.reload(ctx); err != nil {
			return err
		}
		if _, _, err := b.EnableUnitFilesContext(ctx, units, false, false); err != nil {
			return b.refusal("enable", fmt.Sprint(units), err)
		}
		return nil
	})
}

// Disable undoes Enable. What runs goes on.
func Disable(ctx context.Context, units ...string) error {
	return reloaded(ctx, func(b bus) error {
		if _, err := b.DisableUnitFilesContext(ctx, units, false); err != nil {
			return b.refusal("disable", fmt.Sprint(units), err)
		}
		return nil
	})
}

// Reload has systemd read its units again.
func Reload(ctx context.Context) error {
	return reloaded(ctx, func(bus) error { return nil })
}

// reloaded does something, and has systemd read its units again afterwards.
func reloaded(ctx context.Context, do func(bus) error) error {
	b, err := dialSystemd(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	if err := do(b); err != nil {
		return err
	}
	return b.reload(ctx)
}

func (b bus) reload(ctx context.Context) error {
	if err := b.ReloadContext(ctx); err != nil {
		return b.refusal("reload", "its units", err)
	}
	return nil
}
