package storm

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// rounds plays up to so many rounds of a storm without a lab; every one takes ten seconds, and some have a finding. It returns their numbers.
func rounds(t *testing.T, j *Journal, length time.Duration, most int, findings ...int) (played []int) {
	t.Helper()
	for range most {
		round, more := j.Next(length)
		if !more {
			break
		}
		r := Record{Round: round, Variant: "follow", Commit: "abc"}
		if slices.Contains(findings, round) {
			r.Finding = &Finding{Seed: 7, Variant: Variants[0], Round: round, Faults: Plan(7, Variants[0], round), Wrong: []string{"a write is lost"}}
		}
		j.since = time.Now().Add(-10 * time.Second)
		if err := j.add(r); err != nil {
			t.Fatal(err)
		}
		played = append(played, round)
	}
	return played
}

func open(t *testing.T, dir string) *Journal {
	t.Helper()
	j, err := OpenJournal(dir, t.Errorf)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// Wherever a storm is interrupted, it comes to the same rounds as one that is not, in the same time.
func TestInterruptedStormComesToTheSameRounds(t *testing.T) {
	const length = 125 * time.Second
	findings := []int{2, 15}
	want := []int{0, 1, 2, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17}
	if got := rounds(t, open(t, t.TempDir()), length, 100, findings...); !slices.Equal(got, want) {
		t.Fatalf("in one piece: %v, want %v", got, want)
	}
	for cut := range len(want) + 1 {
		dir := t.TempDir()
		got := rounds(t, open(t, dir), length, cut, findings...)
		got = append(got, rounds(t, open(t, dir), length, 100, findings...)...)
		if !slices.Equal(got, want) {
			t.Errorf("interrupted after %d: %v, want %v", cut, got, want)
		}
		if round, more := open(t, dir).Next(length); more {
			t.Errorf("interrupted after %d: when it is over, round %d is left", cut, round)
		}
	}
}

func TestDamagedRoundIsPlayedAgain(t *testing.T) {
	const length = time.Hour
	dir := t.TempDir()
	rounds(t, open(t, dir), length, 10)
	if err := os.WriteFile(filepath.Join(dir, "round-0003.json"), []byte(`{"Rou`), 0o644); err != nil {
		t.Fatal(err)
	}
	warned := 0
	j, err := OpenJournal(dir, func(string, ...any) { warned++ })
	if err != nil || warned != 1 || len(j.Records) != 9 {
		t.Fatalf("%d rounds, %d warnings, %v", len(j.Records), warned, err)
	}
	if got, want := rounds(t, j, length, 2), []int{3, 10}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A finding is read as it was, with the place of its logs, which is known only after the round.
func TestFindingIsKept(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	rounds(t, j, time.Hour, 1, 0)
	if err := j.keptIn("build/lab/kept/1"); err != nil {
		t.Fatal(err)
	}
	again := open(t, dir)
	if !reflect.DeepEqual(again.Records, j.Records) {
		t.Errorf("got %+v, want %+v", again.Records, j.Records)
	}
	if text := again.Records[0].Finding.String(); !strings.Contains(text, "build/lab/kept/1") || !strings.Contains(text, "a write is lost") {
		t.Errorf("the finding: %s", text)
	}
}

func TestSummaries(t *testing.T) {
	got := Summaries([]Record{
		{Round: 0, Variant: "stay", Commit: "abc", Faults: 3, Writes: 100, Resyncs: 2, Whole: 2 * time.Second, Excused: Excused{"a cable": 1}},
		{Round: 1, Variant: "stay", Commit: "def-dirty", Faults: 4, Writes: 50, Whole: 87 * time.Second, Why: "a host started cold", Excused: Excused{"a cable": 2}},
		{Round: 2, Variant: "stay", Commit: "def-dirty", Faults: 2, Writes: 7, Finding: &Finding{}},
		{Round: 8, Variant: "follow", Commit: "def-dirty", Faults: 5, Writes: 9, Whole: time.Second},
	})
	want := []string{`follow: 1 rounds, 5 faults, 9 writes tried, 0 full resyncs; the slowest recovery took 1.0 s; 0 findings; commit def-dirty
`, `stay: 3 rounds, 9 faults, 157 writes tried, 2 full resyncs; the slowest recovery took 2.0 s; 1 findings; commit abc, def-dirty
slow, and allowed: round 1 took 1m27s: a host started cold
lost as the guarantees allow: 3: a cable
`}
	if len(got) != len(want) {
		t.Fatalf("got %v", got)
	}
	for i := range want {
		if got[i].String() != want[i] {
			t.Errorf("got\n%s\nwant\n%s", got[i], want[i])
		}
	}
}
