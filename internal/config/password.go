package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
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
	secret, text, hint, err := readSecret(d.passwordFile)
	if text == "" {
		d.c.Password = secret
		return
	}
	// A password file that broke after the configuration was good must not take the good one away as well: without the
	// password the instances answer NOAUTH, which still shows that they live.
	if d.lenient {
		d.warn(fmt.Sprintf("password file %s %s; it is ignored; hint: %s", d.passwordFile, text, hint))
		return
	}
	d.fail(p, fmt.Sprintf("%s %s", d.passwordFile, text), hint, err)
}

// ReadPassword reads a password file as the key password_file does. No error shows the password.
func ReadPassword(file string) (Secret, error) {
	secret, text, hint, err := readSecret(file)
	switch {
	case text == "":
		return secret, nil
	case err != nil:
		return "", fmt.Errorf("password file %s %s (%w); hint: %s", file, text, cause(err), hint)
	default:
		return "", fmt.Errorf("password file %s %s; hint: %s", file, text, hint)
	}
}

// readSecret reads a password file: one line, for nobody else's eyes. It returns what is wrong and a hint; both are empty
// when nothing is. They never show the password.
func readSecret(file string) (secret Secret, text, hint string, err error) {
	// O_NONBLOCK: a named pipe must not hang a check.
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", "is not there", "make it with one line, the password, and mode 0600", err
	case errors.Is(err, fs.ErrPermission):
		return "", "cannot be read by " + userName(), "chown it to the user that runs keepalived's scripts, or to root with that user's group and mode 0640", err
	case err != nil:
		return "", "cannot be read: " + cause(err).Error(), "check the path", err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return "", "cannot be read: " + cause(err).Error(), "check the path", err
	}
	if text, hint := checkSecretFile(file, fi.Mode()); text != "" {
		return "", text, hint, nil
	}
	data, err := io.ReadAll(io.LimitReader(f, maxPassword+3))
	if err != nil {
		return "", "cannot be read: " + cause(err).Error(), "check the path", err
	}
	line := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	switch {
	case len(line) > maxPassword:
		return "", fmt.Sprintf("is longer than %d bytes", maxPassword), "a password file holds one line, the password", nil
	case line == "":
		return "", "is empty", "write one line, the password", nil
	case strings.ContainsAny(line, "\n\r\x00"):
		return "", "holds more than one line", "write one line, the password", nil
	}
	return Secret(line), "", "", nil
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
