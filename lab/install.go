package lab

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"keepalived-redis/lab/host"
)

// Programs are what the packages put into /usr/libexec/keepalived.
var Programs = []string{"chk-redis", "notify-redis", "redis-initd"}

const passwd = `root:x:0:0:root:/root:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/bin/false
redis:x:981:981:Redis:/var/lib/redis:/bin/false
`

const group = `root:x:0:
nogroup:x:65534:
redis:x:981:
`

// The account under which keepalived 2 runs scripts when the file names none. Hosts with the old scripts, and with keepalived 1.2.13
// and its file, have none.
const (
	scriptUser  = "keepalived_script:x:980:980:keepalived scripts:/:/bin/false\n"
	scriptGroup = "keepalived_script:x:980:\n"
)

// fromHost are the files of the machine's /etc that programs need to start; a machine that lacks one does without it.
var fromHost = []string{"ld.so.cache", "ld.so.conf", "localtime", "protocols", "services", "alternatives", "ssl/openssl.cnf"}

// install fills the directories that outlive a boot of the host.
func (b *Host) install() error {
	for _, d := range []string{"root", "etc/keepalived", "etc/redis", "etc/init.d", "libexec", "redis", "state", "log"} {
		if err := os.MkdirAll(filepath.Join(b.dir, d), 0o755); err != nil {
			return fmt.Errorf("install %s: %w", b.Name, err)
		}
	}
	if b != b.lab.Client && b.lab.opts.Disk != "" {
		if err := b.MountDisk("redis", b.lab.opts.Disk); err != nil {
			return fmt.Errorf("install %s: %w", b.Name, err)
		}
	}
	for _, name := range fromHost {
		if err := copyTree(filepath.Join("/etc", name), filepath.Join(b.dir, "etc", name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("install %s: %w", b.Name, err)
		}
	}
	files := map[string]string{
		"etc/passwd":        passwd,
		"etc/group":         group,
		"etc/hosts":         "127.0.0.1 localhost\n192.168.9.70 redis1\n192.168.9.71 redis2\n192.168.9.1 client\n",
		"etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
		"etc/hostname":      b.Name + "\n",
	}
	if b.lab.opts.Setup == Ours && b.lab.opts.Files != OldFiles {
		files["etc/passwd"] += scriptUser
		files["etc/group"] += scriptGroup
	}
	for _, p := range b.Ports {
		files[fmt.Sprintf("etc/redis/%d.conf", p)] = b.redisConf(p)
	}
	for name, text := range files {
		if err := b.WriteFile(name, text, 0o644); err != nil {
			return err
		}
	}
	if b == b.lab.Client || b.lab.opts.Setup == Bare {
		return nil
	}
	switch b.lab.opts.Setup {
	case OldScripts:
		return b.installOldScripts()
	case OldPaths:
		return b.installOldPaths()
	}
	return b.installOurs()
}

// MountDisk gives a directory of a host that has not been booted yet a file system of its own, which can be filled: "redis" for the data of its
// instances, "state" for what our programs keep. It goes with the lab.
func (b *Host) MountDisk(name, size string) error {
	dir := filepath.Join(b.dir, name)
	if err := host.MountDisk(dir, size); err != nil {
		return err
	}
	b.lab.disks = append(b.lab.disks, dir)
	return nil
}

// redisConf is what the first users have for each instance. It listens on every address, because clients also come through the VIP.
// Of a pair, the instance on redis2 is the replica at the start.
func (b *Host) redisConf(port int) string {
	conf := `port PORT
bind 0.0.0.0
protected-mode no
daemonize yes
pidfile /var/run/redis_PORT.pid
logfile /var/log/redis_PORT.log
dir /var/lib/redis/PORT
appendonly yes
# Of the default snapshots the one after 60 s and 10000 writes is left out: all six began at the same instant, and would all fork at the
# same instant, on the two cores that hold both hosts.
save 900 1
save 300 10
# Redis 7 waits 5 s before a full resync so that more replicas can join; here there is one replica a master.
repl-diskless-sync-delay 0
`
	switch {
	case b.lab.opts.Mode != Replication:
		conf += fmt.Sprintf("cluster-enabled yes\ncluster-config-file nodes_PORT.conf\ncluster-node-timeout %d\n", b.lab.nodeTimeout().Milliseconds())
	case b == b.lab.Redis2:
		conf += "slaveof " + b.lab.Redis1.Addr + " PORT\n"
	}
	return strings.ReplaceAll(conf, "PORT", strconv.Itoa(port))
}

// installOurs puts our built programs and the shipped files on the host.
func (b *Host) installOurs() error {
	for _, name := range Programs {
		if err := copyFile(filepath.Join(b.lab.opts.Build, name), filepath.Join(b.dir, "libexec", name), 0o755); err != nil {
			return fmt.Errorf("install %s on %s: %w; hint: make build", name, b.Name, err)
		}
	}
	shipped := filepath.Join(b.lab.opts.Root, "keepalived")
	if b.lab.opts.Mode == Replication {
		shipped = filepath.Join(shipped, "pair")
	}
	conf, err := os.ReadFile(filepath.Join(shipped, b.lab.opts.Files, b.Name+".conf"))
	if err != nil {
		return fmt.Errorf("install keepalived.conf on %s: %w", b.Name, err)
	}
	text, err := withAdvert(bearable(string(conf)), b.lab.opts.Advert)
	if err != nil {
		return fmt.Errorf("install keepalived.conf on %s: %w", b.Name, err)
	}
	if b.lab.opts.EditConf != nil {
		text = b.lab.opts.EditConf(text)
	}
	if err := b.WriteFile("etc/keepalived/keepalived.conf", text, 0o644); err != nil {
		return err
	}
	toml, err := os.ReadFile(filepath.Join(shipped, b.Name+".toml"))
	if err != nil {
		return fmt.Errorf("install keepalived-redis.toml on %s: %w", b.Name, err)
	}
	return b.WriteFile("etc/keepalived/keepalived-redis.toml", string(toml)+asRoot, 0o644)
}

// asRoot: without root the lab has no other user than its own root, to whom everything belongs there.
const asRoot = "\n[service]\naccount = \"root\"\n"

// installOldScripts puts the first users' scripts on the host.
func (b *Host) installOldScripts() error {
	from := filepath.Join(b.lab.opts.Root, "testdata", "oldscripts")
	err := copyFile(filepath.Join(from, "keepalived.conf"), filepath.Join(b.dir, "etc/keepalived/keepalived.conf"), 0o644)
	if err != nil {
		return fmt.Errorf("install the old scripts on %s: %w", b.Name, err)
	}
	for to, name := range map[string]string{"etc/keepalived/chk_redis.sh": "chk_redis.sh", "etc/init.d/redis": "redis", "etc/init.d/redisPORT": "redisPORT"} {
		text, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			return fmt.Errorf("install the old scripts on %s: %w", b.Name, err)
		}
		// Each host had its own ports and its own address in these files.
		own := strings.NewReplacer("@ADDRESS@", b.Addr, "@PORTS@", strings.Trim(fmt.Sprint(b.Ports), "[]"))
		targets := []string{to}
		if strings.HasSuffix(to, "PORT") {
			targets = nil
			for _, p := range b.Ports {
				targets = append(targets, strings.ReplaceAll(to, "PORT", strconv.Itoa(p)))
			}
		}
		for i, t := range targets {
			port := ""
			if strings.HasSuffix(to, "PORT") {
				port = strconv.Itoa(b.Ports[i])
			}
			if err := b.WriteFile(t, strings.ReplaceAll(own.Replace(string(text)), "@PORT@", port), 0o755); err != nil {
				return err
			}
		}
	}
	return nil
}

// oldInit is an init script of ours; the packages have redis-initd in /usr/sbin as well.
const oldInit = "#!/usr/libexec/keepalived/redis-initd\n"

// installOldPaths is the first step of a migration: the first users' keepalived.conf, and our programs under the names of their
// scripts.
func (b *Host) installOldPaths() error {
	if err := b.installOurs(); err != nil {
		return err
	}
	err := copyFile(filepath.Join(b.lab.opts.Root, "testdata", "oldscripts", "keepalived.conf"), filepath.Join(b.dir, "etc/keepalived/keepalived.conf"), 0o644)
	if err != nil {
		return fmt.Errorf("install the old keepalived.conf on %s: %w", b.Name, err)
	}
	if err := os.Symlink("/usr/libexec/keepalived/chk-redis", filepath.Join(b.dir, "etc/keepalived/chk_redis.sh")); err != nil {
		return fmt.Errorf("install the old paths on %s: %w", b.Name, err)
	}
	return b.WriteFile("etc/init.d/redis", oldInit, 0o755)
}

// bearable leaves out enable_script_security where the lab's root is an ordinary user: there the machine's own directories look as
// if somebody else could change them, and keepalived would run no script at all.
func bearable(conf string) string {
	if !host.Rootless() {
		return conf
	}
	return regexp.MustCompile(`(?m)^\s*enable_script_security\s*$`).ReplaceAllString(conf, "")
}

// advertLine is the one line of a shipped file that says how often the VIP's holder speaks.
var advertLine = regexp.MustCompile(`(?m)^(\s*advert_int) \S+$`)

// withAdvert changes that line, as the comment above it allows; an empty advert leaves it.
func withAdvert(conf, advert string) (string, error) {
	if advert == "" {
		return conf, nil
	}
	if n := len(advertLine.FindAllString(conf, -1)); n != 1 {
		return "", fmt.Errorf("change advert_int: %d such lines, not one", n)
	}
	return advertLine.ReplaceAllString(conf, "$1 "+advert), nil
}

// WriteFile writes a file of the host that outlives a boot; name is below its directory: etc/…, redis/…, state/….
func (b *Host) WriteFile(name, text string, mode fs.FileMode) error {
	path := filepath.Join(b.dir, name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		return fmt.Errorf("install %s on %s: %w", name, b.Name, err)
	}
	return os.Chmod(path, mode)
}

// CopyTree puts a copy of a file or directory of the machine on the host; name is as in WriteFile.
func (b *Host) CopyTree(from, name string) error {
	if err := copyTree(from, filepath.Join(b.dir, name)); err != nil {
		return fmt.Errorf("install %s on %s: %w", name, b.Name, err)
	}
	return nil
}

// copyTree copies files and directories; links to files are followed, so that nothing points out of the copy.
func copyTree(from, to string) error {
	fi, err := os.Stat(from)
	if err != nil {
		return err
	}
	if !fi.IsDir() {
		if !fi.Mode().IsRegular() {
			return nil
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		return copyFile(from, to, fi.Mode().Perm())
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		src, dst := filepath.Join(from, e.Name()), filepath.Join(to, e.Name())
		if e.Type()&fs.ModeSymlink != 0 {
			// A link is copied as it is: those in /etc/alternatives point to programs, which are there under the same names.
			target, err := os.Readlink(src)
			if err == nil {
				err = os.Symlink(target, dst)
			}
			if err != nil {
				return err
			}
			continue
		}
		if err := copyTree(src, dst); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string, mode fs.FileMode) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if old, err := os.ReadFile(to); err == nil && bytes.Equal(old, data) {
		return os.Chmod(to, mode)
	}
	f, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, bytes.NewReader(data)); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Chmod(to, mode)
}
