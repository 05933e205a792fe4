package report

import (
	"fmt"
	"slices"
	"strings"
)

// Record is a finished run as it is kept in a file, so that many runs go on where they were interrupted.
type Record struct {
	Scenario string
	// Run is its number, from 1.
	Run int
	// Commit is what the programs call their version: the commit, with "-dirty" where the tree had changes.
	Commit string
	// System is that of the Run.
	System string
	// Failure is what was promised and did not hold, or what else went wrong; empty when all went well.
	Failure string `json:",omitempty"`
	Result  Result
	// Extra are numbers of this scenario alone.
	Extra map[string]any `json:",omitempty"`
}

// Name is the name of the record's file.
func (r Record) Name() string {
	if r.Scenario == "" || r.Run < 1 || r.Commit == "" {
		return ""
	}
	return fmt.Sprintf("%s-%d", r.Scenario, r.Run)
}

// Remaining parts the work of so many runs: the records that are kept, by number, and the numbers of the runs that are left. A failed run
// is done again.
func Remaining(records []Record, runs int) (kept []Record, left []int) {
	for n := 1; n <= runs; n++ {
		i := slices.IndexFunc(records, func(r Record) bool { return r.Run == n && r.Failure == "" })
		if i < 0 {
			left = append(left, n)
			continue
		}
		kept = append(kept, records[i])
	}
	return kept, left
}

// Commits are the commits of the records, each once, in their order, with a comma between them.
func Commits(records []Record) string {
	var all []string
	for _, r := range records {
		if !slices.Contains(all, r.Commit) {
			all = append(all, r.Commit)
		}
	}
	return strings.Join(all, ", ")
}
