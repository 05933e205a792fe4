package state

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// sweepAge is far longer than any write takes.
const sweepAge = time.Minute

// sweep removes what writers left behind that were killed before their rename. An error has nothing to tell: what is left
// does no harm, it only takes room.
func (d Dir) sweep() {
	f, err := os.Open(string(d))
	if err != nil {
		return
	}
	defer f.Close()
	names, _ := f.Readdirnames(-1)
	for _, name := range names {
		if !unfinished(name) {
			continue
		}
		path := filepath.Join(string(d), name)
		if fi, err := os.Lstat(path); err == nil && fi.Mode().IsRegular() && time.Since(fi.ModTime()) > sweepAge {
			_ = os.Remove(path)
		}
	}
}

// unfinished: the name is that of a file before its rename, a dot before it and a long random number behind it.
func unfinished(name string) bool {
	return strings.HasPrefix(name, ".") && len(name)-len(strings.TrimRight(name, "0123456789")) >= 10
}
