package check

import (
	"errors"
	"slices"
	"strings"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/program"
	"keepalived-redis/internal/state"
)

// verdictFile in the run directory keeps what a run has said, so that changes are logged and not every run: the sentence of
// the verdict, then the warnings, a line each.
const verdictFile = "verdict"

// said is a verdict and what there was to warn of beside it.
type said struct {
	model.Verdict
	Warnings []string
}

var errNoVerdict = errors.New("it does not begin with a verdict")

// loadSaid reads what the last run has said; nothing if there was none. A damaged file is set aside by a run that acts.
func loadSaid(run state.Dir, act bool) (said, error) {
	text, found, err := run.Text(verdictFile)
	if !found && err == nil {
		return said{}, nil
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for h := model.Unhealthy; h <= model.Healthy && err == nil; h++ {
		if strings.HasPrefix(lines[0], h.String()) {
			return said{Verdict: model.Verdict{Health: h, Sentence: lines[0]}, Warnings: lines[1:]}, nil
		}
	}
	if err == nil {
		err = errNoVerdict
	}
	if act {
		err = run.SetAside(verdictFile, err)
	}
	return said{}, err
}

func (s said) store(run state.Dir) error {
	lines := append([]string{s.Sentence}, s.Warnings...)
	for i, l := range lines {
		lines[i] = program.Plain(l)
	}
	return run.StoreBytes(verdictFile, []byte(strings.Join(lines, "\n")+"\n"))
}

// news: this run says something else than the last one.
func (c *check) news(v model.Verdict) bool {
	return v != c.last.Verdict || !slices.Equal(c.log.Warned(), c.last.Warnings)
}

func (c *check) logChange(run state.Dir, v model.Verdict) {
	switch {
	case v == c.last.Verdict:
	case v.EnoughForVIP():
		c.log.Say().Info().Msg(v.Sentence)
	default:
		c.log.Say().Error().Msg(v.Sentence)
	}
	if err := (said{v, c.log.Warned()}).store(run); err != nil {
		c.log.Warn().Err(err).Msg("the verdict cannot be kept")
	}
}
