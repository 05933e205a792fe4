// Package vrrp is what we know of keepalived: its states, what its hooks say, whether it lives, whether we hold the VIP.
package vrrp

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// State of a VRRP instance, as keepalived names it to its hooks.
type State string

// The states that a hook is told.
const (
	None   State = ""
	Master State = "MASTER"
	Backup State = "BACKUP"
	Fault  State = "FAULT"
	Stop   State = "STOP"
)

// Event is what keepalived told a hook.
type Event struct {
	// Name of the vrrp_instance or vrrp_sync_group.
	Name  string
	Group bool
	State State
	// Priority is what keepalived said; 0 for a group and for a hook with words of its own.
	Priority int
}

// String is the event as people say it.
func (e Event) String() string { return e.Name + " " + string(e.State) }

// ErrEvent: the arguments are not those of a hook.
var ErrEvent = errors.New("not the arguments of a keepalived hook")

// maxName bounds a name; keepalived's own limit is lower.
const maxName = 255

// ParseEvent reads the arguments of a hook: keepalived's four (`INSTANCE VI_1 MASTER 100`, keepalived/vrrp/vrrp_notify.c),
// or one word of ours (master, backup, fault, stop) with the name beside it. The name is only ever shown and compared.
func ParseEvent(args []string, name string) (Event, error) {
	switch len(args) {
	case 1:
		e := Event{Name: name}
		switch strings.ToLower(args[0]) {
		case "master":
			e.State = Master
		case "backup":
			e.State = Backup
		case "fault":
			e.State = Fault
		case "stop":
			e.State = Stop
		default:
			return Event{}, fmt.Errorf("%w: %.40q is none of master, backup, fault, stop; hint: notify-redis master --vrrp VI_1", ErrEvent, args[0])
		}
		if name == "" {
			return Event{}, fmt.Errorf("%w: --vrrp is missing; hint: notify-redis %s --vrrp VI_1", ErrEvent, strings.ToLower(args[0]))
		}
		return e, checkName(name)
	case 4:
		return parseFour(args)
	}
	return Event{}, fmt.Errorf("%w: %d words, expected one or four; hint: notify-redis INSTANCE VI_1 MASTER 100", ErrEvent, len(args))
}

func parseFour(args []string) (Event, error) {
	e := Event{Name: args[1], State: State(args[2])}
	switch args[0] {
	case "INSTANCE":
	case "GROUP":
		e.Group = true
	default:
		return Event{}, fmt.Errorf("%w: %.40q is neither INSTANCE nor GROUP", ErrEvent, args[0])
	}
	switch e.State {
	case Master, Backup, Fault, Stop:
	default:
		return Event{}, fmt.Errorf("%w: %.40q is none of MASTER, BACKUP, FAULT, STOP", ErrEvent, args[2])
	}
	p, err := strconv.Atoi(args[3])
	if err != nil || p < 0 || p > 255 {
		return Event{}, fmt.Errorf("%w: priority %.40q is not a number from 0 to 255", ErrEvent, args[3])
	}
	e.Priority = p
	return e, checkName(e.Name)
}

func checkName(name string) error {
	if name == "" || len(name) > maxName {
		return fmt.Errorf("%w: a name has 1 to %d characters", ErrEvent, maxName)
	}
	for _, r := range name {
		if r < ' ' || r == 0x7f {
			return fmt.Errorf("%w: the name %.40q has control characters", ErrEvent, name)
		}
	}
	return nil
}
