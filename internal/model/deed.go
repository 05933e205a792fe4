package model

import "time"

// Deed is one thing that was done: what the log, the history and the counters say of it.
type Deed struct {
	At time.Time `json:"at"`
	// Do is what was done, and Instance to what; none where it was done to the host. From is the old master of a switchover, or the new one to follow.
	Do       Verb     `json:"action"`
	Instance Instance `json:"instance"`
	From     Instance `json:"from"`
	// Reason is why, the first one of the decision.
	Reason Reason `json:"reason,omitempty"`
	// By is who did it: "check run", or the event of a hook.
	By string `json:"by"`
	// Took is how long it took, Gap for how long of that writers were held back.
	Took time.Duration `json:"took_ns,omitempty"`
	Gap  time.Duration `json:"gap_ns,omitempty"`
	// Hung is for how long an instance that was killed and started had given no answer; 0 for one that was dead. State is what was found after
	// the start.
	Hung  time.Duration `json:"hung_ns,omitempty"`
	State State         `json:"-"`
}

// ReasonOf is why a plan has a step: the reason of the clause that names its instance, else of one of the same action.
func ReasonOf(clauses []Clause, s Step) (why Reason) {
	for _, c := range clauses {
		if c.Action != s.Do {
			continue
		}
		for _, i := range c.Instances {
			if i == s.Instance {
				return c.Reason
			}
		}
		if why == "" {
			why = c.Reason
		}
	}
	return why
}
