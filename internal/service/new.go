package service

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/state"
)

// systemdDir exists where systemd is this machine's init (sd_booted(3)).
const systemdDir = "/run/systemd/system"

// New gives the manager that the configuration names; with config.BackendAuto it is systemd where systemd is the init,
// else the process backend. run holds the locks, durable the marks of deliberate stops. Nothing is started, opened or
// written here.
func New(cfg *config.Config, run, durable state.Dir) (Manager, error) {
	bySystemd, err := Systemd(cfg)
	if err != nil {
		return nil, err
	}
	var m Manager = newProcess(cfg, run, durable)
	if bySystemd {
		m = newSystemd(cfg, run, durable)
	}
	if cfg.Service.Rights == config.RightsSudo && os.Geteuid() != 0 {
		m = &sudo{Manager: m, start: cfg.Service.StartTimeout, stop: cfg.Service.StopTimeout}
	}
	return m, nil
}

// Systemd says whether systemd manages the instances of this host.
func Systemd(cfg *config.Config) (bool, error) {
	switch cfg.Service.Backend {
	case config.BackendProcess:
		return false, nil
	case config.BackendSystemd:
		return true, nil
	case config.BackendAuto, "":
		return isInit()
	}
	return false, fmt.Errorf("unknown service backend %q; hint: service.backend is auto, systemd or process", cfg.Service.Backend)
}

// isInit: systemd is the init of this machine.
func isInit() (bool, error) {
	_, err := os.Lstat(systemdDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("look for systemd: %w; hint: set service.backend", err)
	}
	return err == nil, nil
}
