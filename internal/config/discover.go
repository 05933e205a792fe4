package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The instances of the usual installation, looked for when nobody names any and there is no configuration of one.
const usualFirst, usualLast = 7000, 7002

// discover finds the instances when nobody names them: those whose own configurations are on this host, else 7000 to 7002
// if anything of them is.
func (d *draft) discover() {
	for _, file := range d.confFiles() {
		conf, err := ReadRedisConf(file)
		if err != nil {
			d.warn(err.Error())
		}
		if port := portInName(file); err != nil && len(conf.lines) == 0 && port > 0 {
			// Its name is all we know.
			conf.lines = []confLine{{"port", strconv.Itoa(int(port))}}
		}
		d.addFound(conf)
	}
	slices.SortStableFunc(d.c.Instances, func(a, b Instance) int { return cmp.Compare(a.Port, b.Port) })
	if len(d.c.Instances) == 0 {
		d.usual()
	}
	if len(d.c.Instances) == 0 {
		d.failNothing()
	}
}

func (d *draft) failNothing() {
	hint := fmt.Sprintf("name them in %s, as in instances = [\"127.0.0.1:7000-7002\"]", d.file)
	if dir := d.o.Root + "/etc/redis"; d.conf == "" {
		if _, err := os.ReadDir(dir); errors.Is(err, fs.ErrPermission) {
			hint = fmt.Sprintf("%s may not look into %s; %s", userName(), dir, hint)
		}
	}
	d.errs = append(d.errs, &Error{Where: d.file, Text: ErrNothingConfigured.Error(), Hint: hint, Cause: ErrNothingConfigured})
}

// confFiles lists the configurations of instances on this host, by name.
func (d *draft) confFiles() []string {
	var files []string
	for _, pattern := range d.patterns() {
		if !strings.Contains(pattern, "%p") {
			if _, err := os.Stat(pattern); err == nil {
				files = append(files, pattern)
			}
			continue
		}
		plain := strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(pattern)
		found, err := filepath.Glob(strings.ReplaceAll(plain, "%p", "[0-9]*"))
		if err != nil {
			d.warn(fmt.Sprintf("cannot look for %s: %v", pattern, err))
		}
		if len(found) > 0 && len(files) == 0 {
			d.c.Service.Conf = pattern
		}
		files = append(files, found...)
	}
	return files
}

// addFound adds the instance that a configuration describes.
func (d *draft) addFound(conf RedisConf) {
	if len(d.c.Instances) >= maxInstances {
		return
	}
	i, why := instanceOf(conf, d.tls.enabled)
	if why != "" {
		d.warn(fmt.Sprintf("%s: %s, so this instance is left out; hint: name the instances in %s", conf.File, why, d.file))
		return
	}
	for _, o := range d.c.Instances {
		if o.Name() == i.Name() {
			d.warn(fmt.Sprintf("%s and %s both name %s; the first counts; hint: remove one of the two files", o.Conf, i.Conf, i.Name()))
			return
		}
	}
	d.takeConf(&i, conf)
	d.checkConf(i, conf)
	d.c.Instances = append(d.c.Instances, i)
}

// instanceOf reads the address from a configuration; why says what stands against it. tls is the key tls.enabled: the plain
// port comes first unless that says true, and the socket last, because peers and CLUSTER NODES know ports only.
func instanceOf(conf RedisConf, tls string) (i Instance, why string) {
	i.Conf = conf.File
	port := "6379"
	if p, ok := conf.Get("port"); ok {
		port = p
	}
	secure, hasTLS := conf.Get("tls-port")
	if hasTLS = hasTLS && secure != "0"; hasTLS && (tls == tlsAlways || tls == tlsAuto && port == "0") {
		port = secure
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return i, "its port cannot be read"
	} else if n > 0 {
		i.Port = uint16(n)
		addr, ok := bindAddr(conf.Args("bind"))
		if !ok {
			return i, "bind names no address"
		}
		i.Addr = netip.AddrPortFrom(addr, i.Port)
		return i, ""
	}
	i.Socket, _ = conf.Get("unixsocket")
	if i.Socket == "" {
		if hasTLS {
			return i, "it listens with TLS only, and [tls] says enabled = false"
		}
		return i, "it has neither a port nor a socket"
	}
	i.Port = portInName(conf.File)
	return i, ""
}

// bindAddr is the first address of a bind directive at which the instance is reached from this host. A dash before an
// address (Redis 6.2 and newer) only says that it may be missing.
func bindAddr(args []string) (netip.Addr, bool) {
	if len(args) == 0 {
		return loopback(), true
	}
	for _, a := range args {
		switch a = strings.TrimPrefix(a, "-"); a {
		case "*", "localhost":
			return loopback(), true
		case "::*":
			return netip.IPv6Loopback(), true
		}
		if addr, err := netip.ParseAddr(a); err == nil {
			return reachable(addr.Unmap()), true
		}
	}
	return netip.Addr{}, false
}

// portInName reads the number by which people know an instance without a port: 7000 of /etc/redis/redis-7000.conf.
func portInName(file string) uint16 {
	name := strings.TrimPrefix(strings.TrimSuffix(filepath.Base(file), ".conf"), "redis-")
	port, _ := parsePort(name)
	return port
}

// usual adds 127.0.0.1:7000 to 7002 if anything of them is on this host: a listener or a pid file; configurations have been
// looked for before. Where they listen at another address than 127.0.0.1, that one is taken.
func (d *draft) usual() {
	open := listeners(d.o.Root, usualFirst, usualLast)
	found := len(open) > 0
	other := bestAddr(open, usualFirst, usualLast, loopback())
	var all []Instance
	for port := uint16(usualFirst); port <= usualLast; port++ {
		addr := bestAddr(open, port, port, other)
		i := Instance{Port: port, Addr: netip.AddrPortFrom(addr, port)}
		d.takeConf(&i, RedisConf{})
		all = append(all, i)
		if _, err := os.Stat(expand(d.c.Service.PidFile, port)); err == nil {
			found = true
		}
	}
	if found {
		d.c.Instances = all
	}
}

// bestAddr is the address at which a port from first to last is reached: 127.0.0.1 if somebody listens there, else the
// first listener's, else other.
func bestAddr(open []netip.AddrPort, first, last uint16, other netip.Addr) netip.Addr {
	best := other
	for _, l := range slices.Backward(open) {
		if l.Port() < first || l.Port() > last {
			continue
		}
		if best = reachable(l.Addr()); best == loopback() {
			return best
		}
	}
	return best
}
