package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"keepalived-redis/lab"
	"keepalived-redis/lab/report"
	"keepalived-redis/lab/resume"
)

// all is the command for these scenarios, two runs each, with results in a directory of the test.
func all(t *testing.T, names ...string) command {
	t.Helper()
	many, err := choose(names)
	if err != nil {
		t.Fatal(err)
	}
	return command{name: "all", many: many, runs: 2, opts: lab.Options{Setup: lab.Ours, Slack: 1, Results: t.TempDir()}}
}

// keep writes records as a run of all does.
func (c command) keep(t *testing.T, records ...report.Record) {
	t.Helper()
	for _, r := range records {
		c.scenario = lab.Scenario{Name: r.Scenario}
		if err := resume.Write(c.records(), r); err != nil {
			t.Fatal(err)
		}
	}
}

// left are the numbers of the runs that are left, by scenario.
func (c command) left(t *testing.T) map[string][]int {
	t.Helper()
	tasks, err := c.tasks()
	if err != nil {
		t.Fatal(err)
	}
	left := map[string][]int{}
	for _, one := range tasks {
		left[one.scenario.Name] = one.left
	}
	return left
}

func TestAllGoesOnWithWhatIsLeft(t *testing.T) {
	c := all(t, "host-dies", "switchover", "quiet")
	c.keep(t,
		report.Record{Scenario: "host-dies", Run: 1, Commit: "abc"}, report.Record{Scenario: "host-dies", Run: 2, Commit: "def-dirty"},
		report.Record{Scenario: "switchover", Run: 1, Commit: "abc", Failure: "a write is lost"}, report.Record{Scenario: "switchover", Run: 2, Commit: "abc"},
	)
	want := map[string][]int{"host-dies": nil, "switchover": {1}, "quiet": {1, 2}}
	if got := c.left(t); !reflect.DeepEqual(got, want) {
		t.Errorf("left: %v, want %v", got, want)
	}
	tasks, err := c.tasks()
	if err != nil {
		t.Fatal(err)
	}
	table := report.Table(rows(tasks)...)
	for _, line := range []string{"host-dies ×2", "switchover ×1", "abc, def-dirty\n"} {
		if !strings.Contains(table, line) {
			t.Errorf("the table has no %q:\n%s", line, table)
		}
	}
	if strings.Contains(table, "quiet") {
		t.Errorf("the table has what did not run:\n%s", table)
	}

	path := filepath.Join(c.opts.Results, "runs", "host-dies", "host-dies-2.json")
	if err := os.WriteFile(path, []byte(`{"Scen`), 0o644); err != nil {
		t.Fatal(err)
	}
	want["host-dies"] = []int{2}
	if got := c.left(t); !reflect.DeepEqual(got, want) {
		t.Errorf("left with a damaged file: %v, want %v", got, want)
	}
}

// Runs of the old scripts, and those whose promises had more time, are others.
func TestAllKeepsOtherRunsApart(t *testing.T) {
	c := all(t, "host-dies")
	c.keep(t, report.Record{Scenario: "host-dies", Run: 1, Commit: "abc"})
	old, slack := c, c
	old.opts.Setup, slack.opts.Slack = lab.OldScripts, 5
	for what, got := range map[string][]int{"old": old.left(t)["host-dies"], "slack": slack.left(t)["host-dies"]} {
		if !reflect.DeepEqual(got, []int{1, 2}) {
			t.Errorf("%s: left: %v", what, got)
		}
	}
}

func TestAgainForgetsTheChosen(t *testing.T) {
	c := all(t, "host-dies", "quiet")
	c.keep(t, report.Record{Scenario: "host-dies", Run: 1, Commit: "abc"}, report.Record{Scenario: "quiet", Run: 1, Commit: "abc"})
	one := c
	one.again, one.many = true, c.many[:1]
	one.left(t)
	want := map[string][]int{"host-dies": {1, 2}, "quiet": {2}}
	if got := c.left(t); !reflect.DeepEqual(got, want) {
		t.Errorf("left: %v, want %v", got, want)
	}
}
