package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"keepalived-redis/lab/resume"
	"keepalived-redis/lab/storm"
)

// parsed is the command of these arguments, with results in a directory.
func parsed(t *testing.T, results string, args ...string) command {
	t.Helper()
	c, err := parse(args)
	if err != nil {
		t.Fatal(err)
	}
	c.opts.Lab.Results, c.opts.Say = results, t.Logf
	return c
}

// Another seed, another length, other variants and given faults are another storm.
func TestOnlyTheSameStormGoesOn(t *testing.T) {
	results := t.TempDir()
	base := []string{"--seed", "7", "--minutes", "2", "--variants", "follow"}
	c := parsed(t, results, base...)
	if err := resume.Write(c.rounds(), storm.Record{Round: 0, Variant: "follow", Commit: "abc", Took: 1}); err != nil {
		t.Fatal(err)
	}
	for _, one := range []struct {
		more []string
		want int
	}{
		{nil, 1},
		{[]string{"--seed", "8"}, 0},
		{[]string{"--minutes", "2.5"}, 0},
		{[]string{"--variants", "follow,stay"}, 0},
		{[]string{"--faults", "1s power 1 for 1s"}, 0},
		{[]string{"--again"}, 0},
	} {
		done, err := parsed(t, results, append(base, one.more...)...).open()
		if err != nil || len(done.Records) != one.want {
			t.Errorf("%v: %d rounds, %v, want %d", one.more, len(done.Records), err, one.want)
		}
	}
	if _, err := os.Stat(c.rounds()); err == nil {
		t.Error("--again left the rounds")
	}
}

func TestDamagedRoundIsSetAside(t *testing.T) {
	c := parsed(t, t.TempDir(), "--seed", "7")
	if err := os.MkdirAll(c.rounds(), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.rounds(), "round-0000.json"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	var said []string
	c.opts.Say = func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
	if done, err := c.open(); err != nil || len(done.Records) > 0 || len(said) != 1 {
		t.Errorf("%v, %v, said %q", done, err, said)
	}
}
