package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/program"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/service"
	"keepalived-redis/internal/state"
)

// answerTime bounds one question to an instance.
const answerTime = 500 * time.Millisecond

// run carries out one action and returns its exit code.
func run(ctx context.Context, f flags, out, errOut io.Writer) int {
	if err := check(f); err != nil {
		program.Fail(errOut, name, err)
		if isLater(f.Action) {
			return unimplemented
		}
		return badArguments
	}
	j := job{flags: f, errOut: errOut}
	instances, err := j.prepare()
	if err != nil {
		program.Fail(errOut, name, err)
		if f.Action == "status" {
			return statusUnknown
		}
		if code := codeOf(err); code != failed {
			return code
		}
		return notConfigured
	}
	return j.all(ctx, instances, out)
}

// check tells what is wrong with the words of the command line.
func check(f flags) error {
	switch {
	case f.Name == "":
		return fmt.Errorf("no instance is named; hint: %s 7000 status, or %s all status", name, name)
	case f.Action == "":
		return fmt.Errorf("%s: no action is named; hint: %s %s {%s}", f.Name, name, f.Name, strings.Join(actions, "|"))
	case isLater(f.Action):
		return fmt.Errorf("%s %s: not implemented yet; hint: %s %s {%s}", f.Name, f.Action, name, f.Name, strings.Join(actions, "|"))
	case !isAction(f.Action):
		return fmt.Errorf("%s: unknown action %q; hint: %s %s {%s}", f.Name, f.Action, name, f.Name, strings.Join(actions, "|"))
	}
	return nil
}

// job is one action with all that it needs.
type job struct {
	flags
	cfg     *config.Config
	manager service.Manager
	errOut  io.Writer
}

func (j *job) prepare() ([]config.Instance, error) {
	// A box must also come up with a typo in the configuration, as chk-redis does. Only chk-redis keeps the copy.
	cfg, err := config.LoadOrLastGood(config.Options{File: j.Config, ReadOnly: true})
	if err != nil {
		return nil, err
	}
	j.cfg = cfg
	for _, warning := range cfg.Warnings {
		program.Fail(j.errOut, name+": warning", errors.New(warning))
	}
	instances, err := resolve(j.Name, cfg.Instances)
	if err != nil {
		return nil, err
	}
	j.manager, err = service.New(cfg, state.Dir(cfg.RunDir), state.Dir(cfg.StateDir))
	return instances, err
}

// result is what became of one instance.
type result struct {
	line string
	err  error
	code int
}

// all acts on the instances side by side and tells of them in their order. The code is the highest of theirs.
func (j *job) all(ctx context.Context, instances []config.Instance, out io.Writer) int {
	results := make([]result, len(instances))
	var wg sync.WaitGroup
	for n, i := range instances {
		wg.Add(1)
		go func() {
			defer wg.Done()
			results[n] = j.one(ctx, i)
		}()
	}
	wg.Wait()
	code := success
	for _, r := range results {
		if r.line != "" {
			fmt.Fprintln(out, r.line)
		}
		program.Fail(j.errOut, name, r.err)
		code = max(code, r.code)
	}
	return code
}

func (j *job) one(ctx context.Context, i config.Instance) result {
	switch j.Action {
	case "start":
		return done(j.start(ctx, i))
	case "stop":
		return done(j.stop(ctx, i))
	default:
		return j.status(ctx, i)
	}
}

func done(line string, err error) result { return result{line: line, err: err, code: codeOf(err)} }

// start starts the instance and waits until it answers; LOADING is an answer.
func (j *job) start(ctx context.Context, i config.Instance) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, j.cfg.Service.StartTimeout, fmt.Errorf("it had %s", j.cfg.Service.StartTimeout))
	defer cancel()
	before := j.manager.Status(ctx, i)
	if err := j.manager.Start(ctx, i); err != nil {
		return "", err
	}
	look, after, err := j.answer(ctx, i)
	if err != nil {
		return "", err
	}
	verb := "started"
	if before.PID == after.PID {
		verb = "is already running"
	}
	return fmt.Sprintf("redis %s %s (pid %d)%s", i.Name(), verb, after.PID, condition(look)), nil
}

// answer waits for the first reply of an instance that was started.
func (j *job) answer(ctx context.Context, i config.Instance) (redis.Look, service.State, error) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	pid := 0
	for wait := 2 * time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		look := j.look(ctx, i)
		s := j.manager.Status(ctx, i)
		switch {
		case look.State.Alive() && s.PID != 0:
			return look, s, nil
		case s.PID == 0 && s.Status == service.Stopped:
			return look, s, fmt.Errorf("start %s: it was stopped again by somebody else", i.Name())
		case s.PID == 0 && s.Status == service.Dead:
			return look, s, ended(i, pid)
		}
		if s.PID != 0 {
			pid = s.PID
		}
		pause.Reset(wait)
		select {
		case <-ctx.Done():
			return look, s, fmt.Errorf("start %s: redis-server (pid %d) %s, %w; hint: look at its log, and at port and bind in %s",
				i.Name(), s.PID, look.State, context.Cause(ctx), i.Conf)
		case <-pause.C:
		}
	}
}

// ended says why a server that had started is gone, in its own words where it has left any.
func ended(i config.Instance, pid int) error {
	if words := service.LastWords(i, pid); words != "" {
		return fmt.Errorf("start %s: redis-server (pid %d) ended: %s", i.Name(), pid, words)
	}
	return fmt.Errorf("start %s: redis-server ended right after its start; hint: look at its log", i.Name())
}

func (j *job) stop(ctx context.Context, i config.Instance) (string, error) {
	before := j.manager.Status(ctx, i)
	if err := j.manager.Stop(ctx, i, !goingDown(j.Name, os.Getenv("RUNLEVEL"))); err != nil {
		return "", err
	}
	if before.PID == 0 {
		return fmt.Sprintf("redis %s is already stopped", i.Name()), nil
	}
	return fmt.Sprintf("redis %s stopped (pid %d)", i.Name(), before.PID), nil
}

func (j *job) status(ctx context.Context, i config.Instance) result {
	s := j.manager.Status(ctx, i)
	code := codeOfState(s)
	if s.Status != service.Running {
		return result{line: fmt.Sprintf("redis %s: %s", i.Name(), s.Reason), code: code}
	}
	return result{line: fmt.Sprintf("redis %s is running (pid %d)%s", i.Name(), s.PID, condition(j.look(ctx, i))), code: code}
}

func (j *job) look(ctx context.Context, i config.Instance) redis.Look {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	return redis.LookAt(ctx, redis.Targets([]config.Instance{i})[0], redis.Limits{Dial: answerTime, Reply: answerTime})
}

// condition is what a person must know of a running instance beside its pid.
func condition(l redis.Look) string {
	if l.State == redis.Up {
		return ""
	}
	return ", but it " + l.State.String()
}
