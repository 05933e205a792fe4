package redis

import (
	"errors"
	"fmt"
	"strconv"
)

// TermKey holds the term of a pair's data: it is raised at every promotion. It lies in the data itself, so that it
// replicates and persists with it, and so tells lineages apart on every version.
const TermKey = "keepalived-redis:term"

// Term is how often the data has changed its master. Known is false where it could not be read; data that was never
// promoted has the known term 0.
type Term struct {
	N     uint64
	Known bool
	// Released: the box of the master has marked that the VIP is not there any more. The mark is a leading zero, "06", which
	// a program that does not know it reads as the same term. Term 0 has none.
	Released bool
}

// text is the value of the key.
func (t Term) text() string {
	s := strconv.FormatUint(t.N, 10)
	if t.Released {
		s = "0" + s
	}
	return s
}

// term takes in the reply to GET TermKey.
func (l *Look) term(r reply) {
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
