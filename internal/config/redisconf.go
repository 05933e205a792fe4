package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// RedisConf is what stands in an instance's own configuration file (redis.conf), with its includes, as redis-server reads
// it: names in any case, later lines win. Source: loadServerConfigFromString in config.c and sdssplitargs in sds.c of
// Redis 3.2 to 7.4. It does not change once read.
type RedisConf struct {
	// File is its path.
	File  string
	lines []confLine
}

// confLine is one directive; its arguments are split when they are asked for.
type confLine struct {
	name, rest string
}

// maxIncludes bounds the files that one configuration may draw in; redis-server itself would crash on a circle.
const maxIncludes = 64

// ErrConfSyntax: redis-server would not start with this file.
var ErrConfSyntax = errors.New("redis-server cannot read this line")

// ReadRedisConf reads a redis.conf with its includes. With an error it returns what could be read all the same: an
// include that is missing does not hide the port. Errors wrap fs.ErrNotExist, fs.ErrPermission or ErrConfSyntax; they
// never show values, which could be passwords.
//
// A relative include is taken from the last dir directive, as redis-server changes its directory there; before that from
// the directory of the file itself.
func ReadRedisConf(path string) (RedisConf, error) {
	r := confReader{dir: filepath.Dir(path), left: maxIncludes}
	r.read(path)
	return RedisConf{File: path, lines: r.lines}, errors.Join(r.errs...)
}

// Get is the value of the last line of any of these names (a directive and its older name, such as replicaof and
// slaveof); ok is false when none is there. Several arguments are joined by a space.
func (c RedisConf) Get(names ...string) (value string, ok bool) {
	args, ok := c.last(names)
	return strings.Join(args, " "), ok
}

// Args are the arguments of the last line of any of these names; nil when none is there.
func (c RedisConf) Args(names ...string) []string {
	args, _ := c.last(names)
	return args
}

func (c RedisConf) last(names []string) ([]string, bool) {
	for _, l := range slices.Backward(c.lines) {
		if slices.Contains(names, l.name) {
			args, _ := splitArgs(l.rest)
			return args, true
		}
	}
	return nil, false
}

// Renamed tells whether rename-command gives the command another name; to is empty when it is disabled.
func (c RedisConf) Renamed(command string) (to string, renamed bool) {
	for _, l := range c.lines {
		if l.name != "rename-command" {
			continue
		}
		if args, ok := splitArgs(l.rest); ok && len(args) == 2 && strings.EqualFold(args[0], command) {
			to, renamed = args[1], true
		}
	}
	return to, renamed
}

// confReader collects the lines of a file and its includes.
type confReader struct {
	dir   string
	left  int
	lines []confLine
	errs  []error
}

func (r *confReader) read(path string) {
	if r.left--; r.left < 0 {
		if r.left == -1 {
			r.errs = append(r.errs, fmt.Errorf("read redis configuration %s: more than %d includes; hint: a file may include itself: %w", path, maxIncludes-1, ErrConfSyntax))
		}
		return
	}
	text, err := readText(path)
	if err != nil {
		r.errs = append(r.errs, fmt.Errorf("read redis configuration: %w; hint: check the path, and that %s may read it", err, userName()))
		return
	}
	for number := 1; text != ""; number++ {
		var line string
		if i := strings.IndexByte(text, '\n'); i >= 0 {
			line, text = text[:i], text[i+1:]
		} else {
			line, text = text, ""
		}
		// Most lines of a redis.conf as shipped are comments: leave them fast.
		if line == "" || line[0] == '#' {
			continue
		}
		line = strings.Trim(line, " \t\r\n")
		if line != "" && line[0] != '#' {
			r.line(path, number, line)
		}
	}
}

// line takes in one directive.
func (r *confReader) line(path string, number int, line string) {
	// C text ends at a zero byte.
	if i := strings.IndexByte(line, 0); i >= 0 {
		line = line[:i]
	}
	name, rest := line, ""
	if i := strings.IndexAny(line, " \t\v\f\r"); i >= 0 {
		name, rest = line[:i], line[i:]
	}
	if strings.ContainsAny(line, `"'`) {
		if _, ok := splitArgs(line); !ok {
			r.errs = append(r.errs, fmt.Errorf("read redis configuration %s:%d: the quotes do not match: %w; hint: close them, and put a blank behind", path, number, ErrConfSyntax))
			return
		}
		// The name itself may be quoted.
		if strings.ContainsAny(name, `"'`) {
			name, rest, _ = nextArg(line)
		}
	}
	name = strings.ToLower(name)
	if name == "" {
		return
	}
	if name == "include" {
		args, _ := splitArgs(rest)
		if len(args) == 1 {
			r.include(args[0])
		}
		return
	}
	if name == "dir" {
		if args, _ := splitArgs(rest); len(args) == 1 {
			r.dir = r.abs(args[0])
		}
	}
	r.lines = append(r.lines, confLine{name, rest})
}

func (r *confReader) abs(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(r.dir, path)
}

// include draws in a file, or (Redis 7.0 and newer) every file that a pattern names, in the order of their names. A
// pattern that names nothing is fine for redis-server, a missing file is not.
func (r *confReader) include(path string) {
	path = r.abs(path)
	if !strings.ContainsAny(path, "*?[") {
		r.read(path)
		return
	}
	files, err := filepath.Glob(path)
	if err != nil {
		r.errs = append(r.errs, fmt.Errorf("read redis configuration: include %s: %w: %w; hint: check the brackets", path, err, ErrConfSyntax))
	}
	for _, file := range files {
		r.read(file)
	}
}
