package report

import "time"

// Result is what one run measured. Times are from the fault. A nil pointer means never.
type Result struct {
	// VIP is how long it took until a box that did not hold the VIP at the fault got it.
	VIP *time.Duration
	// Writable is how long it took until every slot range was acknowledged again. A range is interrupted by a gap of more than
	// Interruption between two acknowledgements that begins less than Settled after the fault; a further such gap that begins less than
	// Settled after the end of the one before belongs to the same interruption. Writable is the latest end of an interruption: 0 when no
	// range was interrupted, nil when one did not end before the writing did.
	Writable *time.Duration
	// AfterVIP is Writable - VIP, nil when one of them is, or when nothing was interrupted.
	AfterVIP *time.Duration
	// WorstGap is the longest time between two acknowledgements of one range that ends after the fault; nil when a range was interrupted
	// and never acknowledged again.
	WorstGap *time.Duration
	// Acked counts the acknowledged writes of the probe on the third host, over the whole run. Lost of them are gone (or have another
	// value), Unread could not be read back, because nobody serves them.
	Acked, Lost, Unread int
	// Unknown writes were sent and never answered.
	Unknown int
	// Masters are the masters that served slots at the end, by address, with the number of their slots.
	Masters map[string]int
	// LastCutAck is when the writer in the cut-off box got its last acknowledgement before the heal; 0 when it got none after the fault,
	// nil when there is no such writer.
	LastCutAck *time.Duration
	// Ranges are the same numbers for each slot range.
	Ranges map[string]RangeResult
	// Observed is the time from the fault to the end of the writing: "never" means not within it.
	Observed time.Duration
}

// RangeResult is what one run measured on one slot range; the meanings are those of Result.
type RangeResult struct {
	Writable, WorstGap *time.Duration
	Acked, Lost        int
}

const (
	// Interruption is the shortest gap between two acknowledgements of a range that counts as an interruption: well above what a busy
	// machine does by itself, well below the time of a failover.
	Interruption = 50 * time.Millisecond
	// Settled is how long a range must be acknowledged without an interruption to count as writable.
	Settled = time.Second
)

// Measure computes the result of a run.
func Measure(r Run) Result { return Result{} }

// Report is what is written to build/lab/NAME.json.
type Report struct {
	Scenario string
	Runs     []Result
}

// Median is the median of each number over the runs; never is longer than any time. With an even number of runs it is the mean of
// the two in the middle. Masters and Ranges are not set.
func (r Report) Median() Result { return Result{} }

// MarshalJSON writes {"scenario": …, "runs": [{"vip_ms": …, "writable_ms": …, "worst_gap_ms": …, "acked": …, "lost": …, "masters": {…}, …}],
// "median": {the same numbers}}. Times are milliseconds with three digits after the point, null where never.
func (r Report) MarshalJSON() ([]byte, error) { return nil, nil }

// WriteFile writes the report as JSON, by rename.
func (r Report) WriteFile(path string) error { return nil }
