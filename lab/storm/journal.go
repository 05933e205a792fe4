package storm

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"keepalived-redis/lab/resume"
)

// Record is a finished round.
type Record struct {
	Round   int
	Variant string
	// Commit is that of the programs in its lab.
	Commit string
	// Took is its time, with that of making its lab if it was the first in it.
	Took time.Duration
	// Faults and Writes are how many there were, Resyncs the full resyncs of replicas.
	Faults, Writes, Resyncs int
	// Whole is how long the recovery took. Why is what allowed one that was longer than the limit.
	Whole   time.Duration
	Why     string  `json:",omitempty"`
	Excused Excused `json:",omitempty"`
	// Finding is nil when what was promised held.
	Finding *Finding `json:",omitempty"`
}

// Name is the name of the record's file.
func (r Record) Name() string {
	if r.Variant == "" || r.Commit == "" || r.Took <= 0 {
		return ""
	}
	return fmt.Sprintf("round-%04d", r.Round)
}

// slow: the recovery took longer than the limit.
func (r Record) slow() bool { return r.Whole > recoverLimit }

// Journal is what is done of a storm: each round is in a file as soon as it has ended.
type Journal struct {
	Records []Record
	// dir has the files; empty: nothing is kept.
	dir string
	// since is the end of the round before.
	since time.Time
}

// OpenJournal reads the rounds of a directory. What is damaged is warned about, and that round comes again.
func OpenJournal(dir string, warn func(format string, args ...any)) (*Journal, error) {
	records, err := resume.Read[Record](dir, warn)
	return &Journal{Records: records, dir: dir}, err
}

// Spent is how long the rounds took.
func (j *Journal) Spent() (all time.Duration) {
	for _, r := range j.Records {
		all += r.Took
	}
	return all
}

// Next is the first round that is not done, and whether there is to be one in a storm of this length. The lab of a finding has no more rounds.
func (j *Journal) Next(d time.Duration) (round int, more bool) {
	for {
		i := slices.IndexFunc(j.Records, func(r Record) bool { return r.Round == round })
		switch {
		case i < 0:
			return round, j.Spent() < d
		case j.Records[i].Finding != nil:
			round = (round/roundsEach + 1) * roundsEach
		default:
			round++
		}
	}
}

// begin counts the time of the next round from now.
func (j *Journal) begin() { j.since = time.Now() }

// add keeps a round.
func (j *Journal) add(r Record) error {
	now := time.Now()
	r.Took, j.since = now.Sub(j.since), now
	j.Records = append(j.Records, r)
	return j.write(r)
}

// keptIn adds to the finding in the last round where its logs are.
func (j *Journal) keptIn(dir string) error {
	r := j.Records[len(j.Records)-1]
	r.Finding.Kept = dir
	return j.write(r)
}

func (j *Journal) write(r Record) error {
	if j.dir == "" {
		return nil
	}
	return resume.Write(j.dir, r)
}

// Summary is what a storm came to in one variant.
type Summary struct {
	Variant         string
	Rounds, Faults  int
	Writes, Resyncs int
	Excused         Excused
	Findings        int
	// Slow are recoveries that took longer than the limit, with what allows it.
	Slow []string
	// Worst is the slowest recovery within the limit.
	Worst time.Duration
	// Commits are those of the programs, each once.
	Commits []string
}

// Summaries are those of all variants that had a round.
func Summaries(records []Record) (all []Summary) {
	for _, v := range Variants {
		s := Summary{Variant: v.Name, Excused: Excused{}}
		for _, r := range records {
			if r.Variant == v.Name {
				s.add(r)
			}
		}
		if s.Rounds > 0 {
			all = append(all, s)
		}
	}
	return all
}

func (s *Summary) add(r Record) {
	s.Rounds++
	s.Faults += r.Faults
	s.Writes += r.Writes
	s.Resyncs += r.Resyncs
	for reason, n := range r.Excused {
		s.Excused[reason] += n
	}
	if r.Finding != nil {
		s.Findings++
	}
	if r.slow() {
		s.Slow = append(s.Slow, fmt.Sprintf("round %d took %s: %s", r.Round, r.Whole.Round(time.Second), r.Why))
	} else {
		s.Worst = max(s.Worst, r.Whole)
	}
	if !slices.Contains(s.Commits, r.Commit) {
		s.Commits = append(s.Commits, r.Commit)
	}
}

// String is the summary as a person reads it.
func (s Summary) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d rounds, %d faults, %d writes tried, %d full resyncs; the slowest recovery took %.1f s; %d findings; commit %s\n",
		s.Variant, s.Rounds, s.Faults, s.Writes, s.Resyncs, s.Worst.Seconds(), s.Findings, strings.Join(s.Commits, ", "))
	for _, slow := range s.Slow {
		fmt.Fprintf(&b, "slow, and allowed: %s\n", slow)
	}
	if len(s.Excused) > 0 {
		fmt.Fprintf(&b, "lost as the guarantees allow: %s\n", s.Excused)
	}
	return b.String()
}
