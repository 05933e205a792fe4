package config

import (
	"io/fs"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestPasswordFileRule(t *testing.T) {
	for mode := fs.FileMode(0); mode <= 0o777; mode++ {
		// Nothing for others, no write or execute for the group.
		want := mode&0o007 != 0 || mode&0o020 != 0
		text, _ := checkSecretFile("/f", mode)
		if bad := text != ""; bad != want {
			t.Fatalf("mode %04o: got %q", mode, text)
		}
	}
	for _, test := range []struct {
		mode       fs.FileMode
		text, hint string
	}{
		{0o600, "", ""},
		{0o640, "", ""},
		{0o400, "", ""},
		{0o644, "has mode 0644, so that others can reach it", "chmod 0600 /f, or 0640 when a group must read it"},
		{0o660, "has mode 0660, so that others can reach it", "chmod 0600 /f, or 0640 when a group must read it"},
		{fs.ModeDir | 0o700, "is a directory", "name the file itself"},
		{fs.ModeNamedPipe | 0o600, "is not a regular file", "write the password into a regular file"},
	} {
		if text, hint := checkSecretFile("/f", test.mode); text != test.text || hint != test.hint {
			t.Errorf("%v: got %q, %q", test.mode, text, hint)
		}
	}
}

func TestPasswordFile(t *testing.T) {
	for _, test := range []struct {
		text, password, want string
		mode                 fs.FileMode
	}{
		{"swordfish\n", "swordfish", "", 0o600},
		{"swordfish", "swordfish", "", 0o640},
		{"swordfish\r\n", "swordfish", "", 0o600},
		{" sword fish \n", " sword fish ", "", 0o600},
		{"", "", `FILE:2: key "password_file": /secret is empty; hint: write one line, the password`, 0o600},
		{"\n", "", `FILE:2: key "password_file": /secret is empty; hint: write one line, the password`, 0o600},
		{"sword\nfish\n", "", `FILE:2: key "password_file": /secret holds more than one line; hint: write one line, the password`, 0o600},
		{strings.Repeat("x", 5000), "", `FILE:2: key "password_file": /secret is longer than 4096 bytes; hint: a password file holds one line, the password`, 0o600},
		{"swordfish\n", "", `FILE:2: key "password_file": /secret has mode 0644, so that others can reach it; hint: chmod 0600 /secret, or 0640 when a group must read it`, 0o644},
	} {
		b := newHost(t)
		file := b.write("/secret", test.text)
		if err := os.Chmod(file, test.mode); err != nil {
			t.Fatal(err)
		}
		// The instance's own password does not count beside a password file.
		b.write("/etc/redis/7000.conf", "port 7000\nrequirepass other\n")
		c, err := b.load(one + "password_file = \"" + file + "\"\n")
		if got := strings.Join(b.lines(err), "\n"); got != test.want {
			t.Errorf("got %s\nwant %s", got, test.want)
		}
		if err != nil {
			if strings.Contains(err.Error(), "fish") {
				t.Errorf("the password shows: %s", err)
			}
			continue
		}
		if c.Password.Reveal() != test.password || c.Instances[0].Password.Reveal() != test.password {
			t.Errorf("got %q and %q", c.Password.Reveal(), c.Instances[0].Password.Reveal())
		}
	}
}

func TestPasswordFileThatCannotBeRead(t *testing.T) {
	b := newHost(t)
	b.mkdir("/dir")
	if err := unix.Mkfifo(b.root+"/pipe", 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/dir":     `FILE:2: key "password_file": /dir is a directory; hint: name the file itself`,
		"/pipe":    `FILE:2: key "password_file": /pipe is not a regular file; hint: write the password into a regular file`,
		"/nowhere": `FILE:2: key "password_file": /nowhere is not there; hint: make it with one line, the password, and mode 0600`,
	} {
		_, err := b.load(one + "password_file = \"" + b.root + path + "\"\n")
		if got := strings.Join(b.lines(err), "\n"); got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
}
