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
)

// Exit codes of status.
const (
	isRunning     = 0
	deadWithPID   = 1
	notRunning    = 3
	statusUnknown = 4
)

// later are the actions that init scripts know and this program does not do yet.
var later = []string{"restart", "try-restart", "condrestart", "reload", "force-reload"}

// actions are those that it does.
var actions = []string{"start", "stop", "status"}

func isLater(action string) bool { return slices.Contains(later, action) }

func isAction(action string) bool { return slices.Contains(actions, action) }

// codeOf is the exit code that an error of an action means.
func codeOf(err error) int {
	switch {
	case err == nil:
		return success
	case errors.Is(err, service.ErrNotConfigured), errors.Is(err, config.ErrNothingConfigured), errors.Is(err, errNoInstance):
		return notConfigured
	case errors.Is(err, service.ErrNotInstalled):
		return notInstalled
	case errors.Is(err, fs.ErrPermission):
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
	default:
		return notRunning
	}
}
