package conf

import (
	"net/netip"
	"strings"
)

// virtualAddress adds a line of virtual_ipaddress or virtual_ipaddress_excluded (alloc_ipaddress of keepalived/vrrp/vrrp_ipaddress.c).
// The family of the excluded ones is free.
func (p *parser) virtualAddress(l statement, list *[]Address, oneFamily bool) {
	a := Address{At: l.at}
	var ok bool
	if a.Prefix, ok = p.prefix(l); !ok || !p.addressWords(&a, l) {
		return
	}
	if oneFamily && !p.sameFamily(l, a.Prefix.Addr()) {
		return
	}
	for _, have := range *list {
		if have.Prefix.Addr() == a.Prefix.Addr() && have.Dev == a.Dev {
			p.diagnose(Ignored, l.at, "%s is there already, in %s", a.Prefix.Addr(), have.At)
			return
		}
	}
	add(p, list, a, l.at)
}

// prefix reads an address and its length. A length that is none is as if it were missing.
func (p *parser) prefix(l statement) (netip.Prefix, bool) {
	text, length, given := strings.Cut(l.word(), "/")
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		p.diagnose(Ignored, l.at, "%s is no address: keepalived leaves it out", l.word())
		return netip.Prefix{}, false
	}
	bits := addr.BitLen()
	if given {
		if n, ok := p.digits(l, length, limits{max: bits}); ok {
			bits = n
		}
	}
	return netip.PrefixFrom(addr, bits), true
}

// withValue are the words behind an address that have a value.
var withValue = map[string]bool{"dev": true, "scope": true, "broadcast": true, "brd": true, "label": true, "peer": true, "preferred_lft": true}

// plainWords are those without one.
var plainWords = map[string]bool{"home": true, "-nodad": true, "mngtmpaddr": true, "autojoin": true, "use_vmac": true}

// addressWords reads what stands behind an address; false leaves the address out.
func (p *parser) addressWords(a *Address, l statement) bool {
	for i := 1; i < len(l.words); i++ {
		word := l.words[i]
		if withValue[word] {
			if i++; i == len(l.words) {
				p.diagnose(Ignored, l.at, "%s: nothing stands behind %s: keepalived leaves the address out", l.word(), word)
				return false
			}
			if !p.addressValue(a, l, word, l.words[i]) {
				return false
			}
			continue
		}
		switch {
		case word == "no_track":
			a.NoTrack = true
		case word == "noprefixroute":
			a.NoPrefixRoute = true
		case !plainWords[word]:
			p.diagnose(Ignored, l.at, "%s: keepalived does not know %s behind an address", l.word(), word)
		}
	}
	return true
}

// maxInterface is the longest name of an interface (IFNAMSIZ of Linux, less its end).
const maxInterface = 15

// addressValue sets a word with its value.
func (p *parser) addressValue(a *Address, l statement, word, value string) bool {
	v6 := a.Prefix.Addr().Is6()
	switch word {
	case "dev":
		if a.Dev != "" {
			p.diagnose(Ignored, l.at, "%s: dev is there twice: keepalived leaves the address out", l.word())
			return false
		}
		a.Dev = value
	case "label":
		if len(value) > maxInterface {
			p.diagnose(Ignored, l.at, "%s: the label is longer than %d bytes: keepalived leaves the address out", l.word(), maxInterface)
			return false
		}
		if !v6 {
			a.Label = value
		}
	case "scope":
		if !v6 {
			a.Scope = value
		}
	case "brd", "broadcast":
		b, err := netip.ParseAddr(value)
		if v6 || value != "+" && value != "-" && (err != nil || !b.Is4()) {
			p.diagnose(Ignored, l.at, "%s: %s %s cannot be: keepalived leaves the address out", l.word(), word, value)
			return false
		}
	case "peer":
		if b, err := netip.ParseAddr(value); err == nil && b.Is6() == v6 && b.Zone() == "" {
			a.Peer, a.Prefix = b, netip.PrefixFrom(a.Prefix.Addr(), b.BitLen())
		} else {
			p.diagnose(Ignored, l.at, "%s: peer %s is no address of its family", l.word(), value)
		}
	}
	return true
}
