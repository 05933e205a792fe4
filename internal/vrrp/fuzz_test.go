package vrrp

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
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

// FuzzParseVIPs: every address that is found stands in the file, and whatever is put into comments changes nothing.
func FuzzParseVIPs(f *testing.F) {
	files, err := filepath.Glob("../../keepalived/*.conf")
	if err != nil || len(files) == 0 {
		f.Fatalf("no keepalived.conf to begin with: %v", err)
	}
	for _, p := range files {
		b, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	f.Add("vrrp_instance A {\n virtual_ipaddress {\n \"10.0.0.1/24\" dev eth0 # }\n 2001:db8::1/64\n ! 10.0.0.2\n }\n}")
	f.Fuzz(func(t *testing.T, conf string) {
		vips := parseVIPs(conf)
		if len(vips) > len(conf)/2 {
			t.Errorf("%d addresses in %d bytes", len(vips), len(conf))
		}
		for _, v := range vips {
			if !v.IsValid() || v.Zone() != "" || v.Is4In6() {
				t.Errorf("found %s", v)
			}
		}
		if strings.Contains(conf, "\"") {
			return // an open quote swallows the comment
		}
		const comment = " # virtual_ipaddress { 192.0.2.1 } \" \n"
		if got := parseVIPs(strings.ReplaceAll(conf, "\n", comment)); fmt.Sprint(got) != fmt.Sprint(vips) {
			t.Errorf("got %v with comments, %v without", got, vips)
		}
		if got := parseVIPs(conf + "\n}\nvirtual_ipaddress {\n192.0.2.1/24\n}"); len(got) != len(vips)+1 || got[len(vips)] != netip.MustParseAddr("192.0.2.1") {
			t.Errorf("one more block: got %v, before %v", got, vips)
		}
	})
}
