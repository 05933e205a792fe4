package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
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
			if c.runs > 1 {
				fmt.Printf("run %d of %d: %v\n", i+1, c.runs, err)
			}
			if ctx.Err() != nil || out.Result.Acked == 0 {
				break
			}
		}
		outcomes = append(outcomes, out)
		if c.runs > 1 && err == nil {
			fmt.Printf("run %d of %d done\n", i+1, c.runs)
		}
	}
	return errors.Join(append(errs, c.tell(outcomes))...)
}

// tell prints the runs of the scenario as a table and writes its result file.
func (c command) tell(outcomes []lab.Outcome) error {
	if len(outcomes) == 0 {
		return nil
	}
	fmt.Print(report.Table(lab.Rows(c.scenario.Name, outcomes)...))
	printExtra(outcomes)
	path, err := lab.WriteResults(c.opts.Results, c.label(), outcomes)
	if err == nil {
		fmt.Printf("results: %s\n", path)
	}
	return err
}

// label is the name of the result file.
func (c command) label() string {
	if c.opts.Setup == lab.OldScripts {
		return c.scenario.Name + "-old"
	}
	return c.scenario.Name
}

// printExtra prints the numbers that only this scenario has, of the last run.
func printExtra(outcomes []lab.Outcome) {
	last := outcomes[len(outcomes)-1].Run.Extra
	for _, k := range slices.Sorted(maps.Keys(last)) {
		fmt.Printf("%s: %v\n", k, last[k])
	}
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

// shell gives a person a shell on the host with the VIP.
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
