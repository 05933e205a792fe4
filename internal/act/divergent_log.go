package act

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"keepalived-redis/internal/config"
)

// appendOnly names the append only files of a server, below its data directory: one file before 7.0, and a directory of its own
// since. https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/
func appendOnly(conf config.RedisConf, dir string) []string {
	var names []string
	if name := getOr(conf, "appendfilename", "appendonly.aof"); isRegular(filepath.Join(dir, name)) {
		names = append(names, name)
	}
	sub := getOr(conf, "appenddirname", "appendonlydir")
	entries, _ := os.ReadDir(filepath.Join(dir, sub)) // one that cannot be read is found not to be kept below
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, filepath.Join(sub, e.Name()))
		}
	}
	return names
}

func isRegular(file string) bool {
	fi, err := os.Lstat(file)
	return err == nil && fi.Mode().IsRegular()
}

// keepLog keeps append only files in a directory of their own: what Redis goes on to write to as copies, and what it does not as
// links. Where there is no time or room for copies, all are links, beside the files: these then begin with what was there, and go
// on until Redis writes new ones. It returns where they are.
func (r *Actor) keepLog(ctx context.Context, dir string, names []string, a netip.AddrPort) (string, error) {
	if len(names) == 0 {
		return "", fs.ErrNotExist
	}
	prefix := fmt.Sprintf("%d-", a.Port())
	state, beside := filepath.Join(r.Config.StateDir, DivergentDir, prefix), filepath.Join(dir, "divergent-"+prefix)
	for _, place := range [...]string{state, beside} {
		if last, ok := newest(filepath.Dir(place), filepath.Base(place), ".aof"); ok && sameFiles(last, dir, names) {
			return last, nil
		}
	}
	if halves, err := filepath.Glob(state + "*.half"); err == nil { // of a run that was killed
		for _, half := range halves {
			_ = os.RemoveAll(half) // it is in nobody's way
		}
	}
	place := state
	name := time.Now().UTC().Format("20060102T150405.000Z") + ".aof"
	err := keepAll(dir, names, place+name, func(from, to string) error { return linkOrCopy(ctx, from, to) })
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, syscall.ENOSPC) {
		place = beside
		err = keepAll(dir, names, place+name, os.Link)
	}
	if err != nil {
		return "", fmt.Errorf("%w; hint: the user that runs keepalived's scripts must read %s and write into %s", err, dir, filepath.Dir(place))
	}
	if err := prune(filepath.Dir(place), filepath.Base(place), ".aof"); err != nil {
		r.Log.Warn().Err(err).Msg("old divergent data sets are not removed")
	}
	return place + name, nil
}

// linkOrCopy keeps one file. Base files of 7.0 and newer are never written to again.
func linkOrCopy(ctx context.Context, from, to string) error {
	if strings.Contains(filepath.Base(from), ".base.") && os.Link(from, to) == nil {
		return nil
	}
	return copyFile(ctx, from, to)
}

// keepAll fills a directory, whole or not at all.
func keepAll(dir string, names []string, to string, keep func(from, to string) error) error {
	half := to + ".half"
	defer os.RemoveAll(half)
	for _, name := range names {
		kept := filepath.Join(half, name)
		if err := os.MkdirAll(filepath.Dir(kept), 0o700); err != nil {
			return err
		}
		if err := keep(filepath.Join(dir, name), kept); err != nil {
			return err
		}
	}
	return os.Rename(half, to)
}

// sameFiles: what was kept are these very files.
func sameFiles(kept, dir string, names []string) bool {
	for _, name := range names {
		if !sameFile(filepath.Join(kept, name), filepath.Join(dir, name)) {
			return false
		}
	}
	return true
}
