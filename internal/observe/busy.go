package observe

import (
	"context"
	"errors"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/service"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/state"
)

// secondLook bounds the second look at an instance that gave no answer and sleeps: long enough for a busy server to use CPU time
// that the kernel counts in ticks of 10 ms.
const secondLook = 100 * time.Millisecond

// beforeTheEnd leaves the time of tellBusyFromHung to what is looked at until then.
func beforeTheEnd(ctx context.Context) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, end.Add(-min(secondLook*5/4, time.Until(end)/4)))
}

// tellBusyFromHung asks the kernel about every local instance that gave no answer, or takes no connection because its queue is full. One
// that works is redis.Working from here on; one that has answered meanwhile is what it says; one that hangs, or of which nothing can be
// seen, stays as it is. One look at /proc for each that is stalled, two where it sleeps, and none for the others.
func (r *Observer) tellBusyFromHung(ctx context.Context, looks []model.Look) {
	r.turns = map[string]service.Turn{}
	var asleep []int
	samples := map[int]service.Sample{}
	for i := range looks {
		late := looks[i].State == model.Unseen && errors.Is(looks[i].Err, context.Canceled) // we were, as on a host short of CPU
		if !model.GivesNoAnswer(looks[i]) && !late {
			continue
		}
		s, err := r.sample(ctx, i)
		switch {
		case err != nil:
			r.Log.Debug().Err(err).Msgf("whether %s works or hangs is not known", looks[i].Instance.Name())
		case s.Activity() == service.Works, s.Activity() == service.Unclear && late:
			looks[i].State = model.Working
		case s.Activity() == service.Unclear:
			asleep, samples[i] = append(asleep, i), s
		}
	}
	if len(asleep) == 0 {
		return
	}
	// It may have come to an end with its work just now: then it sleeps because there is nothing to do, and answers.
	targets := make([]redis.Target, len(asleep))
	for n, i := range asleep {
		targets[n] = r.Target(looks[i].Instance)
	}
	for n, again := range redis.LookAtAll(ctx, targets, redis.Limits{Dial: secondLook, Reply: secondLook}) {
		i := asleep[n]
		if !model.GivesNoAnswer(again) && again.State != model.Unseen {
			looks[i] = again
			continue
		}
		if s, err := r.sample(ctx, i); err == nil && s.Since(samples[i]) == service.Works {
			looks[i].State = model.Working
		}
	}
}

// errNoManager: nobody knows which process an instance is.
var errNoManager = errors.New("there is no service manager to ask")

// sample looks at the process of the instance of that number.
func (r *Observer) sample(ctx context.Context, i int) (service.Sample, error) {
	if r.Service == nil {
		return service.Sample{}, errNoManager
	}
	in := r.Config.Instances[i]
	s, err := service.TakeSample(r.Service.Status(ctx, in).PID, r.Config.Times.BusyGrace)
	if err == nil {
		r.turns[in.Name()] = s.Turn()
	}
	return s, err
}

// dragsOn bounds the time in busy_grace for which an instance may go on with one command after another, and answer nobody in time.
const dragsOn = 6

// noteBusy finds BusyFor. A command that another one follows without a pause is not one long command, so busy_grace begins again with each
// turn of the event loop; but not for ever.
func (r *Observer) noteBusy(o *model.Observation, now state.Stamp) {
	m := r.Memory
	for _, l := range o.Locals {
		name, is := l.Instance.Name(), model.IsBusy(l.State)
		all := m.Stretches.Note(session.Busy, name, is, now)
		before, turn := m.Turns[name], r.turns[name]
		if !is || turn.After(before) {
			m.Stretches.End(session.OneCommand, name)
		}
		one := m.Stretches.Note(session.OneCommand, name, is, now)
		switch {
		case !is:
			delete(m.Turns, name)
			continue
		case turn != service.Turn{}:
			if m.Turns == nil {
				m.Turns = map[string]service.Turn{}
			}
			m.Turns[name] = turn
		}
		o.BusyFor[name] = one.For
		if all.For >= dragsOn*o.Times.BusyGrace {
			o.BusyFor[name] = all.For
		}
	}
	if len(m.Turns) == 0 {
		m.Turns = nil
	}
}
