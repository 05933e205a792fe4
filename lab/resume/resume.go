// Package resume keeps what is finished of a long work, a file each, so that the work goes on where it was when it is started again.
package resume

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
)

// Record is a finished piece of work.
type Record interface {
	// Name is the name of its file, without what says the kind; empty where something is missing in the record.
	Name() string
}

const (
	kind = ".json"
	// aside is added to the name of a damaged file.
	aside = ".damaged"
)

// Write writes a record into the directory: all of it, or nothing.
func Write(dir string, r Record) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode record %s: %w", r.Name(), err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write record %s: %w", r.Name(), err)
	}
	if err := renameio.WriteFile(filepath.Join(dir, r.Name()+kind), append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("write record %s: %w", r.Name(), err)
	}
	return nil
}

// Read reads the records of a directory, by name of their files. A damaged file is set aside and warned about: that piece is done again.
func Read[R Record](dir string, warn func(format string, args ...any)) ([]R, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*"+kind))
	if err != nil {
		return nil, fmt.Errorf("read the records in %s: %w", dir, err)
	}
	var all []R
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read a record: %w", err)
		}
		r, damage := decode[R](data, strings.TrimSuffix(filepath.Base(path), kind))
		if damage == nil {
			all = append(all, r)
			continue
		}
		if err := os.Rename(path, path+aside); err != nil {
			return nil, fmt.Errorf("set a damaged record aside: %w", err)
		}
		warn("warning: %s is damaged and does not count, it is now %s: %v", path, filepath.Base(path)+aside, damage)
	}
	return all, nil
}

// decode reads a record that must have this name.
func decode[R Record](data []byte, name string) (r R, err error) {
	if err := json.Unmarshal(data, &r); err != nil {
		return r, err
	}
	if r.Name() != name {
		return r, errors.New("it is not the record of its name")
	}
	return r, nil
}

// Forget removes all records of a directory, also those that were set aside.
func Forget(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove the records: %w", err)
	}
	return nil
}
