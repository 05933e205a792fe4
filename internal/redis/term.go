package redis

import (
	"errors"
	"fmt"
	"strconv"
)

// TermKey holds the term of a pair's data: it is raised at every promotion. It lies in the data itself, so that it
// replicates and persists with it, and so tells lineages apart on every version.
const TermKey = "keepalived-redis:term"

// term takes in the reply to GET TermKey.
func (l *inquiry) term(r reply) {
	var err error
	if l.Term, err = parseTerm(r.text, r.err); err != nil && l.State == Up {
		l.Err = errors.Join(l.Err, fmt.Errorf("the term was not answered: %w", err))
	}
}

func parseTerm(text string, err error) (Term, error) {
	switch {
	case isNil(err):
		return Term{Known: true}, nil
	case err != nil:
		return Term{}, err
	}
	n, err := strconv.ParseUint(text, 10, 63)
	t := Term{N: n, Known: true, Released: n > 0 && text[0] == '0'}
	if err != nil || t.text() != text {
		return Term{}, fmt.Errorf("key %s is no number: %.40q", TermKey, text)
	}
	return t, nil
}
