package vrrp

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path"
	"slices"
	"time"

	"keepalived-redis/internal/vrrp/conf"
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

// VIPs are the addresses of our vrrp_instance in a keepalived.conf, as keepalived resolves its includes, definitions and conditions.
func VIPs(file string) (vips []netip.Addr, err error) {
	c, err := read(file)
	if err != nil {
		return nil, err
	}
	for _, i := range ours(c) {
		vips = append(vips, i.VIPs()...)
	}
	return vips, nil
}

// read reads a keepalived.conf for this host.
func read(file string) (*conf.Configuration, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("read keepalived's configuration: %w", err)
	}
	return conf.Parse(file, conf.Options{Files: conf.Disk{}, ID: conf.HostID(host)})
}

// isOurs: a word of a command of keepalived is one of our programs.
func isOurs(word string) bool {
	name := path.Base(word)
	return name == "chk-redis" || name == "notify-redis"
}

// ours are the instances that track our check or call our hook. Where none does so under our programs' own names, as with a script around them, it may
// be any.
func ours(c *conf.Configuration) []*conf.Instance {
	var found []*conf.Instance
	for _, u := range c.Uses(isOurs) {
		if !slices.Contains(found, u.Instance) {
			found = append(found, u.Instance)
		}
	}
	if len(found) == 0 {
		return c.Instances
	}
	return found
}

// defaultAdvert is keepalived's own advert_int, defaultInterval its own interval of a vrrp_script (vrrp_parser.c).
const defaultAdvert, defaultInterval = time.Second, time.Second

// TakesAtMost is how long VRRP may take to move the VIP after a host died, by the advert_int of our vrrp_instance: three adverts that do not come,
// and a skew of less than one (RFC 5798, 6.1). 0 where the file cannot be read.
func TakesAtMost(file string) (takes time.Duration) {
	c, err := read(file)
	if err != nil {
		return 0
	}
	for _, i := range ours(c) {
		takes = max(takes, 4*given(i.AdvertInterval, defaultAdvert))
	}
	return takes
}

// CheckInterval is the longest pause that keepalived makes between two runs of a check, by the intervals of its scripts. 0 where the file cannot be
// read.
func CheckInterval(file string) (longest time.Duration) {
	c, err := read(file)
	if err != nil {
		return 0
	}
	for _, s := range c.Scripts {
		longest = max(longest, given(s.Interval, defaultInterval))
	}
	return longest
}

func given(s conf.Setting[time.Duration], other time.Duration) time.Duration {
	if s.Given() {
		return s.Value
	}
	return other
}
