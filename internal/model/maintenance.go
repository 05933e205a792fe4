package model

// MaintenanceFile in the durable directory is written by a person: "drain" or "hold", "until" and a time if it is to end by
// itself, and the reason.
const MaintenanceFile = "maintenance"

// The words of a maintenance.
const (
	// Drain: the host is unhealthy, Redis is left alone.
	Drain = "drain"
	// Hold: the verdict stays what it was, and nothing is done.
	Hold = "hold"
)

// Maintenance is what a person wrote down; its zero value is none.
type Maintenance struct {
	// Word is Drain or Hold, empty without a maintenance.
	Word string
	// Until is when it ends by itself, in words, empty when it does not.
	Until string
	// Reason is for people.
	Reason string
}

// String is the maintenance in brackets behind a sentence's word.
func (m Maintenance) String() string {
	s := m.Word
	if m.Until != "" {
		s += " until " + m.Until
	}
	return s + ": " + m.Reason
}
