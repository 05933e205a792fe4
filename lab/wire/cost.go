package wire

import (
	"fmt"
	"math/bits"
	"sync/atomic"
	"time"
)

// buckets are enough for a frame that takes an hour.
const buckets = 64

// cost is what the switch itself takes.
type cost struct {
	frames, bytes, dropped, refused atomic.Uint64
	// through counts frames by the time they took, late those that were delayed by how much too late they were: bucket n is below 2^n ns.
	through, late [buckets]atomic.Uint64
	worst         atomic.Int64
}

func (c *cost) add(size int, took time.Duration) {
	c.frames.Add(1)
	c.bytes.Add(uint64(size))
	c.through[bucket(took)].Add(1)
	for {
		old := c.worst.Load()
		if int64(took) <= old || c.worst.CompareAndSwap(old, int64(took)) {
			return
		}
	}
}

func (c *cost) addLate(size int, by time.Duration) {
	c.frames.Add(1)
	c.bytes.Add(uint64(size))
	c.late[bucket(by)].Add(1)
}

func bucket(d time.Duration) int { return bits.Len64(uint64(max(d, 0))) % buckets }

// Cost is what the switch has done and what it took, from reading a frame to having written it.
type Cost struct {
	// Frames and Bytes were written; Dropped are lost by a rule, Refused by a port that is down or full.
	Frames, Bytes, Dropped, Refused uint64
	// Median and P99 are rounded up to a power of two of nanoseconds, Worst is exact.
	Median, P99, Worst time.Duration
	// Delayed is how many were delayed by a rule, and LateP99 how much later than meant 99 % of them at most came.
	Delayed uint64
	LateP99 time.Duration
}

// Cost reads the counters.
func (s *Switch) Cost() Cost {
	c := Cost{Frames: s.cost.frames.Load(), Bytes: s.cost.bytes.Load(), Dropped: s.cost.dropped.Load(), Refused: s.cost.refused.Load(),
		Worst: time.Duration(s.cost.worst.Load())}
	c.Median, _ = share(&s.cost.through, 0.5)
	c.P99, _ = share(&s.cost.through, 0.99)
	c.LateP99, c.Delayed = share(&s.cost.late, 0.99)
	return c
}

// share is the time below which that share of all frames lies, and how many there are.
func share(counts *[buckets]atomic.Uint64, of float64) (below time.Duration, all uint64) {
	for i := range counts {
		all += counts[i].Load()
	}
	seen := uint64(0)
	for i := range counts {
		seen += counts[i].Load()
		if all > 0 && float64(seen) >= of*float64(all) {
			return time.Duration(uint64(1) << i), all
		}
	}
	return 0, all
}

// String is the cost in one line.
func (c Cost) String() string {
	text := fmt.Sprintf("the switch carried %d frames (%.1f MB), half of them in less than %s, 99 %% in less than %s, the slowest in %s; %d were lost by a rule, %d at a port that was down",
		c.Frames, float64(c.Bytes)/1e6, c.Median, c.P99, c.Worst.Round(time.Microsecond), c.Dropped, c.Refused)
	if c.Delayed > 0 {
		text += fmt.Sprintf("; %d were delayed, 99 %% of them by less than %s more than meant", c.Delayed, c.LateP99)
	}
	return text
}
