package conf

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strings"
	"testing"
)

// tree is files in memory.
type tree map[string]string

const mainFile = "/etc/keepalived/keepalived.conf"

func (t tree) Read(name string, max int) ([]byte, error) {
	text, ok := t[path.Clean(name)]
	switch {
	case !ok && t.Exists(name):
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("it is a directory")}
	case !ok:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	case len(text) > max:
		return nil, errors.New("it is too large")
	}
	return []byte(text), nil
}

func (t tree) List(dir string, max int) (names []string, err error) {
	seen := map[string]bool{}
	for name := range t {
		if rest, ok := strings.CutPrefix(name, strings.TrimRight(path.Clean(dir), "/")+"/"); ok {
			first, _, _ := strings.Cut(rest, "/")
			if !seen[first] && len(names) < max {
				names = append(names, first)
			}
			seen[first] = true
		}
	}
	if len(names) == 0 {
		return nil, fs.ErrNotExist
	}
	return names, nil
}

func (t tree) Exists(name string) bool {
	name = path.Clean(name)
	if _, ok := t[name]; ok {
		return true
	}
	for have := range t {
		if strings.HasPrefix(have, name+"/") {
			return true
		}
	}
	return false
}

// treeOf has the files of a test: the first one is the main file, the others have their name in a line "== name" before them.
func treeOf(text string) tree {
	t := tree{}
	name := mainFile
	for i, part := range strings.Split(text, "== ") {
		if i > 0 {
			head, rest, _ := strings.Cut(part, "\n")
			name, part = path.Join(path.Dir(mainFile), head), rest
		}
		t[name] = part
	}
	return t
}

// parse reads a configuration as the host "one" would.
func parse(t *testing.T, text string) *Configuration {
	t.Helper()
	c, err := Parse(mainFile, Options{Files: treeOf(text), ID: "one"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// describe has what keepalived's own dump of its configuration has as well: a block for each instance, group and script that is used.
func describe(c *Configuration) string {
	var blocks []string
	used := map[string]bool{}
	for _, i := range c.Instances {
		b := fmt.Sprintf("instance %s\n interface %s\n router %d\n priority %d\n", i.Name, i.Interface.Value, i.VirtualRouterID.Value, i.BasePriority())
		if i.NoPreempt.Value {
			b += " nopreempt\n"
		}
		b += describeAddresses("vip", i.Addresses) + describeAddresses("excluded", i.Excluded)
		for _, p := range i.UnicastPeers {
			b += fmt.Sprintf(" peer %s\n", p.Value)
		}
		for _, t := range i.TrackScripts {
			b += fmt.Sprintf(" track %s weight %d%s\n", t.Name, t.Weight, reverse[t.Reverse])
			used[t.Name] = true
		}
		blocks = append(blocks, b+describeHooks(i.Hooks))
	}
	for _, g := range c.Groups {
		blocks = append(blocks, fmt.Sprintf("group %s\n member %s\n", g.Name, strings.Join(g.Members, "\n member "))+describeHooks(g.Hooks))
	}
	for name := range used {
		s := c.Script(name)
		blocks = append(blocks, fmt.Sprintf("script %s\n command %s\n weight %d%s\n rise %d\n fall %d\n",
			name, quoted(s.Command.Words), s.Weight.Value, reverse[s.Reverse], or(s.Rise, 1), or(s.Fall, 1)))
	}
	sort.Strings(blocks)
	return strings.Join(blocks, "")
}

var reverse = map[bool]string{true: " reverse"}

func or(s Setting[int], other int) int {
	if s.Given() {
		return s.Value
	}
	return other
}

func describeAddresses(what string, list []Address) (b string) {
	for _, a := range list {
		b += fmt.Sprintf(" %s %s", what, a.Prefix.Addr())
		if a.Prefix.Bits() != a.Prefix.Addr().BitLen() {
			b += fmt.Sprintf("/%d", a.Prefix.Bits())
		}
		if a.Label != "" {
			b += " label " + a.Label
		}
		b += "\n"
	}
	return b
}

// hookOrder are the hooks that keepalived shows, and its order.
var hookOrder = []string{"notify_backup", "notify_master", "notify_fault", "notify_stop", "notify"}

func describeHooks(hooks []Hook) (b string) {
	for _, word := range hookOrder {
		for _, h := range hooks {
			if h.Word == word {
				b += fmt.Sprintf(" %s %s\n", word, quoted(h.Words))
			}
		}
	}
	return b
}

func quoted(list []string) string { return "'" + strings.Join(list, "' '") + "'" }

// complaints are the diagnostics, one a line, without the folder.
func complaints(c *Configuration) string {
	var b strings.Builder
	for _, d := range c.Diagnostics {
		b.WriteString(strings.ReplaceAll(d.String(), path.Dir(mainFile)+"/", "") + "\n")
	}
	return b.String()
}
