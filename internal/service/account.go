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

// account is whom the server must run as when root starts it: whom the configuration names, else who owns redis.conf, else who owns the data
// directory, else the distribution's account. It is root only where that is named: what redis.conf says, whoever could write it, is not to be
// done as root. The data files that it names do not count, for the same reason. Nil is ourselves.
func (t target) account(base string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	dir := t.settings.dataDir(base)
	owner := max(ownerOf(t.settings.path), 0)
	if owner == 0 {
		owner = max(ownerOf(dir), 0)
	}
	switch {
	case t.runAs != "":
		u, err := user.Lookup(t.runAs)
		if err != nil {
			return nil, fmt.Errorf("%w: %w; hint: correct the key account below [service]", ErrRefused, err)
		}
		if owner, err = strconv.Atoi(u.Uid); err != nil {
			return nil, fmt.Errorf("%w: user %s has the number %q", ErrRefused, t.runAs, u.Uid)
		}
		if owner == 0 {
			return nil, nil
		}
	case owner == 0:
		var err error
		if owner, _, err = ServerAccount(); err != nil {
			return nil, fmt.Errorf("%w: %s and %s belong to root, redis-server is not run as root, and there is no account redis or valkey; "+
				"hint: useradd --system redis, then chown -R redis: %s %s; or account = \"root\" below [service]", ErrRefused, t.settings.path, dir, dir, t.settings.path)
		}
	}
	c := credential(uint32(owner))
	if !mayKeepData(c, dir) {
		name := t.runAs
		if u, err := user.LookupId(strconv.Itoa(owner)); err == nil {
			name = u.Username
		}
		return nil, fmt.Errorf("%w: redis-server would run as %s, and not as root, and cannot write into %s; hint: chown -R %s: %s %s, or account = \"root\" below [service]",
			ErrRefused, name, dir, name, dir, t.settings.path)
	}
	return c, nil
}

// ServerAccount is whom the distribution's Redis or Valkey runs as.
func ServerAccount() (uid, gid int, err error) {
	for _, name := range []string{"redis", "valkey"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		return uid, gid, errors.Join(err1, err2)
	}
	return 0, 0, fmt.Errorf("%w: there is no account redis or valkey; hint: install redis-server", ErrNotInstalled)
}

// ownerOf is the user to whom a file belongs, -1 if that cannot be told.
func ownerOf(path string) int {
	if fi, err := os.Stat(path); err == nil {
		if st, ok := fi.Sys().(*syscall.Stat_t); ok {
			return int(st.Uid)
		}
	}
	return -1
}

// mayKeepData: by its owner, group and mode the account may make files in the directory. One that is not there is redis-server's to complain of.
func mayKeepData(c *syscall.Credential, dir string) bool {
	fi, err := os.Stat(dir)
	if err != nil {
		return true
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	const writeAndSearch = unix.W_OK | unix.X_OK
	switch {
	case !ok:
		return true
	case st.Uid == c.Uid:
		return st.Mode>>6&writeAndSearch == writeAndSearch
	case st.Gid == c.Gid || slices.Contains(c.Groups, st.Gid):
		return st.Mode>>3&writeAndSearch == writeAndSearch
	default:
		return st.Mode&writeAndSearch == writeAndSearch
	}
}

// credential is a user with its groups.
func credential(owner uint32) *syscall.Credential {
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
