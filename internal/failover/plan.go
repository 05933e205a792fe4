package failover

import (
	"strings"
	"time"

	"keepalived-redis/internal/redis"
)

// Verb is what a step does.
type Verb string

// The steps.
const (
	Takeover  Verb = "takeover"       // CLUSTER FAILOVER TAKEOVER on a local replica
	Force     Verb = "force"          // CLUSTER FAILOVER FORCE on a local replica
	Move      Verb = "move"           // the coordinated move of a living master to a local replica
	UndoMove  Verb = "undo-move"      // end a move that was begun and not ended
	Bump      Verb = "bump"           // raise the config epochs of the local masters
	Fence     Verb = "fence"          // refuse writes on every local instance
	FenceStop Verb = "fence-stop"     // stop every local instance
	LiftStart Verb = "lift-start"     // start what the fence stopped
	Refuse    Verb = "refuse-writes"  // refuse writes on one instance until its role is confirmed
	Restore   Verb = "restore-writes" // give an instance its configured min-slaves-to-write back
	LiftDone  Verb = "lift"           // the fence is over

	// Outside a cluster:
	Promote     Verb = "promote"      // SLAVEOF NO ONE and a higher term
	Follow      Verb = "follow"       // SLAVEOF, after the data set of a master was kept aside
	NeedReplica Verb = "need-replica" // a master takes writes only with a replica at hand
	Relax       Verb = "relax"        // it takes them without
	Release     Verb = "release"      // mark that the VIP has left the box of a master
	Claim       Verb = "claim"        // remove that mark
)

// Step is one thing to do.
type Step struct {
	Do Verb
	// Instance is the instance to change, From the old master of a move, or the new one to follow.
	Instance, From redis.Instance
}

// Plan is what to do and why.
type Plan struct {
	Steps []Step
	// Sentence says what was decided and why.
	Sentence string
	// Again is how soon to look again; 0 when there is nothing to wait for.
	Again time.Duration
}

// planner collects a plan.
type planner struct {
	steps   []Step
	clauses []string
	again   time.Duration
}

func (p *planner) say(s string)       { p.clauses = append(p.clauses, s) }
func (p *planner) do(v Verb)          { p.steps = append(p.steps, Step{Do: v}) }
func (p *planner) add(s Step)         { p.steps = append(p.steps, s) }
func (p *planner) in(d time.Duration) { p.again = soonest(p.again, d) }

// promotes: an instance is promoted by the plan already.
func (p *planner) promotes(a redis.Instance) bool {
	for _, s := range p.steps {
		if s.Instance == a && (s.Do == Takeover || s.Do == Force) {
			return true
		}
	}
	return false
}

func soonest(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// plan ends the collection; equal clauses are said once.
func (p *planner) plan() Plan {
	var said []string
	seen := map[string]bool{}
	for _, c := range p.clauses {
		if !seen[c] {
			seen[c] = true
			said = append(said, c)
		}
	}
	return Plan{Steps: p.steps, Sentence: strings.Join(said, "; "), Again: p.again}
}
