package decide

import (
	"slices"
	"time"

	"keepalived-redis/internal/model"
)

// planner collects a plan.
type planner struct {
	steps   []model.Step
	clauses []model.Clause
	again   time.Duration
	// held are the local instances of which nothing else is decided: what is to be done with their writes comes first.
	held []model.Instance
}

func (p *planner) isHeld(l model.Look) bool { return slices.Contains(p.held, l.Instance) }

// say adds a clause.
func (p *planner) say(v model.Verb, why model.Clause) {
	why.Action = v
	p.clauses = append(p.clauses, why)
}

// keep says that nothing is done, and why.
func (p *planner) keep(why model.Clause) { p.say(model.Keep, why) }

// wait says why nothing is done yet, and has it looked at again at once.
func (p *planner) wait(why model.Clause) {
	p.say(model.Wait, why)
	p.in(LookAgain)
}

// do adds a step, and why. A clause that names no instance is about that of the step.
func (p *planner) do(s model.Step, why model.Clause) {
	p.step(s)
	if len(why.Instances) == 0 && s.Instance.Known() {
		why.Instances = []model.Instance{s.Instance}
	}
	p.say(s.Do, why)
}

// step adds a step that belongs to a clause which is said already, or needs no words.
func (p *planner) step(s model.Step)  { p.steps = append(p.steps, s) }
func (p *planner) in(d time.Duration) { p.again = soonest(p.again, d) }

// promotes: an instance is promoted by the plan already.
func (p *planner) promotes(a model.Instance) bool {
	for _, s := range p.steps {
		if s.Instance == a && (s.Do == model.Takeover || s.Do == model.Force) {
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

func (p *planner) plan() model.Plan {
	return model.Plan{Steps: p.steps, Clauses: model.Join(p.clauses), Again: p.again}
}

// about is a clause about a local instance, and its master or peer.
func about(l model.Look, r model.Reason, others ...model.Instance) model.Clause {
	return model.Clause{Instances: []model.Instance{model.Called(l)}, Reason: r, Others: others}
}

// stands is a clause about a local instance and how its master or peer stands.
func stands(l, other model.Look, r model.Reason) model.Clause {
	c := about(l, r, other.Instance)
	c.Host, c.State = other.Instance.Addr.Addr(), other.State
	return c
}
