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

// errFound ends a storm at its first finding in a lab: what comes after would only show its consequences.
var errFound = errors.New("a finding")

// Rage plays rounds until they took so long, those that are done already among them. A finding ends the lab of its round, not the storm.
//
// What the faults of a round leave is met by the next ones in the same lab, so an interrupted storm goes on in a new lab. The next round
// has the faults and the variant there that it would have had: both depend on its number and the seed alone.
func Rage(ctx context.Context, opts Options, variants []Variant, d time.Duration, done *Journal) error {
	done.begin()
	for round, more := done.Next(d); more && ctx.Err() == nil; round, more = done.Next(d) {
		v := variants[round/roundsEach%len(variants)]
		opts.Say("a new lab: %s", v.Name)
		if err := labOfRounds(ctx, opts, v, round, d, done); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// labOfRounds plays the rounds of one lab, from this one on.
func labOfRounds(ctx context.Context, opts Options, v Variant, first int, d time.Duration, done *Journal) error {
	s, err := begin(ctx, opts, v)
	for round, more := first, true; err == nil && more && round/roundsEach == first/roundsEach; round, more = done.Next(d) {
		var r Record
		if r, err = s.play(ctx, round, Plan(opts.Seed, v, round)); err == nil || r.Finding != nil {
			err = errors.Join(err, done.add(r))
		}
	}
	failure := err
	if errors.Is(err, context.Canceled) {
		failure = nil
	}
	kept, closing := s.end(failure)
	opts.Say("%s", s.network.Cost())
	if errors.Is(err, errFound) {
		err = done.keptIn(kept)
	} else if err != nil && kept != "" {
		err = fmt.Errorf("%w; hint: logs, files and the time line are in %s", err, kept)
	}
	return errors.Join(err, closing)
}

// Once plays given faults on a new lab.
func Once(ctx context.Context, opts Options, v Variant, round int, faults []Fault) (Record, error) {
	var r Record
	s, err := begin(ctx, opts, v)
	if err == nil {
		r, err = s.play(ctx, round, faults)
	}
	kept, closing := s.end(err)
	if r.Finding == nil {
		return r, errors.Join(err, closing)
	}
	r.Finding.Kept = kept
	return r, closing
}

// play plays one round and checks after it. A finding comes as errFound, and in the record.
func (s *Storm) play(ctx context.Context, round int, faults []Fault) (Record, error) {
	s.round.Store(int64(round))
	r := Record{Round: round, Variant: s.variant.Name, Commit: s.commit, Faults: len(faults)}
	began := s.lab.Timeline.Step("round %d: %s", round, Format(faults))
	if err := s.rage(ctx, faults); err != nil {
		return r, err
	}
	s.note("quiet")
	calm, err := s.awaitCalm(ctx, began)
	r.Writes = s.written()
	var not *notCalm
	if errors.As(err, &not) {
		return s.found(r, began, faults, []string{not.Error()})
	}
	if err != nil {
		return r, err
	}
	r.Whole = calm.Whole
	if r.slow() {
		r.Why = calm.Why
	}
	wrong, excused, err := s.check(ctx)
	if err != nil {
		return r, err
	}
	if len(wrong) > 0 {
		return s.found(r, began, faults, wrong)
	}
	r.Excused, r.Resyncs = excused, s.resyncs()
	s.opts.Say("%s", r.line(faults))
	return r, nil
}

// line is what a round without a finding came to.
func (r Record) line(faults []Fault) string {
	line := fmt.Sprintf("round %d (%s), whole after %.1f s: %s", r.Round, r.Variant, r.Whole.Seconds(), Format(faults))
	if r.Resyncs > 0 {
		line += fmt.Sprintf("; %d full resyncs", r.Resyncs)
	}
	if len(r.Excused) > 0 {
		line += fmt.Sprintf("; lost as the guarantees allow: %s", r.Excused)
	}
	if r.slow() {
		line += "; " + r.Why
	}
	return line
}

// written is how many writes were tried since the last time.
func (s *Storm) written() int {
	all := s.history.count()
	since := all - s.counted
	s.counted = all
	return since
}

func (s *Storm) found(r Record, began host.Mono, faults []Fault, wrong []string) (Record, error) {
	r.Finding = &Finding{Seed: s.opts.Seed, Variant: s.variant, Round: r.Round, Faults: faults, Wrong: wrong, Timeline: s.timeline(began)}
	return r, fmt.Errorf("%w: %s", errFound, strings.Join(wrong, "; "))
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
