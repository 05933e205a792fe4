package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"

	"keepalived-redis/lab"
	"keepalived-redis/lab/report"
)

// runAll runs the scenario as often as asked and writes its result file. A run that breaks a promise is in the file, too, and the exit
// code tells.
func (c command) runAll(ctx context.Context) error {
	c.opts.Say = func(format string, args ...any) { fmt.Printf(format+"\n", args...) }
	fmt.Printf("%s: %s\n", c.scenario.Name, c.scenario.About)
	var outcomes []lab.Outcome
	var errs []error
	for i := range c.runs {
		out, err := lab.Play(ctx, c.scenario, c.opts, nil)
		if err != nil {
			errs = append(errs, fmt.Errorf("run %d: %w", i+1, err))
			if ctx.Err() != nil || out.Result.Acked == 0 {
				break
			}
		}
		outcomes = append(outcomes, out)
		if c.runs > 1 {
			fmt.Printf("run %d of %d done\n", i+1, c.runs)
		}
	}
	if len(outcomes) > 0 {
		fmt.Print(report.Table(lab.Rows(c.scenario.Name, outcomes)...))
		name := c.scenario.Name
		if c.opts.Setup == lab.OldScripts {
			name += "-old"
		}
		path, err := lab.WriteResults(c.opts.Results, name, outcomes)
		if err == nil {
			fmt.Printf("results: %s\n", path)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// up brings a scenario to its beginning and hands it to a person.
func (c command) up(ctx context.Context, use func(context.Context, *lab.Run)) error {
	c.opts.Say = func(format string, args ...any) { fmt.Printf(format+"\n", args...) }
	r, err := lab.Start(ctx, c.scenario, c.opts)
	if err == nil {
		fmt.Printf("the pair holds still: %s\n", r.Timeline.View())
		use(ctx, r)
	}
	_, closing := r.Close(nil)
	return errors.Join(err, closing)
}

// waitForEnd leaves the lab alone until Ctrl-C.
func waitForEnd(ctx context.Context, _ *lab.Run) {
	fmt.Println("Ctrl-C ends it")
	<-ctx.Done()
}

// shell gives a person a shell on the box with the VIP.
func shell(ctx context.Context, r *lab.Run) {
	pids := r.Pids()
	for name, pid := range pids {
		if name != r.Holder.Name {
			fmt.Printf("%s: nsenter --all --target %d --wd=/ sh, from another shell inside the lab\n", name, pid)
		}
	}
	cmd := exec.CommandContext(ctx, "nsenter", "--all", "--target", strconv.Itoa(pids[r.Holder.Name]), "--wd=/", "sh", "-i")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "PS1="+r.Holder.Name+"# ")
	// How the shell ended says nothing about the lab.
	_ = cmd.Run()
}
