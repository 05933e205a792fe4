package model

// Outcome is what a reconciliation came to.
type Outcome struct {
	// Isolated: this host is cut off. Fenced: writes are refused here.
	Isolated, Fenced bool
	// Cold: this host has just started, and a master on it has not heard of its peer yet.
	Cold bool
	// Outranked are the local masters of pairs beside a serving peer of a better claim, for so long that the VIP is better there.
	Outranked []Instance
	// Clauses are those of the last decision.
	Clauses []Clause
}

// Unhealthy tells whether the host must not hold the VIP.
func (o Outcome) Unhealthy() bool { return o.MayNotServe() || len(o.Outranked) > 0 }

// MayNotServe: nothing here may serve now, wherever the VIP is.
func (o Outcome) MayNotServe() bool { return o.Isolated || o.Fenced || o.Cold }
