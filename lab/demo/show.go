package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"keepalived-redis/lab"
	"keepalived-redis/lab/report"
)

// Show runs a scenario with our programs and then with the old scripts, shows both as they happen, compares them, and writes the result
// file and the picture.
func Show(ctx context.Context, out *os.File, opts lab.Options, s lab.Scenario) error {
	screen := newScreen(out)
	opts.Say = func(format string, args ...any) { screen.line("  "+format, args...) }
	screen.line("%s: %s", screen.paint(loud, s.Name), s.About)
	screen.line("Two hosts with keepalived and three Redis instances each, in namespaces of this machine; a third host writes to every slot range.")

	screen.line("")
	screen.line("%s", screen.paint(loud, "1. keepalived-redis, with the files in keepalived/ as shipped"))
	opts.Setup = lab.Ours
	ours, broken := play(ctx, screen, s, opts)
	if broken != nil && ours.Result.Acked == 0 {
		return broken
	}
	screen.line("")
	screen.line("%s", screen.paint(loud, "2. the old scripts, the same fault"))
	opts.Setup = lab.OldScripts
	old, err := play(ctx, screen, s, opts)
	if err != nil {
		return errors.Join(broken, err)
	}

	screen.line("")
	screen.line("%s", report.Table(report.Row{System: ours.Recorded.System, Result: ours.Result}, report.Row{System: old.Recorded.System, Result: old.Result}))
	picture := filepath.Join(opts.Results, s.Name+".svg")
	if _, err := lab.WriteResults(opts.Results, s.Name+"-old", []lab.Outcome{old}); err != nil {
		return err
	}
	numbers, err := lab.WriteResults(opts.Results, s.Name, []lab.Outcome{ours})
	if err != nil {
		return err
	}
	if err := renameio.WriteFile(picture, report.SVG(ours.Recorded, &old.Recorded), 0o644); err != nil {
		return fmt.Errorf("write the picture: %w", err)
	}
	screen.line("picture: %s", here(picture))
	screen.line("numbers: %s", here(numbers))
	return broken
}

// play runs the scenario once and shows it.
func play(ctx context.Context, screen *screen, s lab.Scenario, opts lab.Options) (lab.Outcome, error) {
	screen.setFooter("  the hosts boot, Redis and keepalived start …")
	out, err := lab.Play(ctx, s, opts, func(r *lab.Run) func() {
		screen.setFooter()
		return watch(screen, r).stop
	})
	screen.setFooter()
	return out, err
}

// here is a path as seen from the working directory, if that is shorter.
func here(path string) string {
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(wd, path); err == nil && len(rel) < len(path) {
		return rel
	}
	return path
}
