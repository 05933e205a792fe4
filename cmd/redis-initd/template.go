package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"keepalived-redis/internal/service"
	"keepalived-redis/packaging"
)

// template is the unit of all instances that no other unit serves.
const template = "redis@.service"

// unitFor is the unit of an instance. Where there is none that starts a server with its configuration, our own template is
// written first.
func (s *setup) unitFor(ctx context.Context, port uint16) (string, error) {
	unit, err := service.UnitOf(ctx, s.cfg, s.instance(port))
	if !errors.Is(err, service.ErrNoUnit) || !strings.HasPrefix(unit, "redis@") {
		return unit, err
	}
	if conf := s.instance(port).Conf; conf != fmt.Sprintf("/etc/redis/%d.conf", port) {
		return "", fmt.Errorf("%w; hint: %s reads /etc/redis/%d.conf, and the configuration is %s", err, template, port, conf)
	}
	text, err := ownTemplate()
	if err != nil {
		return "", err
	}
	file := filepath.Join(unitDir, template)
	if err := write(ctx, file, text, 0o644); err != nil {
		return "", err
	}
	if err := service.Reload(ctx); err != nil {
		return "", err
	}
	s.tell("wrote %s: no unit here starts a server with /etc/redis/%d.conf", file, port)
	return service.UnitOf(ctx, s.cfg, s.instance(port))
}

// ownTemplate is redis@.service with the server and the account that this host has.
func ownTemplate() (string, error) {
	server := ""
	for _, name := range []string{"redis-server", "valkey-server"} {
		if path, err := exec.LookPath(name); err == nil {
			server = path
			break
		}
	}
	if server == "" {
		return "", fmt.Errorf("%w: there is neither redis-server nor valkey-server", service.ErrNotInstalled)
	}
	uid, gid, err := service.ServerAccount()
	if err != nil {
		return "", err
	}
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		return "", err
	}
	g, err := user.LookupGroupId(strconv.Itoa(gid))
	if err != nil {
		return "", err
	}
	words := strings.NewReplacer("ExecStart=/usr/bin/redis-server", "ExecStart="+server, "User=redis\n", "User="+u.Username+"\n", "Group=redis\n", "Group="+g.Name+"\n")
	return "# Written by redis-initd install.\n" + words.Replace(packaging.RedisTemplate), nil
}
