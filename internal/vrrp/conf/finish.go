package conf

import "slices"

// finish does what keepalived does when it has read everything (vrrp_complete_instance of keepalived/vrrp/vrrp.c, in all versions): a
// track_script with a weight does not count in a vrrp_sync_group, unless that says sync_group_tracking_weight (global_tracking in 1.x), nor
// for an instance with priority 255.
func (p *parser) finish() {
	for _, i := range p.conf.Instances {
		why := ""
		if i.BasePriority() == owner {
			why = "its priority is 255"
		}
		if g := p.conf.groupOf(i); g != nil && !g.TrackingWeight.Value {
			why = "it is in vrrp_sync_group " + g.Name + ", without sync_group_tracking_weight"
		}
		if why == "" {
			continue
		}
		i.TrackScripts = slices.DeleteFunc(i.TrackScripts, func(t Tracked) bool {
			if t.Weight != 0 {
				p.diagnose(Ignored, t.At, "track_script %s has a weight, and does not count for %s: %s", t.Name, i.Name, why)
			}
			return t.Weight != 0
		})
	}
}

// groupOf is the sync group of an instance, nil if it is in none.
func (c *Configuration) groupOf(i *Instance) *Group {
	if n := slices.IndexFunc(c.Groups, func(g *Group) bool { return slices.Contains(g.Members, i.Name) }); n >= 0 {
		return c.Groups[n]
	}
	return nil
}
