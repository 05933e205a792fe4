package config

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"slices"
	"strings"
	"time"
)

// kind is the form of a key's value.
type kind uint8

const (
	kindText     kind = iota // any text
	kindPath                 // an absolute path
	kindProgram              // a program: an absolute path, or a name without a slash
	kindPattern              // an absolute path in which %p stands for the port
	kindUnit                 // a systemd unit's name, in which %p stands for the port
	kindChoice               // one of a few words
	kindDuration             // "900ms"
	kindSize                 // bytes: 1048576 or "1MiB"
	kindCount                // a whole number
	kindQuorum               // one of a few words, or a whole number
	kindList                 // a list of texts
	kindSwitch               // true, false or "auto"
)

// key is one key of the configuration file. The table of keys drives the check for unknown keys, the environment, the flags and the
// defaults. What each key means stands in packaging/keepalived-redis.toml, which a test compares with the table.
type key struct {
	table, name string
	kind        kind
	// def is the default as it stands in the file; example stands there when there is no default.
	def, example string
	// min and max bound durations (nanoseconds), sizes (bytes) and counts.
	min, max int64
	choices  []string
	// Where the value goes, by kind.
	str  func(*draft) *string
	num  func(*draft) *int64
	dur  func(*draft) *time.Duration
	list func(*draft, place, []string)
}

// full is the name by which people know the key.
func (k *key) full() string {
	if k.table == "" {
		return k.name
	}
	return k.table + "." + k.name
}

// The limits are wide: they catch a wrong unit, not a taste.
const (
	maxInstances = 1000
	hour         = int64(time.Hour)
	minute       = int64(time.Minute)
	second       = int64(time.Second)
	milli        = int64(time.Millisecond)
)

// keys is laid out by the compiler and costs nothing at start. Its functions must not refer to it.
var keys = [...]key{
	{name: "instances", kind: kindList, example: `["192.168.9.70:7000-7002"]`,
		list: func(d *draft, p place, v []string) { d.instances = d.addresses(p, v, true) }},
	{name: "peers", kind: kindList, example: `["192.168.9.71:7000-7002"]`,
		list: func(d *draft, p place, v []string) { d.peers = d.addresses(p, v, false) }},
	{name: "vip", kind: kindList, example: `"192.168.9.91"`,
		list: func(d *draft, p place, v []string) { d.setVIPs(p, v) }},
	{name: "keepalived_conf", kind: kindPath, def: `"/etc/keepalived/keepalived.conf"`,
		str: func(d *draft) *string { return &d.c.KeepalivedConf }},
	{name: "policy", kind: kindChoice, def: `"auto"`, choices: []string{"auto", "follow", "stay"},
		str: func(d *draft) *string { return (*string)(&d.c.Policy) }},
	{name: "durability", kind: kindChoice, def: `"async"`, choices: []string{"async", "replicated"},
		str: func(d *draft) *string { return (*string)(&d.c.Durability) }},
	{name: "witness", kind: kindList, example: `["192.168.9.1"]`,
		list: func(d *draft, p place, v []string) { d.setWitnesses(p, v) }},
	{name: "require", kind: kindQuorum, def: `"all"`, choices: []string{"all", "any"}, min: 1, max: maxInstances,
		str: func(d *draft) *string { return &d.require }},
	{name: "max_lag", kind: kindSize, def: `"1MiB"`, min: 0, max: 1 << 40,
		num: func(d *draft) *int64 { return &d.c.MaxLag }},
	{name: "state_dir", kind: kindPath, def: `"/var/lib/keepalived-redis"`,
		str: func(d *draft) *string { return &d.c.StateDir }},
	{name: "run_dir", kind: kindPath, def: `"/run/keepalived-redis"`,
		str: func(d *draft) *string { return &d.c.RunDir }},
	{name: "user", kind: kindText, example: `"keepalived"`,
		str: func(d *draft) *string { return &d.c.Username }},
	{name: "password_file", kind: kindPath, example: `"/etc/keepalived/redis.password"`,
		str: func(d *draft) *string { return &d.passwordFile }},

	{table: "tls", name: "enabled", kind: kindSwitch, def: `"auto"`, choices: []string{"auto", "true", "false"},
		str: func(d *draft) *string { return &d.tls.enabled }},
	{table: "tls", name: "ca", kind: kindPath, example: `"/etc/redis/tls/ca.crt"`,
		str: func(d *draft) *string { return &d.tls.ca }},
	{table: "tls", name: "cert", kind: kindPath, example: `"/etc/keepalived/redis.crt"`,
		str: func(d *draft) *string { return &d.tls.cert }},
	{table: "tls", name: "key", kind: kindPath, example: `"/etc/keepalived/redis.key"`,
		str: func(d *draft) *string { return &d.tls.key }},
	{table: "tls", name: "server_name", kind: kindText, example: `"redis.example.com"`,
		str: func(d *draft) *string { return &d.tls.serverName }},

	{table: "times", name: "deadline", kind: kindDuration, def: `"900ms"`, min: int64(minDeadline), max: minute,
		dur: func(d *draft) *time.Duration { return &d.c.Times.Deadline }},
	{table: "times", name: "settle", kind: kindDuration, def: `"1s"`, min: 0, max: minute,
		dur: func(d *draft) *time.Duration { return &d.c.Times.Settle }},
	{table: "times", name: "stall_grace", kind: kindDuration, def: `"1.5s"`, min: 0, max: minute,
		dur: func(d *draft) *time.Duration { return &d.c.Times.StallGrace }},
	{table: "times", name: "fence_stop_after", kind: kindDuration, def: `"5s"`, min: 100 * milli, max: 10 * minute,
		dur: func(d *draft) *time.Duration { return &d.c.Times.FenceStopAfter }},
	{table: "times", name: "busy_grace", kind: kindDuration, def: `"5s"`, min: 0, max: 10 * minute,
		dur: func(d *draft) *time.Duration { return &d.c.Times.BusyGrace }},
	{table: "times", name: "hold_off", kind: kindDuration, def: `"3s"`, min: 100 * milli, max: hour,
		dur: func(d *draft) *time.Duration { return &d.c.Times.HoldOff }},
	{table: "times", name: "cold_start_wait", kind: kindDuration, def: `"60s"`, min: 0, max: hour,
		dur: func(d *draft) *time.Duration { return &d.c.Times.ColdStartWait }},
	{table: "times", name: "max_staleness", kind: kindDuration, def: `"60s"`, min: 0, max: 24 * hour,
		dur: func(d *draft) *time.Duration { return &d.c.Times.MaxStaleness }},
	{table: "times", name: "dial", kind: kindDuration, def: `"10ms"`, min: milli, max: 5 * second,
		dur: func(d *draft) *time.Duration { return &d.c.Times.Dial }},

	{table: "service", name: "backend", kind: kindChoice, def: `"auto"`, choices: []string{"auto", "systemd", "process"},
		str: func(d *draft) *string { return (*string)(&d.c.Service.Backend) }},
	{table: "service", name: "unit", kind: kindUnit, example: `"redis@%p.service"`,
		str: func(d *draft) *string { return &d.c.Service.Unit }},
	{table: "service", name: "server", kind: kindProgram, def: `"redis-server"`,
		str: func(d *draft) *string { return &d.c.Service.Server }},
	{table: "service", name: "account", kind: kindText, example: `"redis"`,
		str: func(d *draft) *string { return &d.c.Service.Account }},
	{table: "service", name: "conf", kind: kindPattern, example: `"/etc/redis/%p.conf"`,
		str: func(d *draft) *string { return &d.conf }},
	{table: "service", name: "pid_file", kind: kindPattern, def: `"/var/run/redis_%p.pid"`,
		str: func(d *draft) *string { return &d.c.Service.PidFile }},
	{table: "service", name: "start_timeout", kind: kindDuration, def: `"10s"`, min: 100 * milli, max: hour,
		dur: func(d *draft) *time.Duration { return &d.c.Service.StartTimeout }},
	{table: "service", name: "stop_timeout", kind: kindDuration, def: `"10s"`, min: 100 * milli, max: hour,
		dur: func(d *draft) *time.Duration { return &d.c.Service.StopTimeout }},
	{table: "service", name: "rights", kind: kindChoice, def: `"own"`, choices: []string{"own", "sudo"},
		str: func(d *draft) *string { return (*string)(&d.c.Service.Rights) }},

	{table: "restart", name: "when", kind: kindChoice, def: `"died"`, choices: []string{"died", "always", "never"},
		str: func(d *draft) *string { return (*string)(&d.c.Restart.When) }},
	{table: "restart", name: "hung_after", kind: kindDuration, def: `"0s"`, min: 0, max: hour,
		dur: func(d *draft) *time.Duration { return &d.c.Restart.HungAfter }},
	{table: "restart", name: "burst", kind: kindCount, def: `5`, min: 1, max: 1000,
		num: func(d *draft) *int64 { return &d.burst }},
	{table: "restart", name: "window", kind: kindDuration, def: `"60s"`, min: second, max: 24 * hour,
		dur: func(d *draft) *time.Duration { return &d.c.Restart.Window }},
}

// find gives the key that has that name; nil if there is none.
func find(nameOf func(*key) string, name string) *key {
	for i := range keys {
		if nameOf(&keys[i]) == name {
			return &keys[i]
		}
	}
	return nil
}

// isKey tells whether a key of that name exists in any table.
func isKey(name string) bool {
	return slices.ContainsFunc(keys[:], func(k key) bool { return k.name == name || k.full() == name })
}

// isTable tells whether the schema has a table of that name.
func isTable(name string) bool { return slices.Contains(tableNames(), name) }

// tableNames lists the tables of the schema in its order.
func tableNames() []string {
	var names []string
	for i := range keys {
		if t := keys[i].table; t != "" && !slices.Contains(names, t) {
			names = append(names, t)
		}
	}
	return names
}

// envNames lists the environment variables of the schema.
func envNames() []string {
	names := make([]string, len(keys))
	for i := range keys {
		names[i] = keys[i].env()
	}
	return names
}

// The deadline's default is below keepalived's shortest usual interval of 1 s.
const (
	defaultDeadline = 900 * time.Millisecond
	minDeadline     = 50 * time.Millisecond
)

// newDraft begins with the defaults. Root is put before the places, for tests.
func newDraft(o Options) *draft {
	if o.Environ == nil {
		o.Environ = os.Environ()
	}
	d := &draft{o: o, tls: tlsDraft{pools: map[string]*x509.CertPool{}, certs: map[string]*tls.Certificate{}}}
	for i := range keys {
		if k := &keys[i]; k.def != "" {
			d.reset(k)
		}
	}
	return d
}

// reset stores the default of a key.
func (d *draft) reset(k *key) {
	def := strings.Trim(k.def, `"`)
	if k.kind == kindPath || k.kind == kindPattern {
		def = d.o.Root + def
	}
	d.store(k, def)
}
