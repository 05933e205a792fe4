package main

import (
	"errors"
	"io/fs"
	"slices"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/service"
)

// Exit codes of the actions (LSB 5.0, Core, 22.2 Init Script Actions).
const (
	success       = 0
	failed        = 1
	badArguments  = 2
	unimplemented = 3
	noPrivilege   = 4
	notInstalled  = 5
	notConfigured = 6
	isNotRunning  = 7
)

// Exit codes of status.
const (
	isRunning     = 0
	deadWithPID   = 1
	deadWithLock  = 2
	notRunning    = 3
	statusUnknown = 4
)

// actions are those that init scripts know.
var actions = []string{"start", "stop", "restart", "try-restart", "condrestart", "reload", "force-reload", "status"}

func isAction(action string) bool { return slices.Contains(actions, action) }

// errReload: Redis reads its configuration when it starts, and not again.
var errReload = errors.New("nothing to do: Redis reads its configuration only when it starts; hint: restart, or CONFIG SET for what can be changed")

// errNotRunning: the action needs a running instance.
var errNotRunning = errors.New("it does not run")

// codeOf is the exit code that an error of an action means. For what only systemd says it is that of systemctl
// (translate_bus_error_to_exit_status).
func codeOf(err error) int {
	switch {
	case err == nil:
		return success
	case errors.Is(err, service.ErrNotConfigured), errors.Is(err, config.ErrNothingConfigured), errors.Is(err, errNoInstance),
		errors.Is(err, service.ErrMasked):
		return notConfigured
	case errors.Is(err, service.ErrNotInstalled), errors.Is(err, service.ErrNoUnit):
		return notInstalled
	case errors.Is(err, errNotRunning):
		return isNotRunning
	case errors.Is(err, errReload):
		return unimplemented
	case errors.Is(err, service.ErrGoingDown), errors.Is(err, service.ErrNoSystemd):
		return failed
	case errors.Is(err, fs.ErrPermission), errors.Is(err, service.ErrRefused):
		return noPrivilege
	default:
		return failed
	}
}

// codeOfState is the exit code of status.
func codeOfState(s service.State) int {
	switch {
	case s.PID != 0:
		return isRunning
	case s.Status != service.Dead && s.Status != service.Stopped:
		return statusUnknown
	case s.StalePIDFile != "":
		return deadWithPID
	case s.StaleLock != "":
		return deadWithLock
	default:
		return notRunning
	}
}
