package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/service"
)

// Where new instances have their data and their logs.
const (
	dataRoot = "/var/lib/redis"
	logDir   = "/var/log/redis"
	// defaultConf is the configuration of an instance, where nothing else says where it is.
	defaultConf = "/etc/redis/%p.conf"
)

// errExists: there is something already, and it is not touched.
var errExists = errors.New("is there already")

// conf is where the configuration of an instance is.
func (s *setup) conf(port uint16) string {
	pattern := s.cfg.Service.Conf
	if pattern == "" {
		pattern = defaultConf
	}
	return strings.ReplaceAll(pattern, "%p", strconv.Itoa(int(port)))
}

// debianConf is where Debian's template reads the configuration of an instance; the programs look there as well.
func debianConf(port uint16) string { return fmt.Sprintf("/etc/redis/redis-%d.conf", port) }

// newConf is where a new instance gets its configuration: where the key service.conf says, else where its unit reads it.
func (s *setup) newConf(ctx context.Context, port uint16) (string, error) {
	for _, own := range []string{s.conf(port), debianConf(port)} {
		if _, err := os.Lstat(own); err == nil {
			return own, nil // it exists, which create is going to say
		}
	}
	if s.cfg.Service.Conf == "" || s.cfg.Service.Conf == defaultConf {
		conf, err := service.ConfOf(ctx, s.cfg, s.instance(port))
		if err != nil || conf != "" {
			return conf, err
		}
	}
	return s.conf(port), nil
}

// create makes a new instance: its directories first and its configuration last, so that one that is half made does not look
// like one.
func (s *setup) create(ctx context.Context, port uint16) error {
	uid, gid, err := service.ServerAccount()
	if err != nil {
		return err
	}
	conf, err := s.newConf(ctx, port)
	if err != nil {
		return err
	}
	data := filepath.Join(dataRoot, strconv.Itoa(int(port)))
	if _, err := os.Lstat(conf); err == nil {
		return fmt.Errorf("%s %w; hint: it is left as it is", conf, errExists)
	}
	if old, err := os.ReadDir(data); err == nil && len(old) > 0 {
		return fmt.Errorf("%s %w, and not empty; hint: it may hold the data of another instance: move it away", data, errExists)
	}
	password, about, err := s.password()
	if err != nil {
		return err
	}
	for _, dir := range []struct {
		path string
		mode fs.FileMode
	}{{filepath.Dir(conf), 0o2770}, {dataRoot, 0o750}, {logDir, 0o750}, {data, 0o750}} {
		if err := makeDir(dir.path, dir.mode, uid, gid); err != nil {
			return err
		}
	}
	logs := logDir
	if fi, err := os.Stat(logDir); err == nil && fi.Sys().(*syscall.Stat_t).Uid != uint32(uid) {
		logs = data // that directory is somebody else's, and a server that cannot open its log does not start
	}
	text, remarks := s.template(port, data, logs, password)
	if err := writeNew(conf, text, uid, gid, 0o640); err != nil {
		return err
	}
	s.made = append(s.made, port)
	remarks = append(append(remarks, about), s.otherPasswords(port, password)...)
	if s.unlisted(port) {
		remarks = append(remarks, "the configuration names the instances of this host, and not this one: add it to the key instances")
	}
	if conf != s.conf(port) && conf != debianConf(port) {
		remarks = append(remarks, fmt.Sprintf("its unit reads %s, where the programs do not look: name it in the configuration, with %%p for the port, as conf below [service]", conf))
	}
	s.tell("redis %d: made %s and %s", port, conf, data)
	for _, r := range remarks {
		s.tell("  %s", r)
	}
	return nil
}

// template is the configuration of a new instance, and what whoever asked for it should know.
func (s *setup) template(port uint16, data, logs, password string) (text string, remarks []string) {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Made by redis-initd create.")
	line("port %d", port)
	// The first address is also where this instance's own connections to the other host come from.
	bind, announce := s.Bind.String()+" 127.0.0.1", false
	if s.VIP.IsValid() {
		if bindsAhead(s.VIP) {
			bind += " " + s.VIP.String()
		} else {
			bind, announce = "0.0.0.0", true
			if s.VIP.Is6() {
				bind = "* -::*"
			}
			remarks = append(remarks, fmt.Sprintf("it listens on every address: %s cannot be bound while it is not here (net.ipv4.ip_nonlocal_bind is 0)", s.VIP))
		}
	}
	line("bind %s", bind)
	if password != "" {
		line("requirepass %s", config.Quote(password))
		line("masterauth %s", config.Quote(password))
	} else {
		line("protected-mode no")
	}
	line("daemonize yes")
	line("pidfile %s/redis.pid", data)
	line("logfile %s/redis-%d.log", logs, port)
	line("dir %s", data)
	line("appendonly yes")
	if s.Cluster {
		line("cluster-enabled yes")
		line("cluster-config-file nodes-%d.conf", port)
		line("cluster-node-timeout 15000")
		line("# A master that is lost for good, with no replica left, must not stop the others.")
		line("cluster-require-full-coverage no")
		if announce {
			line("cluster-announce-ip %s", s.Bind)
		}
	}
	return b.String(), remarks
}

// unlisted: the programs will not find the instance of that port, because their configuration names others.
func (s *setup) unlisted(port uint16) bool {
	cfg, err := config.LoadOrLastGood(config.Options{File: s.Config, ReadOnly: true})
	return err == nil && !slices.ContainsFunc(cfg.Instances, func(i config.Instance) bool { return i.Port == port })
}

// bindsAhead: an address may be bound on this host while it is elsewhere.
func bindsAhead(a netip.Addr) bool {
	file := "/proc/sys/net/ipv4/ip_nonlocal_bind"
	if a.Is6() {
		file = "/proc/sys/net/ipv6/ip_nonlocal_bind"
	}
	text, err := os.ReadFile(file)
	return err == nil && strings.TrimSpace(string(text)) == "1"
}

// makeDir makes a directory for the server; one that is there is left as it is.
func makeDir(path string, mode fs.FileMode, uid, gid int) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o700); errors.Is(err, fs.ErrExist) {
		return nil
	} else if err != nil {
		return err
	}
	if err := os.Chown(path, uid, gid); err != nil {
		return err
	}
	if mode&0o2000 != 0 {
		mode = mode&0o777 | fs.ModeSetgid
	}
	return os.Chmod(path, mode)
}

// writeNew makes a file, as one that the server may rewrite; a whole one or none, and never over another.
func writeNew(path, text string, uid, gid int, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Chown(uid, gid), f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Link(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
