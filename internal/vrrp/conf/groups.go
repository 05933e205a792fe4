package conf

import (
	"slices"
	"strings"
)

// beginGroup begins a vrrp_sync_group.
func (p *parser) beginGroup(l statement) {
	p.group = &Group{Name: l.arg(1), At: l.at}
	if len(l.words) != 2 {
		p.skipBlock(l, "vrrp_sync_group: exactly one name is expected: keepalived leaves it out")
	} else if i := slices.IndexFunc(p.conf.Groups, func(g *Group) bool { return g.Name == l.arg(1) }); i >= 0 {
		p.skipBlock(l, "vrrp_sync_group %s is there already, in %s: this one is left out", l.arg(1), p.conf.Groups[i].At)
	}
}

func (p *parser) groupWord(l statement) {
	g := p.group
	switch l.word() {
	case "group":
		if g.Members != nil {
			p.skipBlock(l, "the members were given before: these do not count")
			return
		}
		p.values(l, func(v statement) {
			for _, name := range v.words {
				add(p, &g.Members, name, v.at)
			}
		})
	case "track_script", "track_interface", "track_process", "track_file":
		p.track(l, tracks{&g.TrackScripts, &g.TrackInterfaces, &g.TrackProcesses, &g.TrackFiles})
	case "sync_group_tracking_weight", "global_tracking":
		flag(&g.TrackingWeight, l, true)
	case "track_bfd":
		p.ignoreValues(l)
	default:
		if strings.HasPrefix(l.word(), "notify") {
			p.hook(l, &g.Hooks)
		}
	}
}

func (p *parser) endGroup() {
	if len(p.group.Members) == 0 {
		p.diagnose(Ignored, p.group.At, "vrrp_sync_group %s has no members: keepalived removes it", p.group.Name)
		return
	}
	add(p, &p.conf.Groups, p.group, p.group.At)
}

// tracks are the lists of an instance or a group.
type tracks struct{ scripts, interfaces, processes, files *[]Tracked }

// track reads a track_ block (keepalived/vrrp/vrrp_track.c). What it names must be defined before it: keepalived looks for it at once.
func (p *parser) track(l statement, t tracks) {
	switch l.word() {
	case "track_script":
		p.values(l, func(v statement) {
			if s := p.conf.Script(v.word()); s != nil {
				p.tracked(l, v, t.scripts, Tracked{Name: s.Name, Weight: s.Weight.Value, Reverse: s.Reverse})
			} else {
				p.undefined(l, v, "vrrp_script")
			}
		})
	case "track_process":
		p.values(l, func(v statement) {
			i := slices.IndexFunc(p.conf.Processes, func(t *Process) bool { return t.Name == v.word() })
			if i < 0 {
				p.undefined(l, v, "vrrp_track_process")
				return
			}
			s := p.conf.Processes[i]
			p.tracked(l, v, t.processes, Tracked{Name: s.Name, Weight: s.Weight.Value, Reverse: s.Reverse})
		})
	case "track_file":
		p.values(l, func(v statement) {
			i := slices.IndexFunc(p.conf.TrackFiles, func(t *TrackFile) bool { return t.Name == v.word() })
			if i < 0 {
				p.undefined(l, v, "track_file")
				return
			}
			s := p.conf.TrackFiles[i]
			p.tracked(l, v, t.files, Tracked{Name: s.Name, Weight: s.Weight.Value, Reverse: s.Reverse})
		})
	case "track_interface":
		p.values(l, func(v statement) { p.tracked(l, v, t.interfaces, Tracked{Name: v.word()}) })
	}
}

func (p *parser) undefined(l, v statement, kind string) {
	p.diagnose(Ignored, v.at, "%s: no %s %s stands above this line: keepalived tracks nothing here", l.word(), kind, v.word())
}

// tracked adds one line of a track_ block, with its weight.
func (p *parser) tracked(l, v statement, list *[]Tracked, t Tracked) {
	if slices.ContainsFunc(*list, func(have Tracked) bool { return have.Name == t.Name }) {
		p.diagnose(Ignored, v.at, "%s: %s is there already", l.word(), t.Name)
		return
	}
	t.At = v.at
	if len(v.words) > 1 {
		if v.arg(1) != "weight" || len(v.words) == 2 {
			p.diagnose(Ignored, v.at, "%s %s: only weight and a number may follow: keepalived tracks nothing here", l.word(), t.Name)
			return
		}
		if n, ok := p.integer(v, 2, limits{min: -254, max: 254}); ok {
			t.Weight = min(max(n, -253), 253)
		}
		switch v.arg(3) {
		case "reverse":
			t.Reverse = true
		case "noreverse":
			t.Reverse = false
		}
	}
	add(p, list, t, v.at)
}
