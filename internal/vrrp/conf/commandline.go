package conf

import (
	"path/filepath"
	"strings"
)

// DefaultFile is what keepalived reads without -f, as distributions build it.
const DefaultFile = "/etc/keepalived/keepalived.conf"

// CommandLine is what keepalived's arguments say of its configuration.
type CommandLine struct {
	// File is the argument of -f, "" without it: then it is the first of Defaults that exists. It may be relative, or a pattern.
	File string
	// ID is the argument of -i, "" without it: then it is HostID.
	ID string
	// VRRP: this keepalived does VRRP (not -C). With both -P and -C the last one counts, as in 1.3; others do both, or nothing.
	VRRP bool
}

// ReadCommandLine reads the arguments of keepalived, with its name before them, as getopt_long(3) does with the options of all versions
// (parse_cmdline of keepalived/core/main.c). Options that it does not know it passes over.
func ReadCommandLine(args []string) CommandLine {
	c := CommandLine{VRRP: true}
	if len(args) > 0 {
		args = args[1:]
	}
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--":
			return c
		case strings.HasPrefix(arg, "--"):
			args = c.long(arg[2:], args)
		case len(arg) > 1 && arg[0] == '-':
			args = c.short(arg[1:], args)
		}
	}
	return c
}

// What follows short options: a value that may be the next argument, or only the rest of the same one.
const (
	shortWithValue    = "fipcrbSusA"
	shortWithOptional = "gMt"
)

// short reads the letters of one argument.
func (c *CommandLine) short(letters string, args []string) (rest []string) {
	for i := range len(letters) {
		letter, value := letters[i], letters[i+1:]
		switch {
		case strings.IndexByte(shortWithOptional, letter) >= 0:
			return args
		case strings.IndexByte(shortWithValue, letter) < 0:
			c.set(letter, "")
		case value != "":
			c.set(letter, value)
			return args
		case len(args) > 0:
			c.set(letter, args[0])
			return args[1:]
		}
	}
	return args
}

// longOptions are those that have a value or that count here, with letters that mean the same. --all does what -P does to us.
var longOptions = map[string]byte{
	"use-file": 'f', "config-id": 'i', "vrrp": 'P', "check": 'C', "all": 'P', "pid": 'p', "checkers_pid": 'c', "vrrp_pid": 'r', "bfd_pid": 'b',
	"log-facility": 'S', "umask": 'u', "namespace": 's', "snmp-agent-socket": 'A', "signum": 'S', "config-fd": 'S',
}

// long reads an option with two dashes. It may be shortened as long as it is clear.
func (c *CommandLine) long(arg string, args []string) (rest []string) {
	name, value, given := strings.Cut(arg, "=")
	letter, ok := longOption(name)
	switch {
	case !ok:
		return args
	case letter == 'P' || letter == 'C':
		c.set(letter, "")
	case given:
		c.set(letter, value)
	case len(args) > 0:
		c.set(letter, args[0])
		return args[1:]
	}
	return args
}

// longOption finds an option by its name, or by the beginning of it.
func longOption(name string) (letter byte, ok bool) {
	if letter, ok = longOptions[name]; ok {
		return letter, true
	}
	matches := 0
	for option, l := range longOptions {
		if name != "" && strings.HasPrefix(option, name) {
			letter = l
			matches++
		}
	}
	return letter, matches == 1
}

func (c *CommandLine) set(letter byte, value string) {
	switch letter {
	case 'f':
		c.File = value
	case 'i':
		c.ID = value
	case 'P':
		c.VRRP = true
	case 'C':
		c.VRRP = false
	}
}

// Defaults are the files that a keepalived without -f reads, by its executable: the first one that exists. A build from source reads
// /usr/local/etc/keepalived/keepalived.conf since 2.2.0, and what is in /etc if that is missing since 2.2.5; before, only what is in /etc.
func Defaults(executable string) []string {
	prefix := filepath.Dir(filepath.Dir(filepath.Clean(executable)))
	if !filepath.IsAbs(executable) || prefix == "/" || prefix == "/usr" {
		return []string{DefaultFile, "/usr/local" + DefaultFile}
	}
	return []string{prefix + DefaultFile, DefaultFile}
}

// HostID is the configuration id without -i: the host name up to its first dot (1.3.8 and newer; before, no line with @ counts without -i).
func HostID(hostname string) string {
	id, _, _ := strings.Cut(hostname, ".")
	return id
}
