package model

import (
	"net/netip"
	"testing"
)

// The two hosts may name each other by different addresses: by those of two networks, say.
var networks = [][4]string{ // what A calls itself and B, what B calls itself and A
	{"10.0.0.1:7000", "10.0.0.2:7000", "10.0.0.2:7000", "10.0.0.1:7000"},
	{"10.0.0.1:7000", "10.0.1.2:7000", "10.0.0.2:7000", "10.0.1.1:7000"},
	{"10.0.0.1:7000", "10.0.1.2:7000", "10.0.1.2:7000", "10.0.2.1:7000"},
}

func TestTermsOfTwoHostsNeverMeet(t *testing.T) {
	const a, b = 0x5f3a9c02, 0xe1
	seen := []Term{{}, {N: 1}, {N: 9}, {N: 6, Known: true}, {N: 3<<OwnerBits | a}, {N: 3<<OwnerBits | b}, {N: 4<<OwnerBits | 1}}
	for _, name := range networks {
		var addr [4]netip.AddrPort
		for i, s := range name {
			addr[i] = netip.MustParseAddrPort(s)
		}
		owners := map[string]uint32{
			"A for itself": Owner(a, true, addr[0], addr[1]), "A for B": Owner(a, false, addr[1], addr[0]),
			"B for itself": Owner(b, true, addr[2], addr[3]), "B for A": Owner(b, false, addr[3], addr[2]),
		}
		for _, n := range seen {
			for _, m := range seen {
				raised := map[uint64]string{}
				for who, owner := range owners {
					x := NextTerm(owner, n, m)
					if x <= n.N || x <= m.N {
						t.Errorf("%s: %d is not above %d and %d", who, x, n.N, m.N)
					}
					if other := raised[x]; other != "" {
						t.Errorf("%v: %s and %s both claim %d", name, who, other, x)
					}
					raised[x] = who
					// Both hosts must say the same of a term that both have.
					forA := who == "A for itself" || who == "B for A"
					if ofA, ofB := RaisedFor(a, addr[0], addr[1], x), RaisedFor(b, addr[2], addr[3], x); ofA != forA || ofB == forA {
						t.Errorf("%v: %s: A says %v, B says %v", name, who, ofA, ofB)
					}
				}
			}
		}
	}
}

// Where no number can be kept, and in the terms of older versions, the order of the addresses decides.
func TestTermsWithoutAnOwner(t *testing.T) {
	own, peer := netip.MustParseAddrPort("10.0.0.1:7000"), netip.MustParseAddrPort("10.0.0.2:7000")
	x, y := NextTerm(Owner(0, true, own, peer)), NextTerm(Owner(1, true, peer, own))
	for _, c := range []struct {
		term uint64
		own  bool
	}{{0, false}, {4, true}, {5, false}, {x, true}, {y, false}} {
		if got := RaisedFor(0, own, peer, c.term); got != c.own {
			t.Errorf("%d: %v", c.term, got)
		}
		if got := RaisedFor(0, peer, own, c.term); c.term > 0 && got == c.own {
			t.Errorf("%d, there: %v", c.term, got)
		}
	}
	if RaisedFor(0, own, peer, 2<<OwnerBits|0x50) || !RaisedFor(0, own, peer, 2<<OwnerBits|0x51) {
		t.Error("a host without a number takes a term of the other one for its own")
	}
	for n, want := range map[uint64]string{0: "0", 6: "6", 3<<OwnerBits | 0xa2: "3.000000a2"} {
		if got := TermName(n); got != want {
			t.Errorf("%d is %s", n, got)
		}
	}
}
