package act

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/google/renameio/v2"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/files"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/session"
)

const (
	// DivergentDir in the state directory holds data sets that a demotion would have thrown away.
	DivergentDir = "divergent"
	// divergentKept is how many of them are kept for one instance.
	divergentKept = 4
	// savePoll is the pause between two looks at a save that is under way.
	savePoll = 10 * time.Millisecond
)

// ErrSaving: the save goes on, and the next run awaits its end.
var ErrSaving = errors.New("it is still being written; the next check goes on from here")

// errChild is errSaving where the save has not begun.
var errChild = errors.New("another child process of redis is at work; the next look goes on from here")

// keepAside keeps the data set of a local master that is about to follow another one: writes are stopped, the data set is
// written out, and its file is linked or copied into the state directory. It may take several runs. Writes stay stopped.
func (r *Actor) keepAside(ctx context.Context, c *redis.Conn, o model.Observation, i model.Instance) error {
	l, _ := o.Local(i)
	keys := int64(0)
	if l.Info != nil {
		keys = l.Info.Keys
	}
	if l.Term.N > 0 && !o.Pairs[i].TermLost {
		keys-- // the term is a key as well
	}
	if keys <= 0 {
		return nil
	}
	before, err := c.WriteRule(ctx)
	if err != nil {
		return err
	}
	begun := r.Memory.Saving[i.Name()] && before.Replicas == redis.StopWrites
	if err := r.refuseWrites(ctx, c, i, session.RefusedToKeepData); err != nil {
		return err
	}
	if !begun {
		// A save that began before writes were stopped lacks the last of them.
		if err := awaitSaved(ctx, c); err != nil && !errors.Is(err, errSave) {
			return err
		}
		if file, err := c.DataFile(ctx); err == nil { // else the save says what is wrong
			if err := r.makeRoom(l, file); err != nil {
				r.Log.Warn().Err(err).Msg("old divergent data sets are not removed")
			}
		}
		if err := c.Save(ctx); errors.Is(err, redis.ErrChildActive) {
			return errChild
		} else if err != nil {
			return fmt.Errorf("%w; hint: look at the log of Redis", err)
		}
		if r.Memory.Saving == nil {
			r.Memory.Saving = map[string]bool{}
		}
		r.Memory.Saving[i.Name()] = true
		r.Store.SaveMemory(r.Memory)
	}
	if err = awaitSaved(ctx, c); err == nil || errors.Is(err, errSave) {
		delete(r.Memory.Saving, i.Name())
	}
	if err != nil {
		return err
	}
	file, err := c.DataFile(ctx)
	if err != nil {
		return err
	}
	kept, err := r.linkAside(ctx, file, i.Addr)
	if err != nil {
		return err
	}
	r.Log.Warn().Msgf("%s follows another master, and its writes that this one has not got are gone from it; the data set as it was is kept in %s", i, kept)
	return nil
}

// errSave: the server could not write its data set.
var errSave = errors.New("redis could not write its data set; hint: look at its log, and for room on its disk")

// awaitSaved waits until no save is under way.
func awaitSaved(ctx context.Context, c *redis.Conn) error {
	for {
		s, err := c.Saving(ctx)
		switch {
		case ctx.Err() != nil, err != nil && redis.Classify(err) == model.Stalled: // our time was over
			return ErrSaving
		case err != nil:
			return err
		case !s.UnderWay && !s.OK:
			return errSave
		case !s.UnderWay:
			return nil
		}
		if session.Pause(ctx, savePoll) != nil {
			return ErrSaving
		}
	}
}

// keepFile keeps the data file of an instance outside a cluster that was stopped while the host was cut off. Its configuration
// file may be older than its role: then it comes up as a replica, and what only it has would be gone before anybody asks.
func (r *Actor) keepFile(ctx context.Context, in config.Instance) {
	if !in.Peer.IsValid() || in.Conf == "" {
		return
	}
	conf, err := config.ReadRedisConf(in.Conf)
	if err != nil {
		r.Log.Warn().Err(err).Msgf("the data file of %s is not kept aside", in.Name())
		return
	}
	dir, name := getOr(conf, "dir", ""), getOr(conf, "dbfilename", "dump.rdb")
	kept, err := r.linkAside(ctx, filepath.Join(dir, name), in.Addr)
	r.sayKept(in, kept, err)
	if getOr(conf, "appendonly", "no") != "yes" {
		return
	}
	kept, err = r.keepLog(ctx, dir, appendOnly(conf, dir), in.Addr)
	r.sayKept(in, kept, err)
}

func (r *Actor) sayKept(in config.Instance, kept string, err error) {
	switch {
	case errors.Is(err, fs.ErrNotExist): // it had nothing to save
	case err != nil:
		r.Log.Warn().Err(err).Msgf("the data set of %s is not kept aside", in.Name())
	default:
		r.Log.Info().Msgf("the data set of %s as it was when the fence stopped it is kept in %s", in.Name(), kept)
	}
}

// linkAside keeps a data file under another name: as a link in the state directory, where that is on another file system as
// a copy, and where there is no time for one as a link beside the file. It returns where.
func (r *Actor) linkAside(ctx context.Context, file string, a netip.AddrPort) (string, error) {
	places := r.places(file, a)
	at, stamp := places[0], time.Now().UTC().Format("20060102T150405.000Z")+".rdb"
	kept := filepath.Join(at.dir, at.prefix+stamp)
	if err := os.Mkdir(at.dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("%w; hint: let the user that runs keepalived's scripts write into %s", err, r.Config.StateDir)
	}
	for _, p := range places {
		if last, ok := newest(p.dir, p.prefix, ".rdb"); ok && sameFile(last, file) {
			return last, nil
		}
	}
	err := os.Link(file, kept)
	if errors.Is(err, syscall.EXDEV) || errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EMLINK) {
		err = copyFile(ctx, file, kept)
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, syscall.ENOSPC) {
		at = places[1]
		kept = filepath.Join(at.dir, at.prefix+stamp)
		err = os.Link(file, kept)
	}
	if err != nil {
		return "", fmt.Errorf("%w; hint: the user that runs keepalived's scripts must read %s and write into %s", err, file, at.dir)
	}
	if err := prune(at.dir, at.prefix, ".rdb"); err != nil {
		r.Log.Warn().Err(err).Msg("old divergent data sets are not removed")
	}
	return kept, nil
}

// copyFile copies by rename, as long as ctx lasts.
func copyFile(ctx context.Context, from, to string) error {
	in, err := files.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := renameio.NewPendingFile(to, renameio.WithTempDir(filepath.Dir(to)), renameio.WithStaticPermissions(0o600))
	if err != nil {
		return err
	}
	defer out.Cleanup()
	if _, err := io.Copy(out, reader{ctx, in}); err != nil {
		return err
	}
	if fi, err := in.Stat(); err == nil {
		// By it the copy is known again; without it another one is made.
		_ = os.Chtimes(out.Name(), fi.ModTime(), fi.ModTime())
	}
	return out.CloseAtomicallyReplace()
}

// reader reads until ctx ends.
type reader struct {
	ctx  context.Context
	from io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.DeadlineExceeded
	}
	return r.from.Read(p)
}

// newest is the youngest data set of one kind of one instance.
func newest(dir, prefix, kind string) (string, bool) {
	files, err := filepath.Glob(filepath.Join(dir, prefix+"*"+kind))
	if err != nil || len(files) == 0 {
		return "", false
	}
	return slices.Max(files), true
}

// sameFile: both names are of one file, or one is the copy of the other, which has its time.
func sameFile(a, b string) bool {
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && (os.SameFile(x, y) || x.Size() == y.Size() && x.ModTime().Equal(y.ModTime()))
}

// prune removes the oldest data sets of one kind of one instance; their names sort by time.
func prune(dir, prefix, kind string) error {
	files, err := filepath.Glob(filepath.Join(dir, prefix+"*"+kind))
	if err != nil {
		return err
	}
	slices.Sort(files)
	var errs []error
	for _, f := range files[:max(0, len(files)-divergentKept)] {
		errs = append(errs, os.RemoveAll(f))
	}
	return errors.Join(errs...)
}

func getOr(conf config.RedisConf, key, other string) string {
	v, ok := conf.Get(key)
	if !ok {
		return other
	}
	return v
}
