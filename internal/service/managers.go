package service

import (
	"os"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/state"
)

func manager(cfg *config.Config, run, durable state.Dir, systemd bool) Manager {
	var m Manager = newProcess(cfg, run, durable)
	if systemd {
		m = newSystemd(cfg, run, durable)
	}
	if cfg.Service.Rights == config.RightsSudo && os.Geteuid() != 0 {
		m = &sudo{Manager: m, start: cfg.Service.StartTimeout, stop: cfg.Service.StopTimeout}
	}
	return m
}
