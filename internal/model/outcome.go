package model

// Outcome is what a reconciliation came to.
type Outcome struct {
	// Isolated: this box is cut off. Fenced: writes are refused here.
	Isolated, Fenced bool
	// Cold: this box has just started, and a master on it has not heard of its peer yet.
	Cold bool
	// Sentence is the last decision.
	Sentence string
}

// Unfit tells whether the box must not hold the VIP.
func (o Outcome) Unfit() bool { return o.Isolated || o.Fenced || o.Cold }
