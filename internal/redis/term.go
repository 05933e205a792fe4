package redis

import (
	"errors"
	"fmt"
	"strconv"

	"keepalived-redis/internal/model"
)

// term takes in the reply to GET model.TermKey.
func (l *inquiry) term(r reply) {
	var err error
	if l.Term, err = parseTerm(r.text, r.err); err != nil && l.State == model.Up {
		l.Err = errors.Join(l.Err, fmt.Errorf("the term was not answered: %w", err))
	}
}

func parseTerm(text string, err error) (model.Term, error) {
	switch {
	case isNil(err):
		return model.Term{Known: true}, nil
	case err != nil:
		return model.Term{}, err
	}
	n, err := strconv.ParseUint(text, 10, 63)
	t := model.Term{N: n, Known: true, Released: n > 0 && text[0] == '0'}
	if err != nil || t.Text() != text {
		return model.Term{}, fmt.Errorf("key %s is no number: %.40q", model.TermKey, text)
	}
	return t, nil
}
