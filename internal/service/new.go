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
	switch cfg.Service.Backend {
	case config.BackendProcess, config.BackendSystemd, config.BackendAuto, "":
	default:
		return nil, fmt.Errorf("unknown service backend %q; hint: service.backend is auto, systemd or process", cfg.Service.Backend)
	}
	systemd, err := Systemd(cfg)
	if err != nil {
		return nil, err
	}
	return manager(cfg, run, durable, systemd), nil
}

// Systemd says whether systemd manages the instances of this host.
func Systemd(cfg *config.Config) (bool, error) {
	backend := cfg.Service.Backend
	if backend == config.BackendAuto || backend == "" {
		var err error
		if backend, err = detect(); err != nil {
			return false, err
		}
	}
	return backend == config.BackendSystemd, nil
}

func detect() (config.Backend, error) {
	_, err := os.Lstat(systemdDir)
	switch {
	case err == nil:
		return config.BackendSystemd, nil
	case errors.Is(err, fs.ErrNotExist):
		return config.BackendProcess, nil
	default:
		return "", fmt.Errorf("look for systemd: %w; hint: set service.backend", err)
	}
}
