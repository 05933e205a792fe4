package model

import (
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
	// Released: the host of the master has marked that the VIP is not there any more. The mark is a leading zero, "06", which
	// a program that does not know it reads as the same term: during an upgrade a hold then only lasts its minute. In another form it would
	// be no term at all, and no master could be switched over. Term 0 has none.
	Released bool
}

// Text is the value of the key.
func (t Term) Text() string {
	s := strconv.FormatUint(t.N, 10)
	if t.Released {
		s = "0" + s
	}
	return s
}
