package decide

import (
	"strings"
	"time"

	"keepalived-redis/internal/model"
)

// planner collects a plan.
type planner struct {
	steps   []model.Step
	clauses []string
	again   time.Duration
}

func (p *planner) say(s string)       { p.clauses = append(p.clauses, s) }
func (p *planner) do(v model.Verb)    { p.steps = append(p.steps, model.Step{Do: v}) }
func (p *planner) add(s model.Step)   { p.steps = append(p.steps, s) }
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

// plan ends the collection; equal clauses are said once.
func (p *planner) plan() model.Plan {
	var said []string
	seen := map[string]bool{}
	for _, c := range p.clauses {
		if !seen[c] {
			seen[c] = true
			said = append(said, c)
		}
	}
	return model.Plan{Steps: p.steps, Sentence: strings.Join(said, "; "), Again: p.again}
}
