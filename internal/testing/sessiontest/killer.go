package sessiontest

import (
	"context"
	"syscall"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/service"
)

// Killer is a manager that knows the process of one server, and kills it.
type Killer struct {
	service.Manager
	PID, Kills int
}

// Status says that it runs.
func (k *Killer) Status(context.Context, config.Instance) service.State {
	return service.State{Status: service.Running, PID: k.PID}
}

// Kill ends the process.
func (k *Killer) Kill(context.Context, config.Instance) error {
	k.Kills++
	return syscall.Kill(k.PID, syscall.SIGKILL)
}
