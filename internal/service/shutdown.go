package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/procfs"
	"keepalived-redis/internal/redis"
)

// ErrCannotSave: the server was asked to end, and goes on because it cannot write its data.
var ErrCannotSave = errors.New("cannot save its data, and goes on")

// pingTime bounds the question whether the server listens to us at all, before it is asked to end.
const pingTime = 500 * time.Millisecond

// ask asks the server over its own connection to end: unlike a signal, that has an answer. A server that does not listen
// to us, or does not know the command, is left to the signal that follows.
func (m *processes) ask(ctx context.Context, t target) error {
	p, lives := t.find()
	command := "SHUTDOWN"
	if to, renamed := t.settings.conf.Renamed(command); renamed {
		command = to
	}
	if !lives || command == "" || !t.listens(p.PID) {
		return nil
	}
	// Saving is what it takes its time for, so the answer may take as long as the stop.
	c := redis.Open(redis.TargetOf(t.Instance), redis.Limits{Dial: pingTime, Reply: time.Hour})
	defer c.Close()
	if !hears(ctx, c) {
		return nil
	}
	_, err := c.Do(ctx, command)
	switch {
	case redis.Classify(err) == model.Dropped:
		// A server that ends closes the connection instead of answering. If it stays, it is told by a signal.
		await(ctx, func() bool { return !p.Lives() })
	case err != nil && strings.Contains(err.Error(), "Errors trying to SHUTDOWN"):
		said := ""
		if words := LastWords(t.Instance, p.PID); words != "" {
			said = ": " + words
		}
		return fmt.Errorf("redis-server (pid %d) %w%s; hint: make room on its disk and stop it again, or give the data up: redis-cli -p %d SHUTDOWN NOSAVE",
			p.PID, ErrCannotSave, said, t.Port)
	}
	return nil
}

// hears: the server listens to us. Half of the time is left for the signal to one that does not.
func hears(ctx context.Context, c *redis.Conn) bool {
	limit := pingTime
	if end, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(end)/2)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	_, err := c.Do(ctx, "PING")
	return err == nil
}

// Saving says how many bytes of its data set a server has written that is writing it down as a whole right now; 0 if it
// does not, or has not begun. known is false where its files cannot be seen: then it may be.
func Saving(pid int) (bytes int64, saves, known bool) {
	dir := procfs.Path(pid, "fd")
	names, err := os.ReadDir(dir)
	if err != nil {
		return 0, false, gone(err)
	}
	for _, n := range names {
		file, err := os.Readlink(filepath.Join(dir, n.Name()))
		if err != nil || !temporary(filepath.Base(file)) {
			continue
		}
		if fi, err := os.Stat(filepath.Join(dir, n.Name())); err == nil {
			bytes, saves = bytes+fi.Size(), true
		}
	}
	return bytes, saves, true
}

// temporary: Redis writes a data set under such a name first (rdb.c, aof.c of 3.2 to 7.0).
func temporary(name string) bool {
	return strings.HasPrefix(name, "temp-") && (strings.HasSuffix(name, ".rdb") || strings.HasSuffix(name, ".aof"))
}

// Uptime is how long a process has been running, from the process table; 0 if that cannot be told.
func Uptime(pid int) time.Duration {
	p, err := procfs.Read(pid)
	if err != nil {
		return 0
	}
	up, err := procfs.SinceBoot()
	if err != nil {
		return 0
	}
	return max(0, p.Age(up))
}
