package storm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"keepalived-redis/lab"
	"keepalived-redis/lab/host"
)

// roundsEach is how many rounds a lab lives: then the next variant gets a new one. Hold-offs double with each fence, and would fill the time.
const roundsEach = 8

// Finding is something that was promised and did not hold.
type Finding struct {
	Seed    uint64
	Variant Variant
	Round   int
	Faults  []Fault
	// Wrong are the sentences; Timeline is what happened in the round, with the programs' own sentences.
	Wrong    []string
	Timeline []string
	// Kept is where logs and files are.
	Kept string
}

// Summary is what a storm came to.
type Summary struct {
	Rounds, Faults int
	Writes         int
	// Resyncs are the full resyncs of replicas.
	Resyncs int
	Excused Excused
	// Slow are recoveries that took longer than the limit, with what allows it.
	Slow []string
	// Worst is the slowest recovery within the limit.
	Worst    time.Duration
	Switches []string
	Findings []Finding
}

// errFound ends a storm at its first finding in a lab: what comes after would only show its consequences.
var errFound = errors.New("a finding")

// Rage runs rounds until the time is up. A finding ends the lab of its round, not the storm.
func Rage(ctx context.Context, opts Options, variants []Variant, d time.Duration) (Summary, error) {
	sum := Summary{Excused: Excused{}}
	end := time.Now().Add(d)
	for round := 0; time.Now().Before(end) && ctx.Err() == nil; round += roundsEach {
		v := variants[round/roundsEach%len(variants)]
		opts.Say("a new lab: %s", v.Name)
		if err := labOfRounds(ctx, opts, v, round, end, &sum); err != nil {
			return sum, err
		}
	}
	return sum, ctx.Err()
}

// labOfRounds runs the rounds of one lab.
func labOfRounds(ctx context.Context, opts Options, v Variant, first int, end time.Time, sum *Summary) error {
	s, err := begin(ctx, opts, v)
	for round := first; err == nil && round < first+roundsEach && time.Now().Before(end); round++ {
		err = s.play(ctx, round, Plan(opts.Seed, v, round), sum)
	}
	failure := err
	if errors.Is(err, context.Canceled) {
		failure = nil
	}
	kept, closing := s.end(failure)
	sum.Switches = append(sum.Switches, s.network.Cost().String())
	sum.Writes += s.history.count()
	if errors.Is(err, errFound) {
		sum.Findings[len(sum.Findings)-1].Kept = kept
		err = nil
	} else if err != nil && kept != "" {
		err = fmt.Errorf("%w; hint: logs, files and the time line are in %s", err, kept)
	}
	return errors.Join(err, closing)
}

// Once plays given faults on a new lab, and returns the finding, or nil.
func Once(ctx context.Context, opts Options, v Variant, round int, faults []Fault) (*Finding, error) {
	sum := Summary{Excused: Excused{}}
	s, err := begin(ctx, opts, v)
	if err == nil {
		err = s.play(ctx, round, faults, &sum)
	}
	found := errors.Is(err, errFound)
	kept, closing := s.end(err)
	if !found {
		return nil, errors.Join(err, closing)
	}
	sum.Findings[0].Kept = kept
	return &sum.Findings[0], closing
}

// play plays one round and checks after it. A finding comes as errFound, with the finding itself in the summary.
func (s *Storm) play(ctx context.Context, round int, faults []Fault, sum *Summary) error {
	s.round.Store(int64(round))
	began := s.lab.Timeline.Step("round %d: %s", round, Format(faults))
	if err := s.rage(ctx, faults); err != nil {
		return err
	}
	s.note("quiet")
	sum.Rounds++
	sum.Faults += len(faults)
	calm, err := s.awaitCalm(ctx, began)
	var not *notCalm
	if errors.As(err, &not) {
		return s.found(sum, began, round, faults, []string{not.Error()})
	}
	if err != nil {
		return err
	}
	wrong, excused, err := s.check(ctx)
	if err != nil {
		return err
	}
	if len(wrong) > 0 {
		return s.found(sum, began, round, faults, wrong)
	}
	line := fmt.Sprintf("round %d (%s), whole after %.1f s: %s", round, s.variant.Name, calm.Whole.Seconds(), Format(faults))
	if n := s.resyncs(); n > 0 {
		sum.Resyncs += n
		line += fmt.Sprintf("; %d full resyncs", n)
	}
	if len(excused) > 0 {
		line += fmt.Sprintf("; lost as the guarantees allow: %s", excused)
	}
	if calm.Whole > recoverLimit {
		sum.Slow = append(sum.Slow, fmt.Sprintf("round %d took %s: %s", round, calm.Whole.Round(time.Second), calm.Why))
		line += "; " + calm.Why
	} else {
		sum.Worst = max(sum.Worst, calm.Whole)
	}
	s.opts.Say("%s", line)
	for reason, n := range excused {
		sum.Excused[reason] += n
	}
	return nil
}

func (s *Storm) found(sum *Summary, began host.Mono, round int, faults []Fault, wrong []string) error {
	f := Finding{Seed: s.opts.Seed, Variant: s.variant, Round: round, Faults: faults, Wrong: wrong, Timeline: s.timeline(began)}
	sum.Findings = append(sum.Findings, f)
	return fmt.Errorf("%w: %s", errFound, strings.Join(wrong, "; "))
}

// timeline is what happened since an instant: steps, the VIP, the roles, and what the programs of ours said.
func (s *Storm) timeline(since host.Mono) (lines []string) {
	for _, e := range s.lab.Timeline.Events() {
		if e.At < since || e.Kind == host.EventExit {
			continue
		}
		if e.Kind == host.EventLog && e.Program != "chk-redis" && e.Program != "notify-redis" && e.Program != "redis-initd" &&
			!strings.Contains(e.Text, "STATE") {
			continue
		}
		where := e.Host
		if where == "" {
			where = "lab"
		}
		lines = append(lines, fmt.Sprintf("%7.3f %-6s %s", e.At.Sub(since).Seconds(), where, lab.Event(e).Sentence()))
	}
	return lines
}

// String is the finding as a person reads it.
func (f Finding) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "FINDING: seed %d, %s, round %d: %s\n", f.Seed, f.Variant.Name, f.Round, Format(f.Faults))
	for _, w := range f.Wrong {
		fmt.Fprintf(&b, "  %s\n", w)
	}
	b.WriteString("time line, in seconds:\n")
	for _, l := range f.Timeline {
		fmt.Fprintf(&b, "  %s\n", l)
	}
	if f.Kept != "" {
		fmt.Fprintf(&b, "logs and files: %s\n", f.Kept)
	}
	fmt.Fprintf(&b, "again: build/redis-storm --seed %d --variants %s --faults '%s'\n", f.Seed, f.Variant.Name, Format(f.Faults))
	return b.String()
}

// String is the summary as a person reads it.
func (s Summary) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d rounds, %d faults, %d writes tried, %d full resyncs; the slowest recovery took %.1f s; %d findings\n", s.Rounds, s.Faults, s.Writes, s.Resyncs, s.Worst.Seconds(), len(s.Findings))
	for _, slow := range s.Slow {
		fmt.Fprintf(&b, "slow, and allowed: %s\n", slow)
	}
	if len(s.Excused) > 0 {
		fmt.Fprintf(&b, "lost as the guarantees allow: %s\n", s.Excused)
	}
	for _, c := range s.Switches {
		fmt.Fprintf(&b, "%s\n", c)
	}
	return b.String()
}
