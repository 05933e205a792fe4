package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"keepalived-redis/internal/files"
)

// envPrefix begins the name of every environment variable that overrides a key.
const envPrefix = "KEEPALIVED_REDIS_"

// envConfig names another configuration file.
const envConfig = "KEEPALIVED_REDIS_CONFIG"

// envLogLevel is read by the programs' logger; it is no key.
const envLogLevel = "KEEPALIVED_REDIS_LOG_LEVEL"

// maxFile bounds a configuration file, in bytes.
const maxFile = 1 << 20

// Options say where a configuration comes from.
type Options struct {
	// File is the configuration file that a flag names; empty means the environment's, else DefaultFile.
	File string
	// Deadline overrides times.deadline when it is not 0. It stands for the flag --deadline.
	Deadline time.Duration
	// Environ is the environment as os.Environ gives it; nil means that of the process.
	Environ []string
	// Root is put before every place that nobody wrote: the default file and directories, /etc/redis, /proc. For tests.
	Root string
	// ReadOnly keeps LoadOrLastGood from writing: no copy is kept, and a damaged one is left where it is. For runs that
	// only look.
	ReadOnly bool

	// ownAddrs stands for the addresses of this host in tests.
	ownAddrs func() []netip.Addr
}

// FirstDeadline is times.deadline as far as it is known before anything is read: the flag's, else the environment's, else the
// default. It bounds the reading of the configuration itself, from a disk that may hang.
func (o Options) FirstDeadline() time.Duration {
	if o.Environ == nil {
		o.Environ = os.Environ()
	}
	d := o.Deadline
	if d == 0 {
		d, _ = time.ParseDuration(envValue(o.Environ, envPrefix+"TIMES_DEADLINE")) // what is wrong with it Load says
	}
	if d < minDeadline {
		return defaultDeadline
	}
	return d
}

// Load reads the configuration: the file, then the environment, then the flags, the later ones winning.
//
// The default file may be missing; a file that was named must be there. When something is wrong it returns Errors, one
// line for each; ErrNothingConfigured (by errors.Is) when there is no instance. Load changes nothing on disk.
func Load(o Options) (*Config, error) {
	d, err := load(o)
	if err != nil {
		return nil, err
	}
	return &d.c, nil
}

// load is Load; the draft is returned with an error, too, as far as it came.
func load(o Options) (*draft, error) {
	d := newDraft(o)
	d.build(d.readFile())
	return d, d.result()
}

// readFile finds the file and reads it; false means that it cannot be read.
func (d *draft) readFile() (text string, ok bool) {
	file, named := d.o.File, true
	if file == "" {
		file = envValue(d.o.Environ, envConfig)
	}
	if file == "" {
		file, named = d.o.Root+DefaultFile, false
	}
	d.file, d.c.Source = file, file
	b, err := files.ReadIf(file, maxFile, ours)
	text, err = readAs(file, b, err)
	switch {
	case errors.Is(err, files.ErrForeign):
		d.errs = append(d.errs, &Error{Where: file, Text: "is not used, because it names what root runs: " + cause(err).Error(),
			Hint: "look at what it says, then: chown root " + file + "; chmod go-w " + file, Cause: err})
		return "", false
	case errors.Is(err, fs.ErrNotExist) && !named:
		d.c.Source = "defaults"
		return "", true
	case errors.Is(err, fs.ErrNotExist):
		d.errs = append(d.errs, &Error{Where: file, Text: "is not there", Hint: "correct the path after --config or in " + envConfig, Cause: err})
		return "", false
	case err != nil:
		d.errs = append(d.errs, &Error{Where: file, Text: "cannot be read: " + cause(err).Error(), Hint: "it must be a file that " + userName() + " may read", Cause: err})
		return "", false
	}
	return text, true
}

// build makes the configuration of the file's text and everything beside it. Where the file cannot be read, only the
// values beside it are checked.
func (d *draft) build(text string, readable bool) {
	d.text = strings.TrimPrefix(text, "\ufeff") // some editors begin a file with a byte order mark
	readable = d.applyFile() && readable
	d.applyEnviron()
	if d.o.Deadline != 0 {
		d.setBeside(place{key: find((*key).full, "times.deadline"), name: "flag --deadline"}, d.o.Deadline.String())
	}
	if readable {
		d.finish()
	}
}

// applyFile reads the keys of the file; false means that it is not valid TOML.
func (d *draft) applyFile() bool {
	if d.text == "" {
		return true
	}
	tree, err := parseTOML(d.text)
	if err != nil {
		d.failSyntax(err)
		return false
	}
	known := 0
	for i := range keys {
		k := &keys[i]
		values := tree
		if k.table != "" {
			table, isTable := tree[k.table].(map[string]any)
			if !isTable {
				continue
			}
			values = table
		}
		if raw, found := values[k.name]; found {
			known++
			d.set(place{key: k}, raw)
		}
	}
	if leaves(tree) != known {
		d.failUnknown(tree)
	}
	return true
}

// leaves counts the keys that are not a table of ours.
func leaves(tree map[string]any) int {
	n := len(tree)
	for name, v := range tree {
		if table, ok := v.(map[string]any); ok && isTable(name) {
			n += len(table) - 1
		}
	}
	return n
}

// applyEnviron reads the keys of the environment. An empty value counts as not set.
func (d *draft) applyEnviron() {
	for _, e := range d.o.Environ {
		if !strings.HasPrefix(e, envPrefix) {
			continue
		}
		name, value, _ := strings.Cut(e, "=")
		if value == "" || name == envConfig || name == envLogLevel {
			continue
		}
		if k := find((*key).env, name); k != nil {
			d.setBeside(place{key: k, name: "environment " + name}, value)
		} else {
			d.warn("environment " + name + ": no such key, so it is ignored; hint: " + cmp.Or(didYouMean(name, envNames()), "remove it"))
		}
	}
}

// env is the name of the environment variable that overrides the key.
func (k *key) env() string {
	if k.table == "" {
		return envPrefix + strings.ToUpper(k.name)
	}
	return envPrefix + strings.ToUpper(k.table) + "_" + strings.ToUpper(k.name)
}

// envValue is the last value of a variable, as a shell would see it.
func envValue(environ []string, name string) (value string) {
	for _, e := range environ {
		if v, found := strings.CutPrefix(e, name); found && strings.HasPrefix(v, "=") {
			value = v[1:]
		}
	}
	return value
}

// readText reads a regular file of bounded size.
func readText(file string) (string, error) {
	b, err := files.Read(file, maxFile)
	return readAs(file, b, err)
}

// ours refuses a file that somebody else may have written than root or whoever runs us.
func ours(st *unix.Stat_t) error {
	err := files.Foreign(st, func(uid int) bool { return uid == os.Geteuid() })
	if err == nil && st.Mode&unix.S_IWGRP != 0 && st.Gid != 0 && int(st.Gid) != os.Getegid() {
		err = fmt.Errorf("%w: group %d may write it", files.ErrForeign, st.Gid)
	}
	return err
}

// readAs is what came of reading a file.
func readAs(file string, b []byte, err error) (string, error) {
	if errors.Is(err, files.ErrTooLarge) {
		err = &fs.PathError{Op: "read", Path: file, Err: errTooLarge}
	}
	return string(b), err
}

// errTooLarge names the bound, for people.
var errTooLarge = errors.New("it is larger than 1 MiB")

// cause is the innermost error: without the path, which stands in the message already.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
