package main

import (
	"reflect"
	"strings"
	"testing"
)

// What is read without kong is what kong would read.
func TestUsual(t *testing.T) {
	for _, c := range []struct {
		line  string
		usual bool
	}{
		{"master --vrrp VI_1", true},
		{"stop --vrrp VI_1", true},
		{"INSTANCE VI_1 MASTER 100", true},
		{"GROUP VG_1 FAULT 0", true},
		{"nonsense", true},
		{"promote", true},
		{"master --vrrp", false},
		{"master --vrrp -x", false},
		{"--vrrp VI_1 master", false},
		{"master --vrrp=VI_1", false},
		{"INSTANCE VI_1 MASTER -1", false},
		{"--dry-run master", false},
		{"promote --force", false},
		{"-- master", false},
		{"", false},
	} {
		args := strings.Fields(c.line)
		f, ok := usual(args)
		if ok != c.usual {
			t.Errorf("%q: usual %v", c.line, ok)
		}
		if !ok {
			continue
		}
		if g, code := parse(args); code >= 0 || !reflect.DeepEqual(f, g) {
			t.Errorf("%q: %+v, but kong reads %+v (%d)", c.line, f, g, code)
		}
		if got := strings.Join(args, " "); got != c.line {
			t.Errorf("%q has become %q", c.line, got)
		}
	}
	spaced := []string{"master", "--vrrp", " \x00 ../" + strings.Repeat("x", 10000)}
	f, ok := usual(spaced)
	if g, code := parse(spaced); !ok || code >= 0 || !reflect.DeepEqual(f, g) {
		t.Errorf("%v, %.99q, kong %.99q (%d)", ok, f.Vrrp, g.Vrrp, code)
	}
}
