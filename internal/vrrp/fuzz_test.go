package vrrp

import (
	"strings"
	"testing"
	"unicode"

	"keepalived-redis/internal/model"
)

// FuzzParseEvent: what is accepted is one of keepalived's words, with a name that can be logged and a priority in range.
func FuzzParseEvent(f *testing.F) {
	for _, seed := range [][4]string{{"INSTANCE", "VI_1", "MASTER", "100"}, {"GROUP", "VG", "FAULT", "0"}, {"INSTANCE", "VI 1", "STOP", "255"},
		{"INSTANCE", "VI_1", "{UNKNOWN}", "100"}, {"INSTANCE", "VI_1", "MASTER_RX_LOWER_PRI", "100"}, {"instance", "VI_1", "master", "+1"}, {"INSTANCE", "\"VI_1\"", "BACKUP", "007"}} {
		f.Add(seed[0], seed[1], seed[2], seed[3])
	}
	f.Fuzz(func(t *testing.T, a, b, c, d string) {
		check(t, b, c, func() (model.Event, error) { return ParseEvent([]string{a, b, c, d}, "") })
		check(t, b, a, func() (model.Event, error) { return ParseEvent([]string{a}, b) })
		for _, words := range [][]string{nil, {a, b}, {a, b, c}, {a, b, c, d, a}} {
			if e, err := ParseEvent(words, b); err == nil {
				t.Errorf("%q: accepted %+v", words, e)
			}
		}
	})
}

func check(t *testing.T, name, word string, parse func() (model.Event, error)) {
	t.Helper()
	e, err := parse()
	if err != nil {
		if strings.ContainsAny(err.Error(), "\r\n") || len(err.Error()) > 600 {
			t.Errorf("an error that cannot be logged: %q", err)
		}
		return
	}
	says := string(e.State)
	if e.Rival {
		says = model.VRRPRival
	}
	if e.Name != name || e.Name == "" || len(e.Name) > maxName || strings.ContainsFunc(e.Name, unicode.IsControl) ||
		e.Priority < 0 || e.Priority > 255 || !strings.EqualFold(word, says) {
		t.Errorf("accepted %+v", e)
	}
	switch e.State {
	case model.VRRPMaster, model.VRRPBackup, model.VRRPFault, model.VRRPStop:
	default:
		t.Errorf("accepted the state %q", e.State)
	}
}
