// Package vrrp is what we know of keepalived: its states, what its hooks say, whether it lives, whether we hold the VIP.
package vrrp

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"keepalived-redis/internal/model"
)

// ErrEvent: the arguments are not those of a hook.
var ErrEvent = errors.New("not the arguments of a keepalived hook")

// states are those that a hook may tell.
var states = []model.VRRP{model.VRRPMaster, model.VRRPBackup, model.VRRPFault, model.VRRPStop}

// maxName bounds a name; keepalived's own limit is lower.
const maxName = 255

// ParseEvent reads the arguments of a hook: keepalived's four (`INSTANCE VI_1 MASTER 100`, keepalived/vrrp/vrrp_notify.c),
// or one word of ours (master, backup, fault, stop, master_rx_lower_pri) with the name beside it. The name is only ever shown and compared.
func ParseEvent(args []string, name string) (model.Event, error) {
	switch len(args) {
	case 1:
		e := model.Event{Name: name, State: model.VRRP(strings.ToUpper(args[0]))}
		if e.State == model.VRRPRival {
			e.State, e.Rival = model.VRRPMaster, true
		}
		if !slices.Contains(states, e.State) {
			return model.Event{}, fmt.Errorf("%w: %.40q is none of master, backup, fault, stop, master_rx_lower_pri; hint: notify-redis master --vrrp VI_1", ErrEvent, args[0])
		}
		if name == "" {
			return model.Event{}, fmt.Errorf("%w: --vrrp is missing; hint: notify-redis %s --vrrp VI_1", ErrEvent, strings.ToLower(args[0]))
		}
		return e, checkName(name)
	case 4:
		return parseFour(args)
	}
	return model.Event{}, fmt.Errorf("%w: %d words, expected one or four; hint: notify-redis INSTANCE VI_1 MASTER 100", ErrEvent, len(args))
}

func parseFour(args []string) (model.Event, error) {
	e := model.Event{Name: args[1], State: model.VRRP(args[2])}
	switch args[0] {
	case "INSTANCE":
	case "GROUP":
		e.Group = true
	default:
		return model.Event{}, fmt.Errorf("%w: %.40q is neither INSTANCE nor GROUP", ErrEvent, args[0])
	}
	if e.State == model.VRRPRival {
		e.State, e.Rival = model.VRRPMaster, true
	}
	if !slices.Contains(states, e.State) {
		return model.Event{}, fmt.Errorf("%w: %.40q is none of MASTER, BACKUP, FAULT, STOP", ErrEvent, args[2])
	}
	p, err := strconv.Atoi(args[3])
	if err != nil || p < 0 || p > 255 {
		return model.Event{}, fmt.Errorf("%w: priority %.40q is not a number from 0 to 255", ErrEvent, args[3])
	}
	e.Priority = p
	return e, checkName(e.Name)
}

func checkName(name string) error {
	if name == "" || len(name) > maxName {
		return fmt.Errorf("%w: a name has 1 to %d characters", ErrEvent, maxName)
	}
	if strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return fmt.Errorf("%w: the name %.40q has control characters", ErrEvent, name)
	}
	return nil
}
