package service

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// asRoot is the way out for a user who may not start the instance.
const asRoot = "hint: let keepalived run its scripts as root (script_user root), or leave the start to systemd"

// errNotOurs: only root, or the user of the server, may do that.
var errNotOurs = errors.New("is not this user's to write")

// forbidden makes a refusal of a want of permission, so that it does not count as a start that failed.
func forbidden(err error) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		err = path // without the hint that others give for it
	}
	return fmt.Errorf("%w: %w; %s", ErrRefused, err, asRoot)
}

// mayWrite: a server started by this user could work with its files. Only root starts a server of somebody else.
func (t target) mayWrite(base string) error {
	dir := t.settings.dataDir(base)
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); errors.Is(err, syscall.EACCES) {
		return fmt.Errorf("%w: its data directory %s %w; %s", ErrRefused, dir, errNotOurs, asRoot)
	}
	return nil
}

// account is whom the server must run as when root starts it: whoever owns its data files, else the directory. Started as
// root, it would make files that it cannot write when it is next started as it should be. Nil is ourselves.
func (t target) account(base string) *syscall.Credential {
	if os.Geteuid() != 0 {
		return nil
	}
	owner := uint32(0)
	for _, path := range append(t.settings.dataFiles(base), t.settings.dataDir(base)) {
		fi, err := os.Stat(path)
		if err != nil {
			continue
		}
		if st, ok := fi.Sys().(*syscall.Stat_t); ok {
			owner = st.Uid
			break
		}
	}
	if owner == 0 {
		return nil
	}
	c := &syscall.Credential{Uid: owner, Gid: owner}
	u, err := user.LookupId(strconv.Itoa(int(owner)))
	if err != nil {
		return c // an owner without an account has no groups
	}
	groups, _ := u.GroupIds() // without further groups it may lack its configuration, and then says so itself
	for _, g := range append([]string{u.Gid}, groups...) {
		if n, err := strconv.ParseUint(g, 10, 32); err == nil && !slices.Contains(c.Groups, uint32(n)) {
			c.Groups = append(c.Groups, uint32(n))
		}
	}
	if len(c.Groups) > 0 {
		c.Gid = c.Groups[0]
	}
	return c
}
