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
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/program"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/service"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/vrrp"
)

// answerTime bounds one question to an instance.
const answerTime = 500 * time.Millisecond

// run carries out one action and returns its exit code.
func run(ctx context.Context, f flags, out, errOut io.Writer) int {
	if err := check(f); err != nil {
		program.Fail(errOut, name, err)
		return badArguments
	}
	j := job{flags: f, errOut: errOut}
	if f.Action == mayStart {
		// A disk that hangs is redis-server's to wait for.
		defer time.AfterFunc(2*askTime, func() { os.Exit(success) }).Stop()
	}
	instances, err := j.prepare()
	if f.Action == mayStart {
		return j.mayStart(ctx, instances, err)
	}
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
	return j.tell(j.all(ctx, instances), out)
}

// check tells what is wrong with the words of the command line.
func check(f flags) error {
	switch {
	case f.Name == "":
		return fmt.Errorf("no instance is named; hint: %s 7000 status, or %s all status", name, name)
	case f.Action == "":
		return fmt.Errorf("%s: no action is named; hint: %s %s {%s}", f.Name, name, f.Name, strings.Join(actions, "|"))
	case !isAction(f.Action) && f.Action != mayStart:
		return fmt.Errorf("%s: unknown action %q; hint: %s %s {%s}", f.Name, f.Action, name, f.Name, strings.Join(actions, "|"))
	case f.Force && f.Action != "start":
		return fmt.Errorf("%s: --force is nothing for %s; hint: it goes with start", f.Name, f.Action)
	case f.Switchover && f.Action != "stop" && !f.restarts():
		return fmt.Errorf("%s: --switchover is nothing for %s; hint: it goes with stop and restart", f.Name, f.Action)
	}
	return nil
}

// restarts: the action stops and starts. Redis cannot reload, so LSB's force-reload is a restart of what runs.
func (f flags) restarts() bool { return f.Action == "restart" || f.onlyRunning() }

// onlyRunning: the action restarts what runs, and leaves alone what does not.
func (f flags) onlyRunning() bool {
	return f.Action == "try-restart" || f.Action == "condrestart" || f.Action == "force-reload"
}

// job is one action with all that it needs.
type job struct {
	flags
	cfg     *config.Config
	manager service.Manager
	errOut  io.Writer
	// hook: keepalived runs us, as the old keepalived.conf has it: notify_backup "/etc/init.d/redis restart".
	hook bool
}

func (j *job) prepare() ([]config.Instance, error) {
	// A host must also come up with a typo in the configuration, as chk-redis does. Only chk-redis keeps the copy.
	cfg, err := config.LoadOrLastGood(config.Options{File: j.Config, ReadOnly: true})
	if err != nil {
		return nil, err
	}
	j.cfg = cfg
	_, j.hook = vrrp.Caller()
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
	instance config.Instance
	// line is for people; empty if only err has something to say.
	line  string
	err   error
	code  int
	state service.State
	look  model.Look
}

// all acts on the instances: side by side, but restarts one by one.
func (j *job) all(ctx context.Context, instances []config.Instance) []result {
	if j.restarts() {
		return j.restartAll(ctx, instances)
	}
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
	return results
}

func (j *job) one(ctx context.Context, i config.Instance) result {
	r := result{instance: i}
	switch j.Action {
	case "start":
		r.start(ctx, j)
	case "stop":
		r.stop(ctx, j)
	case "reload":
		r.err = fmt.Errorf("reload %s: %w", i.Name(), errReload)
		if r.state = j.manager.Status(ctx, i); r.state.PID == 0 {
			r.err = fmt.Errorf("reload %s: %w", i.Name(), errNotRunning)
		}
	default:
		r.status(ctx, j)
		return r
	}
	r.code = codeOf(r.err)
	return r
}

// start starts the instance and waits until it answers; LOADING is an answer.
func (r *result) start(ctx context.Context, j *job) {
	before := j.manager.Status(ctx, r.instance)
	if r.err = r.bringUp(ctx, j); r.err != nil {
		return
	}
	verb := "started"
	if before.PID == r.state.PID {
		verb = "is already running"
	}
	r.runs(verb)
}

// runs is the line for an instance that runs by now.
func (r *result) runs(verb string) {
	r.line = fmt.Sprintf("redis %s %s (pid %d)%s", r.instance.Name(), verb, r.state.PID, condition(r.look))
}

func (r *result) bringUp(ctx context.Context, j *job) error {
	ctx, cancel := context.WithTimeoutCause(ctx, j.cfg.Service.StartTimeout, fmt.Errorf("it had %s", j.cfg.Service.StartTimeout))
	defer cancel()
	defer j.force(r.instance)()
	err := j.asked(ctx, r.instance)
	if err == nil {
		err = j.manager.Start(ctx, r.instance)
	}
	if err == nil {
		r.look, r.state, err = j.answer(ctx, r.instance)
	}
	return err
}

// answer waits for the first reply of an instance that was started.
func (j *job) answer(ctx context.Context, i config.Instance) (model.Look, service.State, error) {
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

func (r *result) stop(ctx context.Context, j *job) {
	before := j.manager.Status(ctx, r.instance)
	r.state = before
	if r.err = r.takeDown(ctx, j, !goingDown(j.Name, os.Getenv("RUNLEVEL"))); r.err != nil {
		return
	}
	r.state = j.manager.Status(ctx, r.instance)
	r.line = fmt.Sprintf("redis %s stopped (pid %d)", r.instance.Name(), before.PID)
	if before.PID == 0 {
		r.line = fmt.Sprintf("redis %s is already stopped", r.instance.Name())
	}
}

func (r *result) status(ctx context.Context, j *job) {
	r.state = j.manager.Status(ctx, r.instance)
	r.code = codeOfState(r.state)
	if r.state.PID == 0 {
		r.line = fmt.Sprintf("redis %s: %s", r.instance.Name(), r.state.Reason)
		return
	}
	r.look = j.look(ctx, r.instance)
	r.line = fmt.Sprintf("redis %s is running (%s)%s", r.instance.Name(), strings.Join(r.facts(), ", "), condition(r.look))
	switch {
	case r.state.Status == service.Busy:
		r.line += "; " + r.state.Reason
	case r.state.Note != "":
		r.line += "; " + r.state.Note
	}
}

func (j *job) look(ctx context.Context, i config.Instance) model.Look {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	return redis.LookAt(ctx, redis.TargetOf(i), redis.Limits{Dial: answerTime, Reply: answerTime})
}

// condition is what a person must know of a running instance beside its pid.
func condition(l model.Look) string {
	if l.State == model.Up {
		return ""
	}
	return ", but it " + l.State.String()
}
