package config

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"keepalived-redis/internal/model"
)

// copyOf is where the host keeps its last good copy.
func (b host) copyOf() string { return b.root + DefaultStateDir + "/" + lastGoodFile }

func (b host) exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// dated sets the copy's time, so that sentences can be compared.
func (b host) dated() {
	b.t.Helper()
	when := time.Date(2026, 3, 1, 12, 30, 0, 0, time.Local)
	if err := os.Chtimes(b.copyOf(), when, when); err != nil {
		b.t.Fatal(err)
	}
}

func (b host) warnings(c *Config) []string {
	if len(c.Warnings) == 0 {
		return nil
	}
	return b.lines(errors.New(strings.Join(c.Warnings, "\n")))
}

func (b host) mustLastGood(environ ...string) *Config {
	b.t.Helper()
	c, err := LoadOrLastGood(b.options(environ...))
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

const good = one + "policy = \"stay\"\n"

func TestLastGood(t *testing.T) {
	b := newHost(t)
	b.write(DefaultFile, good)
	first := b.mustLastGood()
	if len(first.Warnings) > 0 || first.Source != b.root+DefaultFile {
		t.Errorf("got %q from %s", first.Warnings, first.Source)
	}
	b.dated()

	b.write(DefaultFile, one+"polcy = \"stay\"\n[times]\ndial = 1\n")
	c := b.mustLastGood()
	want := []string{`the configuration is wrong, so the last good one of 2026-03-01 12:30:00 is used: FILE:2: key "polcy": no such key; hint: did you mean "policy"? (and 1 more; see --check-config)`}
	if d := diff(want, b.warnings(c)); d != "" {
		t.Error(d)
	}
	if c.Source != "last good copy" {
		t.Errorf("got source %s", c.Source)
	}
	if c.Source, c.Warnings = first.Source, nil; diff(first, c) != "" {
		t.Error(diff(first, c))
	}

	// A good one again: the copy follows, and only then.
	b.write(DefaultFile, good)
	b.mustLastGood()
	if fi, err := os.Stat(b.copyOf()); err != nil || fi.ModTime().Year() != 2026 || fi.ModTime().Month() != 3 {
		t.Errorf("an unchanged copy was written again: %v, %v", fi, err)
	}
	b.write(DefaultFile, one)
	b.mustLastGood()
	b.write(DefaultFile, "][")
	if c := b.mustLastGood(); c.Policy != model.PolicyAuto {
		t.Errorf("the older copy is used: policy %s", c.Policy)
	}
}

func TestLastGoodWhateverIsWrong(t *testing.T) {
	for name, spoil := range map[string]func(b host) Options{
		"syntax":         func(b host) Options { b.write(DefaultFile, "policy = stay\n"); return b.options() },
		"empty file":     func(b host) Options { b.write(DefaultFile, ""); return b.options() },
		"file is gone":   func(b host) Options { os.Remove(b.root + DefaultFile); return b.options() },
		"directory":      func(b host) Options { os.Remove(b.root + DefaultFile); b.mkdir(DefaultFile); return b.options() },
		"named but gone": func(b host) Options { return b.options("KEEPALIVED_REDIS_CONFIG=/nowhere") },
		"environment":    func(b host) Options { return b.options("KEEPALIVED_REDIS_MAX_LAG=x") },
		"flag":           func(b host) Options { o := b.options(); o.Deadline = -1; return o },
		"binary noise":   func(b host) Options { b.write(DefaultFile, "\x00\xff\x00\xff"); return b.options() },
	} {
		t.Run(name, func(t *testing.T) {
			b := newHost(t)
			b.write(DefaultFile, good)
			b.mustLastGood()
			c, err := LoadOrLastGood(spoil(b))
			if err != nil {
				t.Fatal(err)
			}
			if c.Policy != model.PolicyStay || len(c.Instances) != 1 || c.Source != "last good copy" || len(c.Warnings) == 0 {
				t.Errorf("got %+v", c)
			}
		})
	}
}

func TestNeverAGoodOne(t *testing.T) {
	b := newHost(t)
	b.write(DefaultFile, one+"policy = 1\n")
	_, err := LoadOrLastGood(b.options())
	want := []string{`FILE:2: key "policy": is a number, not a text; hint: write policy = "auto"`}
	if d := diff(want, b.lines(err)); d != "" {
		t.Error(d)
	}
	if b.exists(b.root + DefaultStateDir) {
		t.Error("a bad configuration made a state directory")
	}
}

func TestLastGoodWithoutAFile(t *testing.T) {
	b := newHost(t)
	b.write("/etc/redis/7000.conf", "port 7000\n")
	b.mustLastGood()
	b.write(DefaultFile, "polcy = 1\n")
	if c := b.mustLastGood(); len(c.Instances) != 1 || len(c.Warnings) != 1 {
		t.Errorf("got %+v", c)
	}
}

func TestLastGoodCopyThatIsDamaged(t *testing.T) {
	b := newHost(t)
	b.write(DefaultFile, good)
	for name, damage := range map[string]string{
		"empty":     "",
		"garbage":   "\x00\x01\x02",
		"cut":       seal(good)[:len(one)],
		"edited":    strings.Replace(seal(good), "stay", "auto", 1),
		"cut seal":  seal(good)[:len(seal(good))-3],
		"longer":    seal(good) + "x = 1\n",
		"unrelated": "[[",
	} {
		t.Run(name, func(t *testing.T) {
			b.write(DefaultStateDir+"/"+lastGoodFile, damage)
			b.write(DefaultFile, "policy = 1\n")
			o := b.options()
			o.ReadOnly = true
			_, err := LoadOrLastGood(o)
			if lines := b.lines(err); len(lines) != 3 || lines[2] != "the last good configuration /var/lib/keepalived-redis/last-good.toml is damaged; hint: the next good configuration replaces it" {
				t.Errorf("got %q", lines)
			}
			_, err = LoadOrLastGood(b.options())
			if lines := b.lines(err); len(lines) != 3 || lines[2] != "the last good configuration was damaged and is set aside as /var/lib/keepalived-redis/last-good.toml.damaged; hint: the next good configuration makes a new one" {
				t.Errorf("got %q", lines)
			}
			if b.exists(b.copyOf()) || !b.exists(b.copyOf()+".damaged") {
				t.Error("it is not set aside")
			}
			// A good configuration replaces a damaged copy without a word.
			b.write(DefaultStateDir+"/"+lastGoodFile, damage)
			b.write(DefaultFile, good)
			if c := b.mustLastGood(); len(c.Warnings) > 0 {
				t.Errorf("got %q", c.Warnings)
			}
			if text, err := os.ReadFile(b.copyOf()); err != nil || string(text) != seal(good) {
				t.Errorf("got %q, %v", text, err)
			}
		})
	}
}

// The copy names what root runs, so one that another user can write is not used.
func TestLastGoodCopyOfAStranger(t *testing.T) {
	b := newHost(t)
	b.write(DefaultFile, "policy = 1\n")
	b.write(DefaultStateDir+"/"+lastGoodFile, seal(one))
	if err := os.Chmod(b.copyOf(), 0o666); err != nil {
		t.Fatal(err)
	}
	_, err := LoadOrLastGood(b.options())
	const want = "the last good configuration is not used: read /var/lib/keepalived-redis/last-good.toml: another user may have written it: everybody may write it; " +
		"hint: remove it, and look who can write into /var/lib/keepalived-redis"
	if lines := b.lines(err); lines[len(lines)-1] != want {
		t.Errorf("got %q", lines)
	}
}

func TestLastGoodCopyOfAnotherVersion(t *testing.T) {
	b := newHost(t)
	b.write(DefaultStateDir+"/"+lastGoodFile, seal(one+"gone = 1\n"))
	b.write(DefaultFile, "policy = 1\n"+one)
	_, err := LoadOrLastGood(b.options())
	want := []string{
		`FILE:1: key "policy": is a number, not a text; hint: write policy = "auto"`,
		`the last good configuration cannot be used either: /var/lib/keepalived-redis/last-good.toml:2: key "gone": no such key; hint: remove the line; keepalived-redis.toml as shipped shows every key`,
	}
	if d := diff(want, b.lines(err)); d != "" {
		t.Error(d)
	}
	if !b.exists(b.copyOf()) {
		t.Error("a whole copy was set aside")
	}
}

func TestLastGoodGoesOnWithoutWhatIsWrongBesideIt(t *testing.T) {
	b := newHost(t)
	secret := b.write("/secret", "swordfish\n")
	if err := os.Chmod(secret, 0o600); err != nil {
		t.Fatal(err)
	}
	b.write(DefaultFile, good+"password_file = \""+secret+"\"\n")
	b.mustLastGood()
	b.dated()
	if err := os.Chmod(secret, 0o644); err != nil {
		t.Fatal(err)
	}
	c := b.mustLastGood("KEEPALIVED_REDIS_TIMES_SETTLE=2", "KEEPALIVED_REDIS_INSTANCES=127.0.0.1:7005,7006")
	want := []string{
		`the configuration is wrong, so the last good one of 2026-03-01 12:30:00 is used: FILE:3: key "password_file": /secret has mode 0644, so that others can reach it; hint: chmod 0600 /secret, or 0640 when a group must read it (and 2 more; see --check-config)`,
		`environment KEEPALIVED_REDIS_TIMES_SETTLE: "2" has no unit; hint: write a number with its unit (ms, s, m, h), as in settle = "1s"; until then it is ignored`,
		`environment KEEPALIVED_REDIS_INSTANCES: "7006" has no address; hint: write "127.0.0.1:7006"; until then it is ignored`,
		`password file /secret has mode 0644, so that others can reach it; it is ignored; hint: chmod 0600 /secret, or 0640 when a group must read it`,
	}
	if d := diff(want, b.warnings(c)); d != "" {
		t.Error(d)
	}
	if c.Policy != model.PolicyStay || c.Password != "" || c.Times.Settle != time.Second || names(c) != "127.0.0.1:7000=7000" {
		t.Errorf("got %+v", c)
	}
	if text, err := os.ReadFile(b.copyOf()); err != nil || strings.Contains(string(text), "swordfish") {
		t.Errorf("the copy holds the password, or is not there: %v", err)
	}
}

func TestLastGoodDropsWhatDoesNotHealthyBesideIt(t *testing.T) {
	b := newHost(t)
	b.write(DefaultFile, good+"vip = \"10.0.0.9\"\n")
	b.mustLastGood()
	c := b.mustLastGood("KEEPALIVED_REDIS_TIMES_DIAL=5s", "KEEPALIVED_REDIS_USER=x", "KEEPALIVED_REDIS_WITNESS=10.0.0.9,10.0.0.8", "KEEPALIVED_REDIS_PEERS=127.0.0.1:6999-7001,10.0.0.2:7000")
	if len(c.Warnings) != 5 {
		t.Errorf("got %q", c.Warnings)
	}
	if c.Times.Dial != 10*time.Millisecond || c.Username != "" || len(c.Witnesses) != 1 || len(c.Peers) != 1 {
		t.Errorf("got %+v", c)
	}
}

func TestStateDirThatCannotBeUsed(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(b host)
		want  string
	}{
		"a file is in its place": {func(b host) { b.write(DefaultStateDir, "") },
			"state directory /var/lib/keepalived-redis is not a directory; hint: remove it, it is made again"},
		"writable by others": {func(b host) { b.mkdir(DefaultStateDir); os.Chmod(b.root+DefaultStateDir, 0o777) },
			"state directory /var/lib/keepalived-redis can be written by others; hint: chmod go-w /var/lib/keepalived-redis"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newHost(t)
			b.write(DefaultFile, good)
			test.spoil(b)
			c := b.mustLastGood()
			want := []string{"the last good configuration cannot be kept: " + test.want}
			if d := diff(want, b.warnings(c)); d != "" {
				t.Error(d)
			}
			if c.Policy != model.PolicyStay {
				t.Errorf("got %+v", c)
			}
			b.write(DefaultFile, "policy = 1\n")
			if _, err := LoadOrLastGood(b.options()); err == nil {
				t.Error("there never was a good one")
			}
		})
	}
	// Nothing can be written below /proc, not even by root.
	b := newHost(t)
	b.write(DefaultFile, good+"state_dir = \"/proc/sys/keepalived-redis\"\n")
	c := b.mustLastGood()
	if len(c.Warnings) != 1 || !strings.HasPrefix(c.Warnings[0], "the last good configuration cannot be kept: make state directory: ") {
		t.Errorf("got %q", c.Warnings)
	}
	// A device is no directory.
	b.write(DefaultFile, good+"state_dir = \"/dev/full\"\n")
	if c := b.mustLastGood(); len(c.Warnings) != 1 {
		t.Errorf("got %q", c.Warnings)
	}
}

func TestLastGoodLooksWhereTheBrokenFileSays(t *testing.T) {
	b := newHost(t)
	where := "state_dir = \"" + b.root + "/srv/state\"\n"
	b.write(DefaultFile, good+where)
	b.mustLastGood()
	if b.exists(b.copyOf()) || !b.exists(b.root+"/srv/state/"+lastGoodFile) {
		t.Fatal("the copy is not where the file says")
	}
	b.write(DefaultFile, good+where+"broken")
	if c := b.mustLastGood(); c.Policy != model.PolicyStay || c.StateDir != b.root+"/srv/state" {
		t.Errorf("got %+v", c)
	}
	// The environment says where, whatever the file says.
	b.write(DefaultFile, "broken")
	if c := b.mustLastGood("KEEPALIVED_REDIS_STATE_DIR=" + b.root + "/srv/state"); c.Policy != model.PolicyStay {
		t.Errorf("got %+v", c)
	}
	for text, want := range map[string]string{
		"state_dir=\"/a\"": "/a", " state_dir = '/a b' # x\n": "/a b", "x\nstate_dir = \"/a\"\n[": "/a",
		"#state_dir = \"/a\"": "", "state_dir = /a": "", "state_dir = \"/a": "", "state_dir = \"a\"": "", "state_dir =": "", "my_state_dir = \"/a\"": "",
	} {
		if got := scanStateDir(text); got != want {
			t.Errorf("%q: got %q", text, got)
		}
	}
}

func TestReadOnlyWritesNothing(t *testing.T) {
	b := newHost(t)
	b.write(DefaultFile, good)
	o := b.options()
	o.ReadOnly = true
	if _, err := LoadOrLastGood(o); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(b.options()); err != nil {
		t.Fatal(err)
	}
	if _, ok := Strict(b.options()); !ok {
		t.Fatal("strict")
	}
	if b.exists(b.root + "/var") {
		t.Error("something was written")
	}
}

// The file names programs that root runs. What another user may have written is not used; the last good one is, and says so.
func TestConfigurationOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("giving files away needs root; hint: run the tests as root")
	}
	const other = 12345
	for name, test := range map[string]struct {
		uid, gid int
		mode     os.FileMode
		want     string
	}{
		"root's":                          {mode: 0o644},
		"root's, for a group to read":     {gid: other, mode: 0o640},
		"root's, for its group to write":  {mode: 0o664},
		"another user's":                  {uid: other, gid: other, mode: 0o600, want: "it belongs to user 12345"},
		"for everybody to write":          {mode: 0o666, want: "everybody may write it"},
		"for another group to write":      {gid: other, mode: 0o664, want: "group 12345 may write it"},
		"another user's, behind its link": {uid: other, mode: 0o644, want: "it belongs to user 12345"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newHost(t)
			b.write(DefaultFile, good)
			b.mustLastGood()
			b.dated()
			file := b.write(DefaultFile, one)
			at := file
			if strings.HasSuffix(name, "link") {
				at = b.write("/elsewhere.toml", one)
				if err := errors.Join(os.Remove(file), os.Symlink(at, file)); err != nil {
					t.Fatal(err)
				}
			}
			if err := errors.Join(os.Chown(at, test.uid, test.gid), os.Chmod(at, test.mode)); err != nil {
				t.Fatal(err)
			}
			c := b.mustLastGood()
			if test.want == "" {
				if len(c.Warnings) > 0 || c.Source != file {
					t.Errorf("from %s: %q", c.Source, c.Warnings)
				}
				return
			}
			refusal := "FILE: is not used, because it names what root runs: another user may have written it: " + test.want +
				"; hint: look at what it says, then: chown root FILE; chmod go-w FILE"
			want := []string{"the configuration is wrong, so the last good one of 2026-03-01 12:30:00 is used: " + refusal}
			if d := diff(want, b.warnings(c)); d != "" || c.Policy != model.PolicyStay {
				t.Error(d, c.Policy)
			}
			if _, err := Load(b.options()); diff([]string{refusal}, b.lines(err)) != "" {
				t.Error(diff([]string{refusal}, b.lines(err)))
			}
			if text, ok := Strict(b.options()); ok || !strings.Contains(text, test.want) {
				t.Errorf("--check-config: %s", text)
			}
		})
	}
}
