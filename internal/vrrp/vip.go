package vrrp

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"keepalived-redis/internal/files"
)

// OwnAddresses are the addresses on this host's interfaces.
func OwnAddresses() (map[netip.Addr]bool, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("list this host's addresses: %w", err)
	}
	own := make(map[netip.Addr]bool, len(addrs))
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok {
				own[ip.Unmap()] = true
			}
		}
	}
	return own, nil
}

// Held tells whether one of the VIPs is on an interface of this host.
func Held(vips []netip.Addr, own map[netip.Addr]bool) bool {
	return slices.ContainsFunc(vips, func(v netip.Addr) bool { return own[v] })
}

// maxConf bounds what is read of keepalived.conf.
const maxConf = 1 << 20

// VIPs reads the addresses of virtual_ipaddress blocks from a keepalived.conf. Includes are not followed, variables and
// @conditions not resolved: name the VIP in our own configuration where keepalived.conf does not say it plainly.
func VIPs(path string) ([]netip.Addr, error) {
	b, err := files.Read(path, maxConf)
	if err != nil {
		return nil, fmt.Errorf("read the VIP from keepalived's configuration: %w", err)
	}
	return parseVIPs(string(b)), nil
}

func parseVIPs(conf string) []netip.Addr {
	var vips []netip.Addr
	inside, pending := false, false
	for _, line := range strings.Split(conf, "\n") {
		first := true
		for _, word := range confWords(line) {
			switch {
			case word == "virtual_ipaddress":
				pending = true
			case word == "{":
				inside, pending = inside || pending, false
				first = true
				continue
			case word == "}":
				inside = false
			case inside && first:
				addr, _, _ := strings.Cut(strings.Trim(word, `"`), "/")
				if a, err := netip.ParseAddr(addr); err == nil {
					vips = append(vips, a.Unmap().WithZone(""))
				}
			}
			first = false
		}
	}
	return vips
}

// TakesAtMost is how long VRRP may take to move the VIP after a host died, by the longest advert_int of a keepalived.conf: three
// adverts that do not come, and a skew of less than one (RFC 5798, 6.1). 0 where the file does not say it plainly.
func TakesAtMost(path string) time.Duration {
	b, err := files.Read(path, maxConf)
	if err != nil {
		return 0
	}
	return takesAtMost(string(b))
}

// maxAdvert is the longest advert_int that VRRP knows, in seconds.
const maxAdvert = 255

func takesAtMost(conf string) time.Duration { return 4 * longest(conf, "advert_int", maxAdvert) }

// CheckInterval is the longest pause that keepalived makes between two runs of a check, by the longest interval of a keepalived.conf. 0 where the
// file does not say it plainly.
func CheckInterval(path string) time.Duration {
	b, err := files.Read(path, maxConf)
	if err != nil {
		return 0
	}
	return longest(string(b), "interval", maxInterval)
}

// maxInterval is the longest interval that is believed, in seconds.
const maxInterval = 3600

// longest is the largest time, in seconds, that stands behind that word.
func longest(conf, word string, most float64) time.Duration {
	found := 0.0
	for _, line := range strings.Split(conf, "\n") {
		words := confWords(line)
		for i, w := range words {
			if w != word || i+1 == len(words) {
				continue
			}
			if s, err := strconv.ParseFloat(strings.Trim(words[i+1], `"`), 64); err == nil && s > 0 && s <= most {
				found = max(found, s)
			}
		}
	}
	return time.Duration(found * float64(time.Second))
}

// confWords parts a line of keepalived.conf into words, braces being words of their own. What stands in quotes is one word
// and keeps them; # and ! begin a comment elsewhere (keepalived/lib/parser.c).
func confWords(line string) []string {
	var words []string
	begin := -1
	end := func(i int) {
		if begin >= 0 {
			words = append(words, line[begin:i])
		}
		begin = -1
	}
	for i := 0; i < len(line); i++ {
		switch c := line[i]; c {
		case '#', '!':
			end(i)
			return words
		case ' ', '\t', '\r', '\v', '\f':
			end(i)
		case '{', '}':
			end(i)
			words = append(words, line[i:i+1])
		case '"':
			if begin < 0 {
				begin = i
			}
			if n := strings.IndexByte(line[i+1:], '"'); n >= 0 {
				i += n + 1
			} else {
				i = len(line) // never closed: up to the end of the line
			}
		default:
			if begin < 0 {
				begin = i
			}
		}
	}
	end(len(line))
	return words
}
