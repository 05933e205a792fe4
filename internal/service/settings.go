package service

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// settings is what of an instance's own configuration file matters for starting it.
type settings struct {
	// path is the configuration file, absolute.
	path string
	// values are the last arguments given for the directives below.
	values map[string]string
}

// defaults are Redis' own (redis.conf of 3.2 to 7.0).
var defaults = map[string]string{
	"dir":                 "./",
	"pidfile":             "",
	"logfile":             "",
	"dbfilename":          "dump.rdb",
	"appendfilename":      "appendonly.aof",
	"appenddirname":       "appendonlydir",
	"cluster-config-file": "nodes.conf",
}

// maxIncludes bounds files that include each other.
const maxIncludes = 16

// readSettings reads an instance's configuration and what it includes. No file: ErrNotConfigured.
func readSettings(path string) (settings, error) {
	s := settings{path: path, values: make(map[string]string)}
	for name, value := range defaults {
		s.values[name] = value
	}
	err := s.read(path, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s, fmt.Errorf("%w: %w; hint: name it in service.conf, or make it", ErrNotConfigured, err)
	case errors.Is(err, fs.ErrPermission):
		return s, fmt.Errorf("%w; hint: run this as root", err)
	}
	return s, err
}

func (s *settings) read(path string, depth int) error {
	if depth > maxIncludes {
		return fmt.Errorf("read %s: the files include each other", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for _, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		name, value, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
		name, value = strings.ToLower(name), unquote(strings.TrimSpace(value))
		if name == "include" {
			s.include(value, depth)
		} else if _, wanted := s.values[name]; wanted {
			s.values[name] = value
		}
	}
	return nil
}

// include reads what redis-server would; a file that is missing is for redis-server to refuse, in its own words.
func (s *settings) include(pattern string, depth int) {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		files = []string{pattern}
	}
	for _, file := range files {
		_ = s.read(file, depth+1)
	}
}

// unquote takes the quotes off one argument, as redis-server does (sds.c, sdssplitargs).
func unquote(s string) string {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}

// file is the path that a directive names, "" for none. base is the directory in which redis-server was started.
func (s settings) file(directive, base string) string {
	name := s.values[directive]
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(s.dataDir(base), name)
}

// dataDir is where redis-server keeps its data when it is started in base.
func (s settings) dataDir(base string) string {
	if dir := s.values["dir"]; filepath.IsAbs(dir) {
		return dir
	}
	return filepath.Join(base, s.values["dir"])
}

// base is the directory to start redis-server in. With an absolute `dir` that is the root. Otherwise the data is
// wherever the server happened to be started the last time. A guess could start a former master with an empty data set,
// and its replicas would throw theirs away: so only the directory that verifiably holds data is taken.
func (s settings) base() (string, error) {
	if filepath.IsAbs(s.values["dir"]) {
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
