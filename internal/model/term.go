package model

import (
	"fmt"
	"net/netip"
	"strconv"
)

// TermKey holds the term of a pair's data: it is raised at every promotion. It lies in the data itself, so that it
// replicates and persists with it, and so tells lineages apart on every version.
const TermKey = "keepalived-redis:term"

// OwnerBits is the size of the lower half of a term, its owner. The upper half counts the promotions.
//
// The owner is a random number of the host that raised the term, which it keeps, so two hosts never claim the same term, by whatever addresses they
// name each other. It is even, and odd where the host raised it for the instance of the other one. A program that knows of no halves compares the
// numbers all the same. An older version has raised those below 2^32: even ones on one host and odd ones on the other, by the order of their
// addresses. That order is also in an owner of 0 or 1, of a host that cannot keep its number.
const OwnerBits = 32

// Term is how often the data has changed its master. Known is false where it could not be read; data that was never
// promoted has the known term 0.
type Term struct {
	N     uint64
	Known bool
	// Own is said of two masters of the same term: the host of this one has raised it.
	Own bool
	// Released: the host of the master has marked that the VIP is not there any more. The mark is a leading zero, "06", which
	// a program that does not know it reads as the same term: during an upgrade a hold then only lasts its minute. In another form it would
	// be no term at all, and no master could be switched over. Term 0 has none.
	Released bool
}

// Owner is the lower half of a term that the host of that number raises for an instance with this address, its own or that of its peer.
func Owner(number uint32, local bool, addr, peer netip.AddrPort) uint32 {
	switch {
	case number>>1 == 0 && addr.Compare(peer) > 0:
		return 1
	case number>>1 == 0:
		return 0
	case local:
		return number &^ 1
	}
	return number | 1
}

// NextTerm is a term of that owner above all that were seen.
func NextTerm(owner uint32, seen ...Term) uint64 {
	var n uint64
	for _, t := range seen {
		n = max(n, t.N)
	}
	return (n>>OwnerBits+1)<<OwnerBits | uint64(owner)
}

// RaisedFor tells whether a term was raised for the instance of this host with that address, and not for that of its peer. number is that of this
// host, 0 for none.
func RaisedFor(number uint32, own, peer netip.AddrPort, term uint64) bool {
	owner := uint32(term)
	if term>>OwnerBits == 0 || owner>>1 == 0 {
		return term > 0 && (own.Compare(peer) > 0) == (term%2 == 1)
	}
	return (owner>>1 == number>>1) == (owner%2 == 0)
}

// TermName is a term as people read it.
func TermName(n uint64) string {
	if n>>OwnerBits == 0 {
		return strconv.FormatUint(n, 10)
	}
	return fmt.Sprintf("%d.%08x", n>>OwnerBits, uint32(n))
}

// Text is the value of the key.
func (t Term) Text() string {
	s := strconv.FormatUint(t.N, 10)
	if t.Released {
		s = "0" + s
	}
	return s
}
