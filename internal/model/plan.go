package model

import (
	"time"
)

// Verb is what a step does.
type Verb string

// The steps.
const (
	Takeover       Verb = "takeover"        // CLUSTER FAILOVER TAKEOVER on a local replica
	Force          Verb = "force"           // CLUSTER FAILOVER FORCE on a local replica
	Switchover     Verb = "switchover"      // the switchover of a living master to a local replica
	UndoSwitchover Verb = "undo-switchover" // end a switchover that was begun and not ended
	Bump           Verb = "bump"            // raise the config epochs of the local masters
	Fence          Verb = "fence"           // refuse writes on every local instance
	FenceStop      Verb = "fence-stop"      // stop every local instance
	LiftStart      Verb = "lift-start"      // start what the fence stopped
	Refuse         Verb = "refuse-writes"   // refuse writes on one instance until its role is confirmed
	ServeStale     Verb = "serve-stale"     // let a replica without a link answer, CLUSTER as well
	Restart        Verb = "restart"         // start a local instance that died, or kill and start one that hangs
	Kill           Verb = "kill"            // end a local instance that hangs and was taken over
	Restore        Verb = "restore-writes"  // give an instance its configured min-slaves-to-write back
	LiftDone       Verb = "lift"            // the fence is over

	// Outside a cluster:
	Promote     Verb = "promote"      // SLAVEOF NO ONE and a higher term
	Follow      Verb = "follow"       // SLAVEOF, after the data set of a master was kept aside
	NeedReplica Verb = "need-replica" // a master takes writes only with a replica at hand
	Relax       Verb = "relax"        // it takes them without
	Release     Verb = "release"      // mark that the VIP has left the host of a master
	Claim       Verb = "claim"        // remove that mark
	RenewTerm   Verb = "renew-term"   // write the term of a master again, which its data has lost
	Rewrite     Verb = "rewrite"      // CONFIG REWRITE, where a run that changed the role did not come to it

	// No steps, but what a clause may say instead of one:
	Keep         Verb = "keep"          // it is right as it is, or nobody may change it
	Wait         Verb = "wait"          // it may change soon
	NoPromotion  Verb = "no-promotion"  // a replica whose master is lost is not promoted
	NoSwitchover Verb = "no-switchover" // a master stays on the other host
	Warn         Verb = "warn"          // a person should repair this before the next fault
)

// Step is one thing to do.
type Step struct {
	Do Verb
	// Instance is the instance to change, From the old master of a switchover, or the new one to follow.
	Instance, From Instance
}

// Plan is what to do and why.
type Plan struct {
	Steps []Step
	// Clauses say what was decided and why.
	Clauses []Clause
	// Again is how soon to look again; 0 when there is nothing to wait for.
	Again time.Duration
}

// Restarts is what the plan starts, alone.
func (p Plan) Restarts() Plan {
	var only Plan
	for _, s := range p.Steps {
		if s.Do == Restart {
			only.Steps = append(only.Steps, s)
		}
	}
	return only
}

// OnlyRestarts: the plan does nothing but start what died.
func (p Plan) OnlyRestarts() bool {
	for _, s := range p.Steps {
		if s.Do != Restart {
			return false
		}
	}
	return len(p.Steps) > 0
}

// ChangesRoles: a step of the plan would make a master or a replica of an instance.
func (p Plan) ChangesRoles() bool {
	for _, s := range p.Steps {
		switch s.Do {
		case Takeover, Force, Switchover, Promote, Follow:
			return true
		}
	}
	return false
}
