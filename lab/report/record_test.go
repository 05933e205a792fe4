package report

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"keepalived-redis/lab/resume"
)

func TestRemaining(t *testing.T) {
	good := func(n int) Record { return Record{Run: n} }
	failed := func(n int) Record { return Record{Run: n, Failure: "a write is lost"} }
	for _, c := range []struct {
		name    string
		records []Record
		runs    int
		kept    []int
		left    []int
	}{
		{"nothing is done", nil, 3, nil, []int{1, 2, 3}},
		{"interrupted after the first", []Record{good(1)}, 3, []int{1}, []int{2, 3}},
		{"done, in any order", []Record{good(3), good(1), good(2)}, 3, []int{1, 2, 3}, nil},
		{"a failed run is done again", []Record{good(1), failed(2), good(3)}, 3, []int{1, 3}, []int{2}},
		{"one is missing in the middle", []Record{good(1), good(3)}, 3, []int{1, 3}, []int{2}},
		{"fewer are wanted now", []Record{good(1), good(2), good(3)}, 2, []int{1, 2}, nil},
		{"more are wanted now", []Record{good(1), good(2)}, 4, []int{1, 2}, []int{3, 4}},
	} {
		t.Run(c.name, func(t *testing.T) {
			records, left := Remaining(c.records, c.runs)
			var kept []int
			for _, r := range records {
				kept = append(kept, r.Run)
			}
			if !slices.Equal(kept, c.kept) || !slices.Equal(left, c.left) {
				t.Errorf("kept %v, left %v, want %v, %v", kept, left, c.kept, c.left)
			}
		})
	}
}

func TestCommits(t *testing.T) {
	records := []Record{{Commit: "abc"}, {Commit: "def-dirty"}, {Commit: "abc"}}
	if got := Commits(records); got != "abc, def-dirty" {
		t.Errorf("got %q", got)
	}
	if got := Commits(records[:1]); got != "abc" {
		t.Errorf("of one: %q", got)
	}
}

// What is read of a file is what was measured, also where something never came.
func TestRecordIsReadAsWritten(t *testing.T) {
	dir := t.TempDir()
	want := Record{Scenario: "host-dies", Run: 2, Commit: "abc-dirty", System: "keepalived-redis", Failure: "a write is lost", Result: Result{
		VIP: p(361.234567), Writable: p(0), WorstGap: nil, LastCutAck: p(12), Acked: 5, Lost: 1, Through: 0.1234567, Masters: map[string]int{"a:7000": 16384},
		Ranges: map[string]RangeResult{"0-5460": {Writable: p(3), Acked: 7}}, Observed: 2 * time.Second}, Extra: map[string]any{"vip_absent_ms": 1.5}}
	if err := resume.Write(dir, want); err != nil {
		t.Fatal(err)
	}
	got, err := resume.Read[Record](dir, t.Errorf)
	if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], want) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, incomplete := range []Record{{Run: 1, Commit: "a"}, {Scenario: "x", Commit: "a"}, {Scenario: "x", Run: 1}} {
		if name := incomplete.Name(); name != "" {
			t.Errorf("%+v has the name %q", incomplete, name)
		}
	}
}
