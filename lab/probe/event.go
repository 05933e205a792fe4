package probe

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"keepalived-redis/lab/host"
)

// Kind says what an Event tells.
type Kind string

// The kinds of events.
const (
	// Started: the cluster is found and writing begins. Ranges is set.
	Started Kind = "started"
	// Acks: what came in for one range since its last event of this kind: Acks and Failed. One per range and FlushPeriod, and at once
	// before Silent and after Back.
	Acks Kind = "acks"
	// Silent: no write to the range has been acknowledged for SilentAfter. At is the last acknowledgement, Text what the latest attempts
	// ended with.
	Silent Kind = "silent"
	// Back: the first acknowledgement after Silent, at the instant At, Gap after the one before it, by the instance Addr.
	Back Kind = "back"
	// Moved: the range is now written to the instance Addr; before it was From.
	Moved Kind = "moved"
	// Late: the writer itself got no CPU for Gap, up to At. A gap in the acknowledgements of that length at that instant says nothing
	// about Redis.
	Late Kind = "late"
	// Verified: the values of one range were read back. Result is set.
	Verified Kind = "verified"
	// Ended: the last event. Result holds the sums over all ranges, Masters who serves how many slots.
	Ended Kind = "ended"
)

// FlushPeriod is how often a range's acknowledgements are reported. A writer that is killed takes those of this period with it.
const FlushPeriod = 50 * time.Millisecond

// SilentAfter is how long a range must be without an acknowledgement before Silent is reported; at least four times Options.Interval.
const SilentAfter = 20 * time.Millisecond

// Event is something that a writer saw. Which fields are set depends on Kind.
type Event struct {
	// Source is the writer: Options.Source.
	Source string `json:"source"`
	Kind   Kind   `json:"kind"`
	// At is when it happened, on CLOCK_MONOTONIC; all hosts of a lab share that clock.
	At host.Mono `json:"at"`
	// Range is the name of the slot range as in Started: "0-5460"; "port 7000" for a replication pair; "192.168.9.70:7000" for a local
	// instance, whichever slots it serves.
	Range string `json:"range,omitempty"`
	// Addr and From are addresses of instances.
	Addr string `json:"addr,omitempty"`
	From string `json:"from,omitempty"`
	// Gap is a time without acknowledgements (Back) or without CPU (Late).
	Gap time.Duration `json:"gap_ns,omitempty"`
	// Text is for people.
	Text string `json:"text,omitempty"`
	// Acks are the instants of acknowledgements, ascending.
	Acks []host.Mono `json:"acks,omitempty"`
	// Failed counts attempts that ended without an acknowledgement, by kind: the first word of Redis' error (NOREPLICAS, READONLY,
	// CLUSTERDOWN, MOVED, LOADING, BUSY …), FailedDial, FailedRefused, or one of the unknown: FailedTimeout, FailedClosed.
	Failed map[string]int `json:"failed,omitempty"`
	// Ranges is what is written to, of Started.
	Ranges []Range `json:"ranges,omitempty"`
	// Result is the outcome, of Verified and Ended.
	Result *Result `json:"result,omitempty"`
	// Masters are the masters that served slots at the end, by address, with the number of their slots. Of Ended, in cluster mode.
	Masters map[string]int `json:"masters,omitempty"`
}

// What an attempt can end with beside an acknowledgement or an error of Redis.
const (
	// FailedDial: no answer to the connect in time, or no route. Nothing was written.
	FailedDial = "unreachable"
	// FailedRefused: the connection was refused. Nothing was written.
	FailedRefused = "refused"
	// FailedTimeout: sent, and no answer in time. Whether it was written is unknown: such a value is neither acknowledged nor lost.
	FailedTimeout = "timeout"
	// FailedClosed: sent, and the connection ended before the answer. Unknown as well.
	FailedClosed = "closed"
)

// Unknown says whether attempts that failed so may have been written all the same.
func Unknown(kind string) bool { return kind == FailedTimeout || kind == FailedClosed }

// Range is what one stream of writes goes to.
type Range struct {
	// Name is unique within a writer.
	Name string `json:"name"`
	// Slots is the number of slots, 0 outside cluster mode.
	Slots int `json:"slots,omitempty"`
	// Master serves it at the start, Replicas are its replicas.
	Master   string   `json:"master"`
	Replicas []string `json:"replicas,omitempty"`
}

// Result counts writes. Acked = present + Lost + Wrong + Unread.
type Result struct {
	// Acked were acknowledged.
	Acked int `json:"acked"`
	// Lost were acknowledged and are gone; LostAcks are the instants of their acknowledgements, ascending.
	Lost     int         `json:"lost"`
	LostAcks []host.Mono `json:"lost_acks,omitempty"`
	// Wrong were acknowledged and now have another value.
	Wrong int `json:"wrong,omitempty"`
	// Unread were acknowledged and could not be read back before the deadline: nobody serves them.
	Unread int `json:"unread,omitempty"`
	// Unknown were sent and never answered.
	Unknown int `json:"unknown,omitempty"`
	// Failed counts what was not acknowledged, as Event.Failed, over the whole run.
	Failed map[string]int `json:"failed,omitempty"`
	// WorstGap is the longest time between two acknowledgements of one range.
	WorstGap time.Duration `json:"worst_gap_ns"`
}

// Decode reads events as Main writes them, one JSON object a line, and calls f for each, until the end of r. An incomplete last line is
// no error: the writer was killed.
func Decode(r io.Reader, f func(Event)) error {
	d := json.NewDecoder(r)
	for {
		var e Event
		err := d.Decode(&e)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return fmt.Errorf("read events of a writer: %w", err)
		}
		f(e)
	}
}
