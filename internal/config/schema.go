package config

import (
	"time"

	"keepalived-redis/internal/model"
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

// key is one key of the configuration file. The table of keys is the only place that knows them: it drives the check for
// unknown keys, the environment, the flags and the reference.
type key struct {
	table, name string
	kind        kind
	// def is the default as it stands in the file; example stands there when there is no default.
	def, example string
	doc          string
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
		doc:  `The redis-servers on this host: "ADDRESS:PORT", "ADDRESS:FIRST-LAST", "[IPV6]:PORT" or "unix:/path". Without it: those of /etc/redis.`,
		list: func(d *draft, p place, v []string) { d.instances = d.addresses(p, v, true) }},
	{name: "peers", kind: kindList, example: `["192.168.9.71:7000-7002"]`,
		doc:  `The redis-servers on the other host, for plain master/replica pairs only. A cluster knows its own.`,
		list: func(d *draft, p place, v []string) { d.peers = d.addresses(p, v, false) }},
	{name: "vip", kind: kindList, example: `"192.168.9.91"`,
		doc:  `The address or addresses that keepalived moves. Without it: virtual_ipaddress of keepalived_conf.`,
		list: func(d *draft, p place, v []string) { d.setVIPs(p, v) }},
	{name: "keepalived_conf", kind: kindPath, def: `"/etc/keepalived/keepalived.conf"`,
		doc: `The configuration of keepalived.`,
		str: func(d *draft) *string { return &d.c.KeepalivedConf }},
	{name: "policy", kind: kindChoice, def: `"auto"`, choices: []string{"auto", "follow", "stay"},
		doc: `"follow": every master is switched over to the host with the VIP; "stay": a living master stays; "auto": follow with two hosts and Redis 4.0 or newer, else stay.`,
		str: func(d *draft) *string { return (*string)(&d.c.Policy) }},
	{name: "durability", kind: kindChoice, def: `"async"`, choices: []string{"async", "replicated"},
		doc: `With peers: "replicated": a master takes writes only while its replica is linked and at most 2 s behind, unless the other host is lost; "async": always.`,
		str: func(d *draft) *string { return (*string)(&d.c.Durability) }},
	{name: "witness", kind: kindList, example: `["192.168.9.1"]`,
		doc:  `Addresses outside both hosts that tell which host is cut off; any answer counts. Without it: the default gateway. "none": no witness.`,
		list: func(d *draft, p place, v []string) { d.setWitnesses(p, v) }},
	{name: "require", kind: kindQuorum, def: `"all"`, choices: []string{"all", "any"}, min: 1, max: maxInstances,
		doc: `How many instances must be healthy for the host to be: "all", "any" (one is enough), or a number.`,
		str: func(d *draft) *string { return &d.require }},
	{name: "max_lag", kind: kindSize, def: `"1MiB"`, min: 0, max: 1 << 40,
		doc: `How many bytes a replica may be behind before a switchover is refused.`,
		num: func(d *draft) *int64 { return &d.c.MaxLag }},
	{name: "state_dir", kind: kindPath, def: `"/var/lib/keepalived-redis"`,
		doc: `What must survive a reboot: the fence, the last role, the last good configuration.`,
		str: func(d *draft) *string { return &d.c.StateDir }},
	{name: "run_dir", kind: kindPath, def: `"/run/keepalived-redis"`,
		doc: `What may be lost at a reboot: locks, events, back-off. Where /run is missing: /var/run/keepalived-redis.`,
		str: func(d *draft) *string { return &d.c.RunDir }},
	{name: "user", kind: kindText, example: `"keepalived"`,
		doc: `The Redis user (Redis 6.0 and newer) whose password is in password_file. Without it: the default user.`,
		str: func(d *draft) *string { return &d.c.Username }},
	{name: "password_file", kind: kindPath, example: `"/etc/keepalived/redis.password"`,
		doc: `One line, the password; mode 0600 or 0640. Without it: requirepass of each instance's own configuration.`,
		str: func(d *draft) *string { return &d.passwordFile }},

	{table: "tls", name: "enabled", kind: kindSwitch, def: `"auto"`, choices: []string{"auto", "true", "false"},
		doc: `true: TLS on every port; false: on none; "auto": where the instance's own configuration has that port as its tls-port. Peers are spoken to as the first instance is.`,
		str: func(d *draft) *string { return &d.tls.enabled }},
	{table: "tls", name: "ca", kind: kindPath, example: `"/etc/redis/tls/ca.crt"`,
		doc: `The authorities that issue the servers' certificates, PEM. Without it: tls-ca-cert-file of each instance's own configuration, else those of the system.`,
		str: func(d *draft) *string { return &d.tls.ca }},
	{table: "tls", name: "cert", kind: kindPath, example: `"/etc/keepalived/redis.crt"`,
		doc: `Our own certificate, PEM, where tls-auth-clients asks for one. Without it: tls-client-cert-file or tls-cert-file of each instance's own configuration.`,
		str: func(d *draft) *string { return &d.tls.cert }},
	{table: "tls", name: "key", kind: kindPath, example: `"/etc/keepalived/redis.key"`,
		doc: `The private key of cert, PEM, without a passphrase; mode 0600 or 0640. Without it: as for cert.`,
		str: func(d *draft) *string { return &d.tls.key }},
	{table: "tls", name: "server_name", kind: kindText, example: `"redis.example.com"`,
		doc: `The name that every server's certificate must have, on both hosts. Without it: any name of the authority in ca, as for redis-cli; the address where ca is the system's.`,
		str: func(d *draft) *string { return &d.tls.serverName }},

	{table: "times", name: "deadline", kind: kindDuration, def: `"900ms"`, min: int64(minDeadline), max: minute,
		doc: `How long one run of chk-redis may take; keep it below keepalived's interval.`,
		dur: func(d *draft) *time.Duration { return &d.c.Times.Deadline }},
	{table: "times", name: "settle", kind: kindDuration, def: `"1s"`, min: 0, max: minute,
		doc: `How long the VIP must have been held before living masters are switched over to this host. With peers the default is 0s.`,
		dur: func(d *draft) *time.Duration { return &d.c.Times.Settle }},
	{table: "times", name: "stall_grace", kind: kindDuration, def: `"1.5s"`, min: 0, max: minute,
		doc: `How long a hook waits for a master that does not answer while its host still does; for one that refuses connections 0.3s at most.`,
		dur: func(d *draft) *time.Duration { return &d.c.Times.StallGrace }},
	{table: "times", name: "fence_stop_after", kind: kindDuration, def: `"5s"`, min: 100 * milli, max: 10 * minute,
		doc: `How long a cut-off host stays cut off before its instances are stopped; keep it below half of cluster-node-timeout.`,
		dur: func(d *draft) *time.Duration { return &d.c.Times.FenceStopAfter }},
	{table: "times", name: "busy_grace", kind: kindDuration, def: `"5s"`, min: 0, max: 10 * minute,
		doc: `How long an instance that is busy (a script, a long command, a fork, a slow disk) still counts as healthy.`,
		dur: func(d *draft) *time.Duration { return &d.c.Times.BusyGrace }},
	{table: "times", name: "hold_off", kind: kindDuration, def: `"3s"`, min: 100 * milli, max: hour,
		doc: `How long the other host must answer before a fence lifts; a refusal is an answer; doubles with each fence, up to a minute.`,
		dur: func(d *draft) *time.Duration { return &d.c.Times.HoldOff }},
	{table: "times", name: "cold_start_wait", kind: kindDuration, def: `"60s"`, min: 0, max: hour,
		doc: `How long a host that has just started waits for its peer before it decides alone.`,
		dur: func(d *draft) *time.Duration { return &d.c.Times.ColdStartWait }},
	{table: "times", name: "max_staleness", kind: kindDuration, def: `"60s"`, min: 0, max: 24 * hour,
		doc: `How long a master may have been seen alive while its replica's link was down before that replica is too old to be promoted.`,
		dur: func(d *draft) *time.Duration { return &d.c.Times.MaxStaleness }},
	{table: "times", name: "dial", kind: kindDuration, def: `"10ms"`, min: milli, max: 5 * second,
		doc: `How long one dial to a peer or to the witness may take when a takeover is urgent.`,
		dur: func(d *draft) *time.Duration { return &d.c.Times.Dial }},

	{table: "service", name: "backend", kind: kindChoice, def: `"auto"`, choices: []string{"auto", "systemd", "process"},
		doc: `What starts and stops Redis: "systemd", "process" (redis-server directly; without systemd only), or "auto": systemd where it runs.`,
		str: func(d *draft) *string { return (*string)(&d.c.Service.Backend) }},
	{table: "service", name: "unit", kind: kindUnit, example: `"redis@%p.service"`,
		doc: `An instance's systemd unit; %p is its port. Without it: the unit that is in use of redis@%p, redis%p, redis_%p, redis-server@%p, valkey@%p and the like.`,
		str: func(d *draft) *string { return &d.c.Service.Unit }},
	{table: "service", name: "server", kind: kindProgram, def: `"redis-server"`,
		doc: `The redis-server program of the process backend, looked up in PATH when it has no slash.`,
		str: func(d *draft) *string { return &d.c.Service.Server }},
	{table: "service", name: "account", kind: kindText, example: `"redis"`,
		doc: `Who redis-server runs as when root starts it without systemd. Without it: the owner of its configuration or data directory; if that is root: redis or valkey.`,
		str: func(d *draft) *string { return &d.c.Service.Account }},
	{table: "service", name: "conf", kind: kindPattern, def: `"/etc/redis/%p.conf"`,
		doc: `An instance's own configuration; %p is its port. Without it: /etc/redis/%p.conf or /etc/redis/redis-%p.conf, whichever exists.`,
		str: func(d *draft) *string { return &d.conf }},
	{table: "service", name: "pid_file", kind: kindPattern, def: `"/var/run/redis_%p.pid"`,
		doc: `An instance's pid file where its own configuration names none; %p is its port.`,
		str: func(d *draft) *string { return &d.c.Service.PidFile }},
	{table: "service", name: "start_timeout", kind: kindDuration, def: `"10s"`, min: 100 * milli, max: hour,
		doc: `How long a start may take until the server answers.`,
		dur: func(d *draft) *time.Duration { return &d.c.Service.StartTimeout }},
	{table: "service", name: "stop_timeout", kind: kindDuration, def: `"10s"`, min: 100 * milli, max: hour,
		doc: `How long a stop may take until the server is gone.`,
		dur: func(d *draft) *time.Duration { return &d.c.Service.StopTimeout }},
	{table: "service", name: "rights", kind: kindChoice, def: `"own"`, choices: []string{"own", "sudo"},
		doc: `For scripts that do not run as root: "sudo": a start or stop that is not allowed is asked of redis-initd by sudo -n (this package has a sudoers file); "own": it is left undone.`,
		str: func(d *draft) *string { return (*string)(&d.c.Service.Rights) }},

	{table: "restart", name: "when", kind: kindChoice, def: `"died"`, choices: []string{"died", "always", "never"},
		doc: `Which instances are started again: "died": those that nobody stopped on purpose; "always": those as well; "never": none.`,
		str: func(d *draft) *string { return (*string)(&d.c.Restart.When) }},
	{table: "restart", name: "hung_after", kind: kindDuration, def: `"0s"`, min: 0, max: hour,
		doc: `How long an instance may give no answer before it is killed and started again; 0s: that is never done.`,
		dur: func(d *draft) *time.Duration { return &d.c.Restart.HungAfter }},
	{table: "restart", name: "burst", kind: kindCount, def: `5`, min: 1, max: 1000,
		doc: `How many times a dead instance is started within window before we give up.`,
		num: func(d *draft) *int64 { return &d.burst }},
	{table: "restart", name: "window", kind: kindDuration, def: `"60s"`, min: second, max: 24 * hour,
		doc: `The time in which burst starts are allowed.`,
		dur: func(d *draft) *time.Duration { return &d.c.Restart.Window }},
}

// The deadline's default is below keepalived's shortest usual interval of 1 s.
const (
	defaultDeadline = 900 * time.Millisecond
	minDeadline     = 50 * time.Millisecond
)

// defaults is the configuration before anything is read. Root is put before the places, for tests.
func defaults(root string) Config {
	return Config{
		KeepalivedConf: root + "/etc/keepalived/keepalived.conf",
		Policy:         model.PolicyAuto,
		Durability:     model.DurabilityAsync,
		MaxLag:         1 << 20,
		Times: model.Times{
			Deadline:       defaultDeadline,
			Settle:         time.Second,
			StallGrace:     1500 * time.Millisecond,
			FenceStopAfter: 5 * time.Second,
			BusyGrace:      5 * time.Second,
			HoldOff:        3 * time.Second,
			ColdStartWait:  time.Minute,
			MaxStaleness:   time.Minute,
			Dial:           10 * time.Millisecond,
		},
		Service: Service{
			Backend:      BackendAuto,
			Server:       "redis-server",
			PidFile:      root + "/var/run/redis_%p.pid",
			StartTimeout: 10 * time.Second,
			StopTimeout:  10 * time.Second,
			Rights:       RightsOwn,
		},
		Restart:  Restart{When: RestartDied, Burst: 5, Window: time.Minute},
		StateDir: root + DefaultStateDir,
	}
}
