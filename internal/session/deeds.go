package session

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/program"
	"keepalived-redis/internal/reason"
)

// The files of what was done, both durable. The counters stand apart, because each check run with metrics reads them.
const (
	HistoryFile = "history.json"
	CountsFile  = "counts.json"
	historyLock = "history.lock"
)

// MostDeeds is how many deeds the history has.
const MostDeeds = 1000

// historyWithin bounds the wait for another run that writes the history.
const historyWithin = 200 * time.Millisecond

// Recorder is where everything that is done is recorded: in the log at once, in the history and the counters when the deeds of a plan are done, so
// that none of them waits for a disk. Its methods may be called side by side.
type Recorder struct {
	mu    sync.Mutex
	deeds []model.Deed
}

// Did records what was done.
func (r *Session) Did(d model.Deed) {
	d.At, d.By = time.Now(), "check run"
	if r.Event != nil {
		d.By = r.Event.String()
	}
	if text := reason.Deed(d); text != "" {
		level := zerolog.InfoLevel
		if d.Do == model.Restart {
			level = zerolog.WarnLevel
		}
		r.Log.WithLevel(level).Str(program.ReasonField, string(d.Reason)).Msg(text)
	}
	r.recorder.mu.Lock()
	defer r.recorder.mu.Unlock()
	r.recorder.deeds = append(r.recorder.deeds, d)
}

// KeepDeeds writes what was done into the history and counts it.
func (r *Session) KeepDeeds(ctx context.Context) {
	r.recorder.mu.Lock()
	deeds := r.recorder.deeds
	r.recorder.deeds = nil
	r.recorder.mu.Unlock()
	if len(deeds) == 0 || r.DryRun {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), historyWithin)
	defer cancel()
	unlock, err := Lock(ctx, r.Store.Durable, historyLock)
	if err != nil {
		r.Log.Warn().Err(err).Msg("what was done is not in the history")
		return
	}
	defer unlock()
	var history []model.Deed
	counts := map[model.Verb]uint64{}
	r.Store.Load(r.Store.Durable, HistoryFile, &history)
	r.Store.Load(r.Store.Durable, CountsFile, &counts)
	for _, d := range deeds {
		counts[d.Do]++
	}
	history = append(history, deeds...)
	r.Store.Save(r.Store.Durable, HistoryFile, history[max(0, len(history)-MostDeeds):])
	r.Store.Save(r.Store.Durable, CountsFile, counts)
}
