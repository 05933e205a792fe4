package act

import (
	"time"
)

// Bounds of one step.
const (
	takeoverTimeout    = 700 * time.Millisecond
	forceAskAgain      = 500 * time.Millisecond
	pollPause          = 500 * time.Microsecond
	betweenSwitchovers = 50 * time.Millisecond
)
