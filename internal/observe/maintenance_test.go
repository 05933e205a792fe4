package observe

import (
	"os"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/state"
)

func TestParseMaintenance(t *testing.T) {
	zone := time.Local
	time.Local = time.FixedZone("here", 3600)
	defer func() { time.Local = zone }()
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.Local)
	for text, want := range map[string]model.Maintenance{
		"drain":                                 {Word: model.Drain, Reason: "no reason given"},
		"hold\n":                                {Word: model.Hold, Reason: "no reason given"},
		"drain kernel\tupdate,\n ask Ana":       {Word: model.Drain, Reason: "kernel update, ask Ana"},
		"hold until 2026-11-25T12:01 new disks": {Word: model.Hold, Until: "2026-11-25 12:01:00", Reason: "new disks"},
		"hold until 2026-11-25T12:01:30":        {Word: model.Hold, Until: "2026-11-25 12:01:30", Reason: "no reason given"},
		"hold until 2026-11-25T11:30:00Z soon":  {Word: model.Hold, Until: "2026-11-25 12:30:00", Reason: "soon"},
		"drain until 2026-11-25T11:00:00Z over": {},
		"drain until 2026-11-25T12:00 over now": {},
		"drain until":                           {Word: model.Drain, Reason: "until"},
		"drain\x1b[31m red\x00":                 {Word: model.Drain, Reason: "[31m red"},
		"drain " + strings.Repeat("é", 150):     {Word: model.Drain, Reason: strings.Repeat("é", 100) + "…"},
	} {
		if got, warning := parseMaintenance(text, now); got != want || warning != "" {
			t.Errorf("%q: got %+v, %q, want %+v", text, got, warning, want)
		}
	}
	for text, want := range map[string]struct {
		m       model.Maintenance
		warning string
	}{
		"":                           {model.Maintenance{Word: model.Hold, Reason: "no reason given"}, "begins with neither drain nor hold and counts as hold"},
		"Drain now":                  {model.Maintenance{Word: model.Hold, Reason: "Drain now"}, "begins with neither drain nor hold and counts as hold"},
		"drain until tomorrow disks": {model.Maintenance{Word: model.Drain, Reason: "disks"}, `has an end that cannot be read, "tomorrow", and does not end by itself; hint: `},
	} {
		if got, warning := parseMaintenance(text, now); got != want.m || !strings.Contains(warning, want.warning) {
			t.Errorf("%q: got %+v, %q", text, got, warning)
		}
	}
}

// FuzzParseMaintenance: a person's file is one printable line in our sentences, whatever is in it.
func FuzzParseMaintenance(f *testing.F) {
	for _, s := range []string{"drain until 2026-11-25T12:00 x", "hold", "", "drain until \x1b[2J", "hold until 9999-99-99T99:99:99+99:99 \xff\xfe"} {
		f.Add(s)
	}
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		m, warning := parseMaintenance(text, now)
		if m.Word != "" && m.Word != model.Drain && m.Word != model.Hold || m.Word == "" && m != (model.Maintenance{}) {
			t.Fatalf("%+v", m)
		}
		for _, s := range []string{m.String(), warning} {
			if len(s) > 600 || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Fatalf("%q", s)
			}
		}
	})
}

func TestMaintenanceThatCannotBeRead(t *testing.T) {
	d := state.Dir(t.TempDir())
	if m, warning := maintenance(d); m.Word != "" || warning != "" {
		t.Errorf("none: %+v, %q", m, warning)
	}
	if err := os.Symlink("/etc/passwd", d.Path(model.MaintenanceFile)); err != nil {
		t.Fatal(err)
	}
	if m, warning := maintenance(d); m.Word != model.Hold || !strings.Contains(warning, "it is a link") {
		t.Errorf("a link: %+v, %q", m, warning)
	}
	foreign := state.Dir(t.TempDir())
	if err := os.WriteFile(foreign.Path(model.MaintenanceFile), []byte("drain"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(foreign.Path(model.MaintenanceFile), 0o666); err != nil {
		t.Fatal(err)
	}
	if m, warning := maintenance(foreign); m.Word != "" || !strings.Contains(warning, "is not believed: ") || !strings.Contains(warning, "everybody may write it; hint: write it as root") {
		t.Errorf("a file that everybody may write: %+v, %q", m, warning)
	}
}
