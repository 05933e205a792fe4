package model

import (
	"time"
)

// Look is what one look at an instance found.
type Look struct {
	Instance Instance
	State    State
	Evidence
	// Err says why, in the server's or the system's words. When Up it says what was not answered or not understood, if
	// anything was.
	Err error
	// Info is nil when it was not answered.
	Info *Info
	// Nodes is nil when it was not answered, as on a server without cluster mode.
	Nodes Nodes
	// Term is read only where the target asks for it.
	Term Term
	// Took is the time until the last reply, the dial included.
	Took time.Duration
}

// Role is the role it claims, empty when it did not say.
func (l Look) Role() Role {
	if l.Info == nil {
		return ""
	}
	return l.Info.Role
}

// Self is the instance's own line of CLUSTER NODES.
func (l Look) Self() (Node, bool) { return l.Nodes.Myself() }
