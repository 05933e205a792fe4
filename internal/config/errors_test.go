package config

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"
)

// one is a good line, so that a test has no other error than its own.
const one = "instances = [\"127.0.0.1:7000\"]\n"

// The texts are what operators read: each is compared word for word.
func TestErrorTexts(t *testing.T) {
	for _, test := range []struct {
		name, file string
		want       []string
	}{
		{"unknown key", one + `polcy = "stay"`, []string{
			`FILE:2: key "polcy": no such key; hint: did you mean "policy"?`}},
		{"unknown key, wrong case", one + `Policy = "stay"`, []string{
			`FILE:2: key "Policy": no such key; hint: did you mean "policy"?`}},
		{"unknown key, near one of a table", one + `busy_grance = "1s"`, []string{
			`FILE:2: key "busy_grance": no such key; hint: did you mean "times.busy_grace"?`}},
		{"unknown key, near nothing", one + `colour = "red"`, []string{
			`FILE:2: key "colour": no such key; hint: remove the line; keepalived-redis.toml as shipped shows every key`}},
		{"key in the wrong table", one + "deadline = \"1s\"\n[service]\npolicy = \"stay\"", []string{
			`FILE:2: key "deadline": no such key; hint: it belongs below [times]`,
			`FILE:4: key "service.policy": no such key; hint: it belongs above the first table`}},
		{"unknown table", one + "[time]\ndeadline = \"1s\"", []string{
			`FILE:2: key "time": no such table; hint: did you mean "times"? the tables are tls, times, service, restart`}},
		{"table as a key", one + `times = "1s"`, []string{
			`FILE:2: key "times": is a text, not a table; hint: write [times] on a line of its own, and its keys below`}},
		{"key as a table", one + "[policy]\nstay = true", []string{
			`FILE:2: key "policy": is a table, not a text; hint: write policy = "auto"`}},
		{"list of tables", "[[instances]]\nport = 7000", []string{
			`FILE:1: key "instances": is a list of tables, not a list of texts; hint: write instances = ["192.168.9.70:7000-7002"]`}},
		{"a password in the file", one + `password = "swordfish"`, []string{
			`FILE:2: key "password": no such key; hint: passwords do not stand in this file; write one into a file of its own and name that with password_file`}},
		{"key twice", one + one, []string{
			`FILE:2: key "instances": stands here a second time; hint: keep one of the two`}},
		{"text without quotes", one + `policy = stay # here`, []string{
			`FILE:2: key "policy": the value is not in quotes; hint: write policy = "stay"`}},
		{"time without quotes", one + "[times]\ndeadline = 900ms", []string{
			`FILE:3: key "deadline": the value is not in quotes; hint: write deadline = "900ms"`}},
		{"no value", one + "policy =\nvip = \"10.0.0.1\"", []string{
			`FILE:2: key "policy": is not valid TOML: unexpected character U+000A at start of value; hint: text needs quotes, a list brackets with commas between its elements`}},
		{"unclosed list", "instances = [\"127.0.0.1:7000\"\npolicy = \"stay\"\n", []string{
			`FILE:2: key "policy": is not valid TOML: expected ',' or ']' after array value; hint: text needs quotes, a list brackets with commas between its elements`}},
		{"unclosed quotes", one + "policy = \"stay\nvip = \"10.0.0.1\"\n", []string{
			`FILE:2: key "policy": is not valid TOML: basic strings cannot have new lines; hint: text needs quotes, a list brackets with commas between its elements`}},
		{"not TOML at all", "vrrp_instance VI_1 {\n", []string{
			`FILE:1: is not valid TOML: expected '=' after key; hint: text needs quotes, a list brackets with commas between its elements`}},
		{"a broken line may hold a secret", one + `requirepass = swordfish`, []string{
			`FILE:2: is not valid TOML at column 15; hint: text needs quotes, a list brackets`}},

		{"choice", one + `policy = "folow"`, []string{
			`FILE:2: key "policy": "folow" is not known; hint: did you mean "follow"? write "auto", "follow" or "stay"`}},
		{"choice of another type", one + `policy = true`, []string{
			`FILE:2: key "policy": is true or false, not a text; hint: write policy = "auto"`}},
		{"a list that is an empty text", `instances = ""` + "\n" + `vip = ""`, []string{
			`FILE:1: key "instances": is empty; hint: write instances = ["192.168.9.70:7000-7002"], or remove the line`,
			`FILE:2: key "vip": is empty; hint: write vip = "192.168.9.91", or remove the line`}},
		{"empty text", one + `state_dir = ""`, []string{
			`FILE:2: key "state_dir": is empty; hint: write state_dir = "/var/lib/keepalived-redis", or remove the line`}},
		{"relative path", one + `state_dir = "var/lib"`, []string{
			`FILE:2: key "state_dir": "var/lib" is not a full path; hint: begin it with a slash, as in state_dir = "/var/lib/keepalived-redis"`}},
		{"two lines in a path", one + `state_dir = "/var\n/lib"`, []string{
			`FILE:2: key "state_dir": has a line break or a zero byte in it; hint: write it on one line`}},
		{"relative program", one + "[service]\nserver = \"bin/redis-server\"", []string{
			`FILE:3: key "service.server": "bin/redis-server" is not a full path; hint: begin it with a slash, or write the name alone, as in server = "redis-server"`}},
		{"pattern with the wrong letter", one + "[service]\nconf = \"/etc/redis/%i.conf\"", []string{
			`FILE:3: key "service.conf": "/etc/redis/%i.conf" has a % that is not %p; hint: only %p stands for something, the port, as in conf = "/etc/redis/%p.conf"`}},
		{"pattern without the port", "instances = [\"127.0.0.1:7000-7001\"]\n[service]\nconf = \"/etc/redis.conf\"\npid_file = \"/run/redis.pid\"", []string{
			`FILE:3: key "service.conf": "/etc/redis.conf" is one file for 2 instances; hint: put %p where the port stands, as in conf = "/etc/redis/%p.conf"`,
			`FILE:4: key "service.pid_file": "/run/redis.pid" is one file for 2 instances; hint: put %p where the port stands, as in pid_file = "/var/run/redis_%p.pid"`}},
		{"one unit for all", "instances = [\"127.0.0.1:7000-7001\"]\n[service]\nunit = \"redis.service\"", []string{
			`FILE:3: key "service.unit": "redis.service" is one unit for 2 instances; hint: put %p where the port stands, as in unit = "redis@%p.service"`}},
		{"no unit", one + "[service]\nunit = \"redis@%p\"", []string{
			`FILE:3: key "service.unit": "redis@%p" is not the name of a service unit; hint: write its full name, as in unit = "redis@%p.service"`}},

		{"time as a number", one + "[times]\ndeadline = 900", []string{
			`FILE:3: key "times.deadline": is a number, not a time; hint: write a number with its unit (ms, s, m, h), as in deadline = "900ms"`}},
		{"time without a unit", one + "[times]\ndeadline = \"900\"", []string{
			`FILE:3: key "times.deadline": "900" has no unit; hint: write a number with its unit (ms, s, m, h), as in deadline = "900ms"`}},
		{"no time", one + "[times]\nsettle = \"soon\"", []string{
			`FILE:3: key "times.settle": "soon" is not a time; hint: write a number with its unit (ms, s, m, h), as in settle = "1s"`}},
		{"times out of range", one + "[times]\ndeadline = \"40ms\"\nsettle = \"-1s\"\nfence_stop_after = \"0s\"\nhold_off = \"61m\"\n[restart]\nwindow = \"25h\"", []string{
			`FILE:3: key "times.deadline": 40ms is out of range; hint: write 50ms to 1m`,
			`FILE:4: key "times.settle": -1s is out of range; hint: write 0s to 1m`,
			`FILE:5: key "times.fence_stop_after": 0s is out of range; hint: write 100ms to 10m`,
			`FILE:6: key "times.hold_off": 61m is out of range; hint: write 100ms to 1h`,
			`FILE:8: key "restart.window": 25h is out of range; hint: write 1s to 24h`}},
		{"dial too long", one + "[times]\ndial = \"1s\"", []string{
			`FILE:3: key "times.dial": 1s is not shorter than the deadline of 900ms; hint: write a small part of the deadline, as in dial = "10ms"`}},

		{"sizes", one + `max_lag = "1 megabyte"`, []string{
			`FILE:2: key "max_lag": "1 megabyte" is not a size; hint: write bytes as a number, or with KiB, MiB or GiB, as in max_lag = "1MiB"`}},
		{"size out of range", one + `max_lag = "99999999GiB"`, []string{
			`FILE:2: key "max_lag": 99999999GiB is out of range; hint: write 0 to 1099511627776 bytes`}},
		{"negative size", one + `max_lag = -1`, []string{
			`FILE:2: key "max_lag": -1 is out of range; hint: write 0 to 1099511627776 bytes`}},
		{"size of another type", one + `max_lag = 1.5`, []string{
			`FILE:2: key "max_lag": is a number with a point, not a size; hint: write bytes as a number, or with KiB, MiB or GiB, as in max_lag = "1MiB"`}},
		{"count", one + "[restart]\nburst = 0", []string{
			`FILE:3: key "restart.burst": 0 is out of range; hint: write 1 to 1000, as in burst = 5`}},
		{"count as a text", one + "[restart]\nburst = \"five\"", []string{
			`FILE:3: key "restart.burst": "five" is not a whole number; hint: write 1 to 1000, as in burst = 5`}},

		{"require nothing", one + `require = 0`, []string{
			`FILE:2: key "require": 0 is out of range; hint: write "all" or "any", or a number from 1 on`}},
		{"require less than nothing", one + `require = -1`, []string{
			`FILE:2: key "require": -1 is out of range; hint: write "all" or "any", or a number from 1 on`}},
		{"require a word", one + `require = "most"`, []string{
			`FILE:2: key "require": "most" is not a whole number; hint: write "all" or "any", or a number from 1 on`}},
		{"require of another type", one + `require = true`, []string{
			`FILE:2: key "require": is true or false, not a whole number; hint: write "all" or "any", or a number from 1 on`}},
		{"require more than there are", "instances = [\"127.0.0.1:7000-7002\"]\nrequire = 4", []string{
			`FILE:2: key "require": 4 instances must be healthy, and this host has 3; hint: write "all", "any" or a number up to 3`}},
		{"restart when", one + "[restart]\nwhen = \"sometimes\"", []string{
			`FILE:3: key "restart.when": "sometimes" is not known; hint: write "died", "always" or "never"`}},
		{"restart what hangs", one + "[restart]\nhung_after = \"-1s\"", []string{
			`FILE:3: key "restart.hung_after": -1s is out of range; hint: write 0s to 1h`}},

		{"vip", one + `vip = "192.168.9.91:6379"`, []string{
			`FILE:2: key "vip": "192.168.9.91:6379" is not an address; hint: write the address that keepalived moves, as in vip = "192.168.9.91"`}},
		{"vip prefix", one + `vip = "192.168.9.91/33"`, []string{
			`FILE:2: key "vip": "192.168.9.91/33" is not an address; hint: write the address that keepalived moves, as in vip = "192.168.9.91"`}},
		{"witness name", one + `witness = ["router"]`, []string{
			`FILE:2: key "witness": "router" is not an address; hint: write addresses without a port, as in witness = ["192.168.9.1"], or witness = "none"`}},
		{"witness beside none", one + "witness = [\"none\",\n \"10.0.0.1\",\n \"::1\"]", []string{
			`FILE:2: key "witness": "none" stands beside an address; hint: write either addresses or witness = "none"`,
			`FILE:4: key "witness": "::1" cannot tell whether this host is cut off; hint: write the address of a host that is neither of the two, such as a router`}},
		{"witness is the VIP", one + "vip = \"10.0.0.9\"\nwitness = [\"10.0.0.9\"]", []string{
			`FILE:3: key "witness": 10.0.0.9 is the VIP; hint: write an address outside both hosts, such as the default gateway`}},
		{"witness is this host", "instances = [\"10.0.0.1:7000-7002\"]\nwitness = \"10.0.0.1\"", []string{
			`FILE:2: key "witness": 10.0.0.1 is an address of this host; hint: write an address outside both hosts, such as the default gateway`}},
		{"user alone", one + `user = "watcher"`, []string{
			`FILE:2: key "user": has no password_file beside it; hint: name the file with the user's password, as in password_file = "/etc/keepalived/redis.password"`}},
		{"peer is an instance", "instances = [\"10.0.0.1:7000-7002\"]\npeers = [\"10.0.0.1:7002\"]", []string{
			`FILE:2: key "peers": "10.0.0.1:7002" and "10.0.0.1:7000-7002" (line 1) both name 10.0.0.1:7002; hint: name each server once`}},
		{"peer by socket", one + `peers = ["unix:/run/redis.sock"]`, []string{
			`FILE:2: key "peers": "unix:/run/redis.sock" is a socket of this host; hint: write the address of the other host, as in peers = ["192.168.9.71:7000-7002"]`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newHost(t)
			_, err := b.load(test.file)
			if d := diff(test.want, b.lines(err)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestAllErrorsAtOnce(t *testing.T) {
	text, err := os.ReadFile("../../testdata/config/many-errors.toml")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("../../testdata/config/many-errors.txt")
	if err != nil {
		t.Fatal(err)
	}
	b := newHost(t)
	_, err = b.load(string(text), "KEEPALIVED_REDIS_TIMES_SETTLE=2", "KEEPALIVED_REDIS_MAX_LAG=2 elephants")
	if d := diff(strings.Split(strings.TrimSpace(string(want)), "\n"), b.lines(err)); d != "" {
		t.Error(d)
	}
}

func TestErrorsCanBeMatched(t *testing.T) {
	b := newHost(t)
	_, err := b.load(one + "policy = 1\npassword_file = \"/nowhere\"\n")
	var all Errors
	if !errors.As(err, &all) || len(all) != 2 {
		t.Fatalf("got %T with %v", err, err)
	}
	var e *Error
	if !errors.As(err, &e) || e.Key != "policy" || e.Line != 2 || e.Where != b.root+DefaultFile {
		t.Errorf("got %+v", e)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error("the missing password file cannot be matched")
	}
	_, err = newHost(t).load("")
	if !errors.Is(err, ErrNothingConfigured) {
		t.Errorf("got %v", err)
	}
}

// The time of a check must not go into a file that somebody wrote for that.
func TestHostileFiles(t *testing.T) {
	const most = maxFile - 100
	for name, text := range map[string]string{
		"a deep key":      strings.Repeat("a.", most/2) + "a = 1",
		"a deep table":    "[" + strings.Repeat("a.", most/2) + "a]",
		"lists in lists":  "vip = " + strings.Repeat("[", most),
		"tables in them":  "vip = " + strings.Repeat("{a=", most/3),
		"deep and closed": "a = " + strings.Repeat("{a=", 5000) + "1" + strings.Repeat("}", 5000),
		"many keys":       strings.Repeat("[[a]]\nb = 1\n", most/12),
	} {
		begun := time.Now()
		if _, err := newHost(t).load(one + text); err == nil {
			t.Errorf("%s: taken for a configuration", name)
		}
		if took := time.Since(begun); took > 30*time.Second {
			t.Errorf("%s: it took %s", name, took)
		} else {
			t.Log(name, took)
		}
	}
}

func TestFileThatIsNoConfiguration(t *testing.T) {
	for name, text := range map[string]string{
		"zero bytes": strings.Repeat("\x00", 100),
		"noise":      "\xff\xfe\x00\x01\x80\x81 = \xc3\x28\n[[[",
		"too large":  strings.Repeat("# a comment\n", 100000),
		"deep":       "instances = " + strings.Repeat("[", 10000),
	} {
		b := newHost(t)
		_, err := b.load(text)
		lines := b.lines(err)
		if len(lines) != 1 || !strings.HasPrefix(lines[0], "FILE:") || !strings.Contains(lines[0], "hint: ") || len(lines[0]) > 300 {
			t.Errorf("%s: got %q", name, lines)
		}
	}
}
