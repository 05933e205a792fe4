package config

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"keepalived-redis/internal/model"
)

// unprivileged runs a function for which the files of the host are those of somebody else. Root reads everything, so there
// the thread gives up root's rights on files for good and ends with the function.
func (b host) unprivileged(do func()) {
	b.t.Helper()
	if os.Geteuid() == 0 {
		// The directory above the host is open to its owner only.
		if err := os.Chmod(filepath.Dir(b.root), 0o755); err != nil {
			b.t.Fatal(err)
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if os.Geteuid() == 0 {
			runtime.LockOSThread()
			if _, err := unix.SetfsuidRetUid(65534); err != nil {
				b.t.Error(err)
				return
			}
		}
		do()
	}()
	<-done
}

// close takes all rights from a path of the host until the test ends.
func (b host) close(path string) {
	b.t.Helper()
	if err := os.Chmod(b.root+path, 0); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		if err := os.Chmod(b.root+path, 0o700); err != nil {
			b.t.Error(err)
		}
	})
}

func TestFilesThatMayNotBeRead(t *testing.T) {
	const whose = "it must be a file that USER may read"
	for _, test := range []struct{ name, file, closed, want string }{
		{"the configuration", one, DefaultFile, `FILE: cannot be read: permission denied; hint: ` + whose},
		{"the password file", one + "password_file = \"ROOT/secret\"\n", "/secret",
			`FILE:2: key "password_file": /secret cannot be read by USER; hint: chown it to the user that runs keepalived's scripts, or to root with that user's group and mode 0640`},
		{"the directory of all redis.conf", "policy = \"stay\"\n", "/etc/redis",
			`FILE: no instance is configured, and none was found on this host; hint: USER may not look into /etc/redis; name them in FILE, as in instances = ["127.0.0.1:7000-7002"]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newHost(t)
			b.write("/secret", "swordfish\n")
			b.mkdir("/etc/redis")
			b.write(DefaultFile, strings.ReplaceAll(test.file, "ROOT", b.root))
			b.close(test.closed)
			b.unprivileged(func() {
				_, err := Load(b.options())
				want := []string{strings.ReplaceAll(test.want, "USER", userName())}
				if d := diff(want, b.lines(err)); d != "" {
					t.Error(d)
				}
			})
		})
	}
}

// The account of the check may not read the instances' configurations on most systems: that alone is no reason to warn
// in every run.
func TestRedisConfThatMayNotBeRead(t *testing.T) {
	for _, closed := range []string{"/etc/redis/7000.conf", "/etc/redis"} {
		b := newHost(t)
		b.write(DefaultFile, one+"vip = \"10.0.0.9\"\n")
		conf := b.write("/etc/redis/7000.conf", "port 7000\n")
		b.close(closed)
		b.unprivileged(func() {
			c, err := Load(b.options())
			if err != nil {
				t.Error(err)
				return
			}
			if c.Instances[0].Conf != conf || len(c.Warnings) > 0 {
				t.Errorf("got %+v, warnings %q", c.Instances, c.Warnings)
			}
			want := []string{
				"note: the password of 127.0.0.1:7000 is not known, if it has one: read redis configuration: open /etc/redis/7000.conf: permission denied; hint: check the path, and that " + userName() + " may read it, or set password_file",
				"configuration is good: FILE",
				"instance 127.0.0.1:7000, /etc/redis/7000.conf",
			}
			if d := diff(want, b.strict("127.0.0.1")); d != "" {
				t.Error(d)
			}
		})
	}
	// Found by its name alone, with a warning: nothing else is known of it.
	b := newHost(t)
	b.write("/etc/redis/redis-7001.conf", "port 7001\nbind 10.0.0.1\n")
	b.close("/etc/redis/redis-7001.conf")
	b.unprivileged(func() {
		c, err := Load(b.options())
		if err != nil || names(c) != "127.0.0.1:7001=7001" || len(c.Warnings) != 1 {
			t.Errorf("got %+v, %v", c, err)
		}
	})
}

func TestStateDirOfAnotherUser(t *testing.T) {
	b := newHost(t)
	b.write(DefaultFile, good)
	b.mkdir(DefaultStateDir)
	b.close(DefaultStateDir)
	b.unprivileged(func() {
		c, err := LoadOrLastGood(b.options())
		if err != nil || c.Policy != model.PolicyStay || len(c.Warnings) != 1 {
			t.Errorf("got %+v, %v", c, err)
			return
		}
		if w := c.Warnings[0]; !strings.HasPrefix(w, "the last good configuration cannot be kept: ") || !strings.Contains(w, "permission denied; hint: ") {
			t.Errorf("got %q", w)
		}
	})
}
