package check

import (
	"reflect"
	"slices"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/program"
	"keepalived-redis/internal/reason"
	"keepalived-redis/internal/state"
)

// verdictFile in the run directory keeps what a run has said, so that changes are logged and not every run.
const verdictFile = "verdict.json"

// said is a verdict, by what makes it news, and what there was to warn of beside it.
type said struct {
	Verdict  string   `json:"verdict"`
	Because  []string `json:"because,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
}

func saidOf(v model.Verdict, warnings []string) said {
	s := said{Verdict: v.Health.String(), Warnings: warnings}
	for _, c := range v.Parts {
		s.Because = append(s.Because, c.Key())
	}
	return s
}

// health is the last one; nil where there was no verdict.
func (s said) health() *model.Health {
	for h := model.Unhealthy; h <= model.Healthy; h++ {
		if s.Verdict == h.String() {
			return &h
		}
	}
	return nil
}

// loadSaid reads what the last run has said; nothing if there was none. A damaged file is set aside by a run that acts.
func loadSaid(run state.Dir, act bool) (last said, err error) {
	if act {
		_, err = run.Load(verdictFile, &last)
	} else {
		_, err = run.Peek(verdictFile, &last)
	}
	return last, err
}

// news: this run says something else than the last one.
func (c *check) news(v model.Verdict) bool {
	return !reflect.DeepEqual(saidOf(v, c.log.Warned()), c.last)
}

func (c *check) logChange(run state.Dir, v model.Verdict) {
	now := saidOf(v, c.log.Warned())
	if now.Verdict != c.last.Verdict || !slices.Equal(now.Because, c.last.Because) {
		e := c.log.Say().Info()
		if !v.EnoughForVIP() {
			e = c.log.Say().Error()
		}
		for _, r := range reason.Words(v) {
			e = e.Str(program.ReasonField, r)
		}
		e.Msg(reason.Verdict(v))
	}
	if err := run.Store(verdictFile, now); err != nil {
		c.log.Warn().Err(err).Msg("the verdict cannot be kept")
	}
}
