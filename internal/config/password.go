package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"keepalived-redis/internal/files"
)

// maxPassword bounds a password, in bytes; Redis takes 512 in ACL files.
const maxPassword = 4096

// readPassword reads the password that every instance gets.
func (d *draft) readPassword() {
	p, set := d.placeOf("", "password_file")
	if d.passwordFile == "" {
		if u, named := d.placeOf("", "user"); named && !set {
			d.fail(u, "has no password_file beside it", `name the file with the user's password, as in password_file = "/etc/keepalived/redis.password"`, nil)
			d.c.Username = ""
		}
		return
	}
	secret, bad := readSecret(d.passwordFile)
	switch {
	case bad == nil:
		d.c.Password = secret
	// A password file that broke after the configuration was good must not take the good one away as well: without the
	// password the instances answer NOAUTH, which still shows that they live.
	case d.lenient:
		d.warn(fmt.Sprintf("password file %s %s; it is ignored; hint: %s", d.passwordFile, bad.text, bad.hint))
	default:
		d.fail(p, d.passwordFile+" "+bad.text, bad.hint, bad.cause)
	}
}

// ReadPassword reads a password file as the key password_file does. No error shows the password.
func ReadPassword(file string) (Secret, error) {
	secret, bad := readSecret(file)
	switch {
	case bad == nil:
		return secret, nil
	case bad.cause != nil:
		return "", fmt.Errorf("password file %s %s (%w); hint: %s", file, bad.text, cause(bad.cause), bad.hint)
	default:
		return "", fmt.Errorf("password file %s %s; hint: %s", file, bad.text, bad.hint)
	}
}

// readSecret reads a password file: one line, for nobody else's eyes. What is wrong with it never shows the password.
func readSecret(file string) (Secret, *flaw) {
	if bad := exposed(file); bad != nil {
		return "", bad
	}
	text, err := files.Read(file, maxPassword+len("\r\n"))
	line := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", &flaw{"is not there", "make it with one line, the password, and mode 0600", err}
	case errors.Is(err, fs.ErrPermission):
		return "", &flaw{"cannot be read by " + userName(), "chown it to the user that runs keepalived's scripts, or to root with that user's group and mode 0640", err}
	case errors.Is(err, files.ErrTooLarge), len(line) > maxPassword:
		return "", &flaw{fmt.Sprintf("is longer than %d bytes", maxPassword), "a password file holds one line, the password", nil}
	case err != nil:
		return "", unreadable(err)
	case line == "":
		return "", &flaw{"is empty", "write one line, the password", nil}
	case strings.ContainsAny(line, "\n\r\x00"):
		return "", &flaw{"holds more than one line", "write one line, the password", nil}
	}
	return Secret(line), nil
}

// exposed tells when others can reach a secret file. One that is not there, or cannot be looked at, shows when it is read.
func exposed(file string) *flaw {
	if fi, err := os.Stat(file); err == nil {
		if text, hint := checkSecretFile(file, fi.Mode()); text != "" {
			return &flaw{text, hint, nil}
		}
	}
	return nil
}

// checkSecretFile wants a regular file that others cannot read and the group cannot write: root:keepalived_script 0640
// is what the unprivileged setup needs.
func checkSecretFile(file string, mode fs.FileMode) (text, hint string) {
	switch {
	case mode.IsDir():
		return "is a directory", "name the file itself"
	case !mode.IsRegular():
		return "is not a regular file", "write the password into a regular file"
	case mode.Perm()&0o027 != 0:
		return fmt.Sprintf("has mode %04o, so that others can reach it", mode.Perm()), "chmod 0600 " + file + ", or 0640 when a group must read it"
	}
	return "", ""
}
