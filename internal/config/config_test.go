package config

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"keepalived-redis/internal/model"
)

// host is a directory that stands for the root of a host.
type host struct {
	t    *testing.T
	root string
}

func newHost(t *testing.T) host {
	t.Helper()
	b := host{t, t.TempDir()}
	b.mkdir("/run")
	return b
}

func (b host) mkdir(path string) {
	b.t.Helper()
	if err := os.MkdirAll(b.root+path, 0o755); err != nil {
		b.t.Fatal(err)
	}
}

// write puts a file on the host and gives its path outside.
func (b host) write(path, text string) string {
	b.t.Helper()
	b.mkdir(filepath.Dir(path))
	if err := os.WriteFile(b.root+path, []byte(text), 0o644); err != nil {
		b.t.Fatal(err)
	}
	return b.root + path
}

// options are those of the host, with its default file and no environment.
func (b host) options(environ ...string) Options {
	return Options{Root: b.root, Environ: append([]string{}, environ...)}
}

// config writes the default file and loads it.
func (b host) load(text string, environ ...string) (*Config, error) {
	b.t.Helper()
	b.write(DefaultFile, text)
	return Load(b.options(environ...))
}

// plain takes the host's directory out of a text.
func (b host) plain(text string) string { return strings.ReplaceAll(text, b.root, "") }

// lines gives the errors of an error, one a line, without the host's directory and the name of the default file.
func (b host) lines(err error) []string {
	if err == nil {
		return nil
	}
	text := strings.ReplaceAll(b.plain(err.Error()), DefaultFile, "FILE")
	return strings.Split(text, "\n")
}

func (b host) mustLoad(text string, environ ...string) *Config {
	b.t.Helper()
	c, err := b.load(text, environ...)
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

var compareAddrs = cmp.Options{
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }),
	cmpopts.IgnoreUnexported(TLS{}),
}

func diff(want, got any) string { return cmp.Diff(want, got, compareAddrs) }

func TestLoadTakesTheDefaultsWhereNothingIsWritten(t *testing.T) {
	b := newHost(t)
	got := b.mustLoad(`instances = ["192.168.9.70:7000-7002"]`)
	want := &Config{
		Instances: []Instance{
			{Addr: netip.MustParseAddrPort("192.168.9.70:7000"), Port: 7000},
			{Addr: netip.MustParseAddrPort("192.168.9.70:7001"), Port: 7001},
			{Addr: netip.MustParseAddrPort("192.168.9.70:7002"), Port: 7002},
		},
		KeepalivedConf: b.root + "/etc/keepalived/keepalived.conf",
		Policy:         model.PolicyAuto,
		Durability:     model.DurabilityAsync,
		MaxLag:         1048576,
		Times: model.Times{
			Deadline: 900 * time.Millisecond, Settle: time.Second, StallGrace: 1500 * time.Millisecond,
			FenceStopAfter: 5 * time.Second, BusyGrace: 5 * time.Second, HoldOff: 3 * time.Second,
			ColdStartWait: 60 * time.Second, MaxStaleness: time.Minute, Dial: 10 * time.Millisecond,
		},
		Service: Service{
			Backend: BackendAuto, Server: "redis-server", Conf: b.root + "/etc/redis/%p.conf",
			PidFile: b.root + "/var/run/redis_%p.pid", StartTimeout: 10 * time.Second, StopTimeout: 10 * time.Second, Rights: RightsOwn,
		},
		Restart:  Restart{When: RestartDied, Burst: 5, Window: time.Minute},
		StateDir: b.root + "/var/lib/keepalived-redis",
		RunDir:   b.root + "/run/keepalived-redis",
		Source:   b.root + DefaultFile,
	}
	if d := diff(want, got); d != "" {
		t.Error(d)
	}
}

// everyKey sets each key to something that is not its default.
const everyKey = `
instances = ["10.0.0.1:6379", "[fd00::1]:7000-7001", "unix:/run/redis/redis.sock"]
peers = ["10.0.0.2:6379"]
vip = ["10.0.0.9", "fd00::9/64"]
keepalived_conf = "/opt/keepalived.conf"
policy = "stay"
durability = "replicated"
witness = ["10.0.0.254", "fd00::fe"]
require = 3
max_lag = "512KiB"
state_dir = "/srv/state"
run_dir = "/srv/run"
user = "watcher"
password_file = "PASSWORD_FILE"

[tls]
enabled = true
ca = "TLS_FILE.crt"
cert = "TLS_FILE.crt"
key = "TLS_FILE.key"
server_name = "redis.example"

[times]
deadline = "1.5s"
settle = "0s"
stall_grace = "1s"
fence_stop_after = "4s"
busy_grace = "6s"
hold_off = "7s"
cold_start_wait = "8m"
max_staleness = "9m"
dial = "20ms"

[service]
backend = "process"
unit = "cache-%p.service"
server = "/opt/redis/bin/redis-server"
account = "cache"
conf = "/opt/%p/redis.conf"
pid_file = "/opt/%p/redis.pid"
start_timeout = "11s"
stop_timeout = "12s"
rights = "sudo"

[restart]
when = "always"
hung_after = "45s"
burst = 7
window = "90s"
`

// wantEveryKey is what everyKey means.
func wantEveryKey(source, tlsFile string) *Config {
	const user, password = "watcher", "swordfish"
	tls := &TLS{CA: tlsFile + ".crt", Cert: tlsFile + ".crt", Key: tlsFile + ".key", ServerName: "redis.example"}
	return &Config{
		Instances: []Instance{
			{Addr: netip.MustParseAddrPort("10.0.0.1:6379"), Port: 6379, Username: user, Password: password, TLS: tls, Peer: netip.MustParseAddrPort("10.0.0.2:6379")},
			{Addr: netip.MustParseAddrPort("[fd00::1]:7000"), Port: 7000, Username: user, Password: password, TLS: tls},
			{Addr: netip.MustParseAddrPort("[fd00::1]:7001"), Port: 7001, Username: user, Password: password, TLS: tls},
			{Socket: "/run/redis/redis.sock", Username: user, Password: password},
		},
		Peers:          []netip.AddrPort{netip.MustParseAddrPort("10.0.0.2:6379")},
		VIPs:           []netip.Addr{netip.MustParseAddr("10.0.0.9"), netip.MustParseAddr("fd00::9")},
		KeepalivedConf: "/opt/keepalived.conf",
		Policy:         model.PolicyStay,
		Durability:     model.DurabilityReplicated,
		Witnesses:      []netip.Addr{netip.MustParseAddr("10.0.0.254"), netip.MustParseAddr("fd00::fe")},
		Require:        3,
		MaxLag:         512 << 10,
		Times: model.Times{
			Deadline: 1500 * time.Millisecond, Settle: 0, StallGrace: time.Second,
			FenceStopAfter: 4 * time.Second, BusyGrace: 6 * time.Second, HoldOff: 7 * time.Second,
			ColdStartWait: 8 * time.Minute, MaxStaleness: 9 * time.Minute, Dial: 20 * time.Millisecond,
		},
		Service: Service{
			Backend: BackendProcess, Unit: "cache-%p.service", Server: "/opt/redis/bin/redis-server", Account: "cache", Conf: "/opt/%p/redis.conf",
			PidFile: "/opt/%p/redis.pid", StartTimeout: 11 * time.Second, StopTimeout: 12 * time.Second, Rights: RightsSudo,
		},
		Restart:  Restart{When: RestartAlways, HungAfter: 45 * time.Second, Burst: 7, Window: 90 * time.Second},
		StateDir: "/srv/state",
		RunDir:   "/srv/run",
		Username: user,
		Password: password,
		Source:   source,
	}
}

func TestLoadTakesEveryKeyFromTheFile(t *testing.T) {
	b := newHost(t)
	secret := b.write("/secret", "swordfish\n")
	if err := os.Chmod(secret, 0o640); err != nil {
		t.Fatal(err)
	}
	file := b.certificate()
	got := b.mustLoad(strings.NewReplacer("PASSWORD_FILE", secret, "TLS_FILE", file).Replace(everyKey))
	if d := diff(wantEveryKey(b.root+DefaultFile, file), got); d != "" {
		t.Error(d)
	}
	for i := range keys {
		if k := &keys[i]; !strings.Contains(everyKey, "\n"+k.name+" = ") {
			t.Errorf("key %s has no test here", k.full())
		}
	}
}

func TestLoadTakesEveryKeyFromTheEnvironment(t *testing.T) {
	b := newHost(t)
	secret := b.write("/secret", "swordfish")
	if err := os.Chmod(secret, 0o600); err != nil {
		t.Fatal(err)
	}
	file := b.certificate()
	var environ []string
	table := ""
	for _, line := range strings.Split(strings.NewReplacer("PASSWORD_FILE", secret, "TLS_FILE", file).Replace(everyKey), "\n") {
		if strings.HasPrefix(line, "[") {
			table = strings.ToUpper(strings.Trim(line, "[]")) + "_"
		} else if name, value, ok := strings.Cut(line, " = "); ok {
			if strings.HasPrefix(value, "[") {
				value = value[1 : len(value)-1]
			}
			environ = append(environ, "KEEPALIVED_REDIS_"+table+strings.ToUpper(name)+"="+strings.ReplaceAll(value, `"`, ""))
		}
	}
	if len(environ) != len(keys) {
		t.Fatalf("%d variables for %d keys", len(environ), len(keys))
	}
	// The file says something else each time: the environment wins.
	got := b.mustLoad("instances = [\"127.0.0.1:1\"]\npolicy = \"follow\"\n[times]\ndial = \"1ms\"\n", environ...)
	if d := diff(wantEveryKey(b.root+DefaultFile, file), got); d != "" {
		t.Error(d)
	}
}

func TestRequire(t *testing.T) {
	b := newHost(t)
	const three = "instances = [\"127.0.0.1:7000-7002\"]\n"
	for text, want := range map[string]int{
		"": 0, `require = "all"`: 0, `require = "any"`: 1, `require = 1`: 1, `require = 3`: 3, `require = "2"`: 2,
	} {
		if c := b.mustLoad(three + text); c.Require != want {
			t.Errorf("%s: got %d, want %d", text, c.Require, want)
		}
	}
	for word, want := range map[string]int{"all": 0, "any": 1, "2": 2} {
		if c := b.mustLoad(three+"require = 3", "KEEPALIVED_REDIS_REQUIRE="+word); c.Require != want {
			t.Errorf("environment %s: got %d, want %d", word, c.Require, want)
		}
	}
}

func TestFlagWinsOverTheEnvironment(t *testing.T) {
	b := newHost(t)
	b.write(DefaultFile, "instances = [\"127.0.0.1:7000\"]\npolicy = \"follow\"\n")
	o := b.options("KEEPALIVED_REDIS_POLICY=auto", "KEEPALIVED_REDIS_TIMES_DEADLINE=2s")
	o.Deadline = 3 * time.Second
	c, err := Load(o)
	if err != nil {
		t.Fatal(err)
	}
	if c.Policy != model.PolicyAuto || c.Times.Deadline != 3*time.Second {
		t.Errorf("got policy %s, deadline %s", c.Policy, c.Times.Deadline)
	}
	o.Environ = append(o.Environ, "KEEPALIVED_REDIS_POLICY=go")
	o.Deadline = time.Millisecond
	_, err = Load(o)
	want := []string{
		`environment KEEPALIVED_REDIS_POLICY: "go" is not known; hint: write "auto", "follow" or "stay"`,
		`flag --deadline: 1ms is out of range; hint: write 50ms to 1m`,
	}
	if d := diff(want, b.lines(err)); d != "" {
		t.Error(d)
	}
}

func TestWhichFileIsRead(t *testing.T) {
	b := newHost(t)
	byFlag := b.write("/flag.toml", `instances = ["127.0.0.1:1"]`)
	byEnv := b.write("/env.toml", `instances = ["127.0.0.1:2"]`)
	b.write(DefaultFile, `instances = ["127.0.0.1:3"]`)
	for i, test := range []struct{ flag, env, want string }{
		{byFlag, byEnv, byFlag}, {"", byEnv, byEnv}, {"", "", b.root + DefaultFile},
	} {
		o := b.options("KEEPALIVED_REDIS_CONFIG=" + test.env)
		o.File = test.flag
		c, err := Load(o)
		if err != nil {
			t.Fatal(err)
		}
		if c.Source != test.want || int(c.Instances[0].Port) != i+1 {
			t.Errorf("%+v: got %s with %s", test, c.Source, c.Instances[0].Name())
		}
	}
}

func TestNamedFileMustBeThere(t *testing.T) {
	b := newHost(t)
	b.write("/etc/redis/7000.conf", "port 7000\n")
	for _, o := range []Options{
		{Root: b.root, Environ: []string{}, File: "/nowhere/x.toml"},
		b.options("KEEPALIVED_REDIS_CONFIG=/nowhere/x.toml"),
	} {
		_, err := Load(o)
		want := []string{"/nowhere/x.toml: is not there; hint: correct the path after --config or in KEEPALIVED_REDIS_CONFIG"}
		if d := diff(want, b.lines(err)); d != "" {
			t.Error(d)
		}
	}
	if _, err := Load(b.options()); err != nil {
		t.Errorf("the default file may be missing: %v", err)
	}
	b.mkdir(DefaultFile)
	_, err := Load(b.options())
	want := []string{"FILE: cannot be read: it is a directory; hint: it must be a file that " + userName() + " may read"}
	if d := diff(want, b.lines(err)); d != "" {
		t.Error(d)
	}
}

func TestUnknownEnvironmentIsAWarning(t *testing.T) {
	b := newHost(t)
	c := b.mustLoad(`instances = ["127.0.0.1:7000"]`, "KEEPALIVED_REDIS_POLCY=stay", "KEEPALIVED_REDIS_USER=", "KEEPALIVED_REDIS_LOG_LEVEL=debug", "HOME=/")
	want := []string{`environment KEEPALIVED_REDIS_POLCY: no such key, so it is ignored; hint: did you mean "KEEPALIVED_REDIS_POLICY"?`}
	if d := diff(want, c.Warnings); d != "" {
		t.Error(d)
	}
}

func TestRunDirWithoutRun(t *testing.T) {
	b := newHost(t)
	if err := os.Remove(b.root + "/run"); err != nil {
		t.Fatal(err)
	}
	c := b.mustLoad(`instances = ["127.0.0.1:7000"]`)
	if want := b.root + "/var/run/keepalived-redis"; c.RunDir != want {
		t.Errorf("got %s, want %s", c.RunDir, want)
	}
}

func TestSecretsDoNotShow(t *testing.T) {
	c := Config{Password: "swordfish", Instances: []Instance{{Password: "swordfish"}}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if text := fmt.Sprintf(verb, c); strings.Contains(text, "swordfish") {
			t.Errorf("%s shows it: %s", verb, text)
		}
	}
	if got := c.Password.Reveal(); got != "swordfish" {
		t.Errorf("revealed %q", got)
	}
}

func TestShippedFiles(t *testing.T) {
	var files []string
	for _, pattern := range []string{"../../keepalived/*.toml", "../../keepalived/*/*.toml"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) == 0 {
		t.Fatal("no shipped file found")
	}
	for _, file := range files {
		b := newHost(t)
		o := b.options()
		o.File = file
		c, err := Load(o)
		if err != nil {
			t.Error(err)
			continue
		}
		want := 3
		if len(c.Peers) > 0 {
			want = len(c.Peers)
		}
		if len(c.Instances) != want || len(c.Warnings) > 0 {
			t.Errorf("%s: %d instances, warnings %q", file, len(c.Instances), c.Warnings)
		}
		for _, i := range c.Instances {
			if len(c.Peers) > 0 && !i.Peer.IsValid() {
				t.Errorf("%s: %s has no peer", file, i.Name())
			}
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		// What the file shows behind a # is the default: taking the # away changes nothing.
		o.File = b.write("/uncommented.toml", uncomment(string(text)))
		again, err := Load(o)
		if err != nil {
			t.Errorf("%s without #: %v", file, err)
			continue
		}
		again.Source, again.KeepalivedConf, again.Witnesses = c.Source, c.KeepalivedConf, c.Witnesses
		again.StateDir, again.RunDir, again.Service = c.StateDir, c.RunDir, c.Service
		if d := diff(c, again); d != "" {
			t.Errorf("%s without #:\n%s", file, d)
		}
	}
}

// uncomment takes the # from lines such as #policy = "auto".
func uncomment(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "# ") {
			lines[i] = line[1:]
		}
	}
	return strings.Join(lines, "\n")
}
