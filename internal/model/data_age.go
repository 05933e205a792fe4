package model

import (
	"strings"
	"time"
)

// DataAge is what is known of the data of a local replica in a cluster.
type DataAge struct {
	// Unlinked: it has not been linked to a master since this host started, and Waited is how long its master has been missing
	// meanwhile.
	Unlinked bool
	Waited   time.Duration
	// Stale is how long its master was seen alive while the link to it was down.
	Stale time.Duration
}

// NameSet is a set of names as one string, because that costs a check less to read than a list.
type NameSet string

// Has: the name is in the set.
func (s NameSet) Has(name string) bool { return strings.Contains(string(s), " "+name+" ") }

// With is the set and one name more.
func (s NameSet) With(name string) NameSet {
	if s.Has(name) {
		return s
	}
	return NameSet(strings.TrimSuffix(string(s), " ") + " " + name + " ")
}

// Without is the set without a name.
func (s NameSet) Without(name string) NameSet {
	return NameSet(strings.Replace(string(s), " "+name+" ", " ", 1))
}
