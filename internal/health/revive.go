package health

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/service"
	"keepalived-redis/internal/state"
)

// Reviver starts instances that died. Its memory is kept across runs.
type Reviver struct {
	Config  *config.Config
	Service service.Manager
	Log     *zerolog.Logger
}

// starts is what is remembered of one instance.
type starts struct {
	// At are the starts inside the window.
	At []state.Stamp `json:"at,omitempty"`
	// Next is how long after the last start the next may come.
	Next time.Duration `json:"next_ns,omitempty"`
	// Said: that we have given up has been logged.
	Said bool `json:"said,omitempty"`
}

// The back-off between two starts: 200 ms, doubled each time, up to a quarter of the window.
const firstBackoff = 200 * time.Millisecond

// The pause between two looks at an instance that is being started: short at first, then doubled. Checks that keepalived
// has let pile up all wait for the same start, and must leave it the CPU.
const firstPause, longestPause = 5 * time.Millisecond, 20 * time.Millisecond

// Revive starts what died among looks, waits for it until ctx ends, and returns the looks with the last ones in place, and
// the instances for which it has given up.
func (r *Reviver) Revive(ctx context.Context, looks []redis.Look, l redis.Limits) ([]redis.Look, map[netip.AddrPort]bool) {
	out := append([]redis.Look(nil), looks...)
	gaveUp := make([]bool, len(looks))
	var wg sync.WaitGroup
	for i := range looks {
		if looks[i].State != redis.Refused {
			continue
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			out[i], gaveUp[i] = r.revive(ctx, r.Config.Instances[i], looks[i], l)
		}()
	}
	wg.Wait()
	up := map[netip.AddrPort]bool{}
	for i, g := range gaveUp {
		if g {
			up[looks[i].Target.Addr] = true
		}
	}
	return out, up
}

func (r *Reviver) revive(ctx context.Context, in config.Instance, look redis.Look, l redis.Limits) (redis.Look, bool) {
	run := state.Dir(r.Config.RunDir)
	name := "revive-" + id(in)
	unlock, err := run.TryLock(name + ".lock")
	if errors.Is(err, state.ErrBusy) {
		return r.await(ctx, look, l), false // another run is at it
	}
	if err != nil {
		r.Log.Warn().Err(err).Msgf("%s is not revived: its starts cannot be counted", in.Name())
		return look, false
	}
	defer unlock()
	var s starts
	if _, err := run.Load(name+".json", &s); err != nil {
		r.Log.Warn().Err(err).Msg("the back-off of revive starts anew")
	}
	before, said := s, s.Said
	ok, gaveUp := r.mayStart(&s, in, state.Now())
	if !ok {
		if s.Said != said {
			if err := run.Store(name+".json", s); err != nil {
				r.Log.Warn().Err(err).Msgf("that %s is given up cannot be kept and will be said again", in.Name())
			}
		}
		return look, gaveUp
	}
	if st := r.Service.Status(ctx, in); st.Status == service.Stopped || st.Status == service.Busy || st.Status == service.Running {
		r.Log.Debug().Msgf("%s is not revived: %s", in.Name(), st.Reason)
		return r.await(ctx, look, l), false
	}
	// The start is counted before it is made: a run that is killed in between must not start for ever.
	if err := run.Store(name+".json", s); err != nil {
		r.Log.Warn().Err(err).Msgf("%s is not revived: its starts cannot be counted", in.Name())
		return look, false
	}
	begun := time.Now()
	err = r.Service.Start(ctx, in)
	if errors.Is(err, service.ErrRefused) {
		r.refused(run, name, before, err)
		return look, false
	}
	if err != nil {
		r.Log.Error().Err(err).Msgf("%s is dead and could not be started", in.Name())
		return look, false
	}
	look = r.await(ctx, look, l)
	r.Log.Warn().Msgf("%s was dead and has been started, after %d ms it %s", in.Name(), time.Since(begun).Milliseconds(), look.State)
	return look, false
}

// refused says once that nobody here may start the instance. It was not started, so nothing is counted.
func (r *Reviver) refused(run state.Dir, name string, before starts, why error) {
	if !before.Said {
		r.Log.Error().Err(why).Msg("a dead instance is not revived")
	}
	before.Said = true
	if err := run.Store(name+".json", before); err != nil {
		r.Log.Warn().Err(err).Msg("that an instance is not revived cannot be kept and will be said again")
	}
}

// mayStart applies the back-off and the burst, and counts the start.
func (r *Reviver) mayStart(s *starts, in config.Instance, now state.Stamp) (ok, gaveUp bool) {
	var recent []state.Stamp
	for _, at := range s.At {
		// A start that is still to come was written by no clock of this boot, and would count for ever.
		if at.Boot == now.Boot && at.Mono <= now.Mono && now.Since(at) < r.Config.Revive.Window {
			recent = append(recent, at)
		}
	}
	s.At = recent
	switch n := len(recent); {
	case n >= r.Config.Revive.Burst:
		if !s.Said {
			s.Said = true
			r.Log.Error().Msgf("%s died %d times within %s and is not started again; hint: look at its log, then redis-initd %d start",
				in.Name(), n, r.Config.Revive.Window, in.Port)
		}
		return false, true
	case n > 0 && now.Since(recent[n-1]) < s.Next:
		return false, false
	case n == 0:
		s.Next = 0
	}
	s.Said = false
	s.At = append(s.At, now)
	s.Next = min(max(2*s.Next, firstBackoff), r.Config.Revive.Window/4)
	s.Next += time.Duration(rand.Int64N(int64(s.Next)/4 + 1)) // jitter, so that instances do not start in step
	return true, false
}

// id names the instance in file names.
func id(in config.Instance) string {
	if in.Port != 0 {
		return strconv.Itoa(int(in.Port))
	}
	return strings.Trim(strings.ReplaceAll(in.Socket, "/", "-"), "-")
}

// await looks until the instance lives or ctx ends. The last look is what counts.
func (r *Reviver) await(ctx context.Context, look redis.Look, l redis.Limits) redis.Look {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		next := redis.LookAt(ctx, look.Target, l)
		if timeIsUp(ctx) && !next.State.Alive() {
			return look // this look was cut short and says nothing
		}
		look = next
		if look.State.Alive() && look.State != redis.Loading {
			return look
		}
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
			return look
		case <-t.C:
		}
	}
}

// timeIsUp: ctx has ended, or is just about to: a read ends at the deadline itself, a little before the context says so.
func timeIsUp(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && !time.Now().Before(deadline)
}
