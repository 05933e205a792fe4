package model

// Health is how a host stands. Its zero value is unhealthy.
type Health int

// The three values. A degraded host may hold the VIP, but something is wrong: often the next failover would not work.
const (
	Unhealthy Health = iota
	Degraded
	Healthy
)

// String is the word by which people, state files and JSON know it.
func (h Health) String() string { return [...]string{"unhealthy", "degraded", "healthy"}[h] }

// EnoughForVIP: the host may hold the VIP, and the check exits with 0.
func (h Health) EnoughForVIP() bool { return h != Unhealthy }

// Verdict is how a host stands, and why: what there is to say of the host first, then of its instances.
type Verdict struct {
	Health
	Parts []Clause
}
