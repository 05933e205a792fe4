// Package config turns the configuration file, the environment and the flags into one validated Config.
//
// Raw text goes in, a value that needs no further checks comes out. Everything that is wrong is reported at once, each
// error with file, line, key and remedy.
package config

import (
	"net/netip"
	"time"

	"keepalived-redis/internal/model"
)

// Default places. EL 6 has no /run: there /run/keepalived-redis becomes /var/run/keepalived-redis.
const (
	DefaultFile     = "/etc/keepalived/keepalived-redis.toml"
	DefaultStateDir = "/var/lib/keepalived-redis"
	DefaultRunDir   = "/run/keepalived-redis"
)

// Backend names what starts and stops Redis on this machine.
type Backend string

const (
	// BackendAuto is systemd where /run/systemd/system exists, else process.
	BackendAuto Backend = "auto"
	// BackendSystemd drives units.
	BackendSystemd Backend = "systemd"
	// BackendProcess starts redis-server itself. Only for machines without systemd and for the lab: under systemd such
	// a server would live in keepalived.service's cgroup and die with the next restart of keepalived.
	BackendProcess Backend = "process"
)

// Secret is a text that no log, error or dump may show: it formats as [secret] in every verb.
type Secret string

// String hides the secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "[secret]"
}

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return s.String() }

// MarshalText hides the secret from encoding/json and from the last good copy.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Reveal gives the secret itself, for the one place that sends it to Redis.
func (s Secret) Reveal() string { return string(s) }

// Instance is one redis-server on this host.
type Instance struct {
	// Addr is where it listens; the zero value when Socket is set and no port is known.
	Addr netip.AddrPort
	// Socket is the path of its unix socket, empty for TCP.
	Socket string
	// Port is the number by which people, units and files know it.
	Port uint16
	// Conf is its own configuration file, empty if none is known.
	Conf string
	// Username is empty for the default user.
	Username string
	Password Secret
	// TLS is nil where it is spoken to in the clear.
	TLS *TLS
	// Peer is the instance on the other host that is its master or its replica, by the key peers; not valid without one.
	Peer netip.AddrPort
}

// Name is how people know the instance: its address, or its socket.
func (i Instance) Name() string {
	if i.Socket != "" {
		return i.Socket
	}
	return i.Addr.String()
}

// Rights are with whose a program acts.
type Rights string

// The rights: a program's own, or root's through sudo.
const (
	RightsOwn  Rights = "own"
	RightsSudo Rights = "sudo"
)

// Service says how instances are started and stopped.
type Service struct {
	Backend Backend
	// Unit is the pattern of an instance's systemd unit; %p stands for the port. Empty: it is looked for.
	Unit string
	// Server is the redis-server program, looked up in PATH when it has no slash.
	Server string
	// Account is who redis-server runs as when root starts it. Empty: whoever owns its files, and never root.
	Account string
	// Conf is the pattern of an instance's configuration file; %p stands for the port.
	Conf string
	// PidFile is the pattern of an instance's pid file, used when its configuration names none; %p stands for the port.
	PidFile string
	// StartTimeout and StopTimeout bound a start until the server answers, and a stop until it is gone.
	StartTimeout, StopTimeout time.Duration
	// Rights are those that a program which does not run as root starts and stops instances with.
	Rights Rights
}

// RestartWhen says which instances are started again.
type RestartWhen string

const (
	// RestartDied starts what died, and not what somebody stopped.
	RestartDied RestartWhen = "died"
	// RestartAlways starts what somebody stopped as well.
	RestartAlways RestartWhen = "always"
	// RestartNever starts nothing.
	RestartNever RestartWhen = "never"
)

// Restart says what is started again, and bounds how often.
type Restart struct {
	When RestartWhen
	// HungAfter is how long an instance may give no answer before it is killed and started; 0 for never.
	HungAfter time.Duration
	// Burst starts within Window, then we have given up.
	Burst  int
	Window time.Duration
}

// Config is everything the programs need to know, validated.
type Config struct {
	Instances []Instance
	// Peers are named only in replication mode; in cluster mode they come from CLUSTER NODES.
	Peers []netip.AddrPort
	// VIPs is empty when they are to be read from KeepalivedConf.
	VIPs           []netip.Addr
	KeepalivedConf string
	Policy         model.Policy
	// Durability counts in replication mode only.
	Durability model.Durability
	// Witnesses are addresses outside both hosts; empty means the default gateway.
	Witnesses []netip.Addr
	// NoWitness is set by witness = "none".
	NoWitness bool
	// Require is how many instances must be healthy for the host to be; 0 means all.
	Require int
	// MaxLag is how many bytes of offset a replica may be behind before a switchover is refused.
	MaxLag   int64
	Times    model.Times
	Service  Service
	Restart  Restart
	StateDir string
	RunDir   string
	// Username and Password are those of the keys user and password_file, which every instance and every peer gets. Both
	// are empty when the instances' own configurations hold the password.
	Username string
	Password Secret

	// Source says where the configuration came from, for people: a file, "defaults" or "last good copy".
	Source string
	// Warnings are sentences that the program logs once it has a logger.
	Warnings []string
}
