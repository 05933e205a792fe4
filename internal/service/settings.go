package service

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"keepalived-redis/internal/config"
)

// settings is what of an instance's own configuration matters for starting it.
type settings struct {
	// path is the configuration file, absolute.
	path string
	conf config.RedisConf
}

// standard is Redis' own value of a directive (redis.conf of 3.2 to 7.0).
func standard(directive string) string {
	switch directive {
	case "dir":
		return "./"
	case "dbfilename":
		return "dump.rdb"
	case "appendfilename":
		return "appendonly.aof"
	case "appenddirname":
		return "appendonlydir"
	case "cluster-config-file":
		return "nodes.conf"
	}
	return ""
}

// readSettings reads an instance's configuration and what it includes. No file: ErrNotConfigured. What redis-server
// itself would refuse is no error here: it says so in its own words when it is started.
func readSettings(path string) (settings, error) {
	s := settings{path: path}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return s, fmt.Errorf("%w: %s is missing; hint: make it, or set service.conf to where the instances' configurations are", ErrNotConfigured, path)
	}
	conf, err := config.ReadRedisConf(path)
	s.conf = conf
	if errors.Is(err, fs.ErrPermission) {
		return s, err
	}
	return s, nil
}

// value is the argument of a directive, or Redis' default.
func (s settings) value(directive string) string {
	if value, ok := s.conf.Get(directive); ok {
		return value
	}
	return standard(directive)
}

// file is the path that a directive names, "" for none. base is the directory in which redis-server was started.
func (s settings) file(directive, base string) string {
	name := s.value(directive)
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(s.dataDir(base), name)
}

// dataDir is where redis-server keeps its data when it is started in base.
func (s settings) dataDir(base string) string {
	if dir := s.value("dir"); filepath.IsAbs(dir) {
		return dir
	}
	return filepath.Join(base, s.value("dir"))
}

// base is the directory to start redis-server in. With an absolute `dir` that is the root. Otherwise the data is
// wherever the server happened to be started the last time. A guess could start a former master with an empty data set,
// and its replicas would throw theirs away: so only the directory that verifiably holds data is taken.
func (s settings) base() (string, error) {
	if filepath.IsAbs(s.value("dir")) {
		return "/", nil
	}
	var found []string
	for _, base := range []string{filepath.Dir(s.path), "/"} {
		if s.hasData(base) {
			found = append(found, base)
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	where := "and none is where it could be"
	if len(found) > 1 {
		where = "and there is data in " + strings.Join(found, " and in ")
	}
	return "", fmt.Errorf("%s sets no absolute dir, so nobody knows where its data is, %s; hint: add the line \"dir /var/lib/redis/…\" with the directory of its data", s.path, where)
}

func (s settings) hasData(base string) bool {
	for _, directive := range []string{"dbfilename", "appendfilename", "appenddirname", "cluster-config-file"} {
		if _, err := os.Lstat(s.file(directive, base)); err == nil {
			return true
		}
	}
	return false
}
