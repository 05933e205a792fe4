package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// confPatterns are where an instance's own configuration is looked for when nobody says.
var confPatterns = [...]string{"/etc/redis/%p.conf", "/etc/redis/redis-%p.conf"}

// patterns lists where to look, best first.
func (d *draft) patterns() []string {
	if d.conf != "" {
		return []string{d.conf}
	}
	return []string{d.o.Root + confPatterns[0], d.o.Root + confPatterns[1]}
}

// expand puts the port into a pattern.
func expand(pattern string, port uint16) string {
	return strings.ReplaceAll(pattern, "%p", strconv.Itoa(int(port)))
}

// findInstances lists the instances one by one, each with its own configuration and its password.
func (d *draft) findInstances() {
	patterns := d.patterns()
	d.c.Service.Conf = patterns[0]
	if _, set := d.placeOf("", "instances"); !set {
		d.discover()
		return
	}
	for _, sp := range d.instances {
		if sp.socket != "" {
			d.addSocket(sp.socket)
			continue
		}
		for port := int(sp.first); port <= int(sp.last); port++ {
			i := Instance{Addr: netip.AddrPortFrom(sp.addr, uint16(port)), Port: uint16(port)}
			i.Conf = d.confOf(patterns, i.Port)
			d.addListed(i)
		}
	}
	d.checkPattern()
	d.checkPorts()
}

// checkPorts warns of two addresses with one port: people, units and files know an instance by its port alone.
func (d *draft) checkPorts() {
	for i, sp := range d.instances {
		for _, o := range d.instances[:i] {
			if sp.socket == "" && o.socket == "" && sp.addr != o.addr && sp.first <= o.last && o.first <= sp.last {
				d.warn(fmt.Sprintf("%q and %q share port %d, and so one configuration and one pid file; hint: name each server once, by one of its addresses",
					o.text, sp.text, max(sp.first, o.first)))
				break
			}
		}
	}
}

// confOf finds the configuration of one port and moves the pattern that fits to the front. A directory that we may not
// look into may well hold it.
func (d *draft) confOf(patterns []string, port uint16) string {
	for n, pattern := range patterns {
		file := expand(pattern, port)
		if _, err := os.Stat(file); err != nil && !errors.Is(err, fs.ErrPermission) {
			continue
		}
		patterns[0], patterns[n] = patterns[n], patterns[0]
		d.c.Service.Conf = patterns[0]
		return filepath.Clean(file)
	}
	return ""
}

// addSocket adds an instance that is known by its socket; its configuration is the one that names the socket.
func (d *draft) addSocket(socket string) {
	i := Instance{Socket: socket}
	for _, file := range d.confFiles() {
		// A file that cannot be read may be another instance's: addListed reports it where it matters.
		conf, _ := ReadRedisConf(file)
		if own, _ := conf.Get("unixsocket"); filepath.Clean(own) != socket {
			continue
		}
		i.Conf = file
		if port, _ := conf.Get("port"); port != "" {
			i.Port, _ = parsePort(port)
		}
		if i.Port == 0 {
			i.Port = portInName(file)
		}
		break
	}
	d.addListed(i)
}

// addListed adds an instance that somebody named.
func (d *draft) addListed(i Instance) {
	var conf RedisConf
	// With a password of our own and no TLS the instance's configuration holds nothing that is needed now.
	if i.Conf != "" && (d.passwordFile == "" || d.tls.enabled != tlsNever || d.thorough) {
		var err error
		conf, err = ReadRedisConf(i.Conf)
		switch {
		case errors.Is(err, fs.ErrPermission) && d.passwordFile == "":
			d.note(fmt.Sprintf("the password of %s is not known, if it has one: %v, or set password_file", i.Name(), err))
		case errors.Is(err, fs.ErrPermission):
			d.note(err.Error())
		case err != nil:
			d.warn(err.Error())
		}
	}
	d.takeConf(&i, conf)
	d.checkConf(i, conf)
	d.c.Instances = append(d.c.Instances, i)
}

// takeConf takes over what the instance's own configuration says about logging in.
func (d *draft) takeConf(i *Instance, conf RedisConf) {
	i.Username, i.Password = d.c.Username, d.c.Password
	if d.passwordFile == "" {
		password, _ := conf.Get("requirepass")
		i.Password = Secret(password)
	}
	if d.usesTLS(*i, conf) {
		i.TLS = d.tlsFor(conf)
	}
}

// checkConf warns of what in the instance's own configuration does not fit.
func (d *draft) checkConf(i Instance, conf RedisConf) {
	if port, ok := conf.Get("port"); ok && i.Socket == "" && port != strconv.Itoa(int(i.Port)) {
		switch tls, _ := conf.Get("tls-port"); {
		case tls != strconv.Itoa(int(i.Port)):
			d.warn(fmt.Sprintf("%s says port %s, but it is the configuration of %s; hint: correct the file, or the key service.conf", i.Conf, port, i.Name()))
		case i.TLS == nil:
			d.warn(fmt.Sprintf("%s speaks TLS only (tls-port in %s), and [tls] says enabled = false; hint: remove that line", i.Name(), i.Conf))
		}
	}
	for _, command := range neededCommands {
		if to, renamed := conf.Renamed(command); renamed && !strings.EqualFold(to, command) {
			d.warn(fmt.Sprintf("%s renames the command %s, which a failover needs; hint: remove that rename-command", i.Conf, command))
		}
	}
}

// neededCommands are those that the programs send under their own names.
var neededCommands = [...]string{"PING", "INFO", "CLUSTER", "CONFIG", "CLIENT", "SLAVEOF"}

// checkPattern refuses patterns that name one file or unit for several instances.
func (d *draft) checkPattern() {
	if len(d.c.Instances) < 2 {
		return
	}
	for _, k := range [...]struct{ name, what, pattern string }{
		{"conf", "file", d.c.Service.Conf}, {"pid_file", "file", d.c.Service.PidFile}, {"unit", "unit", d.c.Service.Unit}} {
		if p, set := d.placeOf("service", k.name); set && !strings.Contains(k.pattern, "%p") {
			d.fail(p, fmt.Sprintf("%q is one %s for %d instances", k.pattern, k.what, len(d.c.Instances)), "put %p where the port stands, as in "+p.key.sample(), nil)
		}
	}
}
