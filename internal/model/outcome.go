package model

// Outcome is what a reconciliation came to.
type Outcome struct {
	// Isolated: this host is cut off. Fenced: writes are refused here.
	Isolated, Fenced bool
	// Cold: this host has just started, and a master on it has not heard of its peer yet.
	Cold bool
	// Clauses are those of the last decision.
	Clauses []Clause
}

// Unhealthy tells whether the host must not hold the VIP.
func (o Outcome) Unhealthy() bool { return o.Isolated || o.Fenced || o.Cold }
