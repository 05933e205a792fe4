package conf

import (
	"net/netip"
	"slices"
	"strings"
)

var instanceBlock = &block{words: instanceWords, run: (*parser).instanceWord, end: (*parser).endInstance, blocks: map[string]*block{
	"authentication": {words: authWords, run: (*parser).authWord},
	"auth_hmac":      {words: hmacWords, run: func(p *parser, l statement) { p.secret = l.at }},
}}

// beginInstance begins a vrrp_instance. A second one of the same name is left out (since 1.2.20).
func (p *parser) beginInstance(l statement) {
	p.instance = &Instance{Name: l.arg(1), At: l.at}
	if len(l.words) != 2 {
		p.skipBlock(l, "vrrp_instance: exactly one name is expected: keepalived leaves it out")
	} else if i := p.conf.Instance(l.arg(1)); i != nil {
		p.skipBlock(l, "vrrp_instance %s is there already, in %s: this one is left out", i.Name, i.At)
	}
}

func (p *parser) endInstance() { add(p, &p.conf.Instances, p.instance, p.instance.At) }

// instanceWord carries out a word of a vrrp_instance (keepalived/vrrp/vrrp_parser.c).
func (p *parser) instanceWord(l statement) {
	i := p.instance
	switch l.word() {
	case "state":
		p.state(l)
	case "interface":
		p.text(&i.Interface, l)
	case "use_vmac":
		i.UseVMAC = Setting[string]{vmacName(l), l.at}
	case "use_ipvlan":
		i.UseIPVLAN = Setting[string]{vmacName(l), l.at}
	case "vmac_xmit_base":
		flag(&i.VMACTransmitBase, l, true)
	case "virtual_router_id":
		p.number(&i.VirtualRouterID, l, limits{1, 255, true})
	case "priority":
		if p.number(&i.Priority, l, limits{1, 255, true}); i.Priority.At != l.at {
			i.Priority = Setting[int]{defaultPriority, l.at}
		}
	case "advert_int":
		p.advertInterval(l)
	case "version":
		p.number(&i.Version, l, limits{min: 2, max: 3})
	case "virtual_ipaddress":
		p.values(l, func(v statement) { p.virtualAddress(v, &i.Addresses, true) })
	case "virtual_ipaddress_excluded":
		p.values(l, func(v statement) { p.virtualAddress(v, &i.Excluded, false) })
	case "unicast_src_ip", "mcast_src_ip":
		p.sourceAddress(l)
	case "unicast_peer":
		p.values(l, p.unicastPeer)
	case "native_ipv6":
		if i.family == 0 {
			i.family = 6
		}
	case "authentication", "auth_hmac":
		p.auth(l)
	default:
		p.instanceFlag(l)
	}
}

// instanceFlag carries out the words that switch something, and those that are tracked or notified.
func (p *parser) instanceFlag(l statement) {
	i := p.instance
	switch l.word() {
	case "nopreempt":
		flag(&i.NoPreempt, l, true)
	case "preempt":
		flag(&i.NoPreempt, l, false)
	case "preempt_delay":
		p.seconds(&i.PreemptDelay, l, 0, noLimit)
	case "strict_mode":
		p.boolean(&i.Strict, l)
	case "accept":
		flag(&i.Accept, l, true)
	case "no_accept":
		flag(&i.Accept, l, false)
	case "lower_prio_no_advert":
		p.boolean(&i.LowerPriorityNoAdvert, l)
	case "higher_prio_send_advert":
		p.boolean(&i.HigherPrioritySendAdvert, l)
	case "dont_track_primary":
		flag(&i.DontTrackPrimary, l, true)
	case "track_bfd", "virtual_routes", "virtual_rules":
		p.ignoreValues(l)
	case "track_script", "track_interface", "track_process", "track_file":
		p.track(l, tracks{&i.TrackScripts, &i.TrackInterfaces, &i.TrackProcesses, &i.TrackFiles})
	default:
		if strings.HasPrefix(l.word(), "notify") {
			p.hook(l, &i.Hooks)
		} else {
			p.garp(&i.Garp, l, "")
		}
	}
}

// state sets MASTER or BACKUP. After MASTER no BACKUP counts, and what is neither is BACKUP.
func (p *parser) state(l statement) {
	s := &p.instance.State
	switch {
	case !p.needArg(l):
	case l.arg(1) == "BACKUP" && s.Value == "MASTER":
		p.diagnose(Ignored, l.at, "state BACKUP: it is MASTER since %s", s.At)
	case l.arg(1) == "BACKUP" || l.arg(1) == "MASTER":
		*s = Setting[string]{l.arg(1), l.at}
	default:
		p.diagnose(Ignored, l.at, "state %s is neither MASTER nor BACKUP, and is taken as BACKUP", l.arg(1))
		*s = Setting[string]{"BACKUP", l.at}
	}
}

// advertInterval sets advert_int; it has fractions with VRRPv3, which came with 1.2.17.
func (p *parser) advertInterval(l statement) {
	s := &p.instance.AdvertInterval
	if p.seconds(s, l, 0.01, 255); s.At == l.at && s.Value%1e9 != 0 {
		p.need("a fraction in advert_int", Release{1, 2, 17}, l.at)
	}
}

// vmacName is the name of the interface that use_vmac or use_ipvlan makes, if it is given.
func vmacName(l statement) string {
	for i := 1; i < len(l.words); i++ {
		switch w := l.words[i]; {
		case w == "group":
			i++
		case strings.Contains(w, ":"), slices.Contains([]string{"name", "netlink_notify_msg", "bridge", "private", "vepa"}, w):
		default:
			if _, err := netip.ParseAddr(w); err != nil {
				return w
			}
		}
	}
	return ""
}

// auth keeps that there is an authentication; its words follow.
func (p *parser) auth(l statement) {
	if l.word() == "auth_hmac" {
		p.instance.AuthType = Setting[string]{"HMAC", l.at}
	}
}

// authWord keeps the type alone.
func (p *parser) authWord(l statement) {
	switch {
	case !p.needArg(l):
	case l.word() == "auth_pass":
		p.secret = l.at
	case l.arg(1) == "AH" || l.arg(1) == "PASS":
		p.instance.AuthType = Setting[string]{l.arg(1), l.at}
	default:
		p.diagnose(Ignored, l.at, "auth_type is neither AH nor PASS")
	}
}

// sourceAddress sets the address from which adverts are sent.
func (p *parser) sourceAddress(l statement) {
	if !p.needArg(l) {
		return
	}
	if a, ok := p.address(l, l.arg(1)); ok && p.sameFamily(l, a) {
		p.instance.SourceAddress = Setting[netip.Addr]{a, l.at}
	}
}

// unicastPeer adds a line of unicast_peer. What may follow the address (min_ttl, max_ttl) is not kept.
func (p *parser) unicastPeer(l statement) {
	i := p.instance
	a, ok := p.address(l, l.word())
	if !ok || !p.sameFamily(l, a) {
		return
	}
	if slices.ContainsFunc(i.UnicastPeers, func(s Setting[netip.Addr]) bool { return s.Value == a }) {
		p.diagnose(Ignored, l.at, "%s is a peer already", a)
		return
	}
	add(p, &i.UnicastPeers, Setting[netip.Addr]{a, l.at}, l.at)
}

// sameFamily: the first address of an instance decides between IPv4 and IPv6; others are left out.
func (p *parser) sameFamily(l statement, a netip.Addr) bool {
	family := 4
	if a.Is6() {
		family = 6
	}
	if p.instance.family == 0 {
		p.instance.family = family
	}
	if p.instance.family != family {
		p.diagnose(Ignored, l.at, "%s: this vrrp_instance is IPv%d by its first address: keepalived leaves it out", a, p.instance.family)
	}
	return p.instance.family == family
}

// notifications are the keywords of hooks.
var notifications = []string{"notify", "notify_master", "notify_backup", "notify_fault", "notify_stop", "notify_deleted",
	"notify_master_rx_lower_pri"}

// hook adds a notify line. The first of each keyword counts.
func (p *parser) hook(l statement, hooks *[]Hook) {
	if !slices.Contains(notifications, l.word()) || l.word() == "notify_deleted" && len(l.words) == 1 {
		return // notify_priority_changes; notify_deleted alone says that a FAULT is not told
	}
	for _, h := range *hooks {
		if h.Word == l.word() {
			p.first(l, h.At)
			return
		}
	}
	if c, ok := p.command(l); ok {
		*hooks = append(*hooks, Hook{l.word(), c})
	}
}
