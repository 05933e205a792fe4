package act

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"keepalived-redis/internal/model"
)

// place is where data sets of an instance are kept, and how their names begin.
type place struct{ dir, prefix string }

// places are the state directory and, where that is on another file system and there was no time for a copy, the directory of the file.
func (r *Actor) places(file string, a netip.AddrPort) [2]place {
	prefix := fmt.Sprintf("%d-", a.Port())
	return [2]place{{filepath.Join(r.Config.StateDir, DivergentDir), prefix}, {filepath.Dir(file), "divergent-" + prefix}}
}

// makeRoom removes the oldest data sets that were kept of an instance, all but the newest one, until its next one fits on the disk. What the server
// says of its memory is about what it writes.
func (r *Actor) makeRoom(l model.Look, file string) error {
	if l.Info == nil || !l.Info.UsedMemory.Known {
		return nil
	}
	var errs []error
	for _, p := range r.places(file, l.Instance.Addr) {
		errs = append(errs, removeOldest(p.dir, p.prefix, uint64(l.Info.UsedMemory.Value)))
	}
	return errors.Join(errs...)
}

// removeOldest removes the oldest files with the prefix until so many bytes are free, and leaves the newest one.
func removeOldest(dir, prefix string, need uint64) error {
	kept, err := filepath.Glob(filepath.Join(dir, prefix+"*"))
	if err != nil {
		return err
	}
	slices.Sort(kept) // their names sort by time
	for ; len(kept) > 1; kept = kept[1:] {
		var st unix.Statfs_t
		if err := unix.Statfs(dir, &st); err != nil {
			return fmt.Errorf("ask for room in %s: %w", dir, err)
		}
		if st.Bavail*uint64(st.Bsize) >= need {
			return nil
		}
		if err := os.RemoveAll(kept[0]); err != nil {
			return fmt.Errorf("make room: %w", err)
		}
	}
	return nil
}
