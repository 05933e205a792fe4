// Package service starts and stops redis-server through whatever manages processes on this machine.
package service

import (
	"context"
	"errors"

	"keepalived-redis/internal/config"
)

// Status is what the manager knows of an instance.
type Status int

const (
	// Unknown: the manager could not tell.
	Unknown Status = iota
	// Running: a server process lives.
	Running
	// Dead: it died, or was never started; a start is in order.
	Dead
	// Stopped: somebody stopped it on purpose.
	Stopped
	// Busy: the manager is starting or stopping it right now.
	Busy
)

// ErrNotConfigured: the instance has no configuration file.
var ErrNotConfigured = errors.New("no configuration file")

// ErrRefused: this machine's manager must do it, and this program cannot ask it.
var ErrRefused = errors.New("refused")

// State is a Status with what a person wants to know beside it.
type State struct {
	Status Status
	// PID is the server's process, 0 if none.
	PID int
	// Reason is one sentence, for people.
	Reason string
	// Note is what is not as it should be with a server that runs, empty if nothing is.
	Note string
	// StalePIDFile is a pid file that claims a server where none lives, empty if there is none.
	StalePIDFile string
	// StaleLock is a lock file of an init script (/var/lock/subsys) where no server lives, empty if there is none.
	StaleLock string
}

// Manager starts and stops instances. Its methods may be called at the same time for different instances, also from
// different processes: two starts of one instance make one server.
type Manager interface {
	// Start starts the instance and returns once the server process lives; it does not wait until it answers. Starting a
	// running instance is no error. Start is deliberate: it removes the mark of a deliberate stop.
	Start(ctx context.Context, i config.Instance) error
	// Stop stops the instance and returns once it is gone. Stopping a stopped instance is no error. byHand marks the
	// stop as deliberate, so that nothing restarts the instance.
	Stop(ctx context.Context, i config.Instance, byHand bool) error
	// Kill ends the instance at once, with SIGKILL.
	Kill(ctx context.Context, i config.Instance) error
	// Status looks and changes nothing.
	Status(ctx context.Context, i config.Instance) State
}
