// Package program is what the commands share at their edges: exit codes, version, umask, the deadline and the signals of
// a run, the logger, and how an error is shown to a person.
package program

// Exit codes of chk-redis; keepalived knows success (0) and failure (anything else) only.
const (
	// Healthy: this host may hold the VIP, be it with a warning (degraded).
	Healthy = 0
	// Unhealthy: it may not.
	Unhealthy = 1
	// Usage: the command line or the configuration is wrong.
	Usage = 2
)

// version is set by the linker (-X keepalived-redis/internal/program.version=…).
var version = "dev"

// Version is the version that the build was given.
func Version() string { return version }
