package config

import (
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"strconv"
	"strings"

	"keepalived-redis/internal/state"
)

// lastGoodFile is the name of the last good copy in the state directory.
const lastGoodFile = "last-good.toml"

// sealed is the beginning of the copy's last line; a check sum follows.
const sealed = "# last good copy, do not edit: "

// LoadOrLastGood is Load for keepalived's own calls: one typo must not take the VIP from both hosts. A good configuration
// is kept in the state directory; when the present one is bad, the kept one is used, with a warning that says so. It
// fails only if there never was a good one. A state directory that cannot be written, and a damaged copy, are warnings.
//
// The copy is the text of the file alone. The environment, the flags, password files and the instances' own
// configurations are read again; of these, what is bad now is left out with a warning.
func LoadOrLastGood(o Options) (*Config, error) {
	d, err := load(o)
	if err == nil {
		d.keep()
		return &d.c, nil
	}
	var told []string
	for _, dir := range d.stateDirs() {
		good, why := d.loadCopy(dir, err)
		if good != nil {
			good.c.Warnings = append(good.c.Warnings[:1:1], append(told, good.c.Warnings[1:]...)...)
			return &good.c, nil
		}
		if why != nil {
			told = append(told, why.Error())
			err = append(err.(Errors), why)
		}
	}
	return nil, err
}

// seal adds the check sum to a text.
func seal(text string) string {
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text + sealed + checkSum(text) + "\n"
}

// unseal gives the text of a copy; false means that it is damaged.
func unseal(copied string) (string, bool) {
	i := strings.LastIndex(copied, sealed)
	if i < 0 {
		return "", false
	}
	text := copied[:i]
	return text, copied == seal(text)
}

// checkSum needs no secret and no tables: it only tells a whole copy from half a one.
func checkSum(text string) string {
	h := fnv.New64a()
	// Writing to a hash cannot fail.
	_, _ = h.Write([]byte(text))
	return strconv.FormatUint(h.Sum64(), 16)
}

// keep stores the file's text as the last good one, if it is not stored already.
func (d *draft) keep() {
	if d.o.ReadOnly {
		return
	}
	dir, want := state.Dir(d.c.StateDir), seal(d.text)
	if kept, err := readText(dir.Path(lastGoodFile)); err == nil && kept == want {
		return
	}
	err := dir.Make()
	if err == nil {
		err = dir.StoreBytes(lastGoodFile, []byte(want))
	}
	if err != nil {
		text := "the last good configuration cannot be kept: " + err.Error()
		if !strings.Contains(text, "hint: ") {
			text += "; hint: check that " + userName() + " may write into " + d.c.StateDir + ", and that the disk is not full"
		}
		d.warn(text)
	}
}

// stateDirs lists where the last good copy may be: where the environment, a flag or the file says, then the default.
func (d *draft) stateDirs() []string {
	said := d.c.StateDir
	if _, set := d.placeOf("", "state_dir"); !set {
		if dir := scanStateDir(d.text); dir != "" {
			said = dir
		}
	}
	if fallback := d.o.Root + DefaultStateDir; said != fallback {
		return []string{said, fallback}
	}
	return []string{said}
}

// scanStateDir looks for the state directory in a text that is not valid TOML.
func scanStateDir(text string) string {
	for text != "" {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		name, value, isPair := strings.Cut(line, "=")
		if !isPair || strings.TrimSpace(name) != "state_dir" {
			continue
		}
		value = strings.TrimSpace(value)
		if len(value) < 2 || value[0] != '"' && value[0] != '\'' {
			continue
		}
		if dir, _, closed := strings.Cut(value[1:], value[:1]); closed && strings.HasPrefix(dir, "/") && !strings.Contains(dir, `\`) {
			return dir
		}
	}
	return ""
}

// loadCopy makes a configuration of the last good copy in a directory. Both results are nil when there is none; the error
// says why one that is there cannot be used.
func (d *draft) loadCopy(dir string, bad error) (*draft, error) {
	path := state.Dir(dir).Path(lastGoodFile)
	copied, found, err := state.Dir(dir).Text(lastGoodFile)
	switch {
	case errors.Is(err, state.ErrForeign):
		// It names programs that root would run.
		return nil, fmt.Errorf("the last good configuration is not used: %w; hint: remove it, and look who can write into %s", err, dir)
	case !found && err == nil:
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read the last good configuration %s: %w; hint: check that %s may read it", path, cause(err), userName())
	}
	text, whole := unseal(copied)
	if !whole {
		return nil, d.setAside(path)
	}
	good := newDraft(d.o)
	good.file, good.lenient = path, true
	good.c.Source = "last good copy"
	good.c.Warnings = append(good.c.Warnings, d.loud(path, bad))
	good.build(text, true)
	if err := good.result(); err != nil {
		return nil, fmt.Errorf("the last good configuration cannot be used either: %w", first(err))
	}
	return good, nil
}

// setAside renames a damaged copy, so that it can be looked at and does no harm.
func (d *draft) setAside(path string) error {
	if d.o.ReadOnly {
		return fmt.Errorf("the last good configuration %s is damaged; hint: the next good configuration replaces it", path)
	}
	aside := path + ".damaged"
	if err := os.Rename(path, aside); err != nil {
		return fmt.Errorf("the last good configuration %s is damaged and cannot be set aside: %w; hint: remove it", path, cause(err))
	}
	return fmt.Errorf("the last good configuration was damaged and is set aside as %s; hint: the next good configuration makes a new one", aside)
}

// loud is the sentence that says that the present configuration is not the one in use.
func (d *draft) loud(path string, bad error) string {
	since := "unknown time"
	if fi, err := os.Stat(path); err == nil {
		since = fi.ModTime().Format("2006-01-02 15:04:05")
	}
	text := "the configuration is wrong, so the last good one of " + since + " is used: " + first(bad).Error()
	if all, ok := bad.(Errors); ok && len(all) > 1 {
		text += fmt.Sprintf(" (and %d more; see --check-config)", len(all)-1)
	}
	return text
}

// first is the first of several errors.
func first(err error) error {
	if all, ok := err.(Errors); ok && len(all) > 0 {
		return all[0]
	}
	return err
}
