package report

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"time"
)

// Report is what is written to build/lab/NAME.json.
type Report struct {
	Scenario string
	Runs     []Result
}

// Median is the median of each number over the runs; never is longer than any time. With an even number of runs it is the mean of
// the two in the middle, never when one of them is; counts are rounded up, so that half a loss is one. Masters and Ranges are not set.
func (r Report) Median() Result {
	duration := func(of func(Result) *time.Duration) *time.Duration { return medianTime(r.Runs, of) }
	count := func(of func(Result) int) int { return medianCount(r.Runs, of) }
	m := Result{
		VIP:        duration(func(r Result) *time.Duration { return r.VIP }),
		Writable:   duration(func(r Result) *time.Duration { return r.Writable }),
		AfterVIP:   duration(func(r Result) *time.Duration { return r.AfterVIP }),
		WorstGap:   duration(func(r Result) *time.Duration { return r.WorstGap }),
		LastCutAck: duration(func(r Result) *time.Duration { return r.LastCutAck }),
		Takeover:   duration(func(r Result) *time.Duration { return r.Takeover }),
		Whole:      duration(func(r Result) *time.Duration { return r.Whole }),
		CutAcks:    count(func(r Result) int { return r.CutAcks }),
		Through:    medianShare(r.Runs),
		Acked:      count(func(r Result) int { return r.Acked }),
		Lost:       count(func(r Result) int { return r.Lost }),
		Unread:     count(func(r Result) int { return r.Unread }),
		Unknown:    count(func(r Result) int { return r.Unknown }),
	}
	if observed := duration(func(r Result) *time.Duration { return &r.Observed }); observed != nil {
		m.Observed = *observed
	}
	return m
}

// medianTime is the median of a time; of no runs it is never.
func medianTime(runs []Result, of func(Result) *time.Duration) *time.Duration {
	var all []*time.Duration
	for _, r := range runs {
		all = append(all, of(r))
	}
	if len(all) == 0 {
		return nil
	}
	slices.SortFunc(all, func(a, b *time.Duration) int {
		switch {
		case a != nil && b != nil:
			return cmp.Compare(*a, *b)
		case a == nil && b == nil:
			return 0
		case a == nil:
			return 1
		default:
			return -1
		}
	})
	low, high := all[(len(all)-1)/2], all[len(all)/2]
	if high == nil {
		return nil
	}
	return pointer((*low + *high) / 2)
}

// medianCount is the median of a count; of no runs it is 0.
func medianCount(runs []Result, of func(Result) int) int {
	var all []int
	for _, r := range runs {
		all = append(all, of(r))
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return (all[(len(all)-1)/2] + all[len(all)/2] + 1) / 2
}

// medianShare is the median of Through; of no runs it is 0.
func medianShare(runs []Result) float64 {
	var all []float64
	for _, r := range runs {
		all = append(all, r.Through)
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}

// resultJSON is a Result as the file has it.
type resultJSON struct {
	VIP        milliseconds         `json:"vip_ms"`
	Writable   milliseconds         `json:"writable_ms"`
	AfterVIP   milliseconds         `json:"after_vip_ms"`
	WorstGap   milliseconds         `json:"worst_gap_ms"`
	Acked      int                  `json:"acked"`
	Lost       int                  `json:"lost"`
	Unread     int                  `json:"unread"`
	Unknown    int                  `json:"unknown"`
	Masters    map[string]int       `json:"masters,omitempty"`
	LastCutAck *milliseconds        `json:"last_cut_ack_ms,omitempty"`
	CutAcks    int                  `json:"cut_acks,omitempty"`
	Takeover   *milliseconds        `json:"takeover_ms,omitempty"`
	Whole      *milliseconds        `json:"whole_ms,omitempty"`
	Through    json.Number          `json:"through,omitempty"`
	Observed   milliseconds         `json:"observed_ms"`
	Ranges     map[string]rangeJSON `json:"ranges,omitempty"`
}

type rangeJSON struct {
	Writable milliseconds `json:"writable_ms"`
	WorstGap milliseconds `json:"worst_gap_ms"`
	Acked    int          `json:"acked"`
	Lost     int          `json:"lost"`
}

// milliseconds is a time in the file, null where it is never.
type milliseconds struct{ d *time.Duration }

// MarshalJSON writes a number with three digits after the point.
func (m milliseconds) MarshalJSON() ([]byte, error) {
	if m.d == nil {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, float64(m.d.Round(time.Microsecond))/float64(time.Millisecond), 'f', 3, 64), nil
}

// ifAny is nothing where there is no time, so that the file leaves it out.
func ifAny(d *time.Duration) *milliseconds {
	if d == nil {
		return nil
	}
	return &milliseconds{d}
}

func forFile(r Result) resultJSON {
	out := resultJSON{
		VIP: milliseconds{r.VIP}, Writable: milliseconds{r.Writable}, AfterVIP: milliseconds{r.AfterVIP}, WorstGap: milliseconds{r.WorstGap},
		Acked: r.Acked, Lost: r.Lost, Unread: r.Unread, Unknown: r.Unknown, Masters: r.Masters, Observed: milliseconds{&r.Observed},
	}
	out.LastCutAck, out.Takeover, out.Whole = ifAny(r.LastCutAck), ifAny(r.Takeover), ifAny(r.Whole)
	out.CutAcks = r.CutAcks
	if r.Through > 0 {
		out.Through = json.Number(strconv.FormatFloat(r.Through, 'f', 4, 64))
	}
	if len(r.Ranges) > 0 {
		out.Ranges = map[string]rangeJSON{}
	}
	for name, one := range r.Ranges {
		out.Ranges[name] = rangeJSON{milliseconds{one.Writable}, milliseconds{one.WorstGap}, one.Acked, one.Lost}
	}
	return out
}

// MarshalJSON writes {"scenario": …, "runs": [{"vip_ms": …, "writable_ms": …, "worst_gap_ms": …, "acked": …, "lost": …, "masters": {…}, …}],
// "median": {the same numbers}}. Times are milliseconds with three digits after the point, null where never; last_cut_ack_ms,
// takeover_ms and whole_ms are left out where there is nothing to tell.
func (r Report) MarshalJSON() ([]byte, error) {
	runs := []resultJSON{}
	for _, one := range r.Runs {
		runs = append(runs, forFile(one))
	}
	return json.Marshal(struct {
		Scenario string       `json:"scenario"`
		Runs     []resultJSON `json:"runs"`
		Median   resultJSON   `json:"median"`
	}{r.Scenario, runs, forFile(r.Median())})
}
