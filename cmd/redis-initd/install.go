package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"

	"keepalived-redis/internal/service"
)

// errForeign: the file is somebody else's.
var errForeign = errors.New("is not ours")

// Where systemd and init look for what install writes.
const (
	unitDir   = "/etc/systemd/system"
	scriptDir = "/etc/init.d"
)

// ourMark is in the files that install writes, so that they are known again.
const ourMark = "redis-initd install"

// standIn is a unit redis7000.service that stands for redis@7000.service (facts: systemd refuses an alias across
// templates). It starts and stops the instance, and is started and stopped with it. It also hides an init script of its
// name, which systemd would wrap into a unit of its own.
const standIn = `# Written by redis-initd install: another name of UNIT.
[Unit]
Description=Redis on port PORT (UNIT)
BindsTo=UNIT
After=UNIT

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true

[Install]
WantedBy=UNIT
`

// partOf lets a stop of the stand-in stop an instance whose template does not know of it.
const partOf = `# Written by redis-initd install.
[Unit]
PartOf=redisPORT.service
`

// script is an init script whose interpreter is this program: chkconfig and insserv read its comments.
const script = `#!PROGRAM
# chkconfig: 2345 20 80
# description: Redis on port PORT
#
# Written by redis-initd install.
#
### BEGIN INIT INFO
# Provides:          redisPORT
# Required-Start:    $local_fs $remote_fs $network
# Required-Stop:     $local_fs $remote_fs $network
# X-Start-Before:    keepalived
# X-Stop-After:      keepalived
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: Redis on port PORT
### END INIT INFO
`

func (s *setup) install(ctx context.Context, port uint16) error {
	systemd, err := service.Systemd(s.cfg)
	if err != nil {
		return err
	}
	if _, err := os.Stat(s.instance(port).Conf); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s is missing; hint: %s create %d --bind ADDRESS", service.ErrNotConfigured, s.instance(port).Conf, name, port)
	}
	if !systemd {
		return s.installScript(ctx, port)
	}
	unit, err := s.unitFor(ctx, port)
	if err != nil {
		return err
	}
	enabled := []string{unit}
	if other := fmt.Sprintf("redis%d.service", port); other != unit {
		words := strings.NewReplacer("PORT", fmt.Sprint(port), "UNIT", unit)
		if err := write(ctx, filepath.Join(unitDir, other), words.Replace(standIn), 0o644); err != nil {
			return err
		}
		if !strings.HasPrefix(unit, "redis@") { // ours says so itself
			if err := write(ctx, filepath.Join(unitDir, unit+".d", "redis-initd.conf"), words.Replace(partOf), 0o644); err != nil {
				return err
			}
		}
		enabled = append(enabled, other)
	}
	if err := service.Enable(ctx, enabled...); err != nil {
		return err
	}
	s.tell("redis %d is started at boot, by %s", port, strings.Join(enabled, " and "))
	return nil
}

func (s *setup) installScript(ctx context.Context, port uint16) error {
	file := filepath.Join(scriptDir, fmt.Sprintf("redis%d", port))
	program, err := ourPath()
	if err != nil {
		return err
	}
	text := strings.NewReplacer("PORT", fmt.Sprint(port), "PROGRAM", program).Replace(script)
	if err := write(ctx, file, text, 0o755); err != nil {
		return err
	}
	by, err := enableScript(ctx, filepath.Base(file), true)
	switch {
	case err != nil:
		return err
	case by == "":
		s.tell("redis %d has %s, but nothing starts it at boot: neither chkconfig nor update-rc.d is here", port, file)
	default:
		s.tell("redis %d is started at boot, by %s (%s)", port, file, by)
	}
	return nil
}

// enableScript has an init script run at boot, or no more, and says with what program; "" if there is none.
func enableScript(ctx context.Context, script string, on bool) (string, error) {
	ways := [][3]string{{"chkconfig", "--add", "--del"}, {"update-rc.d", "defaults", "remove"}}
	for _, way := range ways {
		path, err := exec.LookPath(way[0])
		if err != nil {
			continue
		}
		word := way[1]
		if !on {
			word = way[2]
		}
		args := []string{word, script}
		if way[0] == "update-rc.d" {
			args = []string{"-f", script, word} // forced, because the script is still there when it is removed
		}
		if out, err := exec.CommandContext(ctx, path, args...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s %s: %w: %s", way[0], strings.Join(args, " "), err, bytes.TrimSpace(out))
		}
		return way[0], nil
	}
	return "", nil
}

// ourPath is where the packages put this program, or where it is.
func ourPath() (string, error) {
	const packaged = "/usr/sbin/redis-initd"
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	a, err1 := os.Stat(packaged)
	b, err2 := os.Stat(self)
	if err1 == nil && err2 == nil && os.SameFile(a, b) {
		return packaged, nil
	}
	return self, nil
}

func (s *setup) uninstall(ctx context.Context, port uint16) error {
	systemd, err := service.Systemd(s.cfg)
	switch {
	case err != nil:
	case systemd:
		err = s.uninstallUnits(ctx, port)
	default:
		err = uninstallScript(ctx, filepath.Join(scriptDir, fmt.Sprintf("redis%d", port)))
	}
	if err == nil {
		s.tell("redis %d is not started at boot any more; what runs goes on, its data is left alone", port)
	}
	return err
}

func uninstallScript(ctx context.Context, file string) error {
	if err := mayReplace(ctx, file); err != nil {
		return err
	}
	if _, err := os.Stat(file); err == nil {
		if _, err := enableScript(ctx, filepath.Base(file), false); err != nil {
			return err
		}
	}
	return remove(file)
}

func (s *setup) uninstallUnits(ctx context.Context, port uint16) error {
	unit, err := service.UnitOf(ctx, s.cfg, s.instance(port))
	if err != nil {
		return err
	}
	disabled := []string{unit}
	files := []string{filepath.Join(unitDir, unit+".d", "redis-initd.conf")}
	if other := fmt.Sprintf("redis%d.service", port); other != unit {
		disabled = append(disabled, other)
		files = append(files, filepath.Join(unitDir, other))
	}
	for _, file := range files {
		if err := mayReplace(ctx, file); err != nil {
			return err
		}
	}
	if err := service.Disable(ctx, disabled...); err != nil {
		return err
	}
	for _, file := range files {
		if err := remove(file); err != nil {
			return err
		}
		_ = os.Remove(filepath.Dir(file)) // only if nothing else is in it
	}
	return service.Reload(ctx)
}

// remove removes a file that may be gone already.
func remove(file string) error {
	if err := os.Remove(file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// write makes a file, or replaces one of ours.
func write(ctx context.Context, file, text string, mode fs.FileMode) error {
	if err := mayReplace(ctx, file); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	if err := renameio.WriteFile(file, []byte(text), mode, renameio.WithExistingPermissions()); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return nil
}

// mayReplace refuses what somebody else has written; what a package owns most of all.
func mayReplace(ctx context.Context, file string) error {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if owner := ownerOf(ctx, file); owner != "" {
		return fmt.Errorf("%s %w: it belongs to the package %s; hint: take another port", file, errForeign, owner)
	}
	if !bytes.Contains(text, []byte(ourMark)) {
		return fmt.Errorf("%s %w; hint: move it away if it is not needed any more", file, errForeign)
	}
	return nil
}

// ownerOf is the package that a file belongs to, "" if none is known to do.
func ownerOf(ctx context.Context, file string) string {
	for _, ask := range [][]string{{"rpm", "-qf", "--queryformat", "%{NAME}\n", file}, {"dpkg-query", "--search", file}} {
		path, err := exec.LookPath(ask[0])
		if err != nil {
			continue
		}
		cmd := exec.CommandContext(ctx, path, ask[1:]...)
		cmd.Env = append(os.Environ(), "LC_ALL=C")
		if out, err := cmd.Output(); err == nil {
			name, _, _ := strings.Cut(strings.TrimSpace(string(out)), ":")
			name, _, _ = strings.Cut(name, "\n")
			return name
		}
	}
	return ""
}
