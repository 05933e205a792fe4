package service

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"keepalived-redis/internal/config"
)

// unitPatterns are the names that units of instances have: ours, an administrator's, and the distributions' (Debian and
// Ubuntu bring the last three kinds of templates). %p is the port.
var unitPatterns = [...]string{
	"redis@%p.service", "redis%p.service", "redis_%p.service", "redis-%p.service",
	"redis-server@%p.service", "valkey@%p.service", "valkey-server@%p.service",
}

// ownUnits are the distributions' services for the one Redis that their packages bring, on its usual port.
var ownUnits = [...]string{"redis-server.service", "redis.service", "valkey-server.service", "valkey.service"}

// unit is a service unit as systemd tells of it; the words are systemd's own (org.freedesktop.systemd1(5)).
type unit struct {
	name string
	// load is loaded, not-found, masked, error or bad-setting; loadError says why.
	load, loadError string
	// active is active, reloading, inactive, failed, activating or deactivating; sub is finer, by kind of unit.
	active, sub string
	// result is why the service ended the last time: success, exit-code, signal, timeout, start-limit-hit, …
	result string
	// code and status are of the last main process (wait(2)): how it ended, and its exit code or signal.
	code, status int32
	// launched is when the last main process was started, in µs since boot; 0 for never.
	launched uint64
	// pid is the main process, 0 if there is none.
	pid int
	// file is enabled, disabled, static, …; kind is simple, notify, forking, oneshot, …
	file, kind string
	// source is the file that the unit was generated from: an init script, perhaps.
	source string
	// conf is the configuration file among the words of its ExecStart, if there is one.
	conf string
	// begun: it has been started since boot, as far as systemd remembers. ended is when it last became inactive.
	begun bool
	ended time.Time
	// wanted: a target or another unit starts it.
	wanted bool
	// forgotten: systemd has just been made to forget its failures.
	forgotten bool
	// unmet: its last start was left out because a condition of the unit did not hold.
	unmet bool
}

// unit reads all properties of a unit in one answer, so that they fit together. It needs no permission.
func (b bus) unit(ctx context.Context, name string) (unit, error) {
	p, err := b.GetAllPropertiesContext(ctx, name)
	if err != nil {
		return unit{}, b.refusal("look at", name, err)
	}
	return parseUnit(name, p), nil
}

// parseUnit takes what it knows; a property that is missing, or of another type, counts as empty.
func parseUnit(name string, p map[string]any) unit {
	text := func(key string) string { s, _ := p[key].(string); return s }
	number := func(key string) int32 { n, _ := p[key].(int32); return n }
	moment := func(key string) uint64 { n, _ := p[key].(uint64); return n }
	some := func(key string) bool { list, _ := p[key].([]string); return len(list) > 0 }
	pid, _ := p["MainPID"].(uint32)
	u := unit{
		name: name, load: text("LoadState"), active: text("ActiveState"), sub: text("SubState"), result: text("Result"),
		code: number("ExecMainCode"), status: number("ExecMainStatus"), pid: int(pid),
		launched: moment("ExecMainStartTimestampMonotonic"),
		file:     text("UnitFileState"), kind: text("Type"), source: text("SourcePath"),
		begun: moment("InactiveExitTimestamp") != 0 || moment("InactiveEnterTimestamp") != 0,
	}
	if us := moment("InactiveEnterTimestamp"); us != 0 {
		u.ended = time.UnixMicro(int64(us))
	}
	u.wanted = strings.HasPrefix(u.file, "enabled") || some("WantedBy") || some("RequiredBy") || some("BoundBy")
	if held, ok := p["ConditionResult"].(bool); ok {
		u.unmet = !held && moment("ConditionTimestamp") != 0
	}
	u.conf = confOf(p["ExecStart"])
	if why, ok := p["LoadError"].([]any); ok && len(why) == 2 {
		u.loadError, _ = why[1].(string)
	}
	return u
}

// confOf finds the configuration in systemd's list of commands: each a path, the words of the command, and more.
func confOf(commands any) string {
	list, _ := commands.([][]any)
	for _, command := range list {
		if len(command) < 2 {
			continue
		}
		words, _ := command[1].([]string)
		for _, w := range words {
			if strings.HasPrefix(w, "/") && strings.HasSuffix(w, ".conf") {
				return w
			}
		}
	}
	return ""
}

// is: the unit is in one of these active states.
func (u unit) is(states ...string) bool { return slices.Contains(states, u.active) }

// restarting: systemd starts it again by itself in a moment (SubState since systemd 254: auto-restart-queued).
func (u unit) restarting() bool { return strings.HasPrefix(u.sub, "auto-restart") }

// hollow: systemd counts it as active, and nothing runs: a wrapped init script, whose server may have died long ago.
func (u unit) hollow() bool { return u.active == "active" && u.pid == 0 }

// kept: its last start was left out because what its ExecCondition asks said no (systemd 243).
func (u unit) kept() bool { return u.active == "inactive" && u.result == "exec-condition" }

// limited: systemd does not start it because it was started too often. 219 calls it start-limit.
func (u unit) limited() bool { return strings.HasPrefix(u.result, "start-limit") }

// stands: the unit is one of an instance. One that only starts and stops another is not, and asking one that is made of an
// init script which runs this very program would have it ask itself.
func (u unit) stands() bool {
	return u.load != "not-found" && u.load != "" && u.kind != "oneshot" && !runsUs(u.source)
}

// find gives the unit of an instance: what the configuration says, else the first usual name that is in use, else the
// first that exists. A template exists for every port, so that it could be used says little.
func (b bus) find(ctx context.Context, pattern string, i config.Instance) (unit, error) {
	id := target{Instance: i}.id()
	if pattern != "" {
		return b.unit(ctx, unitName(pattern, id))
	}
	patterns := unitPatterns[:]
	if id == "6379" {
		patterns = append(patterns[:len(patterns):len(patterns)], ownUnits[:]...)
	}
	var first unit
	for _, p := range patterns {
		u, err := b.unit(ctx, unitName(p, id))
		switch {
		case err != nil:
			return u, err
		case !u.stands():
			continue
		case u.begun || u.wanted:
			return u, nil
		case first.name == "":
			first = u
		}
	}
	if first.name == "" {
		first = unit{name: unitName(unitPatterns[0], id), load: "not-found", active: "inactive"}
	}
	return first, nil
}

func unitName(pattern, id string) string { return strings.ReplaceAll(pattern, "%p", id) }

// usable says what keeps the unit from being started at all.
func (u unit) usable() error {
	switch u.load {
	case "not-found":
		return noUnit(u.name)
	case "masked":
		return masked(u.name)
	case "error", "bad-setting":
		return unusable(u.name, u.loadError)
	}
	return nil
}

// exits are systemd's own exit codes for what went wrong before the server's first instruction (systemd.exec(5)).
var exits = map[int32]string{
	200: "its working directory cannot be entered (CHDIR)", 203: "the program cannot be run (EXEC)", 216: "its group is unknown (GROUP)",
	217: "its user is unknown (USER)", 226: "its view of the file system cannot be made (NAMESPACE)",
	238: "its state directory cannot be made (STATE_DIRECTORY)", 233: "its runtime directory cannot be made (RUNTIME_DIRECTORY)",
}

// ends are systemd's own words for what ended a service, in those of a person.
var ends = map[string]string{
	"oom-kill":  "redis-server was killed for want of memory",
	"timeout":   "it did not start or stop in the time that its unit allows",
	"watchdog":  "it did not answer systemd's watchdog",
	"resources": "systemd could not set up what its unit asks for",
	"protocol":  "it did not start in the way that the Type of its unit says",
}

// end says how the service ended.
func (u unit) end() string {
	switch {
	case u.limited():
		return "it was started too often in a short time, and systemd gave it up (start limit)"
	case u.result == "exit-code" && u.status == 0:
		return "a command of the unit beside redis-server failed"
	case u.result == "exit-code":
		return cmp.Or(exits[u.status], fmt.Sprintf("redis-server ended with exit code %d", u.status))
	case u.result == "signal", u.result == "core-dump":
		return fmt.Sprintf("redis-server was ended by a signal: %s", syscall.Signal(u.status))
	}
	return cmp.Or(ends[u.result], "it failed ("+u.result+")")
}
