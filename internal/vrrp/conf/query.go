package conf

import (
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
)

// Instance is the vrrp_instance of that name, nil if there is none.
func (c *Configuration) Instance(name string) *Instance {
	if i := slices.IndexFunc(c.Instances, func(i *Instance) bool { return i.Name == name }); i >= 0 {
		return c.Instances[i]
	}
	return nil
}

// Script is the vrrp_script of that name, nil if there is none. Of several the first one counts (find_script_by_name).
func (c *Configuration) Script(name string) *Script {
	if i := slices.IndexFunc(c.Scripts, func(s *Script) bool { return s.Name == name }); i >= 0 {
		return c.Scripts[i]
	}
	return nil
}

// defaultPriority is VRRP_PRIO_DFL, owner VRRP_PRIO_OWNER of keepalived/include/vrrp.h.
const (
	defaultPriority = 100
	owner           = 255
)

// BasePriority is the priority of an instance, also if none is given. With state MASTER it is 255 then (not in 1.2.13).
func (i *Instance) BasePriority() int {
	switch {
	case i.Priority.Given():
		return i.Priority.Value
	case i.State.Value == "MASTER":
		return owner
	}
	return defaultPriority
}

// VIPs are the addresses of an instance, with the excluded ones.
func (i *Instance) VIPs() []netip.Addr {
	var list []netip.Addr
	for _, a := range slices.Concat(i.Addresses, i.Excluded) {
		list = append(list, a.Prefix.Addr())
	}
	return list
}

// Program tells whether a word of a command names the program that is looked for.
type Program func(word string) bool

// Named is the program at that path: a word names it by the last part of its path, or by a path that leads to the same file. resolve
// follows links (filepath.EvalSymlinks); nil follows none.
func Named(path string, resolve func(string) (string, error)) Program {
	target := resolved(path, resolve)
	return func(word string) bool {
		if filepath.Base(word) == filepath.Base(path) {
			return true
		}
		return filepath.IsAbs(word) && resolved(word, resolve) == target
	}
}

func resolved(path string, resolve func(string) (string, error)) string {
	if resolve != nil {
		if p, err := resolve(path); err == nil {
			return p
		}
	}
	return filepath.Clean(path)
}

// Runs: a word of the command names the program, also one that a shell would find in it: sh -c "chk-redis && pidof haproxy".
func (c Command) Runs(program Program) bool {
	for _, word := range append(c.Words, c.Text) {
		if slices.ContainsFunc(strings.FieldsFunc(word, between), program) {
			return true
		}
	}
	return false
}

// between separates words for a shell.
func between(r rune) bool { return strings.ContainsRune(" \t\r\n\v\f;&|()<>`'\"$={}", r) }

// Use is a line by which keepalived runs a program.
type Use struct {
	// Instance whose state it concerns; each member of a sync group is one.
	Instance *Instance
	// Group: the line stands in this vrrp_sync_group, not in the instance.
	Group *Group
	// Word is track_script or the keyword of the hook, Name the vrrp_script.
	Word, Name string
	Command    Command
	// At is the line: of the hook, or in track_script.
	At Position
}

// Uses are all lines by which an instance runs the program. A vrrp_script that nothing tracks is none: keepalived does not run it.
func (c *Configuration) Uses(program Program) []Use {
	var list []Use
	for _, i := range c.Instances {
		list = append(list, c.uses(program, Use{Instance: i}, i.TrackScripts, i.Hooks)...)
		for _, g := range c.Groups {
			if slices.Contains(g.Members, i.Name) {
				list = append(list, c.uses(program, Use{Instance: i, Group: g}, g.TrackScripts, g.Hooks)...)
			}
		}
	}
	return list
}

func (c *Configuration) uses(program Program, u Use, tracked []Tracked, hooks []Hook) (list []Use) {
	for _, t := range tracked {
		if s := c.Script(t.Name); s != nil && s.Command.Runs(program) {
			u.Word, u.Name, u.Command, u.At = "track_script", s.Name, s.Command, t.At
			list = append(list, u)
		}
	}
	for _, h := range hooks {
		if h.Runs(program) {
			u.Word, u.Name, u.Command, u.At = h.Word, "", h.Command, h.At
			list = append(list, u)
		}
	}
	return list
}

// Tracking are the instances whose track_script, or that of their group, runs the program.
func (c *Configuration) Tracking(program Program) []*Instance {
	return instances(c.Uses(program), func(u Use) bool { return u.Word == "track_script" })
}

// Calling are the instances whose hooks, or those of their group, call the program.
func (c *Configuration) Calling(program Program) []*Instance {
	return instances(c.Uses(program), func(u Use) bool { return u.Word != "track_script" })
}

func instances(uses []Use, wanted func(Use) bool) []*Instance {
	var list []*Instance
	for _, u := range uses {
		if wanted(u) && !slices.Contains(list, u.Instance) {
			list = append(list, u.Instance)
		}
	}
	return list
}
