package service

import (
	"golang.org/x/sys/unix"

	"keepalived-redis/internal/config"
)

// NoRoom: nothing more can be written into the data directory of the instance, for its disk is full or read-only. False where that is not known.
func NoRoom(i config.Instance) bool {
	s, err := readSettings(i.Conf)
	if err != nil {
		return false
	}
	base, err := s.base()
	if err != nil {
		return false
	}
	var st unix.Statfs_t
	if unix.Statfs(s.dataDir(base), &st) != nil {
		return false
	}
	return st.Flags&unix.ST_RDONLY != 0 || st.Blocks > 0 && st.Bavail == 0
}
