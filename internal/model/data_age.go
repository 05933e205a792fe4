package model

import (
	"slices"
	"time"
)

// DataAge is what is known of the data of a local replica in a cluster.
type DataAge struct {
	// Unlinked: it has not been linked to a master since its server started, and Waited is how long its master has been missing
	// meanwhile.
	Unlinked bool
	Waited   time.Duration
	// Stale is how long its master was seen alive while the link to it was down.
	Stale time.Duration
}

// NameSet is a set of names. Its zero value is empty.
type NameSet []string

// Has: the name is in the set.
func (s NameSet) Has(name string) bool { return slices.Contains(s, name) }

// With is the set and one name more.
func (s NameSet) With(name string) NameSet {
	if s.Has(name) {
		return s
	}
	return append(slices.Clone(s), name)
}

// Without is the set without a name.
func (s NameSet) Without(name string) NameSet {
	return slices.DeleteFunc(slices.Clone(s), func(n string) bool { return n == name })
}
